//! Append-only JSON lines, each sealed with a hash over itself and the seal before it; the first line goes on from the
//! last of the journal before. What the lines say is the engine's matter ([`crate::engine::record`]); this file only sees
//! to it that they last and cannot be edited unseen.
//!
//! Writers queue up and share an fsync: whoever waits for [`Journal::keep`] waits for one sync at most two long.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::site::id::RunId;

/// Takes what must not be shown out of a text.
pub type Redactor = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// A test's hook: the process aborts right after the record of this number is on disk.
pub const CRASH_AT: &str = "REVEILLE_CRASH_AT";

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sealed<T> {
    /// From 0, without gaps.
    pub seq: u64,
    /// RFC 3339.
    pub at: String,
    /// The hash of the line before. In the first line: that of the last line of the journal before, empty where there is none.
    pub prev: String,
    /// The run whose journal goes before this one. Only in the first line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<RunId>,
    #[serde(flatten)]
    pub record: T,
    /// SHA-256 over the line as written, without this field; hexadecimal.
    pub hash: String,
}

/// The journal that a new one goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    pub run: RunId,
    /// Of its last line; empty while it has none.
    pub seal: String,
}

/// The journal cannot be written any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to write the journal: {0}")]
pub struct JournalLost(pub String);

/// A journal that is being written. Clones write to the same one.
#[derive(Clone)]
pub struct Journal {
    /// `None`: nothing is kept.
    entries: Option<mpsc::UnboundedSender<Entry>>,
    redact: Redactor,
}

struct Entry {
    record: Value,
    /// Told when the record is on disk; absent where nobody waits.
    kept: Option<oneshot::Sender<Result<(), JournalLost>>>,
}

impl Journal {
    /// A new journal at `path`, after the one `before`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A file that is there already, or cannot be made.
    pub(super) fn create(path: &Path, before: Option<Before>, redact: Redactor) -> std::io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        let (follows, prev) = before.map(|before| (before.run, before.seal)).unzip();
        let pen = Pen { follows, prev: prev.unwrap_or_default(), ..Pen::new(Paper::File(file)) };
        Ok(Self::written_by(pen, redact))
    }

    /// Continues the journal of a run that was cut short, in a new file of the same name. Whoever still writes to the
    /// old one (a process that was stopped, and lost its lease) cannot break the chain. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// A file that cannot be read or written, or was changed since it was written ([`Broken`]).
    pub(super) fn reopen(path: &Path, redact: Redactor) -> std::io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let (whole, seq, prev) = end_of(&text)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(&text.as_bytes()[..whole])?;
        new.as_file().sync_all()?;
        let file = new.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()?;
        Ok(Self::written_by(Pen { seq, prev, ..Pen::new(Paper::File(file)) }, redact))
    }

    /// One that is kept in memory, after what is in `sheet` already; its writer dies when the fuse burns through.
    ///
    /// # Errors
    /// [`Broken`], as for a file.
    pub(super) fn in_memory(sheet: Sheet, fuse: Option<Fuse>, redact: Redactor) -> std::io::Result<Self> {
        let (whole, seq, prev) = end_of(&sheet.text())?;
        sheet.0.lock().unwrap_or_else(PoisonError::into_inner).truncate(whole);
        let pen = Pen { seq, prev, crash_at: None, fuse, ..Pen::new(Paper::Memory(sheet)) };
        Ok(Self::written_by(pen, redact))
    }

    /// One that cannot be written.
    ///
    /// # Panics
    /// On a machine without `/dev/full`.
    #[cfg(test)]
    pub fn on_full_disk(redact: Redactor) -> Self {
        let file = OpenOptions::new().append(true).open("/dev/full").expect("every Linux has it");
        Self::written_by(Pen { crash_at: None, ..Pen::new(Paper::File(file)) }, redact)
    }

    fn written_by(pen: Pen, redact: Redactor) -> Self {
        let (entries, queue) = mpsc::unbounded_channel();
        tokio::spawn(write_all(pen, queue));
        Self { entries: Some(entries), redact }
    }

    /// Keeps nothing: for looking without acting.
    pub fn none(redact: Redactor) -> Self {
        Self { entries: None, redact }
    }

    /// Writes a record, soon. It is on disk before any record that is kept later.
    pub fn note(&self, record: &impl Serialize) {
        self.send(record, None);
    }

    /// Writes a record; when the future is ready, it is on disk. The record's place is fixed by the call.
    pub fn keep<R: Serialize>(
        &self,
        record: &R,
    ) -> impl Future<Output = Result<(), JournalLost>> + Send + use<R> {
        let (tell, told) = oneshot::channel();
        let kept = self.entries.is_some();
        self.send(record, Some(tell));
        async move {
            match told.await {
                Ok(result) => result,
                Err(_) if !kept => Ok(()),
                Err(_) => Err(JournalLost("its writer is gone".to_owned())),
            }
        }
    }

    fn send(&self, record: &impl Serialize, kept: Option<oneshot::Sender<Result<(), JournalLost>>>) {
        let Some(entries) = &self.entries else { return };
        match serde_json::to_value(record) {
            // A writer that is gone has dropped `kept`, and so has told.
            Ok(record) => _ = entries.send(Entry { record: redacted(record, &self.redact), kept }),
            Err(error) => _ = kept.map(|kept| kept.send(Err(JournalLost(error.to_string())))),
        }
    }
}

