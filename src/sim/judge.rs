//! What must never be, whatever goes wrong. Looked at whenever the world changes, by the world's own truth: the judge sees
//! through cut cables.
//!
//! Where a rule has a bound or an exception, it is because nobody could know better:
//! - An address is taken while another holder cannot be heard from there (any cut between the two, or power gone): the
//!   taking is right. Once they hear each other again, both hold it until the monitor has taken it off the old one:
//!   [`OVERLAP_MS`] after a leader can log in on both, and neither is slow.
//! - A listening counts for [`HEARD_MS`]: who comes back within it may be doubled for that long.
//! - A service is healthy, for the rule that it is not moved, if its clients, the acting monitor and every other host
//!   that runs are answered by its primary, for [`HEALTHY_MS`] without a break. If only some of them are, the verdict
//!   may go either way.

use super::host::{Ms, State};
use super::net::Place;
use super::world::{Inside, Known, Served};
use crate::plan::table::{Role, ServiceState, Table};
use crate::site::id::{HostName, ServiceName};
use crate::site::playbook::DataPolicy;

/// How long a listening is believed: `sh/ask.sh`, and the claim itself.
const HEARD_MS: Ms = 3_500;

/// How long two holders may be there once a leader could end it.
const OVERLAP_MS: Ms = 12_000;

const HEALTHY_MS: Ms = 2_500;

/// A host that takes so much longer for everything is excused: a look at it may end before it has answered.
const SLOW_MS: Ms = 200;

/// Within which a service is back when nothing stands in the way: detection, the hold-down of the simulated playbooks, a
/// failed attempt and another.
const BACK_MS: Ms = 30_000;

/// A program that was started to be put to sleep may be awake for so long.
const STARTING_MS: Ms = 10_000;

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Judge {
    /// By service, in the world's order.
    services: Vec<Watched>,
    /// Some monitor leads and runs.
    led: Option<Ms>,
    pub verdict: Option<String>,
}

/// Since when what is so, of one service.
#[derive(Clone, Debug, Default)]
struct Watched {
    /// One host answers another for the address it holds: by holder, then by hearer.
    audible: Vec<Option<Ms>>,
    /// By host: its program runs to be put to sleep.
    starting: Vec<Option<Ms>>,
    /// Two holders answer clients, and a leader could end it.
    overlap: Option<Ms>,
    healthy: Option<Ms>,
    down: Option<Ms>,
}

impl Judge {
    pub(super) fn new(services: usize, hosts: usize) -> Self {
        let (audible, starting) = (vec![None; hosts * hosts], vec![None; hosts]);
        let one = Watched { audible, starting, ..Watched::default() };
        Self { services: vec![one; services], led: None, verdict: None }
    }

    fn condemn(&mut self, what: String) {
        self.verdict.get_or_insert(what);
    }
}

impl Inside {
    /// Takes note of how things are now.
    pub(super) fn observe(&mut self) {
        let mut judge = std::mem::take(&mut self.judge);
        since(&mut judge.led, !self.leaders().is_empty(), self.now);
        for (at, (name, known)) in self.services.iter().enumerate() {
            let mut watched = std::mem::take(&mut judge.services[at]);
            let holders = self.holders(known);
            self.listen(&mut watched, &holders);
            let served = self.served(Place::Client, name);
            since(&mut watched.healthy, self.is_healthy(served, &holders), self.now);
            since(&mut watched.down, !matches!(served, Served::By(_)), self.now);
            let wrong =
                [self.awake_twice(&mut watched, name, known), self.held_twice(&mut watched, name, &holders)];
            wrong.into_iter().flatten().for_each(|wrong| judge.condemn(wrong));
            judge.services[at] = watched;
        }
        self.judge = judge;
        if let Some(verdict) = self.judge.verdict.clone().filter(|_| !self.condemned) {
            self.condemned = true;
            self.tell(format!("WRONG: {verdict}"));
        }
    }

    fn place_of(&self, service: &ServiceName) -> usize {
        self.services.keys().position(|name| name == service).unwrap_or_default()
    }

    fn holders(&self, known: &Known) -> Vec<usize> {
        (0..self.hosts.len()).filter(|at| self.hosts[*at].holds(known.address, self.now)).collect()
    }

    fn listen(&self, watched: &mut Watched, holders: &[usize]) {
        let count = self.hosts.len();
        for holder in 0..count {
            let holds = holders.contains(&holder);
            for hearer in 0..count {
                let hears = holds
                    && hearer != holder
                    && self.hosts[hearer].up
                    && self.net.talk(Place::Host(holder), Place::Host(hearer));
                since(&mut watched.audible[holder * count + hearer], hears, self.now);
            }
        }
    }

