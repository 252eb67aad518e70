//! The lock file: who may act. The kernel frees it when its holder dies, however it dies. Used by [`super::FileStore`].

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::Holder;

/// The right to act, given back when dropped.
#[derive(Debug)]
pub struct Lease {
    file: File,
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The lock itself ends with the file; an empty file only keeps old news from being shown as current.
        let _ = self.file.set_len(0);
    }
}

/// What trying to take the lock came to.
pub(super) enum Taken {
    Ours(Lease),
    /// Held; by whom, if they have said so yet.
    Theirs(Option<Holder>),
}

/// Tries once, without waiting.
pub(super) fn take(path: &Path, holder: &Holder) -> std::io::Result<Taken> {
    let mut file = open(path)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(&serde_json::to_vec(holder)?)?;
            Ok(Taken::Ours(Lease { file }))
        }
        Err(TryLockError::WouldBlock) => Ok(Taken::Theirs(named(&mut file))),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Who holds the lock, without taking it from anyone.
pub(super) fn look(path: &Path) -> std::io::Result<Option<Holder>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(named(&mut file).unwrap_or_else(unnamed))),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A holder that has not written its name yet.
pub(super) fn unnamed() -> Holder {
    let unknown = || "?".to_owned();
    Holder { who: "someone".to_owned(), pid: 0, host: unknown(), since: unknown(), command: unknown() }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn named(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
