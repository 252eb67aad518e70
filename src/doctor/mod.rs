//! What would fail at night: what the services need of each host, what the hosts say, and what is wrong between the
//! two, with the fix. Pure: `cli::doctor` connects, asks and prints.
//!
//! ```text
//! site, table ──▶ Needs (per host) ──▶ script ──▶ Answer ──┐
//!                                facts, clock, login ──▶ Visit ──▶ host::examine ──▶ Finding
//!                            all visits, table ──▶ service::examine ──▶ Finding
//! ```

mod answer;
mod clock;
pub mod fence;
mod finding;
pub mod host;
pub mod login;
mod needs;
mod ocf;
mod package;
pub mod service;
pub mod text;

pub use answer::{Answer, Freezer};
pub use clock::Reading;
pub use finding::{Finding, HostReport, Report, ServiceReport, Severity};
pub use host::Visit;
pub use needs::{Ask, Needs};
