//! The client of a drilled service: the lab's meter, in a process of its own in the client's network, and all that it was
//! answered.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use super::wait::Stop;
use crate::lab::meter::{Answer, Url};
use crate::lab::{Lab, meter_command};

const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// A client that asks all the time. It ends with this.
pub(super) struct Client {
    child: Child,
    seen: Arc<Mutex<Seen>>,
    reading: Option<JoinHandle<()>>,
}

/// What it has seen so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// When it began; its answers count from here.
    pub started: Option<Timestamp>,
    pub answers: Vec<Answer>,
}

/// The first line of what the meter says.
#[derive(Deserialize)]
struct Beginning {
    started: Timestamp,
}

impl Client {
    /// Starts it, and waits for its first good answer.
    ///
    /// # Errors
    /// It cannot be started, or nobody answers it.
    pub fn start(lab: &Lab, program: &Path, url: &Url, stop: Stop<'_>) -> Result<Self> {
        let mut command = meter_command(lab, program, url)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("failed to start the meter")?;
        let out = child.stdout.take().context("it has no output")?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let into = Arc::clone(&seen);
        let reading = thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let mut seen = into.lock().unwrap_or_else(PoisonError::into_inner);
                if let Ok(answer) = serde_json::from_str::<Answer>(&line) {
                    seen.answers.push(answer);
                } else if let Ok(beginning) = serde_json::from_str::<Beginning>(&line) {
                    seen.started = Some(beginning.started);
                }
            }
        });
        let mut client = Self { child, seen, reading: Some(reading) };
        stop.until(&format!("an answer of {url}"), ANSWERED_WITHIN, || client.first_answer())?;
        Ok(client)
    }

    fn first_answer(&mut self) -> Result<Option<()>> {
        if let Some(ended) = self.child.try_wait()? {
            bail!("the meter ended with {ended}");
        }
        Ok(self.seen().answers.iter().any(|answer| answer.ok).then_some(()))
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it, and waits for the answers still due.
    pub fn finish(mut self) -> Seen {
        self.end();
        self.seen()
    }

    fn end(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
        if let Some(reading) = self.reading.take() {
            let _ = reading.join();
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.end();
    }
}
