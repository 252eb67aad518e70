//! What would stand in the way if a service's primary failed now: the rules, and every kind of evidence the service
//! accepts. For `explain`; decides nothing.

use serde::{Deserialize, Serialize};

use super::config::Watched;
use super::core::Core;
use super::policy::{Blocker, span};
use crate::site::id::{HostName, ServiceName};
use crate::site::playbook::{EvidenceKind, TakeoverMode};

/// How things stand for a takeover that nobody asked for yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prospects {
    /// Rules that would hold it now.
    pub against: Vec<Blocker>,
    /// Its plan would only be written down.
    pub plan_only: bool,
    /// Takeovers within a day, and how many are allowed.
    pub takeovers: usize,
    pub max_per_day: u32,
    /// In the order of the service's policy.
    pub evidence: Vec<Prospect>,
}

/// One kind of evidence that the old primary no longer acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prospect {
    pub evidence: EvidenceKind,
    /// Whether it could be had at all.
    pub possible: bool,
    pub words: String,
}

impl Core {
    /// What would be in the way of a takeover of `name` now; nothing for a service that is not watched or has no primary.
    pub fn prospects(&self, name: &ServiceName) -> Option<Prospects> {
        let (watched, primary) = (self.watched(name)?, self.primary(name)?);
        let service = self.services.get(name)?;
        let is_today = |at: &&u64| **at + super::policy::DAY_MS > self.now.wall_ms;
        let memory = self.table.policy.get(name);
        Some(Prospects {
            against: self.blockers(name, service, watched, primary),
            plan_only: watched.mode == TakeoverMode::PlanOnly,
            takeovers: memory.map_or(0, |memory| memory.takeovers.iter().filter(is_today).count()),
            max_per_day: watched.max_per_day,
            evidence: watched
                .evidence
                .iter()
                .map(|kind| self.prospect(*kind, name, watched, primary))
                .collect(),
        })
    }

    fn prospect(
        &self,
        evidence: EvidenceKind,
        name: &ServiceName,
        watched: &Watched,
        primary: &HostName,
    ) -> Prospect {
        let (possible, words) = match evidence {
            EvidenceKind::Released => (true, format!("if {primary} answers over ssh and gives it up")),
            EvidenceKind::Fenced if self.config.fenceable.contains(primary) => {
                (true, format!("{primary} has a fence device"))
            }
            EvidenceKind::Fenced => (false, format!("{primary} has no fence device")),
            EvidenceKind::LeaseExpired => match watched.lease_ms {
                Some(lease) => (true, format!("{} after the last renewal of its address", span(lease))),
                None => (false, "its addresses have no lease".to_owned()),
            },
            EvidenceKind::LinkSilent if watched.addresses.is_empty() => {
                (false, "it has no service address to listen for".to_owned())
            }
            EvidenceKind::LinkSilent => self.listener(name),
            EvidenceKind::Human => match self.table.confirmed_dead.get(primary) {
                Some(word) => (true, format!("{} confirmed {primary} dead: {}", word.by, word.because)),
                None => (true, format!("if a person says `reveille confirm-dead {primary} --because …`")),
            },
        };
        Prospect { evidence, possible, words }
    }

    fn listener(&self, name: &ServiceName) -> (bool, String) {
        match self.row(name).and_then(|row| row.secondary.as_ref()) {
            Some(by) => (true, format!("if {by} hears nobody answer for the service address")),
            None => {
                (true, "if the host that takes over hears nobody answer for the service address".to_owned())
            }
        }
    }
}
