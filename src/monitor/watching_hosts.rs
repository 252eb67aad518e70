//! A host's rounds: an echo and its own word, and what they say of the services it has a role for.

use super::config::Measure;
use super::core::{Core, Owner};
use super::effect::Effect;
use super::happening::Happening;
use super::host::{Finding, Host, Round};
use super::overload;
use super::sight::{LookId, Sight, Target, Testimony};
use super::verdict::Verdict;
use super::watching::AGAIN_MS;
use crate::plan::sample::Sample;
use crate::plan::table::Role;
use crate::plan::testimony::Heard;
use crate::site::id::{HostName, ServiceName};

/// How long a host's word may take.
const SAMPLE_MS: u64 = 2000;

const ECHO_MS: u64 = 500;

/// What a witness of a host gets.
const WITNESS_MS: u64 = 2000;

const ALL_AT_ONCE: &str = "most hosts fell silent at once: it may be this monitor that is cut off";
const UNSEEN: &str = "it does not answer, and no other host could look";

impl Core {
    /// Does what is due for a host; says when to come back.
    pub(super) fn advance_host(&mut self, name: &HostName) -> u64 {
        let now = self.now.mono_ms;
        let interval_ms = self.config.host_interval_ms;
        let Some(host) = self.hosts.get(name) else { return u64::MAX };
        if host.round.is_none() && host.next_round_ms <= now {
            let owner = || Owner::Host(name.clone());
            let asks = host.asks_sample();
            let echo = self.look(owner(), Target::Echo(name.clone()), ECHO_MS);
            let sample = asks.then(|| self.look(owner(), Target::Sample(name.clone()), SAMPLE_MS));
            let round = Round { echo, sample, sent_ms: now, echoed: None, sampled: None };
            if let Some(host) = self.hosts.get_mut(name) {
                host.begin(round, interval_ms);
            }
        }
        // A round ends by itself: every look does.
        self.hosts.get(name).map_or(u64::MAX, |host| match &host.round {
            Some(round) => (round.sent_ms + SAMPLE_MS * 2).max(host.next_round_ms),
            None => host.next_round_ms,
        })
    }

    /// A look of this host came back.
    pub(super) fn host_saw(&mut self, name: &HostName, look: LookId, sight: &Sight) {
        let now = self.now.mono_ms;
        let Some(mut host) = self.hosts.remove(name) else { return };
        if host.witness == Some(look) {
            if sight.is_final() {
                host.witness = None;
                self.witnessed(name, &mut host, sight);
            }
        } else if host.saw(look, sight, now) {
            match host.finding() {
                Finding::Same => {}
                // It may hold what has been another's for long: it is heard before its turn.
                Finding::Back => host.look_now(now),
                Finding::Is(verdict, because) => self.judge_host(name, &mut host, verdict, &because),
                Finding::Silent => self.ask_about(name, &mut host),
            }
        }
        self.hosts.insert(name.clone(), host);
        if let Sight::Sample(Ok(sample)) = sight {
            self.read(name, sample);
        }
    }

    fn judge_host(&mut self, name: &HostName, host: &mut Host, verdict: Verdict, because: &str) {
        let was = std::mem::replace(&mut host.verdict, verdict);
        because.clone_into(&mut host.because);
        if was == verdict {
            return;
        }
        host.since_ms = self.now.mono_ms;
        if verdict == Verdict::Ok {
            self.hope();
        }
        if (was, verdict) != (Verdict::Unknown, Verdict::Ok) {
            let because = because.to_owned();
            self.tell(Happening::HostVerdict { host: name.clone(), was, verdict, because });
        }
        for service in self.services_of(name) {
            self.touch_at(Owner::Service(service), self.now.mono_ms);
        }
    }

    /// Has a host looked at, and its word asked for, before its turn.
    pub(super) fn look_at(&mut self, name: &HostName) {
        let now = self.now.mono_ms;
        if let Some(host) = self.hosts.get_mut(name) {
            host.look_now(now);
            self.touch_at(Owner::Host(name.clone()), now);
        }
    }

    /// An inquiry found the host dead, sooner than its own rounds would.
    pub(super) fn give_up(&mut self, name: &HostName, because: &str) {
        if let Some(mut host) = self.hosts.remove(name) {
            self.judge_host(name, &mut host, Verdict::HostDown, because);
            self.hosts.insert(name.clone(), host);
        }
    }

