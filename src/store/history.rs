//! What happened at the site, for people: `history.jsonl`, one happening a line, never changed. What a happening is, is
//! the monitor's matter. Unlike a journal nothing depends on it, so it is neither synced nor sealed.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Bytes after which a new file is begun; the old one is kept until the next time.
const FULL: u64 = 4 << 20;

/// The site's history. Any number of processes may write.
#[derive(Clone, Debug)]
pub struct History {
    folder: PathBuf,
    full: u64,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// By the wall clock of whoever wrote it.
    pub at: Timestamp,
    pub happening: Value,
}

impl History {
    /// The history kept in `folder`, which exists.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), full: FULL }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("history.jsonl")
    }

    fn old(&self) -> PathBuf {
        self.folder.join("history.1.jsonl")
    }

    /// Adds a happening. Blocks for as long as the disk does.
    ///
    /// # Errors
    /// What cannot be made into JSON, or a file that cannot be written.
    pub fn append(&self, at: Timestamp, happening: &impl Serialize) -> std::io::Result<()> {
        let entry = Entry { at, happening: serde_json::to_value(happening)? };
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(self.file())?;
        let end = if is_torn(&mut file)? { "\n" } else { "" };
        // One write, so that two writers' lines do not mix.
        file.write_all(format!("{end}{}\n", serde_json::to_string(&entry)?).as_bytes())?;
        if file.metadata()?.len() >= self.full { self.turn_over() } else { Ok(()) }
    }

    /// The last `count` happenings, oldest first. Lines that were torn by a crash are left out.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn last(&self, count: usize) -> std::io::Result<Vec<Entry>> {
        let mut text = read(&self.old())?;
        text.push_str(&read(&self.file())?);
        let newest = text.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
        let mut entries: Vec<Entry> = newest.take(count).collect();
        entries.reverse();
        Ok(entries)
    }

    /// By whoever comes first; the others go on.
    fn turn_over(&self) -> std::io::Result<()> {
        let lock = File::create(self.folder.join("history.lock"))?;
        let still_full = || fs::metadata(self.file()).is_ok_and(|file| file.len() >= self.full);
        if lock.try_lock().is_ok() && still_full() { fs::rename(self.file(), self.old()) } else { Ok(()) }
    }
}

/// Whether the last line was never finished.
fn is_torn(file: &mut File) -> std::io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn read(path: &Path) -> std::io::Result<String> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn numbers(history: &History, count: usize) -> Vec<i64> {
        history.last(count).unwrap().iter().map(|entry| entry.happening["n"].as_i64().unwrap()).collect()
    }

    #[test]
    fn the_last_happenings_are_found_in_order_across_files() {
        let folder = tempfile::tempdir().unwrap();
        let history = History { full: 400, ..History::new(folder.path()) };
        assert_eq!(history.last(9).unwrap(), []);
        for n in 0..40_i64 {
            history.append(at(n), &serde_json::json!({ "n": n })).unwrap();
        }
        assert!(history.old().exists());
        assert!(fs::metadata(history.file()).map_or(0, |file| file.len()) < 400, "it is turned over");
        assert_eq!(numbers(&history, 3), [37, 38, 39]);
        assert_eq!(history.last(1).unwrap()[0].at, at(39));
        let all = numbers(&history, 1000);
        assert!(all.len() >= 8 && all.len() < 40, "only one old file is kept: {all:?}");
        assert!(all.is_sorted_by(|one, next| next - one == 1), "{all:?}");
    }

    #[test]
    fn a_torn_line_hides_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::new(folder.path());
        history.append(at(1), &serde_json::json!({ "n": 1 })).unwrap();
        let mut text = fs::read_to_string(history.file()).unwrap();
        text.push_str("{\"at\": \"19");
        fs::write(history.file(), text).unwrap();
        history.append(at(3), &serde_json::json!({ "n": 3 })).unwrap();
        assert_eq!(numbers(&history, 5), [1, 3]);
    }
}
