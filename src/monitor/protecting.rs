//! What keeps a service protected: its sleeping copy is checked, hosts that hold what is not theirs are cleaned, and the
//! address lease is renewed ahead of everything.

use std::collections::BTreeSet;

use super::config::Watched;
use super::core::{Core, Owner};
use super::happening::Happening;
use super::service::{RENEWAL_BUDGET_MS, Service};
use super::sight::{Sight, Target};
use super::verdict::Verdict;
use crate::plan::Operation;
use crate::plan::facts::{ProcessFact, Trace};
use crate::plan::sample::Sample;
use crate::plan::table::Role;
use crate::site::id::{HostName, ServiceName};

/// Rounds in a row in which a copy must be bad.
const ROUNDS: u32 = 2;

impl Core {
    /// Asks for a new secondary where there is none that could take over.
    pub(super) fn protect(&mut self, name: &ServiceName) {
        let now = self.now.mono_ms;
        let Some(row) = self.row(name).cloned() else { return };
        let Some(primary) = row.primary else { return };
        let Some(watched) = self.watched(name).cloned() else { return };
        let Some(mut service) = self.services.remove(name) else { return };
        let well = self.is_served_or_claimed(name, &service);
        // Only just well again: what is known of other hosts may be older than what was wrong. A second holder of its
        // address is what is wrong.
        let claimed = matches!(service.verdict, Verdict::ServiceDown | Verdict::Frozen);
        let well =
            well && (claimed || service.since_ms + self.config.host_interval_ms * u64::from(ROUNDS) <= now);
        let lack = self.lack(name, row.secondary.as_ref(), &service);
        if let Some(why) = &lack {
            why.clone_into(&mut service.copy.why);
        }
        self.tell_protection(name, &mut service, row.secondary.as_ref());
        if well && service.act.is_none() && lack.is_some() && service.copy.retry_ms <= now {
            let hosts: Vec<HostName> = std::iter::once(primary).chain(row.secondary).collect();
            let blockers = self.standing(name, &service, &hosts);
            if blockers.is_empty() {
                self.act(name, &mut service, &watched, Operation::Reprotect, None);
            }
        }
        self.services.insert(name.clone(), service);
    }

    /// Why the service has no copy that could take over.
    fn unprotected(&self, secondary: Option<&HostName>, service: &Service) -> Option<String> {
        let Some(secondary) = secondary else { return Some("it has no secondary".to_owned()) };
        let host = self.hosts.get(secondary);
        if host.is_some_and(|host| matches!(host.verdict, Verdict::HostDown | Verdict::Unreachable)) {
            return Some(format!("its secondary {secondary} does not answer"));
        }
        (service.copy.bad >= ROUNDS).then(|| service.copy.why.clone())
    }

    /// What is to be mended: no protection, a host that holds what is not its own, or what an earlier attempt left.
    fn lack(&self, name: &ServiceName, secondary: Option<&HostName>, service: &Service) -> Option<String> {
        let stray = || {
            let stray = self.strays.get(name)?;
            Some(format!("{} holds what is not its own: {}", stray.host, stray.holds))
        };
        let left =
            || service.copy.left.then(|| "an earlier attempt was neither finished nor taken back".to_owned());
        self.unprotected(secondary, service).or_else(stray).or_else(left)
    }

    /// Whether its primary serves it, as far as can be seen. A second holder of its address may stand between it and us,
    /// and has to go before anything can be seen.
    fn is_served_or_claimed(&self, name: &ServiceName, service: &Service) -> bool {
        match service.verdict {
            Verdict::Ok | Verdict::Overloaded => service.inquiry.is_none(),
            Verdict::Unreachable | Verdict::ServiceDown | Verdict::Frozen => self.strays.contains_key(name),
            _ => false,
        }
    }

    /// Whether it lacks protection, and nothing is in the way of trying, now or in a moment.
    pub(super) fn is_to_be_protected(&self, name: &ServiceName) -> bool {
        let (Some(service), Some(primary)) = (self.services.get(name), self.primary(name)) else {
            return false;
        };
        self.is_served_or_claimed(name, service)
            && !service.copy.has_failed()
            && self.lack_of(name).is_some()
            && self.standing(name, service, std::slice::from_ref(primary)).is_empty()
    }

    /// The same for a service by name.
    pub(super) fn lack_of(&self, name: &ServiceName) -> Option<String> {
        let secondary = self.row(name)?.secondary.as_ref();
        self.lack(name, secondary, self.services.get(name)?)
    }

    fn tell_protection(&mut self, name: &ServiceName, service: &mut Service, secondary: Option<&HostName>) {
        // Who is cut off cannot tell.
        if service.act.is_some() || !service.looked || service.verdict == Verdict::Isolated {
            return;
        }
        let unprotected = self.unprotected(secondary, service);
        let protected = unprotected.is_none();
        if service.copy.told == Some(protected) {
            return;
        }
        let first = service.copy.told.replace(protected).is_none();
        match (unprotected, secondary) {
            (Some(because), _) => self.tell(Happening::Unprotected { service: name.clone(), because }),
            (None, Some(secondary)) if !first => {
                self.tell(Happening::Protected { service: name.clone(), secondary: secondary.clone() });
            }
            (None, _) => {}
        }
    }

    /// The secondary's own word about the copy it keeps.
    pub(super) fn check_copy(&mut self, name: &ServiceName, host: &HostName, sample: &Sample) {
        let epoch = self.row(name).map_or(0, |row| row.epoch.0);
        let wrong = match sample.facts.services.get(name) {
            None => Some(format!("{host} knows nothing of its copy")),
            Some(trace) => copy_is_wrong(host, trace, epoch),
        };
        if let Some(service) = self.services.get_mut(name) {
            match wrong {
                Some(why) => {
                    service.copy.bad += 1;
                    service.copy.why = why;
                }
                None => service.copy.bad = 0,
            }
        }
    }

