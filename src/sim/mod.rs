//! A simulated world under virtual time: hosts, links, clocks, stores and monitors, in which the real core decides and the
//! real planner and engine act, while faults happen. Called by `reveille sim` and by tests.
//!
//! ```text
//! history (faults, by seed) ──► world: hosts, net, story ◄── judge: what must never be
//!                                  ▲            ▲
//!                 shell: programs on hosts     look: what is seen
//!                                  ▲            ▲
//!                         wire ── monitor: Core, Planner, engine::run, MemStore
//! ```

mod acting;
mod address;
pub mod bench;
mod chance;
mod command;
mod fault;
mod gate;
mod history;
mod host;
mod hunt;
mod judge;
mod leader;
mod look;
mod monitor;
mod net;
mod process;
mod program;
mod run;
mod seek;
mod shell;
mod site;
mod story;
#[cfg(test)]
mod tests;
mod wire;
mod world;

pub use history::{Event, Fault, History, Whom};
pub use hunt::hunt;
pub use run::{Broken, Sites, Told, tell};
pub use seek::{Found, Search, sweep};
pub use site::{Data, Kind, Shape};
