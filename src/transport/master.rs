//! One ssh connection to one host: the master process that `ssh -M` leaves behind, and channels through it.
//!
//! The master is started here rather than by the `openssh` crate, which would take unknown host keys and ssh options
//! its own way, and could not end a login that hangs. Everything after the login goes through the crate.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::FutureExt;
use openssh::{Session, Stdio as Pipe};
use tokio::process::Command;
use tokio::time::{Instant, timeout, timeout_at};

use super::link::Channel;
use super::ssh_args::{self, Resolved};
use super::{Destination, HostKeyPolicy, Lost, RunAs, program, ssh_log};

/// An idle master ends by itself after this: one whose owner was killed does not stay for ever.
const IDLE: &str = "ControlPersist=60s";

/// The local master answers within this or is no more.
const LOCAL_ANSWER: Duration = Duration::from_secs(1);

/// A connection, from a finished login on.
pub(super) struct Master {
    session: Arc<Session>,
    root: bool,
    given_up: AtomicBool,
}

/// Why no channel was opened. In every case the program did not start.
pub(super) enum NoChannel {
    /// The server has as many sessions as it allows; it is well.
    Refused,
    Lost(String),
}

impl Master {
    /// Logs in and runs a first command (the first costs some 50 ms more than all later ones).
    pub(super) async fn connect(destination: Destination, dir: PathBuf) -> Result<Self, Lost> {
        let within = destination.connect_timeout;
        let until = Instant::now() + within;
        let late = || Lost::Unreachable(format!("no login within {within:?}"));
        let resolved = timeout_at(until, resolve(&destination)).await.map_err(|_| late())??;
        let master = timeout_at(until, login(&destination, &resolved, &dir)).await.map_err(|_| late())??;
        let first = timeout_at(until, master.first_command()).await;
        first
            .map_err(|_| Lost::Unreachable(format!("logged in, but `true` did not end within {within:?}")))?;
        Ok(master)
    }

    async fn first_command(&self) {
        let mut command = self.session.raw_command("true");
        command.stdin(Pipe::null()).stdout(Pipe::null()).stderr(Pipe::null());
        // A shell that refuses `true` will say so to the first job, with its reason.
        _ = command.status().await;
    }

    /// Starts a program on the host.
    pub(super) async fn open(self: &Arc<Self>, run_as: &RunAs, words: &[&str]) -> Result<Channel, NoChannel> {
        let words = program::with_rights(run_as.needed(self.root), words);
        let line = shlex::try_join(words.iter().map(String::as_str)).map_err(|error| lost(&error))?;
        let mut command = Arc::clone(&self.session).arc_raw_command(format!("exec {line}"));
        command.stdin(Pipe::piped()).stdout(Pipe::piped()).stderr(Pipe::piped());
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

    /// Nothing new goes through this connection.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    pub(super) fn usable(&self) -> bool {
        !self.given_up.load(Ordering::Relaxed)
    }
}

/// What ssh's whole configuration says of the destination.
async fn resolve(destination: &Destination) -> Result<Resolved, Lost> {
    let mut ssh = ssh(destination);
    ssh.arg("-G").arg("--").arg(&destination.address).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = ssh.output().await.map_err(|error| no_ssh(&error))?;
    if !output.status.success() {
        return Err(Lost::Unreachable(ssh_log::reason(&String::from_utf8_lossy(&output.stderr))));
    }
    Ok(Resolved::parse(&String::from_utf8_lossy(&output.stdout)))
}

/// Starts a master; `ssh -f` returns when the login succeeded.
async fn login(destination: &Destination, resolved: &Resolved, dir: &Path) -> Result<Master, Lost> {
    let dir =
        tempfile::Builder::new().prefix("m").rand_bytes(3).tempdir_in(dir).map_err(|error| no_ssh(&error))?;
    let log = dir.path().join("log");
    let new_keys = destination.host_keys == HostKeyPolicy::AcceptNew || resolved.accepts_new_keys;
    let checking = if new_keys { "StrictHostKeyChecking=accept-new" } else { "StrictHostKeyChecking=yes" };
    let mut ssh = Command::new("ssh");
    ssh.args(["-f", "-N", "-o", "ControlMaster=yes", "-o", IDLE, "-o", checking]);
    ssh.arg("-S").arg(dir.path().join("master")).arg("-E").arg(&log);
    ssh.args(ssh_args::reach(destination)).arg("--").arg(&destination.address);
    if !quiet(&mut ssh).status().await.map_err(|error| no_ssh(&error))?.success() {
        return Err(Lost::Unreachable(ssh_log::reason(&std::fs::read_to_string(&log).unwrap_or_default())));
    }
    let session = Arc::new(Session::new_native_mux(dir));
    Ok(Master { session, root: resolved.user == "root", given_up: AtomicBool::new(false) })
}

fn ssh(destination: &Destination) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args(ssh_args::reach(destination));
    quiet(&mut ssh);
    ssh
}

/// Out of the terminal's process group (the first Ctrl-C drains, it does not cut), and gone when we stop waiting.
fn quiet(ssh: &mut Command) -> &mut Command {
    ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).kill_on_drop(true)
}

fn no_ssh(error: &std::io::Error) -> Lost {
    Lost::Unreachable(format!("failed to start ssh: {error}"))
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
