//! Waiting with an end: until something is so, until it takes too long, or until somebody wants the drill to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use jiff::Timestamp;

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Somebody wants the drill to stop.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub struct Interrupted;

/// Asked by every wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop<'a>(pub &'a AtomicBool);

impl Stop<'_> {
    pub fn check(self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(Interrupted.into()) } else { Ok(()) }
    }

    /// Waits until there is something.
    ///
    /// # Errors
    /// It takes longer than `patience`, or looking fails.
    pub fn until<T>(
        self,
        what: &str,
        patience: Duration,
        mut look: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let end = Instant::now() + patience;
        loop {
            self.check()?;
            if let Some(found) = look()? {
                return Ok(found);
            }
            if Instant::now() >= end {
                bail!("{what}: not within {} s", patience.as_secs());
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Sleeps until a wall-clock instant, to a fraction of a millisecond.
    pub fn at(self, instant: Timestamp) -> Result<()> {
        loop {
            self.check()?;
            let left = instant.duration_since(Timestamp::now());
            let Ok(left) = Duration::try_from(left) else { return Ok(()) };
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(Duration::from_millis(200)));
        }
    }
}

/// The time between two instants in seconds, negative if `to` comes first.
pub(super) fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}
