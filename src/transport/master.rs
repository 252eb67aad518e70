//! One ssh connection to one host, made by `login`: channels through it, and whether it is still there.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::FutureExt;
use openssh::{Session, Stdio};
use tokio::time::timeout;

use super::link::Channel;

/// The local master answers within this or is no more.
const LOCAL_ANSWER: Duration = Duration::from_secs(1);

/// A connection, from a finished login on.
pub(super) struct Master {
    session: Arc<Session>,
    /// The login is root's.
    root: bool,
    kept: Option<PathBuf>,
    given_up: AtomicBool,
}

/// Why no channel was opened. In every case the program did not start.
pub(super) enum NoChannel {
    /// The server has as many sessions as it allows; it is well.
    Refused,
    Lost(String),
}

impl Master {
    /// `kept`: the control socket, when later processes may use it too.
    pub(super) fn new(session: Session, root: bool, kept: Option<PathBuf>) -> Self {
        Self { session: Arc::new(session), root, kept, given_up: AtomicBool::new(false) }
    }

    /// Whether who logged in is root.
    pub(super) fn is_root(&self) -> bool {
        self.root
    }

    /// Starts a program on the host.
    pub(super) async fn open(self: &Arc<Self>, words: &[String]) -> Result<Channel, NoChannel> {
        let line = shlex::try_join(words.iter().map(String::as_str)).map_err(|error| lost(&error))?;
        let mut command = Arc::clone(&self.session).arc_raw_command(format!("exec {line}"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().await.map_err(|error| self.no_channel(&error))?;
        let (stdin, stdout, stderr) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
        let missing = || NoChannel::Lost("no pipe".to_owned());
        Ok(Channel {
            stdin: Box::new(stdin.ok_or_else(missing)?),
            stdout: Box::new(stdout.ok_or_else(missing)?),
            stderr: Box::new(stderr.ok_or_else(missing)?),
            end: async move { exit_code(&child.wait().await) }.boxed(),
            broken: Arc::clone(self).broken().boxed(),
        })
    }

    fn no_channel(&self, error: &openssh::Error) -> NoChannel {
        let text = chain(error);
        // sshd's answer beyond MaxSessions, given before any program is started.
        if text.contains("Session open refused by peer") {
            return NoChannel::Refused;
        }
        self.give_up();
        NoChannel::Lost(text)
    }

    /// `Some(reason)` when the connection is lost.
    async fn broken(self: Arc<Self>) -> Option<String> {
        if matches!(timeout(LOCAL_ANSWER, self.session.check()).await, Ok(Ok(()))) {
            return None;
        }
        self.give_up();
        // ssh's own words are not to be had: a master in the background writes no log.
        Some("the ssh connection was lost".to_owned())
    }

    /// Nothing new goes through this connection, from now on and from other processes.
    pub(super) fn give_up(&self) {
        if let (false, Some(kept)) = (self.given_up.swap(true, Ordering::Relaxed), &self.kept) {
            _ = std::fs::remove_file(kept);
        }
    }

    pub(super) fn usable(&self) -> bool {
        !self.given_up.load(Ordering::Relaxed)
    }
}

fn lost(error: &dyn std::error::Error) -> NoChannel {
    NoChannel::Lost(chain(error))
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The crate turns 127 into an error of its own and a lost program into another.
fn exit_code(ended: &Result<std::process::ExitStatus, openssh::Error>) -> Option<i32> {
    match ended {
        Ok(status) => status.code(),
        Err(openssh::Error::Remote(_)) => Some(127),
        Err(_) => None,
    }
}
