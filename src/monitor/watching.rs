//! A service's rounds: one look per interval, an inquiry as soon as one is missed, a verdict when the table has one.

use super::config::{Measure, Watched};
use super::core::{Core, Owner};
use super::happening::Happening;
use super::inquiry::{Inquiry, Subject};
use super::overload;
use super::service::{Round, Service};
use super::sight::{LookId, Sight, Target};
use super::verdict::{self, Then, Verdict};
use crate::plan::Operation;
use crate::plan::table::{Role, ServiceState};
use crate::plan::testimony::Heard;
use crate::site::id::{HostName, ServiceName};

/// A service that nobody runs is looked for in the table again after this.
const IDLE_MS: u64 = 60_000;

/// A look that is to say once more what the last one said.
pub(super) const AGAIN_MS: u64 = 100;

/// An inquiry that comes to nothing is given up after so many times of what one probe may take, and a little.
const PATIENCE: u64 = 8;
const PATIENCE_MS: u64 = 3000;

impl Core {
    /// Does what is due for a service; says when to come back.
    pub(super) fn advance_service(&mut self, name: &ServiceName) -> u64 {
        let now = self.now.mono_ms;
        let Some(watched) = self.watched(name).cloned() else { return now + IDLE_MS };
        let Some(primary) = self.serving(name) else {
            return self.leave(name, "it is not deployed");
        };
        let Some(mut service) = self.services.remove(name) else { return now + IDLE_MS };
        self.renew(name, &mut service, &watched, &primary);
        if service.act.is_none() {
            self.round(name, &mut service, &watched);
            self.inquire(name, &mut service, &watched, &primary);
        }
        self.services.insert(name.clone(), service);
        self.protect(name);
        self.next_touch(name, &watched)
    }

    /// The host that serves, by the table.
    fn serving(&self, name: &ServiceName) -> Option<HostName> {
        let row = self.row(name).filter(|row| row.state != ServiceState::Absent)?;
        row.primary.clone()
    }

    fn leave(&mut self, name: &ServiceName, because: &str) -> u64 {
        let now = self.now.mono_ms;
        if let Some(service) = self.services.get_mut(name) {
            service.inquiry = None;
            service.round = None;
            service.looked = true;
            service.verdict = Verdict::Unknown;
            because.clone_into(&mut service.because);
        }
        now + IDLE_MS
    }

    fn next_touch(&self, name: &ServiceName, watched: &Watched) -> u64 {
        let now = self.now.mono_ms;
        let Some(service) = self.services.get(name) else { return now + IDLE_MS };
        let mut next = u64::MAX;
        if service.act.is_none() {
            next = match &service.inquiry {
                Some(inquiry) => inquiry.next_deadline(now).min(self.gives_up_ms(inquiry, watched)),
                None => service.worry_ms(watched).unwrap_or(service.next_round_ms),
            };
        }
        if watched.lease_ms.is_some() && service.renewal.look.is_none() {
            next = next.min(service.renewal.next_ms);
        }
        if service.copy.retry_ms > now {
            next = next.min(service.copy.retry_ms);
        }
        let settles = service.since_ms + self.config.host_interval_ms * 2;
        if settles > now {
            next = next.min(settles);
        }
        if self.is_in_grace() {
            next = next.min(self.grace_until_ms);
        }
        next.min(now + IDLE_MS)
    }

    #[expect(clippy::unused_self, reason = "it reads as one of the deadlines")]
    fn gives_up_ms(&self, inquiry: &Inquiry, watched: &Watched) -> u64 {
        inquiry.opened_ms + watched.timeout_ms * PATIENCE + PATIENCE_MS
    }

    /// Sends the round's look; opens an inquiry when it is not answered as usual.
    fn round(&mut self, name: &ServiceName, service: &mut Service, watched: &Watched) {
        let now = self.now.mono_ms;
        if service.inquiry.is_some() || !watched.probed {
            return;
        }
        if let (Some(worry), Some(round)) = (service.worry_ms(watched), service.round.clone()) {
            if worry <= now {
                self.open(name, service, watched, round.look, round.sent_ms, None);
            }
        } else if service.next_round_ms <= now {
            service.step(watched.interval_ms, now);
            let target = Target::Service(name.clone());
            let look = self.look(Owner::Service(name.clone()), target, watched.timeout_ms);
            service.round = Some(Round { look, sent_ms: now });
        }
    }

