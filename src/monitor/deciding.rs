//! From a verdict to an act: every reason against it is looked for, and if there is none the act goes out.

use super::config::{Measure, Rule, Watched};
use super::core::Core;
use super::effect::{Act, Effect};
use super::happening::Happening;
use super::host::Host;
use super::inquiry::Inquiry;
use super::policy::{self, Blocker};
use super::service::Service;
use super::verdict::Verdict;
use super::watching::AGAIN_MS;
use crate::plan::table::Role;
use crate::plan::testimony::Heard;
use crate::plan::{LeaseFact, Operation};
use crate::site::id::{HostName, ServiceName};
use crate::site::playbook::{EvidenceKind, TakeoverMode};

/// A host must be less loaded than the one that is left by this factor, or a move for its load is not worth it.
const LIGHTER: f64 = 0.7;

/// Where something else is the matter, a host may have as much load as the one that is left: measures of load that differ
/// by less than this are the same.
const SAME_LOAD: f64 = 0.25;

impl Core {
    /// Acts on a verdict, or keeps why not. `inquiry` holds what was seen, where the primary is lost.
    pub(super) fn decide(
        &mut self,
        name: &ServiceName,
        service: &mut Service,
        watched: &Watched,
        primary: &HostName,
        operation: Operation,
        inquiry: Option<&Inquiry>,
    ) {
        let mut blockers = self.blockers(name, service, watched, primary);
        if let Some(inquiry) = inquiry {
            blockers.extend(self.missing_evidence(name, service, watched, primary, inquiry));
        }
        if operation == Operation::Failover
            && let Some(host) = self.claimant(name, service, watched, primary)
        {
            self.look_at(&host);
            service.next_round_ms = service.next_round_ms.min(self.now.mono_ms + AGAIN_MS * 2);
            service.renewal.forsaken = false;
            blockers.push(Blocker::Claimed { host });
        }
        let lighter_than =
            (operation == Operation::Switchover).then(|| self.load_limit(service, watched, primary));
        if let Some(limit) = lighter_than
            && !self.is_anyone_lighter(watched, primary, limit)
        {
            blockers.push(Blocker::NobodyLighter);
        }
        if blockers.is_empty() {
            service.held = None;
            self.act(name, service, watched, operation, lighter_than);
        } else {
            self.hold(name, service, operation, blockers);
        }
    }

    /// Another host that held the service's address when it was last heard: what seems to be the primary's may be its
    /// answers. It is heard anew before anything is moved, unless it has been silent since the trouble began; and while
    /// it holds the address it is cleaned rather than the service moved, where the primary's host is well.
    fn claimant(
        &self,
        name: &ServiceName,
        service: &Service,
        watched: &Watched,
        primary: &HostName,
    ) -> Option<HostName> {
        if service.verdict == Verdict::HostDown {
            return None;
        }
        let trouble_ms = service.out_since_ms.unwrap_or(self.now.mono_ms);
        let is_well = |host: &HostName| self.hosts.get(host).is_some_and(|host| host.verdict == Verdict::Ok);
        let is_cleaned_first =
            self.strays.get(name).filter(|_| is_well(primary) && !service.copy.has_failed());
        let claims = |(name, host): &(&HostName, &Host)| {
            *name != primary
                && host.sample.as_ref().is_some_and(|sample| {
                    sample.facts.addresses.iter().any(|held| watched.addresses.contains(&held.address))
                })
                && (host.looked_ms < trouble_ms
                    || is_cleaned_first.is_some_and(|stray| stray.host == **name && is_well(name)))
        };
        self.hosts.iter().find(claims).map(|(name, _)| name.clone())
    }

    /// Sends the operation out.
    pub(super) fn act(
        &mut self,
        name: &ServiceName,
        service: &mut Service,
        watched: &Watched,
        operation: Operation,
        lighter_than: Option<f64>,
    ) {
        let lease = match (self.primary(name), watched.lease_ms) {
            (Some(primary), Some(lease_ms)) => {
                Some((name.clone(), self.lease_fact(service, primary, lease_ms)))
            }
            _ => None,
        };
        let because = match operation {
            Operation::Reprotect => service.copy.why.clone(),
            _ => format!("{}: {}", service.verdict.as_str(), service.because),
        };
        let dark = self.primary(name).filter(|_| service.verdict == Verdict::HostDown).cloned();
        let act = Act {
            act: self.next_act(),
            operation,
            services: vec![name.clone()],
            plan_only: watched.mode == TakeoverMode::PlanOnly,
            because: because.clone(),
            leases: lease.into_iter().collect(),
            lighter_than,
            dark: dark.into_iter().collect(),
        };
        service.act = Some(act.act);
        service.inquiry = None;
        service.round = None;
        self.under_way.insert(act.act, act.clone());
        self.tell(Happening::Began { services: act.services.clone(), operation, because });
        self.effect(Effect::Act(act));
    }

