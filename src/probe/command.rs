//! A program run here, in a process group of its own, which ends with the check whatever the program started.

use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::{Outcome, answered, wrong};

/// How much of the output is kept; its first line is shown.
const OUTPUT_LIMIT_BYTES: usize = 4096;

/// Exit 0 is good.
pub(super) async fn ask(argv: &[String]) -> Outcome {
    let started = Instant::now();
    match run(argv).await {
        Ok((status, said)) if status.success() => answered(said, started),
        Ok((status, said)) => wrong(format!("{status}: {said}"), started),
        Err(detail) => Outcome::Impossible { detail },
    }
}

/// Runs a program to its end: how it ended, and the first line it said. An error says why it could not be run.
pub(super) async fn run(argv: &[String]) -> Result<(ExitStatus, String), String> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err("no program to run".to_owned());
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |error| format!("{program}: {error}");
    let mut child = command.process_group(0).kill_on_drop(true).spawn().map_err(failed)?;
    let _group = Group::of(&child);
    finish(&mut child).await.map_err(failed)
}

async fn finish(child: &mut Child) -> std::io::Result<(ExitStatus, String)> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (status, stdout, stderr) = tokio::try_join!(child.wait(), beginning(stdout), beginning(stderr))?;
    let said = if stdout.is_empty() { stderr } else { stdout };
    Ok((status, String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned()))
}

/// Reads to the end, so that the program is never held up, and keeps the beginning.
async fn beginning(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let Some(mut pipe) = pipe else { return Ok(kept) };
    let mut chunk = [0; 4096];
    loop {
        let size = pipe.read(&mut chunk).await?;
        if size == 0 {
            return Ok(kept);
        }
        let room = OUTPUT_LIMIT_BYTES.saturating_sub(kept.len());
        kept.extend_from_slice(&chunk[..size.min(room)]);
    }
}

/// Kills what is left of a process group when whoever waits for it ends, also when that is cut short.
pub(crate) struct Group(Option<Pid>);

impl Group {
    pub(crate) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It fails where the whole group has ended, which is what is wanted.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}