/// Every text within `value`, redacted. Names of fields are ours and stay.
pub fn redacted(value: Value, redact: &Redactor) -> Value {
    match value {
        Value::String(text) => Value::String(redact(&text)),
        Value::Array(items) => items.into_iter().map(|item| redacted(item, redact)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, item)| (name, redacted(item, redact))).collect())
        }
        other => other,
    }
}

async fn write_all(mut pen: Pen, mut queue: mpsc::UnboundedReceiver<Entry>) {
    let mut entries = Vec::new();
    while queue.recv_many(&mut entries, 256).await > 0 {
        let batch = std::mem::take(&mut entries);
        let in_memory = matches!(pen.paper, Paper::Memory(_));
        let write = move || {
            let result = pen.write(&batch);
            (pen, batch, result)
        };
        // Memory is written at once: a simulated world has one thread, and must not depend on another's speed.
        let written = if in_memory { Ok(write()) } else { spawn_blocking(write).await };
        let Ok((same, batch, result)) = written else { return };
        pen = same;
        for entry in batch {
            entry.kept.map(|kept| kept.send(result.clone()));
        }
    }
}

/// What a journal is written on.
enum Paper {
    File(File),
    Memory(Sheet),
}

impl Paper {
    fn write(&mut self, lines: &str) -> std::io::Result<()> {
        match self {
            Self::File(file) => file.write_all(lines.as_bytes())?,
            Self::Memory(sheet) => {
                sheet.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(lines);
            }
        }
        Ok(())
    }

    fn sync(&self) -> std::io::Result<()> {
        match self {
            Self::File(file) => file.sync_data(),
            Self::Memory(_) => Ok(()),
        }
    }
}

/// A journal's text in memory. Clones are the same sheet.
#[derive(Clone, Debug, Default)]
pub(super) struct Sheet(Arc<Mutex<String>>);

impl Sheet {
    pub(super) fn of(text: String) -> Self {
        Self(Arc::new(Mutex::new(text)))
    }

    pub(super) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The open file and the end of its chain.
struct Pen {
    paper: Paper,
    seq: u64,
    prev: String,
    /// For the first line.
    follows: Option<RunId>,
    /// After a failed write the end of the file is unknown: nothing more is written.
    broken: Option<JournalLost>,
    crash_at: Option<u64>,
    fuse: Option<Fuse>,
}

/// Burns with every record that is written in memory, and kills the (simulated) process that writes after so many.
#[derive(Clone)]
pub struct Fuse {
    left: Arc<AtomicU64>,
    kill: Arc<dyn Fn() + Send + Sync>,
}

impl Fuse {
    /// `kill` is called right after `records` more records; nothing is written after them.
    pub fn new(records: u64, kill: impl Fn() + Send + Sync + 'static) -> Self {
        Self { left: Arc::new(AtomicU64::new(records)), kill: Arc::new(kill) }
    }

    /// Whether this record was the last.
    fn burn(&self) -> bool {
        let last =
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) == Ok(1);
        if last {
            (self.kill)();
        }
        last
    }
}

fn crash_at() -> Option<u64> {
    std::env::var(CRASH_AT).ok()?.parse().ok()
}

impl Pen {
    fn new(paper: Paper) -> Self {
        Self {
            paper,
            seq: 0,
            prev: String::new(),
            follows: None,
            broken: None,
            crash_at: crash_at(),
            fuse: None,
        }
    }