    fn lease_fact(&self, service: &Service, host: &HostName, lease_ms: u64) -> LeaseFact {
        let (now, began) = (self.now.mono_ms, self.began.mono_ms);
        let sent = service.renewal.sent.as_ref().filter(|(to, _)| to == host);
        LeaseFact {
            host: host.clone(),
            lease_ms,
            remaining_ms: service.renewal.remaining_ms(host, lease_ms, began, now),
            renewed_ago_ms: sent.map(|(_, sent)| now.saturating_sub(*sent)),
        }
    }

    /// Keeps what stands in the way; tells it when it is news.
    fn hold(
        &mut self,
        name: &ServiceName,
        service: &mut Service,
        operation: Operation,
        blockers: Vec<Blocker>,
    ) {
        let kinds =
            |blockers: &[Blocker]| -> Vec<_> { blockers.iter().map(std::mem::discriminant).collect() };
        let news = match &service.held {
            Some((was, before)) => *was != operation || kinds(before) != kinds(&blockers),
            None => true,
        };
        // The first seconds of a monitor are no news.
        let grace = blockers.iter().all(|blocker| matches!(blocker, Blocker::Grace { .. }));
        if news && !grace {
            let because = blockers.iter().map(|blocker| blocker.in_full(name)).collect();
            self.tell(Happening::Held { service: name.clone(), operation, because });
        }
        service.held = Some((operation, blockers));
    }

    /// Reasons against moving a service at all.
    pub(super) fn blockers(
        &self,
        name: &ServiceName,
        service: &Service,
        watched: &Watched,
        primary: &HostName,
    ) -> Vec<Blocker> {
        let mut found = self.standing(name, service, std::slice::from_ref(primary));
        let wall = self.now.wall_ms;
        if let Some(memory) = self.table.policy.get(name) {
            if let Some(latch) = &memory.latched {
                found.push(Blocker::Latched { because: latch.because.clone() });
            }
            let for_ms = self.hold_down_ms(service, watched, &memory.takeovers);
            if policy::held_down(service.verdict) && for_ms > 0 {
                found.push(Blocker::HoldDown { for_ms });
            }
            let today = memory.takeovers.iter().filter(|at| **at + policy::DAY_MS > wall).count();
            if today >= watched.max_per_day as usize {
                found.push(Blocker::Budget { takeovers: today, of: watched.max_per_day });
            }
        }
        found
    }

    /// How much longer a service stays where its last takeover put it. Whatever becomes of the wall clock meanwhile: of
    /// our own takeovers we know when they were, and every other was before we began.
    fn hold_down_ms(&self, service: &Service, watched: &Watched, takeovers: &[u64]) -> u64 {
        let Some(last) = takeovers.iter().max() else { return 0 };
        let (began, now) = (self.began, self.now.mono_ms);
        let ago_ms = match service.taken_over {
            Some((at, mono_ms)) if at == *last => now.saturating_sub(mono_ms),
            _ => began.wall_ms.saturating_sub(*last) + now.saturating_sub(began.mono_ms),
        };
        watched.hold_down_ms.saturating_sub(ago_ms)
    }

    /// Reasons against touching a service on these hosts, for its protection too.
    pub(super) fn standing(&self, name: &ServiceName, service: &Service, hosts: &[HostName]) -> Vec<Blocker> {
        let (now, wall) = (self.now.mono_ms, self.now.wall_ms);
        let mut found = Vec::new();
        if self.is_in_grace() {
            found.push(Blocker::Grace { for_ms: self.grace_until_ms - now });
        }
        if let Some(pause) = self.table.paused(name, hosts, wall) {
            found.push(Blocker::Paused {
                by: pause.by.clone(),
                because: pause.because.clone(),
                for_ms: pause.until_ms.map(|until| until.saturating_sub(wall)),
            });
        }
        if let Some((because, until)) = &service.nobody
            && *until > now
        {
            found.push(Blocker::NoCandidate { because: because.clone(), for_ms: until - now });
        }
        if let Some((because, until)) = &service.vetoed
            && *until > now
        {
            found.push(Blocker::Vetoed { because: because.clone(), for_ms: until - now });
        }
        found
    }

