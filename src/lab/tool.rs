//! Runs the machine's own programs (`ip`, `mount`, `ssh-keygen` …) and turns a refusal into an error that says all of it.
//!
//! Every part of the lab that touches the machine goes through here; nothing here knows what a lab is.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};

/// Where programs of the administrator live, which a root shell made by `su` often lacks in its `PATH`.
const ADMIN_PATHS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A program that could not be started, or said no.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    #[error("cannot run `{command}`")]
    Start { command: String, source: io::Error },
    #[error("`{command}`: {status}{}", said(.stderr))]
    Refused { command: String, status: ExitStatus, stderr: String },
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}

/// The command line of `program`, found in the caller's `PATH` and in the administrator's folders.
pub(super) fn tool(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", search_path()).stdin(Stdio::null());
    command
}

/// Where `program` is, if this machine has it.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Runs to the end and returns what it printed.
pub(super) fn run(command: &mut Command) -> Result<String, ToolError> {
    run_with_input(command, "")
}

/// Like [`run`], with `input` on its standard input.
pub(super) fn run_with_input(command: &mut Command, input: &str) -> Result<String, ToolError> {
    let output = match output(command, input) {
        Ok(output) => output,
        Err(source) => return Err(ToolError::Start { command: line(command), source }),
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(ToolError::Refused { command: line(command), status: output.status, stderr })
}

fn output(command: &mut Command, input: &str) -> io::Result<Output> {
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that stops reading early says why on its standard error.
        let _ = pipe.write_all(input.as_bytes());
    }
    child.wait_with_output()
}

fn search_path() -> OsString {
    let inherited = env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    let folders = env::split_paths(&inherited).chain(ADMIN_PATHS.map(PathBuf::from));
    // A folder taken from PATH holds no colon, so joining cannot fail.
    env::join_paths(folders).unwrap_or(inherited)
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_carries_command_status_and_stderr() {
        let error = run(tool("sh").args(["-c", "echo no such luck >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("sh -c") && text.contains("exit status: 3") && text.contains("no such luck"),
            "{text}"
        );
    }

    #[test]
    fn input_reaches_the_program() {
        assert_eq!(run_with_input(&mut tool("cat"), "three\n").unwrap(), "three\n");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut tool("no-such-program-here")).unwrap_err();
        assert!(matches!(error, ToolError::Start { ref command, .. } if command == "no-such-program-here"));
        assert_eq!(find("no-such-program-here"), None);
    }
}
