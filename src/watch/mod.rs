//! A monitor at work: waits, looks, runs, and forwards. What to look at and what to do is decided by
//! [`crate::monitor::Core`]; nothing here decides. Called by `cli`.
//!
//! ```text
//! lead: the lease, open runs, a new epoch ── drive: select! ── Core
//!                                              │   └── tape: every input, for `replay`
//!                      field: the site ── look │ act │ reconcile
//! ```

mod act;
mod drive;
mod field;
mod gateway;
mod hook;
mod lead;
mod look;
mod peek;
mod replay;
mod supervisor;
mod tape;
mod uptime;

pub use drive::{Shown, Stop};
pub use field::{Field, Parts};
pub use gateway::gateway;
pub use lead::{Ended, Options, Watch, WatchError};
pub use peek::Peek;
pub use replay::{Difference, Parted, Replay, Replayed};
pub use supervisor::Supervisor;
pub use tape::{Line, Tape};