    /// What proves, or would prove, that the old primary no longer acts. None if something does.
    fn missing_evidence(
        &self,
        name: &ServiceName,
        service: &Service,
        watched: &Watched,
        primary: &HostName,
        inquiry: &Inquiry,
    ) -> Option<Blocker> {
        let now = self.now.mono_ms;
        let secondary = self.row(name).and_then(|row| row.secondary.as_ref());
        let lapses = watched
            .lease_ms
            .map(|lease_ms| service.renewal.remaining_ms(primary, lease_ms, self.began.mono_ms, now));
        let mut waits_for = None;
        let mut found = Vec::new();
        for kind in &watched.evidence {
            match kind {
                EvidenceKind::Released if inquiry.shell_answers() => return None,
                EvidenceKind::Released => found.push(format!("{primary} cannot be told to let go")),
                EvidenceKind::Fenced if self.config.fenceable.contains(primary) => return None,
                EvidenceKind::Fenced => found.push(format!("{primary} has no fence device")),
                EvidenceKind::LeaseExpired => match lapses {
                    Some(0) => return None,
                    Some(left) => waits_for = Some(left),
                    None => {}
                },
                EvidenceKind::LinkSilent if watched.addresses.is_empty() => {}
                EvidenceKind::LinkSilent => match heard_on_link(inquiry, secondary) {
                    Some(Heard::Silent { .. }) => return None,
                    Some(heard) => found.push(format!("the service address on the link: {heard}")),
                    None => found.push("nobody could listen on the link".to_owned()),
                },
                EvidenceKind::Human if self.table.confirmed_dead.contains_key(primary) => return None,
                EvidenceKind::Human => {}
            }
        }
        Some(Blocker::Evidence {
            accepted: watched.evidence.clone(),
            found: found.join(", "),
            lapses_in_ms: waits_for,
        })
    }

    /// The most load that a host may have to be worth a move.
    fn load_limit(&self, service: &Service, watched: &Watched, primary: &HostName) -> f64 {
        let load = self.load_of(primary);
        let holds = |name: &String| service.gauges.get(name).is_some_and(|gauge| gauge.holds);
        let of_load = |(name, rule): (&String, &Rule)| rule.measure == Measure::LoadPerCpu && holds(name);
        if watched.overload.iter().any(of_load) { load * LIGHTER } else { load + SAME_LOAD }
    }

    fn load_of(&self, host: &HostName) -> f64 {
        let sample = self.hosts.get(host).and_then(|host| host.sample.as_ref());
        sample.map_or(f64::INFINITY, |sample| sample.facts.load_per_cpu)
    }

    fn is_anyone_lighter(&self, watched: &Watched, primary: &HostName, limit: f64) -> bool {
        watched.pool.iter().any(|host| {
            host != primary
                && self.hosts.get(host).is_some_and(|host| host.verdict == Verdict::Ok)
                && self.load_of(host) <= limit
        })
    }

    /// Whether a host is free to be believed about a service: no run of ours has changed it since it spoke.
    pub(super) fn is_settled(&self, name: &ServiceName, spoke_ms: u64) -> bool {
        self.services
            .get(name)
            .is_some_and(|service| service.act.is_none() && service.act_ended_ms < spoke_ms)
    }

    pub(super) fn is_secondary(&self, name: &ServiceName, host: &HostName) -> bool {
        self.role(name, host) == Some(Role::Secondary)
    }
}

/// What was heard of the service address: an answer outweighs silence, and either outweighs not knowing.
fn heard_on_link<'a>(inquiry: &'a Inquiry, secondary: Option<&HostName>) -> Option<&'a Heard> {
    let said: Vec<_> =
        inquiry.testimonies().filter_map(|(by, said)| Some((by, said.ok()?.address.as_ref()?))).collect();
    let answered = said.iter().find(|(_, heard)| matches!(heard, Heard::Answered { .. }));
    let own = said.iter().find(|(by, _)| Some(*by) == secondary);
    let silent = said.iter().find(|(_, heard)| matches!(heard, Heard::Silent { .. }));
    answered.or(silent).or(own).or(said.first()).map(|(_, heard)| *heard)
}
