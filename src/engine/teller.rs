//! The run's voice: numbers its events, times them, and takes secrets out of them. Shared by all that speak.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::event::{Event, EventKind, Level, Stream};
use crate::plan::StepRef;
use crate::store::journal::Redactor;

/// Clones speak for the same run.
#[derive(Clone)]
pub(super) struct Teller {
    events: UnboundedSender<Event>,
    /// The index of the next event; held while sending, so that events leave in order.
    next: Arc<Mutex<u64>>,
    start: Instant,
    redact: Redactor,
}

impl Teller {
    pub(super) fn new(events: UnboundedSender<Event>, redact: Redactor) -> Self {
        Self { events, next: Arc::default(), start: Instant::now(), redact }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Says it, if anybody listens.
    pub(super) fn tell(&self, kind: EventKind) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.events.send(Event { index: *next, at_ms: millis(self.elapsed()), kind });
        *next += 1;
    }

    pub(super) fn output(&self, step: &StepRef, stream: Stream, line: &str) {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = EventKind::StepOutput { step: step.clone(), stream, line: self.redacted(line) };
        let index = next.saturating_sub(1);
        let _ = self.events.send(Event { index, at_ms: millis(self.elapsed()), kind });
    }

    pub(super) fn notice(&self, level: Level, text: &str) {
        self.tell(EventKind::Notice { level, text: self.redacted(text) });
    }

    pub(super) fn redacted(&self, text: &str) -> String {
        (self.redact)(text)
    }
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
