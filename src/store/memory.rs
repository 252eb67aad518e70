//! The store of a simulated world: the same contract in memory, in the runtime's (virtual) time, on one thread. Used by
//! tests and by the simulation.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use serde_json::Value;
use tokio::time::Instant;

use super::desk::{self, Desk};
use super::journal::{Fuse, Journal, Redactor, Sheet};
use super::lease::{Clock, Lease};
use super::tenure::Tenure;
use super::{AcquireError, CommitError, Held, Holder, RenewError, Store, StoreError};
use crate::plan::table::Table;
use crate::site::id::RunId;

/// One monitor's way to a store in memory. Clones are the same way; [`MemStore::another_way`] is another's.
#[derive(Clone, Debug)]
pub struct MemStore {
    inside: Arc<Mutex<Inside>>,
    start: Instant,
    cut: Arc<AtomicBool>,
}

#[derive(Default)]
struct Inside {
    table: Table,
    tenure: Tenure,
    /// The beat, with its term.
    beat: (u64, u64),
    dead: Vec<Holder>,
    remembered: Option<Value>,
    journals: BTreeMap<RunId, Sheet>,
    fuse: Option<Fuse>,
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inside")
            .field("table", &self.table)
            .field("tenure", &self.tenure)
            .finish_non_exhaustive()
    }
}

impl Default for MemStore {
    fn default() -> Self {
        Self { inside: Arc::default(), start: Instant::now(), cut: Arc::default() }
    }
}

impl MemStore {
    /// The same store, reached by itself: cutting the one does not cut the other.
    #[must_use]
    pub fn another_way(&self) -> Self {
        Self { cut: Arc::default(), ..self.clone() }
    }

    /// Whether this way leads nowhere: every call fails.
    pub fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    /// Lets everybody know that this holder's process is gone, as on one machine.
    pub fn bury(&self, holder: Holder) {
        self.inside().dead.push(holder);
    }

    /// From now on whoever writes a journal does so with this fuse.
    pub fn light(&self, fuse: Fuse) {
        self.inside().fuse = Some(fuse);
    }

    /// Puts a journal in the place of what a run wrote: one that was cut short somewhere.
    pub fn put_journal(&self, run: RunId, text: String) {
        self.inside().journals.insert(run, Sheet::of(text));
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reached(&self) -> Result<MutexGuard<'_, Inside>, StoreError> {
        if self.cut.load(Ordering::SeqCst) { Err(StoreError::Unreachable) } else { Ok(self.inside()) }
    }

    fn sheets(&self) -> std::io::Result<MutexGuard<'_, Inside>> {
        self.reached().map_err(std::io::Error::other)
    }
}

impl Store for MemStore {
    fn load(&self) -> BoxFuture<'_, Result<Table, StoreError>> {
        ready(self.reached().map(|inside| inside.table.clone())).boxed()
    }

    fn commit(&self, expected: u64, table: Table) -> BoxFuture<'_, Result<u64, CommitError>> {
        let commit = || {
            let mut inside = self.reached()?;
            let found = inside.table.revision;
            if found != expected {
                return Err(CommitError::Conflict { expected, found });
            }
            inside.table = Table { revision: expected + 1, ..table };
            Ok(expected + 1)
        };
        ready(commit()).boxed()
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
        ready(self.reached().map(|mut inside| inside.remembered = Some(counts))).boxed()
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Option<Value>, StoreError>> {
        ready(self.reached().map(|inside| inside.remembered.clone())).boxed()
    }

    fn create_journal(&self, run: &RunId, redact: Redactor) -> std::io::Result<Journal> {
        let mut inside = self.sheets()?;
        if inside.journals.contains_key(run) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let sheet = Sheet::default();
        inside.journals.insert(run.clone(), sheet.clone());
        Journal::in_memory(sheet, inside.fuse.clone(), redact)
    }

    fn reopen_journal(&self, run: &RunId, redact: Redactor) -> std::io::Result<Journal> {
        let sheet = Sheet::of(Store::journal(self, run)?);
        let fuse = self.sheets()?.fuse.clone();
        let journal = Journal::in_memory(sheet.clone(), fuse, redact)?;
        self.sheets()?.journals.insert(run.clone(), sheet);
        Ok(journal)
    }

    fn journal(&self, run: &RunId) -> std::io::Result<String> {
        let inside = self.sheets()?;
        inside.journals.get(run).map(Sheet::text).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn runs(&self) -> std::io::Result<Vec<RunId>> {
        Ok(self.sheets()?.journals.keys().cloned().collect())
    }
}

impl Desk for MemStore {
    fn clock(&self) -> Clock {
        Clock::Runtime(self.start)
    }

    fn tenure(&self) -> BoxFuture<'_, Result<Tenure, StoreError>> {
        ready(self.reached().map(|inside| inside.tenure())).boxed()
    }

    fn replace(&self, seen: Tenure, next: Tenure) -> BoxFuture<'_, Result<bool, StoreError>> {
        let replaced = self.reached().map(|mut inside| {
            let free = inside.tenure() == seen;
            if free {
                inside.tenure = next;
            }
            free
        });
        ready(replaced).boxed()
    }

    fn beat(&self, term: u64, beat: u64) -> BoxFuture<'_, Result<Tenure, StoreError>> {
        let there = self.reached().map(|mut inside| {
            inside.beat = (term, beat);
            inside.tenure()
        });
        ready(there).boxed()
    }

    fn is_dead(&self, holder: &Holder) -> bool {
        self.inside().dead.contains(holder)
    }
}

impl Inside {
    fn tenure(&self) -> Tenure {
        let (term, beat) = self.beat;
        Tenure { beat: if term == self.tenure.term { beat } else { 0 }, ..self.tenure.clone() }
    }
}
