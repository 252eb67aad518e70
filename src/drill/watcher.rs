//! The monitor that is drilled: `reveille watch` as it is, in a process of its own, with what it says and when it looks.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::cell::Interval;
use super::stage::Stage;
use crate::engine::event::Event;
use crate::monitor::{Effect, Target, Told};
use crate::watch::Line;

/// Looks that are kept.
const KEPT: usize = 1000;
const STOPS_WITHIN: Duration = Duration::from_secs(20);

/// Something the monitor said.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// When its line arrived.
    pub at: Timestamp,
    pub what: Said,
}

#[derive(Clone, Debug)]
pub(super) enum Said {
    Told(Told),
    Run(Box<Event>),
}

/// A monitor at work. It ends with this.
pub(super) struct Watcher {
    child: Child,
    heard: Receiver<Heard>,
    tape: PathBuf,
    read: u64,
    /// When what was looked at, milliseconds since 1970, oldest first.
    looks: Vec<(u64, Target)>,
}

impl Watcher {
    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(stage: &Stage, interval: Interval) -> Result<Self> {
        let tape = stage.file("tape.jsonl");
        // A recording is appended to.
        let _ = std::fs::remove_file(&tape);
        let log = File::create(stage.file("watch.log"))?;
        let mut command =
            stage.command(&["watch", "--json", "-v", "--interval", &interval.span().to_string()]);
        command.arg("--record").arg(&tape).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().context("failed to start the monitor")?;
        let lines = BufReader::new(child.stdout.take().context("it has no output")?).lines();
        let (sender, heard) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let at = Timestamp::now();
                if let Some(what) = said(&line)
                    && sender.send(Heard { at, what }).is_err()
                {
                    break;
                }
            }
        });
        Ok(Self { child, heard, tape, read: 0, looks: Vec::new() })
    }

    /// What it said next, if it does within so long.
    ///
    /// # Errors
    /// It has ended.
    pub fn next(&mut self, patience: Duration) -> Result<Option<Heard>> {
        match self.heard.recv_timeout(patience) {
            Ok(heard) => Ok(Some(heard)),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                bail!("the monitor has ended ({})", self.child.wait()?)
            }
        }
    }

    /// When it last looked at `target`, not after `until` (milliseconds since 1970).
    ///
    /// # Errors
    /// Its recording cannot be read.
    pub fn last_look(&mut self, target: &Target, until: u64) -> Result<Option<u64>> {
        self.read_tape().context("failed to read the monitor's recording")?;
        let looks = self.looks.iter().rev();
        Ok(looks.filter(|(at, of)| of == target && *at <= until).map(|(at, _)| *at).next())
    }

    /// Takes in what was recorded since, whole lines only.
    fn read_tape(&mut self) -> Result<()> {
        let Ok(mut file) = File::open(&self.tape) else { return Ok(()) };
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.read += whole as u64;
        for line in text[..whole].lines().filter(|line| line.contains("\"look\"")) {
            let Ok(Line::Step { now, effects, .. }) = serde_json::from_str(line) else { continue };
            self.looks.extend(effects.into_iter().filter_map(|effect| match effect {
                Effect::Look(ask) => Some((now.wall_ms, ask.target)),
                _ => None,
            }));
        }
        let surplus = self.looks.len().saturating_sub(KEPT);
        self.looks.drain(..surplus);
        Ok(())
    }

    /// Asks it to end, and waits for that.
    pub fn stop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let end = std::time::Instant::now() + STOPS_WITHIN;
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            if std::time::Instant::now() > end {
                let _ = self.child.kill();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop();
    }
}

fn said(line: &str) -> Option<Said> {
    let value: Value = serde_json::from_str(line).ok()?;
    if value.get("happening").is_some() {
        return serde_json::from_value(value).ok().map(Said::Told);
    }
    value.get("event")?;
    serde_json::from_value(value).ok().map(Said::Run)
}
