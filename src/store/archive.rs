//! Journals that were moved out of the store, and what must be known of them so that the chain stays proven:
//! `moved.jsonl`, sealed like a journal. Called by `audit`, and by `apply`, which must not do an old plan twice.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::journal::chain::Elsewhere;
use super::journal::{self, Journal};
use crate::site::id::RunId;

/// One journal that was moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub run: RunId,
    /// The folder it was moved to.
    pub to: PathBuf,
    /// How many lines it has.
    pub records: u64,
    /// Of its last line.
    pub seal: String,
    /// Seals that later journals go on from.
    pub continued: BTreeSet<String>,
    /// The hash of the plan that it ran.
    pub plan: String,
}

/// The list of them.
#[derive(Clone, Debug)]
pub struct Archive {
    folder: PathBuf,
}

impl Archive {
    pub(super) fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where the list lies.
    pub fn list(&self) -> PathBuf {
        self.folder.join("moved.jsonl")
    }

    /// What was moved, oldest first.
    ///
    /// # Errors
    /// A list that cannot be read, or was changed since it was written ([`journal::Broken`]).
    pub fn moved(&self) -> std::io::Result<Vec<Moved>> {
        let text = match fs::read_to_string(self.list()) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        journal::verify(&text).map_err(std::io::Error::other)?;
        let read = journal::read::<Moved>(&text).map_err(std::io::Error::other)?;
        Ok(read.records.into_iter().map(|sealed| sealed.record).collect())
    }

    /// What later journals may go on from.
    pub fn elsewhere(moved: &[Moved]) -> Elsewhere {
        let seals = |one: &Moved| one.continued.iter().chain([&one.seal]).cloned().collect();
        moved.iter().map(|one| (one.run.clone(), seals(one))).collect()
    }

    /// Copies the journal at `path` to where it is moved, puts it on the list and takes it away: in this order, so that
    /// it is never lost, and whoever is interrupted does it again. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A folder or file that cannot be written; a different file of that name that is there already.
    pub async fn keep(&self, path: &Path, moved: &Moved) -> std::io::Result<()> {
        copy(path, &moved.to)?;
        if !self.moved()?.contains(moved) {
            let redact: journal::Redactor = Arc::new(str::to_owned);
            let list = self.list();
            let journal = if list.exists() {
                Journal::reopen(&list, redact)?
            } else {
                Journal::create(&list, None, redact)?
            };
            journal.keep(moved).await.map_err(std::io::Error::other)?;
        }
        fs::remove_file(path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

/// Durably, under the same name.
fn copy(path: &Path, folder: &Path) -> std::io::Result<()> {
    let to = folder.join(path.file_name().unwrap_or_default());
    let text = fs::read(path)?;
    match fs::read(&to) {
        Ok(there) if there == text => return Ok(()),
        Ok(_) => {
            let words = format!("{} is there already, and is another", to.display());
            return Err(std::io::Error::new(ErrorKind::AlreadyExists, words));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(&text)?;
    new.as_file().sync_all()?;
    new.persist(&to).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}