    /// Hosts that hold a service address, or run an awake copy, without any right to; and hosts that know more than the
    /// table does.
    pub(super) fn check_strays(&mut self, host: &HostName, sample: &Sample, spoke_ms: u64) {
        for name in self.touched_by(host, sample) {
            let found = self.stray(&name, host, sample);
            let known = self.strays.get(&name).is_some_and(|stray| stray.host == *host);
            match found {
                Some(Found::Stray(holds)) if self.is_settled(&name, spoke_ms) => {
                    if !known {
                        let (host, service) = (host.clone(), name.clone());
                        self.strays.insert(name.clone(), Stray { host: host.clone(), holds: holds.clone() });
                        self.tell(Happening::Stray { host, service, holds });
                    }
                    self.touch_at(Owner::Service(name), self.now.mono_ms);
                }
                Some(Found::Newer(trace)) if self.is_settled(&name, spoke_ms) => {
                    let (host, service) = (host.clone(), name);
                    self.tell(Happening::Newer { host, service, role: trace.role, epoch: trace.epoch.0 });
                    self.reconcile();
                }
                None if known => {
                    if let Some(Stray { host, holds: held }) = self.strays.remove(&name) {
                        self.tell(Happening::Cleaned { host, service: name, held });
                    }
                }
                _ => {}
            }
        }
    }

    /// Services that the host has anything to do with, by its own word or by ours.
    fn touched_by(&self, host: &HostName, sample: &Sample) -> BTreeSet<ServiceName> {
        let traced = sample.facts.services.keys();
        let held = sample.facts.addresses.iter().filter_map(|held| self.addresses.get(&held.address));
        let known = self.strays.iter().filter(|(_, stray)| stray.host == *host).map(|(name, _)| name);
        traced.chain(held).chain(known).cloned().collect()
    }

    fn stray(&self, name: &ServiceName, host: &HostName, sample: &Sample) -> Option<Found> {
        let row = self.row(name)?;
        let watched = self.watched(name)?;
        let trace = sample.facts.services.get(name);
        if row.primary.as_ref() == Some(host) {
            return None;
        }
        if let Some(trace) = trace
            && trace.role == Some(Role::Primary)
            && trace.epoch > row.epoch
        {
            return Some(Found::Newer(trace.clone()));
        }
        let held = watched
            .addresses
            .iter()
            .find(|address| sample.facts.addresses.iter().any(|held| held.address == **address));
        if let Some(address) = held {
            return Some(Found::Stray(format!("the address {address}")));
        }
        let awake = trace.is_some_and(|trace| {
            trace.processes.values().any(|process| *process == ProcessFact::Awake)
                || (trace.role.is_some() && row.secondary.as_ref() != Some(host))
        });
        // The secondary's copy has its own check, with its own words.
        (awake && row.secondary.as_ref() != Some(host)).then(|| Found::Stray("a copy".to_owned()))
    }

    /// Extends the lifetime of the service addresses; ahead of all other work of this service.
    pub(super) fn renew(
        &mut self,
        name: &ServiceName,
        service: &mut Service,
        watched: &Watched,
        primary: &HostName,
    ) {
        let now = self.now.mono_ms;
        let Some(lease_ms) = watched.lease_ms else { return };
        if service.renewal.forsaken || service.renewal.look.is_some() || service.renewal.next_ms > now {
            return;
        }
        let target = Target::Renewal { service: name.clone(), host: primary.clone() };
        let look = self.look(Owner::Service(name.clone()), target, RENEWAL_BUDGET_MS);
        service.renewal.look = Some(look);
        service.renewal.sent = Some((primary.clone(), now));
        service.renewal.next_ms = now + lease_ms / 3;
    }

    pub(super) fn renewed(
        &mut self,
        name: &ServiceName,
        service: &mut Service,
        watched: &Watched,
        sight: &Sight,
    ) {
        let now = self.now.mono_ms;
        service.renewal.look = None;
        let Sight::Renewed(Err(because)) = sight else {
            service.renewal.failures = 0;
            return;
        };
        service.renewal.failures += 1;
        // Another try at once costs nothing; the lease does not wait.
        service.renewal.next_ms = service.renewal.next_ms.min(now + 200);
        let (Some((host, _)), Some(lease_ms)) = (service.renewal.sent.clone(), watched.lease_ms) else {
            return;
        };
        if service.renewal.failures == 1 {
            let lapses_in_ms = service.renewal.remaining_ms(&host, lease_ms, self.began.mono_ms, now);
            let because = because.clone();
            self.tell(Happening::RenewalFailed { service: name.clone(), host, because, lapses_in_ms });
        }
    }
}

/// A host that holds what it has no right to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stray {
    pub host: HostName,
    pub holds: String,
}

enum Found {
    Stray(String),
    Newer(Trace),
}

fn copy_is_wrong(host: &HostName, trace: &Trace, epoch: u64) -> Option<String> {
    if trace.role != Some(Role::Secondary) {
        return Some(format!("{host} does not know that it is its secondary"));
    }
    if trace.epoch.0 < epoch {
        return Some(format!("the copy on {host} is of epoch {}, not {epoch}", trace.epoch));
    }
    let mut states = trace.processes.iter();
    states.find_map(|(process, state)| match state {
        ProcessFact::Asleep => None,
        ProcessFact::Awake => Some(format!("`{process}` on {host} is awake")),
        ProcessFact::Dead => Some(format!("`{process}` on {host} died in its sleep")),
    })
}
