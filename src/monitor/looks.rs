//! Looks that are asked for, and their numbers.

use serde::{Deserialize, Serialize};

use super::sight::{LookId, Target};

/// A look to be made now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub look: LookId,
    pub target: Target,
    /// How long it may take.
    pub timeout_ms: u64,
}

/// Hands out numbers, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids(u64);

impl Ids {
    pub fn next(&mut self) -> LookId {
        self.0 += 1;
        LookId(self.0)
    }
}
