//! What must never be, whatever goes wrong. Looked at whenever the world changes, by the world's own truth: the judge sees
//! through cut cables.
//!
//! Where a rule has a bound or an exception, it is because nobody could know better:
//! - An address is taken while another holder cannot be heard from there (any cut between the two, or power gone): the
//!   taking is right. Once they hear each other again, both hold it until the monitor has taken it off the old one:
//!   [`OVERLAP_MS`] after a leader can log in on both.
//! - A listening counts for [`HEARD_MS`]: who comes back within it may be doubled for that long.
//! - A service is healthy, for the rule that it is not moved, if its clients, the acting monitor and every other host
//!   that runs are answered by its primary, for [`HEALTHY_MS`] without a break. If only some of them are, the verdict
//!   may go either way.

use std::collections::BTreeMap;

use super::host::{Ms, State};
use super::net::Place;
use super::world::{Inside, Served};
use crate::plan::table::{Role, ServiceState, Table};
use crate::site::id::{HostName, ServiceName};
use crate::site::playbook::DataPolicy;

/// How long a listening is believed: `sh/ask.sh`, and the claim itself.
const HEARD_MS: Ms = 3_500;

/// How long two holders may be there once a leader could end it.
const OVERLAP_MS: Ms = 12_000;

const HEALTHY_MS: Ms = 2_500;

/// Within which a service is back when nothing stands in the way: detection, the hold-down of the simulated playbooks, a
/// failed attempt and another.
const BACK_MS: Ms = 30_000;

/// A program that was started to be put to sleep may be awake for so long.
const STARTING_MS: Ms = 10_000;

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Judge {
    /// Since when one host answers another for an address it holds: service, holder, hearer.
    audible: BTreeMap<(ServiceName, usize, usize), Ms>,
    overlap: BTreeMap<ServiceName, Ms>,
    healthy: BTreeMap<ServiceName, Ms>,
    down: BTreeMap<ServiceName, Ms>,
    starting: BTreeMap<(ServiceName, usize), Ms>,
    pub verdict: Option<String>,
}

impl Judge {
    fn condemn(&mut self, what: String) {
        self.verdict.get_or_insert(what);
    }
}

impl Inside {
    /// Takes note of how things are now.
    pub(super) fn observe(&mut self) {
        let names: Vec<ServiceName> = self.services.keys().cloned().collect();
        let mut judge = std::mem::take(&mut self.judge);
        for name in &names {
            self.listen(&mut judge, name);
            self.count_awake(&mut judge, name);
            self.count_holders(&mut judge, name);
            let healthy = self.is_healthy(name);
            since(&mut judge.healthy, name.clone(), healthy, self.now);
            let down = !matches!(self.served(Place::Client, name), Served::By(_));
            since(&mut judge.down, name.clone(), down, self.now);
        }
        if let Some(verdict) = judge.verdict.clone().filter(|_| self.judge.verdict.is_none())
            && !self.condemned
        {
            self.condemned = true;
            self.tell(format!("WRONG: {verdict}"));
        }
        self.judge = judge;
    }

    fn holders(&self, service: &ServiceName) -> Vec<usize> {
        let address = self.services[service].address;
        (0..self.hosts.len()).filter(|at| self.hosts[*at].holds(address, self.now)).collect()
    }

    fn listen(&self, judge: &mut Judge, service: &ServiceName) {
        let holders = self.holders(service);
        for holder in 0..self.hosts.len() {
            for hearer in (0..self.hosts.len()).filter(|hearer| *hearer != holder) {
                let hears = holders.contains(&holder)
                    && self.hosts[hearer].up
                    && self.net.talk(Place::Host(holder), Place::Host(hearer));
                since(&mut judge.audible, (service.clone(), holder, hearer), hears, self.now);
            }
        }
    }

    /// An address is about to be taken.
    pub(super) fn claims(&mut self, claimer: usize, service: &ServiceName) {
        for holder in self.holders(service).into_iter().filter(|holder| *holder != claimer) {
            let heard = self.judge.audible.get(&(service.clone(), holder, claimer));
            if let Some(heard) = heard.filter(|heard| *heard + HEARD_MS < self.now) {
                let (name, other) = (&self.hosts[claimer].name, &self.hosts[holder].name);
                let ms = self.now - heard;
                let what = format!("{name} takes the address of {service}, which {other} answers for since {ms} ms");
                self.judge.condemn(what);
            }
        }
    }