    /// Opens an inquiry on a missed look, and has the other services of that host looked at without waiting.
    fn open(
        &mut self,
        name: &ServiceName,
        service: &mut Service,
        watched: &Watched,
        look: LookId,
        missed_ms: u64,
        seen: Option<Sight>,
    ) {
        let Some(suspect) = self.serving(name) else { return };
        let subject = self.subject(name, watched, &suspect, service);
        let now = self.now.mono_ms;
        service.round = None;
        service.out_since_ms.get_or_insert(missed_ms);
        service.inquiry = Some(Inquiry::open(subject, look, missed_ms, seen, now));
        let siblings: Vec<ServiceName> = self
            .services
            .keys()
            .filter(|other| *other != name && self.primary(other) == Some(&suspect))
            .cloned()
            .collect();
        for sibling in siblings {
            if let Some(other) = self.services.get_mut(&sibling)
                && other.inquiry.is_none()
                && other.round.is_none()
            {
                other.next_round_ms = now;
                self.touch_at(Owner::Service(sibling), now);
            }
        }
    }

    fn subject(
        &self,
        name: &ServiceName,
        watched: &Watched,
        suspect: &HostName,
        service: &Service,
    ) -> Subject {
        let secondary = self.row(name).and_then(|row| row.secondary.as_ref());
        // Our own host sees what we see: with nobody else to ask, only the gateway tells a dead host from a cut cable.
        let foreign = |host: &&HostName| self.config.gateway || !self.config.own.contains(*host);
        let well = |host: &&HostName| {
            *host != suspect && self.hosts.get(*host).is_some_and(|host| host.verdict == Verdict::Ok)
        };
        let rest = watched
            .pool
            .iter()
            .chain(&self.config.hosts)
            .filter(well)
            .filter(|host| Some(*host) != secondary);
        let mut witnesses: Vec<HostName> = Vec::new();
        for host in secondary.into_iter().chain(rest).filter(foreign) {
            if !witnesses.contains(host) {
                witnesses.push(host.clone());
            }
        }
        Subject {
            service: name.clone(),
            suspect: suspect.clone(),
            needed: (watched.witnesses as usize).min(witnesses.len()),
            witnesses,
            others: self.others(suspect),
            gateway: self.config.gateway,
            hedge_ms: service.latency.hedge_ms(watched.timeout_ms),
            timeout_ms: watched.timeout_ms,
            confirm: watched.confirm as usize,
            listen_ms: watched.listen_ms,
        }
    }

    /// Asks what the inquiry wants asked, and draws the conclusion when there is one.
    fn inquire(&mut self, name: &ServiceName, service: &mut Service, watched: &Watched, primary: &HostName) {
        let now = self.now.mono_ms;
        let Some(mut inquiry) = service.inquiry.take() else { return };
        if let Some(row) = verdict::conclude(inquiry.findings(now)) {
            service.observed = observed(&inquiry);
            self.settle(name, service, watched, primary, row, &inquiry);
            return;
        }
        if self.gives_up_ms(&inquiry, watched) <= now {
            service.observed = observed(&inquiry);
            service.looked = true;
            self.conclude(name, service, Verdict::Unknown, "it cannot be told what is wrong", Some(primary));
            return;
        }
        for ask in inquiry.due(now, &mut self.ids) {
            self.send(Owner::Service(name.clone()), ask);
        }
        service.inquiry = Some(inquiry);
    }

    /// A row of the table decided.
    fn settle(
        &mut self,
        name: &ServiceName,
        service: &mut Service,
        watched: &Watched,
        primary: &HostName,
        row: &verdict::Row,
        inquiry: &Inquiry,
    ) {
        service.looked = true;
        self.isolated = row.verdict == Verdict::Isolated;
        let because = match inquiry.last_words().filter(|_| row.because == verdict::UNASKED) {
            Some(words) => format!("{}: {words}", row.because),
            None => row.because.to_owned(),
        };
        // A monitor that has just begun knows nothing either; that it cannot find out is news, once.
        let news = row.because == verdict::UNASKED && !service.because.starts_with(verdict::UNASKED);
        if news && service.verdict == Verdict::Unknown {
            self.tell(Happening::ServiceVerdict {
                service: name.clone(),
                was: Verdict::Unknown,
                verdict: Verdict::Unknown,
                because: because.clone(),
                host: Some(primary.clone()),
            });
        }
        self.conclude(name, service, row.verdict, &because, Some(primary));
        match row.then {
            Then::Rest => {
                service.out_since_ms = None;
                service.held = None;
                service.renewal.forsaken = false;
            }
            Then::Wait => service.held = None,
            Then::Failover => {
                service.renewal.forsaken = true;
                if row.verdict == Verdict::HostDown {
                    self.give_up(primary, row.because);
                }
                self.decide(name, service, watched, primary, Operation::Failover, Some(inquiry));
            }
        }
    }

