//! This machine as a host (`ansible_connection: local`): the same bootstrap, through a local `sh` in its own process
//! group. Ends, kills and losses mean what they mean over ssh.

use std::process::Stdio;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::process::Command;
use tokio::sync::OwnedSemaphorePermit;

use super::conversation::converse;
use super::link::{Channel, Link};
use super::sudo::{Password, Started};
use super::{Exit, Job, LineSink, Lost, RunAs, Transport};
use crate::site::id::HostName;
use crate::site::secret::Secret;

/// Runs every host's jobs on this machine.
#[derive(Debug, Default)]
pub struct Local {
    password: Option<Password>,
}

impl Local {
    /// `password` is what sudo is told when it asks.
    pub fn new(password: Option<Secret>) -> Self {
        Self { password: password.map(Password::new) }
    }
}

impl Transport for Local {
    fn run<'a>(
        &'a self,
        _host: &'a HostName,
        job: Job,
        lines: LineSink,
    ) -> BoxFuture<'a, Result<Exit, Lost>> {
        converse(self, job, lines).boxed()
    }

    fn warm<'a>(&'a self, _host: &'a HostName) -> BoxFuture<'a, Result<(), Lost>> {
        std::future::ready(Ok(())).boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
}

impl Link for Local {
    fn slot(&self) -> BoxFuture<'_, Option<OwnedSemaphorePermit>> {
        std::future::ready(None).boxed()
    }

    fn open<'a>(&'a self, run_as: &'a RunAs, words: &'a [&str]) -> BoxFuture<'a, Result<Channel, Lost>> {
        let root = rustix::process::geteuid().is_root();
        let program = Started::new(run_as.needed(root), words, self.password.is_some());
        let started = spawn(&program.words);
        let failed = |error| Lost::Unreachable(format!("failed to start `{}`: {error}", program.words[0]));
        let started = started.map_err(failed);
        async move {
            let mut channel = started?;
            if let Some(password) = &self.password {
                password.tell(&program, &mut channel).await?;
            }
            Ok(channel)
        }
        .boxed()
    }
}

/// Starts a program in a process group of its own. Dropping the channel closes its stdin, which ends the group; the
/// runtime reaps it.
fn spawn(words: &[String]) -> std::io::Result<Channel> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).process_group(0);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let missing = || std::io::Error::other("no pipe");
    Ok(Channel {
        stdin: Box::new(child.stdin.take().ok_or_else(missing)?),
        stdout: Box::new(child.stdout.take().ok_or_else(missing)?),
        stderr: Box::new(child.stderr.take().ok_or_else(missing)?),
        end: async move { child.wait().await.ok().and_then(|status| status.code()) }.boxed(),
        broken: std::future::ready(None).boxed(),
    })
}