    fn write(&mut self, entries: &[Entry]) -> Result<(), JournalLost> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let written = self.try_write(entries).map_err(|error| JournalLost(error.to_string()));
        self.broken = written.clone().err();
        written
    }

    fn try_write(&mut self, entries: &[Entry]) -> std::io::Result<()> {
        let mut lines = String::new();
        for entry in entries {
            lines.push_str(&self.seal(&entry.record));
            if self.crash_at.is_some_and(|seq| seq < self.seq) {
                self.paper.write(&lines)?;
                self.paper.sync()?;
                std::process::abort();
            }
            if self.fuse.as_ref().is_some_and(Fuse::burn) {
                self.paper.write(&lines)?;
                return Err(std::io::Error::other("its process was killed"));
            }
        }
        self.paper.write(&lines)?;
        if entries.iter().any(|entry| entry.kept.is_some()) {
            self.paper.sync()?;
        }
        Ok(())
    }

    fn seal(&mut self, record: &Value) -> String {
        let mut line = serde_json::Map::new();
        line.insert("seq".to_owned(), self.seq.into());
        line.insert("at".to_owned(), jiff::Timestamp::now().to_string().into());
        line.insert("prev".to_owned(), self.prev.clone().into());
        if let Some(run) = self.follows.take() {
            line.insert("follows".to_owned(), run.as_str().into());
        }
        if let Value::Object(fields) = record {
            line.extend(fields.clone());
        }
        let body = Value::Object(line).to_string();
        self.prev = hash(&body);
        self.seq += 1;
        format!("{},\"hash\":\"{}\"}}\n", &body[..body.len() - 1], self.prev)
    }
}

fn hash(body: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(body.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What is wrong with a journal, and from which line on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {seq}: {reason}")]
pub struct Broken {
    /// The first record that is not as it was written, counted from 0.
    pub seq: u64,
    pub reason: String,
}

/// A journal as read.
#[derive(Clone, Debug, PartialEq)]
pub struct Read<T> {
    pub records: Vec<Sealed<T>>,
    /// The last line was being written when its writer died; it is left out.
    pub torn: bool,
}

/// Reads a journal that may still be written to. Seals are not looked at; see [`verify`].
///
/// # Errors
/// [`Broken`]: a line other than the last that cannot be read.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<Read<T>, Broken> {
    let mut records = Vec::new();
    for (seq, line) in lines(text) {
        if !line.ends_with('\n') {
            return Ok(Read { records, torn: true });
        }
        match serde_json::from_str(line) {
            Ok(record) => records.push(record),
            Err(error) => return Err(Broken { seq, reason: error.to_string() }),
        }
    }
    Ok(Read { records, torn: false })
}

/// A journal whose every line is as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// The hash of each line, in order.
    pub seals: Vec<String>,
    /// The last line was being written when its writer died; it does not count.
    pub torn: bool,
    /// What its first line goes on from.
    pub before: Option<Before>,
}

impl Proven {
    /// The hash of its last line.
    pub fn seal(&self) -> &str {
        self.seals.last().map_or("", String::as_str)
    }
}

/// Checks every seal and the chain within the journal; [`chain`] checks the one across journals.
///
/// # Errors
/// [`Broken`] names the first record that is not as it was written.
pub fn verify(text: &str) -> Result<Proven, Broken> {
    let mut proven = Proven::default();
    for (seq, line) in lines(text) {
        if !line.ends_with('\n') {
            return Ok(Proven { torn: true, ..proven });
        }
        let sealed = unbroken(line, seq).map_err(|reason| Broken { seq, reason })?;
        if seq == 0 {
            proven.before = sealed.follows.map(|run| Before { run, seal: sealed.prev.clone() });
        }
        let goes_before = if seq == 0 && proven.before.is_some() { &sealed.prev } else { proven.seal() };
        if sealed.prev != *goes_before {
            let reason = "a record before it is missing, or out of place".to_owned();
            return Err(Broken { seq, reason });
        }
        proven.seals.push(sealed.hash);
    }
    Ok(proven)
}

/// Where the whole lines of a journal end, the number of its next record, and the seal that goes before it.
fn end_of(text: &str) -> std::io::Result<(usize, u64, String)> {
    let proven = verify(text).map_err(std::io::Error::other)?;
    let whole = if proven.torn { text.rfind('\n').map_or(0, |end| end + 1) } else { text.len() };
    Ok((whole, proven.seals.len() as u64, proven.seal().to_owned()))
}

/// The seal of a journal's last whole line, whatever the others are; empty where there is none.
pub fn last_seal(text: &str) -> String {
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let last = whole.lines().next_back().and_then(|line| serde_json::from_str::<Sealed<Value>>(line).ok());
    last.map(|sealed| sealed.hash).unwrap_or_default()
}

fn lines(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (0..).zip(text.split_inclusive('\n'))
}

/// The line, if it is as it was written and has this number.
fn unbroken(line: &str, seq: u64) -> Result<Sealed<Value>, String> {
    let sealed: Sealed<Value> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let (body, _) = line.rsplit_once(",\"hash\":").ok_or("it has no seal")?;
    if sealed.hash != hash(&format!("{body}}}")) {
        return Err("it was changed after it was written".to_owned());
    }
    if sealed.seq != seq {
        return Err("a record before it is missing, or out of place".to_owned());
    }
    Ok(sealed)
}

pub mod chain;
#[cfg(test)]
mod tests;
