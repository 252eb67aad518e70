//! One service under watch: its rounds, its inquiry, its rules, its sleeping copy, its address lease.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::Watched;
use super::effect::ActId;
use super::inquiry::Inquiry;
use super::latency::Latency;
use super::overload::Gauge;
use super::policy::Blocker;
use super::sight::{LookId, Sight};
use super::verdict::Verdict;
use crate::plan::Operation;
use crate::site::id::HostName;

/// A renewal that takes longer than this on its way changes nothing on the host.
pub const RENEWAL_BUDGET_MS: u64 = 1000;

/// Between the end of a lease as we count and our belief in it: kernels count in seconds.
const LEASE_MARGIN_MS: u64 = 1500;

/// How long a failed attempt at protection is not repeated, at first and at most.
const BACKOFF_MS: (u64, u64) = (4_000, 60_000);

/// What is known of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    pub verdict: Verdict,
    pub because: String,
    /// By whom what was observed, for people.
    pub observed: Vec<String>,
    pub since_ms: u64,
    pub latency: Latency,
    pub gauges: BTreeMap<String, Gauge>,
    pub next_round_ms: u64,
    pub round: Option<Round>,
    /// A first round came to its end.
    pub looked: bool,
    /// The next look is not a round: a rule is to be confirmed.
    #[serde(default)]
    pub hurried: bool,
    pub inquiry: Option<Inquiry>,
    /// The last answer, and the first miss since.
    pub answered_ms: Option<u64>,
    pub out_since_ms: Option<u64>,
    /// When its primary changed last.
    pub moved_ms: Option<u64>,
    /// Our last takeover, by the wall clock as the table has it, and by our own, which nobody sets.
    #[serde(default)]
    pub taken_over: Option<(u64, u64)>,
    pub act: Option<ActId>,
    pub act_ended_ms: u64,
    /// What should be done and is not, and why.
    pub held: Option<(Operation, Vec<Blocker>)>,
    pub copy: SleepingCopy,
    pub renewal: Renewal,
    /// No host could take it; not tried again before.
    pub nobody: Option<(String, u64)>,
    /// A hook said no; it is not asked again before.
    #[serde(default)]
    pub vetoed: Option<(String, u64)>,
}

/// A regular look under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    pub look: LookId,
    pub sent_ms: u64,
}

/// The copy on the secondary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SleepingCopy {
    /// Rounds in a row in which it was not as it should be.
    pub bad: u32,
    pub why: String,
    /// Protection is not tried again before.
    pub retry_ms: u64,
    backoff_ms: u64,
    /// What people were told last.
    pub told: Option<bool>,
    /// An attempt to protect the service ended neither done nor undone.
    #[serde(default)]
    pub left: bool,
}

impl SleepingCopy {
    /// An attempt to protect the service failed.
    pub fn failed(&mut self, now_ms: u64) -> u64 {
        self.backoff_ms = (self.backoff_ms * 2).clamp(BACKOFF_MS.0, BACKOFF_MS.1);
        self.retry_ms = now_ms + self.backoff_ms;
        self.backoff_ms
    }

    /// Whether the last attempt failed, and nothing changed since.
    pub fn has_failed(&self) -> bool {
        self.backoff_ms > 0
    }

    /// An attempt went well: what hosts said before it is old.
    pub fn rest(&mut self, now_ms: u64) {
        self.left = false;
        self.backoff_ms = 0;
        self.retry_ms = now_ms + BACKOFF_MS.0;
    }

    /// Something changed: it is worth another try.
    pub fn hope(&mut self, now_ms: u64) {
        self.backoff_ms = 0;
        self.retry_ms = self.retry_ms.min(now_ms);
    }
}

/// The lease of the service addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    pub next_ms: u64,
    pub look: Option<LookId>,
    /// When the last renewal was sent to which host, whatever came of it.
    pub sent: Option<(HostName, u64)>,
    pub failures: u32,
    /// The host is being left: its lease may run out.
    pub forsaken: bool,
}

impl Renewal {
    /// How long the kernel of `host` may still hold the addresses. Whoever watched before us may have renewed until we
    /// began.
    pub fn remaining_ms(&self, host: &HostName, lease_ms: u64, began_ms: u64, now_ms: u64) -> u64 {
        let sent = match &self.sent {
            Some((to, sent)) if to == host => *sent,
            _ => began_ms,
        };
        (sent + RENEWAL_BUDGET_MS + lease_ms + LEASE_MARGIN_MS).saturating_sub(now_ms)
    }
}

impl Service {
    pub fn new(first_round_ms: u64, now_ms: u64) -> Self {
        Self {
            verdict: Verdict::Unknown,
            because: "it was not looked at yet".to_owned(),
            observed: Vec::new(),
            since_ms: now_ms,
            latency: Latency::default(),
            gauges: BTreeMap::new(),
            next_round_ms: first_round_ms,
            round: None,
            looked: false,
            hurried: false,
            inquiry: None,
            answered_ms: None,
            out_since_ms: None,
            moved_ms: None,
            taken_over: None,
            act: None,
            act_ended_ms: 0,
            held: None,
            copy: SleepingCopy::default(),
            renewal: Renewal { next_ms: now_ms, ..Renewal::default() },
            nobody: None,
            vetoed: None,
        }
    }

    /// When the look of this round becomes a worry.
    pub fn worry_ms(&self, watched: &Watched) -> Option<u64> {
        self.round.as_ref().map(|round| round.sent_ms + self.latency.hedge_ms(watched.timeout_ms))
    }

    /// It answered: whatever was wrong is over.
    pub fn answered(&mut self, sight: &Sight, now_ms: u64) {
        if let Some(micros) = sight.latency_us() {
            self.latency.heard(micros);
        }
        self.answered_ms = Some(now_ms);
        self.out_since_ms = None;
        self.looked = true;
        self.inquiry = None;
        self.round = None;
        self.renewal.forsaken = false;
    }

    /// The rules that hold.
    pub fn is_overloaded(&self) -> bool {
        self.gauges.values().any(|gauge| gauge.holds)
    }

    /// Sets the next round one interval on, in step, however late this one is.
    pub fn step(&mut self, interval_ms: u64, now_ms: u64) {
        self.next_round_ms += interval_ms;
        if self.next_round_ms <= now_ms {
            self.next_round_ms = now_ms + interval_ms;
        }
    }
}
