//! Consumers of what runs and monitors say: lines, bars, JSON lines, a live table, metrics. They see events, happenings
//! and pictures, and nothing else.

pub mod account;
pub mod board;
pub mod compare;
mod json;
mod lines;
pub mod metrics;
pub mod past;
mod progress;
#[cfg(test)]
pub(crate) mod sample;
pub mod tally;
pub mod watch;
pub(crate) mod words;

pub use json::JsonLines;
pub use lines::{Lines, Volume};
pub use progress::Progress;

use crate::engine::event::Event;

/// Something that shows a run while it goes. Called once per event, in order; must not wait.
pub trait Report: Send {
    fn event(&mut self, event: &Event);
}
