//! Runs shell programs on hosts, each to its end or its deadline. (Stand-in: the contract only.)

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use crate::site::id::HostName;

/// One shell program to run on one host, to its end or its deadline.
#[derive(Clone, Debug)]
pub struct Job {
    pub script: String,
    pub run_as: RunAs,
    pub deadline: Duration,
    pub cancel: CancellationToken,
}

/// Whose rights a job has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RunAs {
    #[default]
    Login,
    Sudo {
        user: Option<String>,
    },
}

/// A line of output as it arrives, without its newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Out(String),
    Err(String),
}

/// The program ran to its end, with this exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub i32);

/// The program's end was not seen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    #[error("unreachable: {0}")]
    Unreachable(String),
    #[error("outcome unknown: {0}")]
    Unknown(String),
    #[error("timed out")]
    TimedOut { killed: bool },
    #[error("cancelled")]
    Cancelled { killed: bool },
}

/// Where a job's output goes.
pub type LineSink = UnboundedSender<Line>;

/// A way to run programs on hosts.
pub trait Transport: Send + Sync {
    fn run<'a>(&'a self, host: &'a HostName, job: Job, lines: LineSink) -> BoxFuture<'a, Result<Exit, Lost>>;
    fn warm<'a>(&'a self, host: &'a HostName) -> BoxFuture<'a, Result<(), Lost>>;
    fn close(&self) -> BoxFuture<'_, ()>;
}
