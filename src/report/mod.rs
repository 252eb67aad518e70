//! Consumers of a run's events: plain lines, progress bars, JSON lines. They see events and nothing else.

mod json;
mod lines;
mod progress;
mod words;

pub use json::JsonLines;
pub use lines::{Lines, Volume};
pub use progress::Progress;

use crate::engine::event::Event;

/// Something that shows a run while it goes. Called once per event, in order; must not wait.
pub trait Report: Send {
    fn event(&mut self, event: &Event);
}
