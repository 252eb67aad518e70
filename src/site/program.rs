//! Runs a program of the user's on the controller and waits for what it prints: one that holds a secret, one that lists
//! hosts. Called by `secret` and `inventory` alone; never on a host.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A program that has not ended by then is ended.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How long what an ended program wrote may take to arrive.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error("no program is named")]
    Unnamed,
    #[error("cannot run `{program}`: {source}")]
    Start { program: String, source: std::io::Error },
    /// `said` is what it had written to stderr by then; it may hold a secret.
    #[error("`{program}` did not end within {} s", TIME_LIMIT.as_secs())]
    TimedOut { program: String, said: String },
}

/// What a program printed, and how it ended. Blocks; a program that takes longer than 30 s is ended with all that it
/// started. It gets no input, and runs in `folder`.
pub(super) fn run<S: AsRef<OsStr>>(argv: &[S], folder: &Path) -> Result<Output, ProgramError> {
    use std::os::unix::process::CommandExt;

    let (program, arguments) = argv.split_first().ok_or(ProgramError::Unnamed)?;
    let name = || program.as_ref().to_string_lossy().into_owned();
    let child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|source| ProgramError::Start { program: name(), source })?;
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    let (sender, ended) = mpsc::channel();
    // The send fails only when nobody waits any more: the time was over.
    std::thread::spawn(move || sender.send(child.wait_with_output()).ok());
    let Ok(output) = ended.recv_timeout(TIME_LIMIT) else {
        if let Some(group) = group {
            // It can only have ended by itself just now.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let rest = ended.recv_timeout(LAST_WORDS).ok().and_then(Result::ok);
        let said = rest.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        return Err(ProgramError::TimedOut { program: name(), said: said.unwrap_or_default() });
    };
    output.map_err(|source| ProgramError::Start { program: name(), source })
}

/// How a program ended, in words: `exit status 3`, `signal 9`.
pub(super) fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
