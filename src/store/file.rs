//! The store in a folder: `table.json`, `lease.json`, `runs/`. For one machine, or a file system that several share.
//!
//! A file is replaced by rename after it is on disk, so a reader sees the old one or the new one, whole, whatever
//! happens between. Every call does its file work on a thread where waiting is allowed.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::archive::Archive;
use super::desk::{self, Desk};
use super::journal::{self, Before, Journal, Redactor};
use super::lease::{Clock, Lease};
use super::tenure::Tenure;
use super::{
    AcquireError, CommitError, Held, History, Holder, RenewError, Store, StoreError, lease_file, process,
};
use crate::plan::table::Table;
use crate::site::id::RunId;

/// A store in a folder of its own.
#[derive(Clone, Debug)]
pub struct FileStore {
    folder: PathBuf,
    runs: PathBuf,
}

impl FileStore {
    /// Opens the store in `folder`, making the folder where there is none.
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let folder = folder.into();
        let runs = folder.join("runs");
        fs::create_dir_all(&runs).map_err(io("make", &runs))?;
        Ok(Self { folder, runs })
    }

    /// What happened at the site.
    pub fn history(&self) -> History {
        History::new(&self.folder)
    }

    /// Journals that were moved away.
    pub fn archive(&self) -> Archive {
        Archive::new(&self.folder)
    }

    /// Lets nobody begin a journal, or move one away, until it is dropped.
    ///
    /// # Errors
    /// A file system without locks.
    pub fn hold_journals(&self) -> std::io::Result<File> {
        turn(&self.folder, "runs.lock")
    }

    /// The journal that a new one goes on from.
    fn newest(&self) -> std::io::Result<Option<Before>> {
        let Some(run) = self.runs()?.pop() else { return Ok(None) };
        let seal = journal::last_seal(&self.journal(&run)?);
        Ok(Some(Before { run, seal }))
    }

    /// Where a run's journal lies.
    pub fn journal_path(&self, run: &RunId) -> PathBuf {
        self.runs.join(format!("{run}.jsonl"))
    }

    /// The folder of all journals.
    pub fn journals(&self) -> &Path {
        &self.runs
    }

    /// Where it is kept; for what a monitor leaves beside it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn table(&self) -> PathBuf {
        self.folder.join("table.json")
    }
}

impl Store for FileStore {
    fn load(&self) -> BoxFuture<'_, Result<Table, StoreError>> {
        let path = self.table();
        blocking(move || read(&path)).boxed()
    }

    fn commit(&self, expected: u64, table: Table) -> BoxFuture<'_, Result<u64, CommitError>> {
        let (folder, path) = (self.folder.clone(), self.table());
        blocking(move || replace(&folder, &path, expected, table)).boxed()
    }

    fn acquire(&self, holder: Holder, ttl: Duration) -> BoxFuture<'_, Result<Lease, AcquireError>> {
        desk::acquire(self, holder, ttl).boxed()
    }

    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), RenewError>> {
        desk::renew(self, lease).boxed()
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        desk::release(self, lease).boxed()
    }

    fn depose<'a>(
        &'a self,
        who: &'a (dyn Fn(&Holder) -> bool + Sync),
    ) -> BoxFuture<'a, Result<Option<Holder>, StoreError>> {
        desk::depose(self, who).boxed()
    }

    fn holder(&self) -> BoxFuture<'_, Result<Option<Held>, StoreError>> {
        desk::holder(self).boxed()
    }

    fn remember(&self, counts: Value) -> BoxFuture<'_, Result<(), StoreError>> {
        let (folder, path) = (self.folder.clone(), self.folder.join("monitor.json"));
        blocking(move || replace_file(&folder, &path, &counts).map_err(io("write", &path))).boxed()
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Option<Value>, StoreError>> {
        let path = self.folder.join("monitor.json");
        blocking(move || parsed(&path, "what a monitor counts")).boxed()
    }

    fn create_journal(&self, run: &RunId, redact: Redactor) -> std::io::Result<Journal> {
        let _held = self.hold_journals()?;
        Journal::create(&self.journal_path(run), self.newest()?, redact)
    }

    fn reopen_journal(&self, run: &RunId, redact: Redactor) -> std::io::Result<Journal> {
        Journal::reopen(&self.journal_path(run), redact)
    }

    fn journal(&self, run: &RunId) -> std::io::Result<String> {
        fs::read_to_string(self.journal_path(run))
    }

    fn runs(&self) -> std::io::Result<Vec<RunId>> {
        let mut runs = Vec::new();
        for entry in fs::read_dir(&self.runs)? {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".jsonl"));
            runs.extend(stem.and_then(|stem| RunId::try_from(stem).ok()));
        }
        // Their names sort by time.
        runs.sort_unstable();
        Ok(runs)
    }
}

impl Desk for FileStore {
    fn clock(&self) -> Clock {
        Clock::Boot
    }

    fn tenure(&self) -> BoxFuture<'_, Result<Tenure, StoreError>> {
        let folder = self.folder.clone();
        blocking(move || lease_file::read(&folder)).boxed()
    }

    fn replace(&self, seen: Tenure, next: Tenure) -> BoxFuture<'_, Result<bool, StoreError>> {
        let folder = self.folder.clone();
        blocking(move || lease_file::replace(&folder, &seen, &next)).boxed()
    }

    fn beat(&self, term: u64, beat: u64) -> BoxFuture<'_, Result<Tenure, StoreError>> {
        let folder = self.folder.clone();
        blocking(move || lease_file::beat(&folder, term, beat)).boxed()
    }

    fn is_dead(&self, holder: &Holder) -> bool {
        process::is_dead(holder)
    }
}

fn read(path: &Path) -> Result<Table, StoreError> {
    Ok(parsed(path, "a scheduling table")?.unwrap_or_default())
}

/// The document in the file; `None` where there is none.
pub(super) fn parsed<T: DeserializeOwned>(path: &Path, what: &'static str) -> Result<Option<T>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(document) => Ok(Some(document)),
            Err(source) => Err(StoreError::Format { path: path.to_owned(), what, source }),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", path)(error)),
    }
}

fn replace(folder: &Path, path: &Path, expected: u64, mut table: Table) -> Result<u64, CommitError> {
    let _turn = turn(folder, "table.lock").map_err(io("lock", folder))?;
    let found = read(path)?.revision;
    if found != expected {
        return Err(CommitError::Conflict { expected, found });
    }
    table.revision = expected.saturating_add(1);
    replace_file(folder, path, &table).map_err(io("write", path))?;
    Ok(table.revision)
}

/// Comparing and setting must be one act for two writers, also for those that hold no lease.
fn turn(folder: &Path, name: &str) -> std::io::Result<File> {
    let file = File::create(folder.join(name))?;
    file.lock()?;
    Ok(file)
}

/// Makes `document` the file's content, durably.
pub(super) fn replace_file(folder: &Path, path: &Path, document: &impl Serialize) -> std::io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut new, document)?;
    new.write_all(b"\n")?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { what, path, source }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
