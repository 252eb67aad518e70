//! Time as the core knows it: told with every input, never asked for.

use serde::{Deserialize, Serialize};

/// One instant, by two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// Milliseconds since some start, by a clock that never jumps and goes on while the process is stopped. All waiting
    /// is by this one.
    pub mono_ms: u64,
    /// Milliseconds since 1970. Only for what outlives the process: hold-down, daily budget, the end of a pause.
    pub wall_ms: u64,
}
