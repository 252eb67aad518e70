//! Tells people and programs what a monitor does: by a command, a webhook, a mail. `cli` starts it beside a monitor,
//! which never waits for it.
//!
//! Each notice has a short queue and a task of its own. A message is tried three times, each with a deadline; what could
//! not be sent is told once, until something gets through again.

mod hmac;
mod mail;
mod message;
mod notifier;
pub mod program;
mod target;
#[cfg(test)]
mod tests;
mod webhook;

pub use message::{Context, PAUSES};
pub use notifier::{Deliveries, Notifier};