    /// Writes a verdict down, and tells it if it is new.
    pub(super) fn conclude(
        &mut self,
        name: &ServiceName,
        service: &mut Service,
        verdict: Verdict,
        because: &str,
        host: Option<&HostName>,
    ) {
        let was = std::mem::replace(&mut service.verdict, verdict);
        because.clone_into(&mut service.because);
        if was == verdict {
            return;
        }
        service.since_ms = self.now.mono_ms;
        // The first look at a service that is well is no news.
        if (was, verdict) != (Verdict::Unknown, Verdict::Ok) {
            self.tell(Happening::ServiceVerdict {
                service: name.clone(),
                was,
                verdict,
                because: because.to_owned(),
                host: host.cloned(),
            });
        }
    }

    /// A look of this service came back.
    pub(super) fn service_saw(&mut self, name: &ServiceName, look: LookId, sight: &Sight) {
        let now = self.now.mono_ms;
        let Some(watched) = self.watched(name).cloned() else { return };
        let Some(mut service) = self.services.remove(name) else { return };
        self.learn(look, sight, &service);
        if service.renewal.look == Some(look) {
            self.renewed(name, &mut service, &watched, sight);
        } else if let Some(inquiry) = &mut service.inquiry {
            inquiry.saw(look, sight);
            if matches!(sight, Sight::Answers(_)) && sight.latency_us().is_some() {
                self.well(name, &mut service, &watched, sight);
            }
        } else if let Some(round) = service.round.take_if(|round| round.look == look) {
            if sight.latency_us().is_some() {
                self.well(name, &mut service, &watched, sight);
            } else if service.act.is_none() {
                self.open(name, &mut service, &watched, look, round.sent_ms, Some(sight.clone()));
            }
        }
        self.services.insert(name.clone(), service);
        self.touch_at(Owner::Service(name.clone()), now);
    }

    /// Every answer of a host is a sign of life, whoever asked.
    fn learn(&mut self, look: LookId, sight: &Sight, service: &Service) {
        let now = self.now.mono_ms;
        let Some(inquiry) = &service.inquiry else { return };
        for host in inquiry.heard_from(look, sight) {
            if let Some(host) = self.hosts.get_mut(&host) {
                host.alive_ms = Some(now);
            }
        }
    }

    /// The service answers: what was wrong is over, unless it answers too slowly for too long.
    fn well(&mut self, name: &ServiceName, service: &mut Service, watched: &Watched, sight: &Sight) {
        let now = self.now.mono_ms;
        let says = |measure: &Measure| overload::of_answers(measure, sight);
        service.hurried = overload::take(&watched.overload, &mut service.gauges, service.hurried, says);
        if service.hurried {
            service.next_round_ms = service.next_round_ms.min(now + AGAIN_MS);
        }
        service.answered(sight, now);
        self.isolated = false;
        self.rate(name, service, watched);
    }

    /// A service that answers is well or overloaded.
    pub(super) fn rate(&mut self, name: &ServiceName, service: &mut Service, watched: &Watched) {
        let Some(primary) = self.serving(name) else { return };
        if !service.is_overloaded() {
            self.conclude(name, service, Verdict::Ok, "it answers", Some(&primary));
            if service.held.as_ref().is_some_and(|(operation, _)| *operation != Operation::Reprotect) {
                service.held = None;
            }
            return;
        }
        let why = overload::sentences(&watched.overload, &service.gauges).join("; ");
        self.conclude(name, service, Verdict::Overloaded, &why, Some(&primary));
        if service.act.is_none() {
            self.decide(name, service, watched, &primary, Operation::Switchover, None);
        }
    }

    /// Whether the host is what to the service, by the table.
    pub(super) fn role(&self, name: &ServiceName, host: &HostName) -> Option<Role> {
        let row = self.row(name)?;
        if row.primary.as_ref() == Some(host) {
            return Some(Role::Primary);
        }
        (row.secondary.as_ref() == Some(host)).then_some(Role::Secondary)
    }
}

/// Who saw what, one sentence each.
fn observed(inquiry: &Inquiry) -> Vec<String> {
    let mut seen = Vec::new();
    let last = inquiry.last_words().unwrap_or_else(|| "no answer".to_owned());
    seen.push(format!("this monitor, through the service address: {last}"));
    let hears = |heard: &Option<Heard>| heard.as_ref().map_or("not heard yet".to_owned(), Heard::to_string);
    for (by, said) in inquiry.testimonies() {
        seen.push(match said {
            Ok(said) => format!(
                "{by}: the host: {}; the service address: {}; the service: {}",
                hears(&said.host),
                hears(&said.address),
                hears(&said.service)
            ),
            Err(why) => format!("{by} could not look: {why}"),
        });
    }
    seen
}
