//! Where the scheduling table, the lease, the journals and the history are kept. `cli` and the monitor open a store, the
//! engine commits through it.
//!
//! [`Store`] is what any backend must promise; [`FileStore`] is the one for a folder, [`MemStore`] the one of a simulated
//! world. Knows nothing of steps.
//!
//! ```text
//! Keeper ── Store: FileStore │ MemStore ── desk ── tenure: may it be taken?
//!   └────── Lease: is it still ours? ──────┘
//! ```

mod archive;
mod desk;
mod file;
mod history;
pub mod journal;
mod keeper;
mod lease;
mod lease_file;
mod memory;
mod process;
mod tenure;
#[cfg(test)]
mod tests;
mod update;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::plan::table::Table;
use crate::site::id::RunId;
use journal::{Journal, Redactor};

pub use archive::{Archive, Moved};
pub use file::FileStore;
pub use history::{Entry, History};
pub use keeper::Keeper;
pub use lease::{Lease, Loss};
pub use memory::MemStore;
pub use update::update;

/// The scheduling table under compare-and-set, the right to act, held by one at a time, and a journal per run.
pub trait Store: Send + Sync {
    /// The table; an empty one of revision 0 where none was ever written.
    fn load(&self) -> BoxFuture<'_, Result<Table, StoreError>>;

    /// Replaces the table of revision `expected` by this one, all or nothing, durably; returns the new revision
    /// (that of `table` itself does not matter).
    fn commit(&self, expected: u64, table: Table) -> BoxFuture<'_, Result<u64, CommitError>>;

    /// Takes the right to act, until the lease is released or was not renewed for `ttl`. A holder that is gone from this
    /// machine is replaced at once. One that is silent is watched: its first sign of life is [`AcquireError::Held`],
    /// and after its own ttl without one the lease is taken. A standby calls this again and again.
    fn acquire(&self, holder: Holder, ttl: Duration) -> BoxFuture<'_, Result<Lease, AcquireError>>;

    /// Makes the lease last for its ttl from now on. [`Keeper`] does it in time.
    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), RenewError>>;

    /// Gives the lease back. Harmless if it was lost.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Ends the time of whoever has the right to act, if `who` says so of the holder, and says who it was. The next to ask
    /// has it at once, and raises the epochs before it acts: the old holder does not know yet.
    fn depose<'a>(
        &'a self,
        who: &'a (dyn Fn(&Holder) -> bool + Sync),
    ) -> BoxFuture<'a, Result<Option<Holder>, StoreError>>;

    /// Who has the right to act. Waits for a sign of life of the holder, for half of its ttl at most.
    fn holder(&self) -> BoxFuture<'_, Result<Option<Held>, StoreError>>;

    /// Keeps what a monitor counts from one round to the next, in the place of what it kept before. Whoever leads writes.
    fn remember(&self, counts: serde_json::Value) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What was kept last.
    fn remembered(&self) -> BoxFuture<'_, Result<Option<serde_json::Value>, StoreError>>;

    /// Begins the journal of a run. Must be called within a tokio runtime, as [`Store::reopen_journal`].
    ///
    /// # Errors
    /// One that is there already, or cannot be made.
    fn create_journal(&self, run: &RunId, redact: Redactor) -> std::io::Result<Journal>;

    /// Continues the journal of a run that was cut short, without a torn last line. Whoever still writes to it writes
    /// to nothing from now on.
    ///
    /// # Errors
    /// One that cannot be read or written, or was changed since it was written ([`journal::Broken`]).
    fn reopen_journal(&self, run: &RunId, redact: Redactor) -> std::io::Result<Journal>;

    /// What a run's journal says, for [`journal::read`].
    fn journal(&self, run: &RunId) -> std::io::Result<String>;

    /// Every run that has a journal, in the order they began.
    fn runs(&self) -> std::io::Result<Vec<RunId>>;
}

/// Who acts: kept with the lease, so that a refusal can name them. Made by [`Holder::this_process`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The login name.
    pub who: String,
    pub pid: u32,
    /// The machine the command runs on.
    pub host: String,
    /// RFC 3339.
    pub since: String,
    /// The command line, for people.
    pub command: String,
    /// Whether it is a monitor, which will hold it for long.
    #[serde(default)]
    pub monitor: bool,
    /// Boot id and pid namespace: with `pid` and `started`, which process it is. Empty: not known.
    #[serde(default)]
    pub machine: String,
    /// Clock ticks from the machine's boot to the start of the process.
    #[serde(default)]
    pub started: u64,
}

impl Holder {
    /// Whether both are the same process, whenever and for whatever it asked.
    fn is_process_of(&self, other: &Self) -> bool {
        (self.pid, self.started, &self.host, &self.machine)
            == (other.pid, other.started, &other.host, &other.machine)
    }

    /// Short, for people: `h1 (pid 4711)`.
    pub fn name(&self) -> String {
        format!("{} (pid {})", self.host, self.pid)
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {} (pid {}) since {}: {}", self.who, self.host, self.pid, self.since, self.command)
    }
}

/// Who has the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub holder: Holder,
    pub term: u64,
    /// A sign of life was seen; without one it is gone, stopped or cut off, and will lapse.
    pub fresh: bool,
}

/// The store itself fails.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("failed to {what} {}", .path.display())]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{} is not {what}", .path.display())]
    Format { path: PathBuf, what: &'static str, source: serde_json::Error },
    #[error("the store cannot be reached")]
    Unreachable,
}

/// A table that could not be replaced.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error("the scheduling table was changed meanwhile: it is at revision {found}, not {expected}")]
    Conflict { expected: u64, found: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The right to act was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum AcquireError {
    #[error("held by {0}")]
    Held(Box<Holder>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The right to act was not prolonged.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// For good.
    #[error(transparent)]
    Lost(#[from] Loss),
    /// It may work the next time, until the lease lapses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A name for a run that starts at `now`, in this store. Names sort in the order the runs began, also where a
/// clock was set back meanwhile.
///
/// # Panics
/// Never: time and digits make a name.
pub fn new_run_id(store: &dyn Store, now: jiff::Timestamp) -> RunId {
    let random = RandomState::new().build_hasher().finish() & 0xffff;
    let after = newest(store).map_or(now, |newest| now.max(newest + SignedDuration::from_millis(1)));
    let name = format!("{}-{random:04x}", after.strftime(RUN_TIME));
    RunId::try_from(name).expect("digits, letters, a dot and a dash are allowed in a run's name")
}

/// The time in a run's name.
const RUN_TIME: &str = "%Y%m%dT%H%M%S.%3fZ";

/// When the newest run began, by its name.
fn newest(store: &dyn Store) -> Option<jiff::Timestamp> {
    store.runs().ok()?.iter().filter_map(begun).max()
}

/// When a run began, by its name.
pub fn begun(run: &RunId) -> Option<jiff::Timestamp> {
    let (time, _) = run.as_str().split_once("Z-")?;
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S%.f", time).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}
