//! Runs shell programs on hosts, each to its end or its deadline. The engine and the probes call [`Transport`]; nothing
//! here knows of steps or services, and nothing here retries a program that may have run.
//!
//! A job's outcome has three values: it ended ([`Exit`]), it did not run ([`Lost::Unreachable`]), or nobody can say
//! ([`Lost::Unknown`]). However a job ends, and whatever happens to the link or to us, its process group on the host
//! is ended too; only what a script moved into its own session (`setsid`) stays.
//!
//! ```text
//! OpenSsh, Local ── Link: opens a Channel ──┐
//! program: the shell text around a script ──┼── conversation: one job, deadline, kill
//! envelope: lines out of bytes ─────────────┤
//! sudo: its words, its question, the answer ┘
//! Sim: scripted hosts                Router: by host, OpenSsh or Local
//! ```

mod conversation;
mod destination;
mod envelope;
mod link;
mod local;
mod login;
mod master;
mod openssh;
mod program;
mod router;
mod runtime_dir;
mod sim;
mod ssh_args;
mod ssh_log;
mod sudo;

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use crate::site::id::HostName;

pub use destination::{Destination, HostKeyPolicy};
pub use local::Local;
pub use openssh::{OpenSsh, SetupError};
pub use router::Router;
pub use sim::{Call, Fault, Sim, SimHost, SimReply};

/// One shell program to run on one host, to its end or its deadline.
#[derive(Clone, Debug)]
pub struct Job {
    /// POSIX sh of any length, without NUL. Its stdin is empty. It travels over stdin, never in an argument list.
    pub script: String,
    pub run_as: RunAs,
    /// Wall time from the call to the end, waiting for a free channel included. The kill that follows a missed
    /// deadline is bounded too (5 s).
    pub deadline: Duration,
    pub cancel: CancellationToken,
}

/// Whose rights a job has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RunAs {
    /// The login user.
    #[default]
    Login,
    /// Through sudo: root, or the user named. A login as root needs no sudo to be root. Sudo is told the destination's
    /// password when it asks, and must not ask when there is none.
    Sudo { user: Option<String> },
}

impl RunAs {
    /// What is left to do for a login that is root already, or not.
    fn needed(&self, root: bool) -> &Self {
        if root && *self == (Self::Sudo { user: None }) { &Self::Login } else { self }
    }
}

/// A line of output as it arrives, without its newline; bytes that are no UTF-8 are replaced. Of a line longer than
/// 64 KiB each 64 KiB arrive as a line of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Out(String),
    Err(String),
}

/// The program ran to its end, with this exit code; death by a signal is 128 + the signal, as shells count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub i32);

/// The program's end was not seen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Nothing of it ran.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The link was lost after the script was sent: all, part or nothing of it ran.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// `killed`: seen by us that nothing of it runs any more, or it never began.
    #[error("timed out{}", still_running(*killed))]
    TimedOut { killed: bool },
    /// `killed` as above.
    #[error("cancelled{}", still_running(*killed))]
    Cancelled { killed: bool },
}

fn still_running(killed: bool) -> &'static str {
    if killed { "" } else { ", and may still be running" }
}

/// Where a job's output goes. A receiver that went away stops nothing.
pub type LineSink = UnboundedSender<Line>;

/// A way to run programs on hosts.
pub trait Transport: Send + Sync {
    /// Runs `job` on `host`. Dropping the future ends the program as losing the link would.
    fn run<'a>(&'a self, host: &'a HostName, job: Job, lines: LineSink) -> BoxFuture<'a, Result<Exit, Lost>>;

    /// Connects to `host` and proves that it runs commands, so that the first job does not pay for it.
    fn warm<'a>(&'a self, host: &'a HostName) -> BoxFuture<'a, Result<(), Lost>>;

    /// Ends every connection, or leaves it for later where that was asked for. Jobs still running end as by a lost link.
    fn close(&self) -> BoxFuture<'_, ()>;
}
