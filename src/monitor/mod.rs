//! Watching a site: what is looked at, what is concluded, what is done. [`Core`] decides and knows no clock, no socket
//! and no store; the driver waits and forwards.
//!
//! ```text
//! driver ── Input ──► Core ── Effect ──► driver: looks, runs, tellings
//!                      │
//!        watching ── inquiry ── verdict (the table) ── deciding (policy, evidence)
//!        watching_hosts ── host                        protecting (copy, strays, leases)
//! ```

mod clock;
mod config;
mod core;
mod counts;
mod deciding;
mod effect;
mod ending;
mod from_site;
mod happening;
mod host;
mod inquiry;
mod latency;
mod looks;
mod overload;
mod policy;
mod prospects;
mod protecting;
mod remembered;
mod service;
mod sight;
mod trouble;
pub mod verdict;
pub mod view;
mod watching;
mod watching_hosts;

#[cfg(test)]
mod tests;

pub use self::core::Core;
pub use clock::Now;
pub use config::{Config, Measure, Rule, Watched};
pub use counts::Looks;
pub use effect::{Act, ActEnd, ActId, ActOutcome, Effect, Input, Memory};
pub use from_site::Wishes;
pub use happening::{Gravity, Happening, Told};
pub use looks::Ask;
pub use policy::Blocker;
pub use prospects::{Prospect, Prospects};
pub use remembered::Remembered;
pub use sight::{LookId, Sight, Target, Testimony};
pub use trouble::Trouble;
