//! What a conversation needs of a way to a host: room for one more program, and a channel to a new one. `openssh` and
//! `local` are links.

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;

use super::{Lost, RunAs};

/// A running program's three streams. Dropping it closes them, which ends the program.
pub(super) struct Channel {
    pub(super) stdin: Box<dyn AsyncWrite + Send + Unpin>,
    pub(super) stdout: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) stderr: Box<dyn AsyncRead + Send + Unpin>,
    /// Resolves when the program ended: its exit code, when the link tells.
    pub(super) end: BoxFuture<'static, Option<i32>>,
    /// For a channel that ended without a word: `Some(reason)` when the link was lost, `None` when it is fine.
    pub(super) broken: BoxFuture<'static, Option<String>>,
}

/// A way to one host.
pub(super) trait Link: Send + Sync {
    /// Waits for room for one more program.
    fn slot(&self) -> BoxFuture<'_, Option<OwnedSemaphorePermit>>;

    /// Starts the program of these words. An error means that it did not start. Bounded in time by the link itself.
    fn open<'a>(&'a self, run_as: &'a RunAs, words: &'a [&str]) -> BoxFuture<'a, Result<Channel, Lost>>;
}