    fn count_awake(&self, judge: &mut Judge, service: &ServiceName) {
        if self.services[service].data != DataPolicy::SharedWrite {
            return;
        }
        let mut awake = Vec::new();
        for at in 0..self.hosts.len() {
            let processes = self.hosts[at].shares.get(service).map(|share| &share.processes);
            let runs = |starting| {
                self.hosts[at].up
                    && processes.is_some_and(|all| {
                        all.values().any(|one| one.state == State::Awake && one.starting == starting)
                    })
            };
            let started = since(&mut judge.starting, (service.clone(), at), runs(true), self.now);
            if runs(false) || started.is_some_and(|started| started + STARTING_MS < self.now) {
                awake.push(self.hosts[at].name.as_str());
            }
        }
        if awake.len() > 1 {
            judge.condemn(format!("{service} writes and is awake on {}", awake.join(" and ")));
        }
    }

    fn count_holders(&self, judge: &mut Judge, service: &ServiceName) {
        let heard: Vec<usize> = self
            .holders(service)
            .into_iter()
            .filter(|at| self.net.talk(Place::Client, Place::Host(*at)))
            .collect();
        let can_end = heard.len() > 1
            && self.leaders().iter().any(|leader| heard.iter().all(|at| self.shell(*leader, *at)));
        let began = since(&mut judge.overlap, service.clone(), can_end, self.now);
        if let Some(began) = began.filter(|began| *began + OVERLAP_MS < self.now) {
            let names: Vec<&str> = heard.iter().map(|at| self.hosts[*at].name.as_str()).collect();
            let ms = self.now - began;
            judge.condemn(format!("{} answer for the address of {service} since {ms} ms", names.join(" and ")));
        }
    }

    /// Monitors that lead and run.
    pub(super) fn leaders(&self) -> Vec<Place> {
        let leads = |at: &usize| self.leading[*at] && !self.paused[*at];
        (0..self.leading.len()).filter(leads).map(Place::Monitor).collect()
    }

    /// Its primary answers clients, monitors and every other host that runs.
    fn is_healthy(&self, service: &ServiceName) -> bool {
        let Served::By(primary) = self.served(Place::Client, service) else { return false };
        let host = &self.hosts[primary];
        let one = self.holders(service).len() == 1;
        let others = (0..self.hosts.len()).filter(|at| self.hosts[*at].up).map(Place::Host);
        let monitors = (0..self.leading.len()).map(Place::Monitor);
        let all_hear = others.chain(monitors).all(|place| self.net.talk(place, Place::Host(primary)));
        one && all_hear && host.slow_ms < 50 && host.load < 4.0
    }

    /// A run is about to take the service off a host.
    pub(super) fn leaves(&mut self, service: &ServiceName, from: &HostName) {
        let serves = matches!(self.served(Place::Client, service), Served::By(at) if self.hosts[at].name == *from);
        let since = self.judge.healthy.get(service).filter(|since| **since + HEALTHY_MS < self.now);
        if let Some(since) = since.filter(|_| serves) {
            let ms = self.now - since;
            self.judge.condemn(format!("{service} is moved off {from}, where it is healthy since {ms} ms"));
            self.observe();
        }
    }

    /// Whether a service that is down should be back by now.
    pub(super) fn overdue(&mut self, table: &Table) {
        for name in self.services.keys().cloned().collect::<Vec<_>>() {
            let down = self.judge.down.get(&name).copied();
            let Some(down) = down.filter(|down| (*down).max(self.last_fault) + BACK_MS < self.now) else { continue };
            if self.could_be_back(&name, table) {
                let ms = self.now - down;
                self.judge.condemn(format!("{name} could be served, and is not since {ms} ms"));
            }
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
                    && self.shell(*leader, *at)
                    && self.net.talk(here, Place::Client)
                    && self.hosts[*at].slow_ms < 200
                    && (0..self.hosts.len()).all(|other| {
                        other == primary || !self.hosts[other].up || self.net.talk(here, Place::Host(other))
                    })
            };
            let fits: Vec<usize> = (0..self.hosts.len()).filter(fit).collect();
            let silent = !self.hosts[primary].up
                || (0..self.hosts.len()).all(|other| other == primary || !self.net.talk(place, Place::Host(other)));
            let released = self.shell(*leader, primary) && self.hosts[primary].slow_ms < 200;
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
        self.observe();
    }

    fn unsettled(&self, service: &ServiceName, table: &Table) -> Option<String> {
        let Served::By(serves) = self.served(Place::Client, service) else {
            return Some("nobody serves".to_owned());
        };
        let holders = self.holders(service);
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
fn since<K: Ord>(all: &mut BTreeMap<K, Ms>, key: K, so: bool, now: Ms) -> Option<Ms> {
    if so {
        Some(*all.entry(key).or_insert(now))
    } else {
        all.remove(&key);
        None
    }
}