    /// An address is about to be taken.
    pub(super) fn claims(&mut self, claimer: usize, service: &ServiceName) {
        self.observe();
        let (count, at) = (self.hosts.len(), self.place_of(service));
        for holder in self.holders(&self.services[service]).into_iter().filter(|holder| *holder != claimer) {
            let heard = self.judge.services[at].audible[holder * count + claimer];
            if let Some(heard) = heard.filter(|heard| *heard + HEARD_MS < self.now) {
                let (name, other) = (&self.hosts[claimer].name, &self.hosts[holder].name);
                let ms = self.now - heard;
                let what =
                    format!("{name} takes the address of {service}, which {other} answers for since {ms} ms");
                self.judge.condemn(what);
            }
        }
    }

    fn awake_twice(&self, watched: &mut Watched, service: &ServiceName, known: &Known) -> Option<String> {
        if known.data != DataPolicy::SharedWrite {
            return None;
        }
        let mut awake = Vec::new();
        for (at, host) in self.hosts.iter().enumerate() {
            let runs = |starting| {
                host.up
                    && host.shares.get(service).is_some_and(|share| {
                        let mut all = share.processes.values();
                        all.any(|one| one.state == State::Awake && one.starting.is_some() == starting)
                    })
            };
            let started = since(&mut watched.starting[at], runs(true), self.now);
            if runs(false) || started.is_some_and(|started| started + STARTING_MS < self.now) {
                awake.push(host.name.as_str());
            }
        }
        (awake.len() > 1).then(|| format!("{service} writes and is awake on {}", awake.join(" and ")))
    }

    fn held_twice(&self, watched: &mut Watched, service: &ServiceName, holders: &[usize]) -> Option<String> {
        let heard = |at: &&usize| self.net.talk(Place::Client, Place::Host(**at));
        let heard: Vec<usize> = holders.iter().filter(heard).copied().collect();
        let can_end = heard.len() > 1
            && self.leaders().iter().any(|leader| heard.iter().all(|at| self.obeys(*leader, *at)));
        let began = since(&mut watched.overlap, can_end, self.now)?;
        (began + OVERLAP_MS < self.now).then(|| {
            let names: Vec<&str> = heard.iter().map(|at| self.hosts[*at].name.as_str()).collect();
            let ms = self.now - began;
            format!("{} answer for the address of {service} since {ms} ms", names.join(" and "))
        })
    }

    /// Whether a host does what it is told, in time to matter.
    fn obeys(&self, leader: Place, at: usize) -> bool {
        self.shell(leader, at) && self.hosts[at].slow_ms < SLOW_MS
    }

    /// Monitors that lead and run.
    pub(super) fn leaders(&self) -> Vec<Place> {
        let leads = |at: &usize| self.leading[*at] && !self.paused[*at];
        (0..self.leading.len()).filter(leads).map(Place::Monitor).collect()
    }

    /// Its primary answers clients, monitors and every other host that runs.
    fn is_healthy(&self, served: Served, holders: &[usize]) -> bool {
        let Served::By(primary) = served else { return false };
        let host = &self.hosts[primary];
        let mut others = (0..self.hosts.len()).filter(|at| self.hosts[*at].up).map(Place::Host);
        let mut monitors = (0..self.leading.len()).map(Place::Monitor);
        let hears = |place| self.net.talk(place, Place::Host(primary));
        holders.len() == 1 && host.slow_ms < 50 && host.load < 4.0 && others.all(hears) && monitors.all(hears)
    }

    /// A run is about to take the service off a host.
    pub(super) fn leaves(&mut self, service: &ServiceName, from: &HostName) {
        self.observe();
        let serves =
            matches!(self.served(Place::Client, service), Served::By(at) if self.hosts[at].name == *from);
        let since = self.judge.services[self.place_of(service)].healthy;
        if let Some(since) = since.filter(|since| serves && *since + HEALTHY_MS < self.now) {
            let ms = self.now - since;
            self.judge.condemn(format!("{service} is moved off {from}, where it is healthy since {ms} ms"));
        }
    }

    /// Whether a service is down for so long that it is worth asking why.
    pub(super) fn is_anything_late(&self) -> bool {
        self.judge.services.iter().any(|watched| self.is_late(watched.down))
    }

