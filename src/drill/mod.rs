//! Drills with faults: makes real failures in a lab under the real monitor and measures, as a client and by the clock,
//! how long a service is without its host. Called by `cli`; at the top of all layers beside it.
//!
//! ```text
//! run: service by service ── stage: a private copy of the site in the lab
//!        └ cell by cell ──── watcher: `reveille watch`, as it is
//!             └ round ────── instants │ fault, overload │ client: the meter │ figures
//! record ── tables ── text │ csv │ page │ results: all pure
//! ```

mod armed;
pub mod cell;
mod client;
pub mod csv;
mod fault;
mod figures;
mod instants;
mod machine;
#[cfg(test)]
mod made_up;
mod method;
mod overload;
pub mod page;
pub mod plot;
pub mod record;
pub mod reference;
pub mod results;
mod rewrite;
mod round;
mod run;
mod stage;
pub mod tables;
mod takeover;
pub mod text;
mod wait;
mod watcher;

pub use cell::{Fault, Interval, Wanted};
pub use machine::machine;
pub use method::method;
pub use record::Document;
pub use reference::Reference;
pub use run::{Drill, Subject};
pub use tables::Tables;
pub use wait::Interrupted;
