//! The lease in a folder: `lease.json` says who and in which term, `beat` how often it was renewed. Used by
//! [`super::FileStore`].
//!
//! `lease.json` changes with the holder alone, by rename, under a lock that is held for just that moment. A beat is one
//! number written in place, without a lock: a holder that is stopped in the middle of a renewal blocks nobody.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::StoreError;
use super::file::{io, parsed, replace_file};
use super::tenure::Tenure;

/// How long another change of holder is waited for.
const PATIENCE: Duration = Duration::from_millis(300);

/// What is there now.
pub(super) fn read(folder: &Path) -> Result<Tenure, StoreError> {
    let mut tenure: Tenure = parsed(&folder.join("lease.json"), "a lease")?.unwrap_or_default();
    // One of another term is news of yesterday, from a holder that does not know yet.
    tenure.beat =
        beat_of(folder).filter(|(term, _)| *term == tenure.term).map(|(_, beat)| beat).unwrap_or_default();
    Ok(tenure)
}

fn beat_of(folder: &Path) -> Option<(u64, u64)> {
    let text = fs::read_to_string(folder.join("beat")).ok()?;
    let (term, beat) = text.trim_end().split_once(' ')?;
    Some((term.parse().ok()?, beat.parse().ok()?))
}

/// Puts `next` in the place of `seen`, if that is still what is there.
pub(super) fn replace(folder: &Path, seen: &Tenure, next: &Tenure) -> Result<bool, StoreError> {
    let lock = folder.join("lease.lock");
    let Some(_turn) = turn(&lock).map_err(io("lock", &lock))? else { return Ok(false) };
    if read(folder)? != *seen {
        return Ok(false);
    }
    let path = folder.join("lease.json");
    replace_file(folder, &path, next).map_err(io("write", &path))?;
    Ok(true)
}

/// Writes the beat of this term, then reads what is there.
pub(super) fn beat(folder: &Path, term: u64, beat: u64) -> Result<Tenure, StoreError> {
    let path = folder.join("beat");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
        // Always as long as the one before.
        file.write_all(format!("{term:020} {beat:020}\n").as_bytes())
    };
    write().map_err(io("write", &path))?;
    read(folder)
}

fn turn(path: &Path) -> std::io::Result<Option<File>> {
    let (file, start) = (File::create(path)?, Instant::now());
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => std::thread::sleep(PATIENCE / 30),
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}
