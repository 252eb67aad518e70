//! One fence agent run once: found, fed, waited for, and ended with all it started if nobody waits for it any more.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::probe::Group;
use crate::site::inventory::FenceDevice;

/// Where distributions put agents, whatever the search path of an ordinary user says.
const FOLDERS: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/// What an agent said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `None`: a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl std::fmt::Display for Answer {
    /// The exit code and the last thing it complained about.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => write!(f, "exit {code}")?,
            None => f.write_str("ended by a signal")?,
        }
        let last = |text: &str| text.lines().rfind(|line| !line.trim().is_empty()).map(str::to_owned);
        match last(&self.stderr).or_else(|| last(&self.stdout)) {
            Some(line) => write!(f, ": {}", line.trim()),
            None => Ok(()),
        }
    }
}

/// The program of an agent: by its path, relative to the site, or by its name.
pub(super) fn find(agent: &str, site: &Path) -> Option<PathBuf> {
    if FenceDevice::is_path(agent) {
        return Some(site.join(agent)).filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(agent)).find(|path| path.is_file())
}

/// Runs it in a process group of its own, which is killed when the future is dropped.
pub(super) async fn run(program: &Path, arguments: &[&str], input: &str) -> Result<Answer, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", program.display());
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).kill_on_drop(true).spawn().map_err(failed)?;
    let _group = Group::of(&child);
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // One that does not read to the end may still know what it does.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), feed);
    let output = output.map_err(failed)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Answer { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}
