//! Runs a program of the user's: a text on its standard input, a process group of its own that ends with it. Whoever
//! calls sets the deadline: dropped, everything it started is killed.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::probe::Group;

/// How much of what it says on stderr is read; the last line is shown.
const SAID_BYTES: usize = 4096;

/// What it leaves behind may hold its stderr open: that is not read for longer than this once the program itself has ended.
const LISTEN: Duration = Duration::from_millis(200);

/// What to run.
#[derive(Clone, Debug)]
pub struct Program {
    pub argv: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Besides ours.
    pub environment: Vec<(&'static str, String)>,
    /// Its standard input. A program may end without reading it.
    pub input: String,
}

/// Waits for it to end well.
///
/// # Errors
/// In words: it cannot be run, or exited with anything but 0, and what it said last.
pub async fn run(program: Program) -> Result<(), String> {
    let (name, arguments) = program.argv.split_first().ok_or("no program is named")?;
    let failed = |error: std::io::Error| format!("{name}: {error}");
    let mut child = Command::new(name)
        .args(arguments)
        .current_dir(&program.folder)
        .envs(program.environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let _group = Group::of(&child);
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // It need not read it.
            let _ = stdin.write_all(program.input.as_bytes()).await;
        }
    };
    let listen = async {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            let mut chunk = [0; 1024];
            while let Ok(size @ 1..) = stderr.read(&mut chunk).await {
                said.extend_from_slice(&chunk[..size]);
                said.drain(..said.len().saturating_sub(SAID_BYTES));
            }
        }
        said
    };
    tokio::pin!(listen);
    let ended = async { tokio::join!(feed, child.wait()).1 };
    tokio::pin!(ended);
    let (status, said) = match select(&mut ended, &mut listen).await {
        Either::Left((status, _)) => (status, timeout(LISTEN, listen).await.unwrap_or_default()),
        Either::Right((said, _)) => (ended.await, said),
    };
    let status = status.map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&said);
    let last =
        said.lines().rfind(|line| !line.trim().is_empty()).map_or(String::new(), |line| format!(": {line}"));
    Err(format!("{name}: {status}{last}"))
}