    /// It takes a monitor that was there all the time.
    fn is_late(&self, down: Option<Ms>) -> bool {
        down.zip(self.judge.led)
            .is_some_and(|(down, led)| down.max(led).max(self.last_fault) + BACK_MS < self.now)
    }

    /// Whether a service that is down should be back by now.
    pub(super) fn overdue(&mut self, table: &Table) {
        let is_overdue = |(at, name): (usize, &ServiceName)| {
            let down = self.judge.services[at].down?;
            (self.is_late(Some(down)) && self.could_be_back(name, table))
                .then(|| format!("{name} could be served, and is not since {} ms", self.now - down))
        };
        if let Some(wrong) = self.services.keys().enumerate().find_map(is_overdue) {
            self.judge.condemn(wrong);
        }
    }

    /// A leader, a host to take it, and evidence that can be had.
    fn could_be_back(&self, service: &ServiceName, table: &Table) -> bool {
        let Some(row) = table.services.get(service) else { return false };
        if table.policy.get(service).is_some_and(|memory| memory.latched.is_some()) {
            return false;
        }
        let at = |name: &Option<HostName>| {
            name.as_ref().and_then(|name| self.hosts.iter().position(|host| host.name == *name))
        };
        let Some(primary) = at(&row.primary) else { return false };
        let place = Place::Host(primary);
        let known = &self.services[service];
        self.leaders().iter().any(|leader| {
            let fit = |at: &usize| {
                let here = Place::Host(*at);
                *at != primary
                    && self.obeys(*leader, *at)
                    && self.net.talk(here, Place::Client)
                    && (0..self.hosts.len()).all(|other| {
                        other == primary || !self.hosts[other].up || self.net.talk(here, Place::Host(other))
                    })
            };
            let fits: Vec<usize> = (0..self.hosts.len()).filter(fit).collect();
            let silent = !self.hosts[primary].up
                || (0..self.hosts.len())
                    .all(|other| other == primary || !self.net.talk(place, Place::Host(other)));
            let released = self.obeys(*leader, primary);
            let unheard = silent && known.data != DataPolicy::SharedWrite && fits.len() > 1;
            !fits.is_empty() && (released || unheard) && self.net.talk(*leader, Place::Client)
        })
    }

    /// After the quiet time everything is as it should be.
    pub(super) fn settle(&mut self, table: &Table) {
        for name in self.services.keys().cloned().collect::<Vec<_>>() {
            if let Some(wrong) = self.unsettled(&name, table) {
                self.judge.condemn(format!("after the quiet time: {name}: {wrong}"));
            }
        }
    }

    pub(super) fn is_settled(&self, table: &Table) -> bool {
        self.services.keys().all(|name| self.unsettled(name, table).is_none())
    }

    fn unsettled(&self, service: &ServiceName, table: &Table) -> Option<String> {
        let Served::By(serves) = self.served(Place::Client, service) else {
            return Some("nobody serves".to_owned());
        };
        let holders = self.holders(&self.services[service]);
        if holders.len() > 1 {
            return Some(format!("{} hosts hold its address", holders.len()));
        }
        let Some(row) = table.services.get(service) else { return Some("no row in the table".to_owned()) };
        let named = |name: &Option<HostName>, at: usize| name.as_ref() == Some(&self.hosts[at].name);
        if !named(&row.primary, serves) {
            return Some(format!("{} serves, the table says {:?}", self.hosts[serves].name, row.primary));
        }
        if row.state != ServiceState::Protected {
            return Some(format!("the table says {}", row.state));
        }
        for (at, host) in self.hosts.iter().enumerate() {
            let role = host.shares.get(service).and_then(|share| share.role);
            let state = host.process_state(service).unwrap_or_default();
            let wanted = if at == serves {
                (Some(Role::Primary), State::Awake)
            } else if named(&row.secondary, at) {
                (Some(Role::Secondary), State::Asleep)
            } else {
                (None, State::Absent)
            };
            let rests = state == State::Dead && wanted.1 == State::Absent;
            if (role, state) != wanted && !(rests && role.is_none()) {
                let role = role.map_or("no role".to_owned(), |role| role.to_string());
                return Some(format!("{} has {role} and a program that is {}", host.name, state.as_str()));
            }
        }
        None
    }
}

/// Keeps since when something is so.
fn since(began: &mut Option<Ms>, so: bool, now: Ms) -> Option<Ms> {
    *began = if so { began.or(Some(now)) } else { None };
    *began
}
