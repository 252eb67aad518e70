//! The store in a folder: `table.json`, `lock`, `runs/`. For one machine, or a file system that several share.
//!
//! A table is replaced by rename after it is on disk, so a reader sees the old one or the new one, whole, whatever
//! happens between. Every call does its file work on a thread where waiting is allowed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::spawn_blocking;

use super::lock::{self, Lease, Taken};
use super::{AcquireError, CommitError, Holder, Store, StoreError};
use crate::plan::table::Table;

/// A holder that is only just starting, or only looking, has this long to name itself or leave.
const PATIENCE: Duration = Duration::from_millis(300);

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

    fn table(&self) -> PathBuf {
        self.folder.join("table.json")
    }

    fn lock(&self) -> PathBuf {
        self.folder.join("lock")
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

    fn acquire(&self, holder: Holder) -> BoxFuture<'_, Result<Lease, AcquireError>> {
        let path = self.lock();
        blocking(move || acquire(&path, &holder)).boxed()
    }

    fn holder(&self) -> BoxFuture<'_, Result<Option<Holder>, StoreError>> {
        let path = self.lock();
        blocking(move || lock::look(&path).map_err(io("look at", &path))).boxed()
    }

    fn runs(&self) -> &Path {
        &self.runs
    }
}

fn acquire(path: &Path, holder: &Holder) -> Result<Lease, AcquireError> {
    let start = std::time::Instant::now();
    loop {
        match lock::take(path, holder).map_err(io("lock", path))? {
            Taken::Ours(lease) => return Ok(lease),
            Taken::Theirs(Some(holder)) => return Err(AcquireError::Held(holder)),
            Taken::Theirs(None) if start.elapsed() < PATIENCE => std::thread::sleep(PATIENCE / 10),
            Taken::Theirs(None) => return Err(AcquireError::Held(lock::unnamed())),
        }
    }
}

fn read(path: &Path) -> Result<Table, StoreError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|source| StoreError::Format { path: path.to_owned(), source }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Table::default()),
        Err(error) => Err(io("read", path)(error)),
    }
}

fn replace(folder: &Path, path: &Path, expected: u64, mut table: Table) -> Result<u64, CommitError> {
    let _turn = turn(folder).map_err(io("lock", folder))?;
    let found = read(path)?.revision;
    if found != expected {
        return Err(CommitError::Conflict { expected, found });
    }
    table.revision = expected.saturating_add(1);
    write(folder, path, &table).map_err(io("write", path))?;
    Ok(table.revision)
}

/// Comparing and setting must be one act for two writers, also for those that hold no lease.
fn turn(folder: &Path) -> std::io::Result<File> {
    let file = File::create(folder.join("table.lock"))?;
    file.lock()?;
    Ok(file)
}

fn write(folder: &Path, path: &Path, table: &Table) -> std::io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut new, table)?;
    new.write_all(b"\n")?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { what, path, source }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::table::{Row, ServiceState};
    use crate::site::id::Epoch;

    fn store() -> (tempfile::TempDir, FileStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path().join("state")).unwrap();
        (folder, store)
    }

    fn holder(pid: u32) -> Holder {
        let text = |text: &str| text.to_owned();
        Holder { who: text("root"), pid, host: text("desk"), since: text("now"), command: text("reveille x") }
    }

    fn table() -> Table {
        let row = Row {
            primary: None,
            secondary: None,
            epoch: Epoch(4),
            state: ServiceState::Down,
            last_run: None,
        };
        Table { services: [("web".try_into().unwrap(), row)].into(), ..Table::default() }
    }

    #[tokio::test]
    async fn a_table_is_found_again_and_a_stale_writer_refused() {
        let (_folder, store) = store();
        assert_eq!(store.load().await.unwrap(), Table::default());
        assert_eq!(store.commit(0, table()).await.unwrap(), 1);
        assert_eq!(store.load().await.unwrap(), Table { revision: 1, ..table() });
        let refused = store.commit(0, Table::default()).await.unwrap_err();
        assert!(matches!(refused, CommitError::Conflict { expected: 0, found: 1 }), "{refused}");
        assert_eq!(store.load().await.unwrap().services.len(), 1);
    }

    #[tokio::test]
    async fn a_broken_table_is_an_error_and_not_an_empty_one() {
        let (_folder, store) = store();
        fs::write(store.table(), "{\"revision\": 1, \"serv").unwrap();
        assert!(matches!(store.load().await, Err(StoreError::Format { .. })));
    }

    #[tokio::test]
    async fn one_holds_the_lock_and_the_other_is_told_who() {
        let (_folder, store) = store();
        let lease = store.acquire(holder(1)).await.unwrap();
        assert_eq!(store.holder().await.unwrap(), Some(holder(1)));
        match store.acquire(holder(2)).await {
            Err(AcquireError::Held(who)) => assert_eq!(who, holder(1)),
            other => panic!("{other:?}"),
        }
        drop(lease);
        assert_eq!(store.holder().await.unwrap(), None);
        store.acquire(holder(2)).await.unwrap();
    }
}
