//! The signals that ask for the end.

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind, signal};

use super::failure::Failure;

/// SIGINT and SIGTERM, which end nothing by themselves while this listens.
pub struct Signals {
    int: unix::Signal,
    term: unix::Signal,
}

impl Signals {
    pub fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::internal);
        Ok(Self { int: listen(SignalKind::interrupt())?, term: listen(SignalKind::terminate())? })
    }

    /// The next of them, by its number.
    pub async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.int.recv() => Signal::INT.as_raw(),
            _ = self.term.recv() => Signal::TERM.as_raw(),
        }
    }
}
