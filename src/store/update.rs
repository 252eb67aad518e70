//! A change of the table by whoever holds no lease: read, change, write, and again if somebody else was quicker. Used by
//! the small commands of `cli`, and by the monitor.

use super::{CommitError, Store};
use crate::plan::table::Table;

/// How often a change starts over.
const TRIES: usize = 50;

/// Changes the table; `change` is called again, on a fresh table, whenever somebody else wrote meanwhile. Nothing is
/// written where nothing changes. Gives what the last call of `change` gave.
///
/// # Errors
/// [`CommitError`]: nothing was changed. A conflict only if the table was never left alone.
pub async fn update<T>(store: &dyn Store, mut change: impl FnMut(&mut Table) -> T) -> Result<T, CommitError> {
    let mut tries = 1;
    loop {
        let before = store.load().await?;
        let mut after = before.clone();
        let said = change(&mut after);
        if after == before {
            return Ok(said);
        }
        match store.commit(before.revision, after).await {
            Ok(_) => return Ok(said),
            Err(CommitError::Conflict { .. }) if tries < TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}
