//! Runs a plan: one dispatcher owns the state, one future per batch of steps, every act journaled before it happens.
//!
//! [`run`] is what `cli` calls. What goes out while it runs is [`event::Event`]s; what stays is the journal.
//!
//! ```text
//! run ── dispatcher: select! ── landing, settle: what an end means ── fate, branch: of each service
//!            │                                                            │
//!         launch → batch → script → job → transport       closing → unwind → script → job → transport
//!                                     └── markers: whose output     recover: the same, from a journal
//! ```

pub mod account;
mod again;
mod batch;
mod branch;
mod closing;
mod conditions;
mod dispatcher;
pub mod event;
mod evidence;
#[cfg(test)]
mod fake;
mod fate;
pub mod gather;
mod hedge;
mod inject;
mod interrupt;
mod job;
mod landing;
mod late;
mod launch;
mod markers;
mod ports;
mod recap;
pub mod record;
pub mod recover;
mod results;
#[cfg(test)]
mod rig;
mod script;
mod settle;
mod teller;
#[cfg(test)]
mod tests;
mod unwind;
mod work;

pub use again::next_attempt;
pub use dispatcher::{Ending, RunOptions, StartError, run};
pub use inject::{Fault, Inject, Moment};
pub use interrupt::Interrupt;
pub use late::LatePlan;
pub use ports::{FenceOutcome, Fencer, Late, ProbeOutcome, Prober, Tools};
pub use script::{Reach, guarded};
