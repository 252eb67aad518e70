//! Whether what should be done may be done: every reason against it, each a sentence and a way out.

use serde::{Deserialize, Serialize};

use super::verdict::Verdict;
use crate::site::id::{HostName, ServiceName};
use crate::site::playbook::EvidenceKind;

/// Takeovers are counted over this long.
pub const DAY_MS: u64 = 24 * 3600 * 1000;

/// A reason not to act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "blocker")]
pub enum Blocker {
    /// The monitor only just started.
    Grace {
        for_ms: u64,
    },
    Paused {
        by: String,
        because: String,
        for_ms: Option<u64>,
    },
    /// It was moved only just now, from a host that lives.
    HoldDown {
        for_ms: u64,
    },
    /// It was moved too often today.
    Budget {
        takeovers: usize,
        of: u32,
    },
    /// The last takeover failed.
    Latched {
        because: String,
    },
    /// Another run has it in hand.
    Busy,
    /// Nothing proves that the old primary no longer acts.
    Evidence {
        accepted: Vec<EvidenceKind>,
        found: String,
        lapses_in_ms: Option<u64>,
    },
    /// No host could take it a moment ago.
    NoCandidate {
        because: String,
        for_ms: u64,
    },
    /// A program of the site said no a moment ago.
    Vetoed {
        because: String,
        for_ms: u64,
    },
    /// Every other host is as busy.
    NobodyLighter,
    /// Another host may be the one that answers.
    Claimed {
        host: HostName,
    },
}

impl Blocker {
    /// The sentence, and what would end it.
    pub fn in_full(&self, service: &ServiceName) -> String {
        format!("{self} (what ends it: {})", self.way_out(service.as_str()))
    }

    /// What would end it.
    pub fn way_out(&self, service: &str) -> String {
        match self {
            Self::Grace { for_ms } => format!("it ends in {}", span(*for_ms)),
            Self::Paused { for_ms: Some(for_ms), .. } => {
                format!("`reveille resume`, or wait {}", span(*for_ms))
            }
            Self::Paused { for_ms: None, .. } => "`reveille resume`".to_owned(),
            Self::HoldDown { for_ms } => format!("`reveille ack {service}`, or wait {}", span(*for_ms)),
            Self::Budget { .. } | Self::Latched { .. } => format!("`reveille ack {service}`"),
            Self::Busy => "it ends by itself".to_owned(),
            Self::Evidence { lapses_in_ms: Some(wait), .. } => {
                format!("its address lease lapses in {}", span(*wait))
            }
            Self::Evidence { accepted, .. } if accepted.contains(&EvidenceKind::Human) => {
                "make sure that the host is dead, then `reveille confirm-dead HOST --because …`".to_owned()
            }
            Self::Evidence { .. } => "a fence device, or an address lease".to_owned(),
            Self::NoCandidate { for_ms, .. } => format!("the pool is looked at again in {}", span(*for_ms)),
            Self::Vetoed { for_ms, .. } => format!("the hook is asked again in {}", span(*for_ms)),
            Self::NobodyLighter => "a host with less load".to_owned(),
            Self::Claimed { host } => format!("{host} is looked at now, and cleaned"),
        }
    }
}

impl std::fmt::Display for Blocker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Grace { .. } => f.write_str("this monitor only just started"),
            Self::Paused { by, because, .. } => write!(f, "paused by {by}: {because}"),
            Self::HoldDown { for_ms } => {
                write!(f, "it was moved only just now; hold-down for another {}", span(*for_ms))
            }
            Self::Budget { takeovers, of } => {
                write!(f, "{takeovers} takeovers within a day; {of} are allowed")
            }
            Self::Latched { because } => write!(f, "the last takeover failed: {because}"),
            Self::Busy => f.write_str("another run has it in hand"),
            Self::Evidence { accepted, found, .. } => {
                let accepted: Vec<_> = accepted.iter().map(|kind| kind.as_str()).collect();
                write!(
                    f,
                    "evidence is missing that the old primary no longer acts ({found}; accepted: {})",
                    accepted.join(", ")
                )
            }
            Self::NoCandidate { because, .. } => write!(f, "no host can take it: {because}"),
            Self::Vetoed { because, .. } => write!(f, "the site's hook forbids it: {because}"),
            Self::NobodyLighter => f.write_str("no host is less loaded"),
            Self::Claimed { host } => {
                write!(
                    f,
                    "{host} held its address too when it was last heard, and may be the one that answers"
                )
            }
        }
    }
}

/// Whether moving away on this verdict is held down after a recent move. A dead host is left all the same: the service
/// is gone, and nothing can flap to a host that is not there.
pub fn held_down(verdict: Verdict) -> bool {
    verdict != Verdict::HostDown
}

/// `3 min`, `12 s`, `400 ms`.
pub fn span(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..120_000 => format!("{} s", ms.div_ceil(1000)),
        120_000..7_200_000 => format!("{} min", ms.div_ceil(60_000)),
        _ => format!("{} h", ms.div_ceil(3_600_000)),
    }
}
