//! What became of one check. Made by [`crate::probe`] and by fakes; judged by whoever decides. Pure data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::measure::{self, Measure};

/// What became of one check. Silence and refusal differ: a refusal proves that the host is alive and the service is
/// not, silence proves neither.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The expected answer.
    Answered { detail: String, latency_us: u64 },
    /// The expected answer, and something a person should see to: a certificate that ends soon, a plugin's WARNING.
    Warned { detail: String, latency_us: u64 },
    /// An answer, but not the expected one: another status, a missing text, a broken conversation, an exit code.
    Wrong { detail: String, latency_us: u64 },
    /// The host is there and said no: nothing listens.
    Refused { detail: String },
    /// The network said that the host cannot be reached.
    Unreachable { detail: String },
    /// Nothing within the time given.
    TimedOut { after_ms: u64 },
    /// The check could not be made here; says nothing of its target.
    Impossible { detail: String },
}

impl Outcome {
    /// Whether it is the expected answer.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Answered { .. } | Self::Warned { .. })
    }

    /// What a person should see to, though the answer is the expected one.
    pub fn warning(&self) -> Option<&str> {
        match self {
            Self::Warned { detail, .. } => Some(shown(detail)),
            _ => None,
        }
    }

    /// Numbers that came with the answer; a plugin writes them behind a `|`.
    pub fn measures(&self) -> Vec<Measure> {
        match self {
            Self::Answered { detail, .. } | Self::Warned { detail, .. } | Self::Wrong { detail, .. } => {
                detail.split_once('|').map(|(_, data)| measure::parse(data)).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// Microseconds to the answer, right or wrong; `None` where none came.
    pub fn latency_us(&self) -> Option<u64> {
        match self {
            Self::Answered { latency_us, .. }
            | Self::Warned { latency_us, .. }
            | Self::Wrong { latency_us, .. } => Some(*latency_us),
            Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Impossible { .. } => None,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answered { detail, latency_us }
            | Self::Warned { detail, latency_us }
            | Self::Wrong { detail, latency_us } => {
                write!(f, "{} after {:?}", shown(detail), Duration::from_micros(*latency_us))
            }
            Self::Refused { detail } | Self::Unreachable { detail } | Self::Impossible { detail } => {
                f.write_str(detail)
            }
            Self::TimedOut { after_ms } => {
                write!(f, "no answer within {:?}", Duration::from_millis(*after_ms))
            }
        }
    }
}

/// What people read: without the numbers.
fn shown(detail: &str) -> &str {
    detail.split_once('|').map_or(detail, |(text, _)| text.trim_end())
}
