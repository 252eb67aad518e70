//! Where the scheduling table, the lock and the journals are kept. `cli` opens a store, the engine commits through it.
//!
//! [`Store`] is what any backend must promise; [`FileStore`] is the one for a folder. Knows nothing of steps.

mod file;
pub mod journal;
mod lock;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::plan::table::Table;
use crate::site::id::RunId;

pub use file::FileStore;
pub use lock::Lease;

/// The scheduling table under compare-and-set, and the right to act, held by one at a time.
pub trait Store: Send + Sync {
    /// The table; an empty one of revision 0 where none was ever written.
    fn load(&self) -> BoxFuture<'_, Result<Table, StoreError>>;

    /// Replaces the table of revision `expected` by this one, all or nothing, durably; returns the new revision
    /// (that of `table` itself does not matter).
    fn commit(&self, expected: u64, table: Table) -> BoxFuture<'_, Result<u64, CommitError>>;

    /// Takes the right to act. It lasts until the lease is dropped, or the process ends.
    fn acquire(&self, holder: Holder) -> BoxFuture<'_, Result<Lease, AcquireError>>;

    /// Who has the right to act just now.
    fn holder(&self) -> BoxFuture<'_, Result<Option<Holder>, StoreError>>;

    /// The folder with one journal per run, `RUNID.jsonl`.
    fn runs(&self) -> &Path;
}

/// Who acts: kept beside the lock, so that a refusal can name them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {} (pid {}) since {}: {}", self.who, self.host, self.pid, self.since, self.command)
    }
}

/// The store itself fails.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("failed to {what} {}", .path.display())]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{} is not a scheduling table", .path.display())]
    Format { path: PathBuf, source: serde_json::Error },
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
    Held(Holder),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A name for a run that starts at `now`, in the folder `runs`. Names sort in the order the runs began, also where a
/// clock was set back meanwhile.
///
/// # Panics
/// Never: time and digits make a name.
pub fn new_run_id(runs: &Path, now: jiff::Timestamp) -> RunId {
    let random = RandomState::new().build_hasher().finish() & 0xffff;
    let after = newest(runs).map_or(now, |newest| now.max(newest + SignedDuration::from_millis(1)));
    let name = format!("{}-{random:04x}", after.strftime(RUN_TIME));
    RunId::try_from(name).expect("digits, letters, a dot and a dash are allowed in a run's name")
}

/// The time in a run's name.
const RUN_TIME: &str = "%Y%m%dT%H%M%S.%3fZ";

/// When the newest run of the folder began, by its name.
fn newest(runs: &Path) -> Option<jiff::Timestamp> {
    let names = std::fs::read_dir(runs).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let times = names.filter_map(|name| {
        let (time, _) = name.split_once("Z-")?;
        let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S%.f", time).ok()?;
        Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    });
    times.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_sort_in_the_order_the_runs_began() {
        let runs = tempfile::tempdir().unwrap();
        let begin = |millis| {
            let run = new_run_id(runs.path(), jiff::Timestamp::from_millisecond(millis).unwrap());
            std::fs::write(runs.path().join(format!("{run}.jsonl")), "").unwrap();
            run
        };
        let first = begin(1_795_417_503_007);
        assert!(first.as_str().starts_with("20261123T070503.007Z-"), "{first}");
        // The same millisecond, and a clock that was set back by a day.
        let (second, third) = (begin(1_795_417_503_007), begin(1_795_331_103_000));
        assert!(third.as_str().starts_with("20261123T070503.009Z-"), "{third}");
        assert!(first < second && second < third);
    }
}