    /// Neither echo nor word: another host is asked whether it is the way there.
    fn ask_about(&mut self, name: &HostName, host: &mut Host) {
        let by = self.config.hosts.iter().find(|other| {
            *other != name
                && !self.config.own.contains(*other)
                && self.hosts.get(*other).is_some_and(|other| other.verdict == Verdict::Ok)
        });
        match by.cloned() {
            Some(by) if host.witness.is_none() => {
                let target = Target::Witness { by, suspect: name.clone(), service: None };
                host.witness = Some(self.look(Owner::Host(name.clone()), target, WITNESS_MS));
            }
            Some(_) => {}
            None => {
                let because = if self.is_mass_failure() { ALL_AT_ONCE } else { UNSEEN };
                self.judge_host(name, host, Verdict::Unreachable, because);
            }
        }
    }

    fn witnessed(&mut self, name: &HostName, host: &mut Host, sight: &Sight) {
        let heard = match sight {
            Sight::Testimony(Ok(Testimony { host, .. })) => host.as_ref(),
            _ => None,
        };
        let (verdict, because) = match heard {
            Some(Heard::Answered { .. } | Heard::Refused { .. }) => {
                (Verdict::Unreachable, "another host reaches it: only the way from this monitor is broken")
            }
            Some(Heard::Silent { .. }) if host.verdict == Verdict::HostDown || !self.is_mass_failure() => {
                (Verdict::HostDown, "it answers neither this monitor nor another host")
            }
            Some(Heard::Silent { .. }) => (Verdict::Unreachable, ALL_AT_ONCE),
            _ => (Verdict::Unreachable, UNSEEN),
        };
        self.judge_host(name, host, verdict, because);
    }

    /// What a host says of itself, for each service it says something of.
    fn read(&mut self, name: &HostName, sample: &Sample) {
        let (spoke_ms, hurried) = self
            .hosts
            .get_mut(name)
            .map_or((0, false), |host| (host.sample_ms, std::mem::take(&mut host.hurried)));
        let mut again = false;
        for service in self.services_of(name) {
            if self.role(&service, name) == Some(Role::Primary) {
                again |= self.gauge(&service, sample, hurried);
            }
            if self.is_secondary(&service, name) && self.is_settled(&service, spoke_ms) {
                self.check_copy(&service, name, sample);
            }
            self.touch_at(Owner::Service(service), self.now.mono_ms);
        }
        self.check_strays(name, sample, spoke_ms);
        if let Some(host) = self.hosts.get_mut(name).filter(|_| again) {
            host.hurried = true;
            host.next_round_ms = host.next_round_ms.min(self.now.mono_ms + AGAIN_MS);
        }
    }

    /// Overload rules that are measured on the host. Whether one of them wants its word again, at once.
    fn gauge(&mut self, name: &ServiceName, sample: &Sample, hurried: bool) -> bool {
        let Some(watched) = self.watched(name).cloned() else { return false };
        let Some(mut service) = self.services.remove(name) else { return false };
        let says = |measure: &Measure| overload::of_sample(measure, sample);
        let again =
            overload::take(&watched.overload, &mut service.gauges, hurried, says) && service.act.is_none();
        if matches!(service.verdict, Verdict::Ok | Verdict::Overloaded) && service.inquiry.is_none() {
            self.rate(name, &mut service, &watched);
        }
        self.services.insert(name.clone(), service);
        again
    }

    /// Services that have this host for a primary or secondary.
    pub(super) fn services_of(&self, host: &HostName) -> Vec<ServiceName> {
        let named = |name: &&ServiceName| self.role(name, host).is_some();
        self.roles_of.get(host).into_iter().flatten().filter(named).cloned().collect()
    }

    /// Somebody is back: what had no host may have one now.
    fn hope(&mut self) {
        let now = self.now.mono_ms;
        let names: Vec<ServiceName> = self.services.keys().cloned().collect();
        for name in names {
            if let Some(service) = self.services.get_mut(&name) {
                service.nobody = None;
                service.copy.hope(now);
            }
            self.touch_at(Owner::Service(name), now);
        }
    }

    /// Asks the driver to compare table and hosts.
    pub(super) fn reconcile(&mut self) {
        self.effect(Effect::Reconcile);
    }
}
