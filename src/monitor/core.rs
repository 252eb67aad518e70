//! The monitor's mind: what was seen goes in, what to do comes out. Knows no clock, no socket, no store.
//!
//! The driver calls [`Core::handle`] with every input and does the effects; it calls it with [`Input::Tick`] when
//! [`Core::next_deadline`] has come. A deadline that is out of date does no harm: everything due is found again from
//! the state. What happens to one service or host touches that one alone, so a large site costs no more per look.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::Now;
use super::config::{Config, Watched};
use super::counts::Looks;
use super::effect::{Act, ActId, Effect, Input};
use super::happening::{Happening, Told};
use super::host::Host;
use super::looks::{Ask, Ids};
use super::protecting::Stray;
use super::remembered::Remembered;
use super::service::Service;
use super::sight::{LookId, Sight, Target};
use super::verdict::Verdict;
use crate::plan::facts::SiteFacts;
use crate::plan::table::{Row, Table};
use crate::site::id::{HostName, ServiceName};

/// A deadline missed by this much is a reason to doubt oneself.
const LATE_MS: u64 = 400;

/// How long a host that fell silent still counts among those that should answer.
const LATELY_MS: u64 = 60_000;

/// So long without a word from any host, a monitor should let another lead.
const CUT_OFF_MS: u64 = 4_000;

/// Acts per service after which a single round ends, whatever it leaves to be protected.
const ROUND_ACTS: u64 = 3;

/// Hosts asked whether it is us.
const ASKED: usize = 16;

/// Everything the monitor knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Core {
    pub(super) config: Config,
    pub(super) table: Table,
    pub(super) now: Now,
    pub(super) began: Now,
    /// Until then it only looks.
    pub(super) grace_until_ms: u64,
    pub(super) ids: Ids,
    acts: u64,
    pub(super) services: BTreeMap<ServiceName, Service>,
    pub(super) hosts: BTreeMap<HostName, Host>,
    pub(super) under_way: BTreeMap<ActId, Act>,
    /// Which services have a host in the table, so that its word is not compared with all of them.
    pub(super) roles_of: BTreeMap<HostName, BTreeSet<ServiceName>>,
    /// Whose service address it is.
    pub(super) addresses: BTreeMap<IpAddr, ServiceName>,
    /// By service: who holds what it has no right to.
    pub(super) strays: BTreeMap<ServiceName, Stray>,
    /// Whose look it is.
    owners: BTreeMap<LookId, Owner>,
    /// When each is to be touched next.
    timers: BTreeSet<(u64, Owner)>,
    due: BTreeMap<Owner, u64>,
    pub(super) gateway_ms: Option<u64>,
    /// The last verdict about ourselves.
    pub(super) isolated: bool,
    #[serde(default)]
    pub(super) looks: Looks,
    #[serde(skip)]
    effects: Vec<Effect>,
}

/// Whom a look or a deadline belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Owner {
    Service(ServiceName),
    Host(HostName),
}

impl Core {
    /// Begins to watch. With what an earlier process remembered there is no grace: this one goes on where that ended.
    pub fn new(config: Config, table: Table, remembered: Option<&Remembered>, now: Now) -> Self {
        let grace_ms = if remembered.is_some() { 0 } else { config.grace_ms };
        let mut core = Self {
            table,
            now,
            began: now,
            grace_until_ms: now.mono_ms + grace_ms,
            ids: Ids::default(),
            acts: 0,
            services: BTreeMap::new(),
            hosts: BTreeMap::new(),
            under_way: BTreeMap::new(),
            roles_of: BTreeMap::new(),
            addresses: addresses_of(&config),
            strays: BTreeMap::new(),
            owners: BTreeMap::new(),
            timers: BTreeSet::new(),
            due: BTreeMap::new(),
            gateway_ms: None,
            isolated: false,
            looks: Looks::default(),
            effects: Vec::new(),
            config,
        };
        core.index_roles();
        core.spread();
        if let Some(remembered) = remembered {
            core.recall(remembered);
        }
        core.tell(Happening::Started { services: core.services.len(), hosts: core.hosts.len() });
        core
    }

    /// Takes in one input; says what is to be done.
    pub fn handle(&mut self, input: Input, now: Now) -> Vec<Effect> {
        self.now = now;
        self.doubt_lateness();
        match input {
            Input::Tick => {}
            Input::Table { table } => self.take_table(*table),
            Input::Saw { look, sight } => self.take_sight(look, &sight),
            Input::Ended { act, end } => self.take_end(act, end),
        }
        while let Some((at, owner)) = self.timers.first().cloned() {
            if at > self.now.mono_ms {
                break;
            }
            self.touch(&owner);
        }
        std::mem::take(&mut self.effects)
    }

    /// When [`Input::Tick`] is wanted next, in milliseconds of the monotonic clock.
    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Whether no run is under way.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether everything was looked at, everything found was looked into, and nothing is under way.
    pub fn is_round_done(&self) -> bool {
        self.is_idle()
            && self.is_looked_at()
            && (self.acts > ROUND_ACTS * self.services.len() as u64
                || self.services.keys().all(|name| !self.is_to_be_protected(name)))
    }

    /// Whether everything was looked at, and everything found was looked into.
    pub fn is_looked_at(&self) -> bool {
        let looked = |service: &Service| {
            service.looked && service.inquiry.is_none() && service.round.is_none() && !service.hurried
        };
        self.services.values().all(looked) && self.hosts.values().all(Host::is_looked_at)
    }

    /// What hosts said of themselves last; why not, for those that should not be believed to be there.
    pub fn facts(&self) -> SiteFacts {
        let fresh_ms = self.config.host_interval_ms * 2 + LATE_MS;
        let fact = |(name, host): (&HostName, &Host)| {
            let fresh = host.alive_ms.is_some_and(|alive| alive + fresh_ms >= self.now.mono_ms);
            let facts = match (&host.sample, host.verdict) {
                (Some(sample), Verdict::Ok) if fresh => Ok(sample.facts.clone()),
                (_, Verdict::Ok) => Err("it has not answered lately".to_owned()),
                _ => Err(host.because.clone()),
            };
            (name.clone(), facts)
        };
        self.hosts.iter().map(fact).collect()
    }

    /// First rounds, evenly over an interval: a hundred looks at one instant would see each other's load.
    fn spread(&mut self) {
        let now = self.now.mono_ms;
        let count = self.config.services.len().max(1) as u64;
        for (number, (name, watched)) in (0..).zip(&self.config.services) {
            let first = now + watched.interval_ms * number / count;
            self.services.insert(name.clone(), Service::new(first, now));
        }
        let count = self.config.hosts.len().max(1) as u64;
        for (number, name) in (0..).zip(&self.config.hosts) {
            let first = now + self.config.host_interval_ms.min(1000) * number / count;
            self.hosts.insert(name.clone(), Host::new(first, now));
        }
        let owners = self.services.keys().cloned().map(Owner::Service);
        let owners: Vec<Owner> = owners.chain(self.hosts.keys().cloned().map(Owner::Host)).collect();
        for owner in owners {
            self.touch_at(owner, now);
        }
    }

    /// Held up, we know nothing of the time between: looks that were under way prove nothing by their silence.
    fn doubt_lateness(&mut self) {
        let Some(promised) = self.next_deadline() else { return };
        let by_ms = self.now.mono_ms.saturating_sub(promised);
        if by_ms < LATE_MS {
            return;
        }
        let now = self.now.mono_ms;
        for service in self.services.values_mut() {
            service.inquiry = None;
            service.round = None;
            service.next_round_ms = now;
        }
        for host in self.hosts.values_mut() {
            host.round = None;
            host.witness = None;
        }
        self.owners.clear();
        self.tell(Happening::Late { by_ms });
    }

    fn take_table(&mut self, table: Table) {
        let now = self.now.mono_ms;
        let changed: Vec<ServiceName> = self
            .services
            .keys()
            .filter(|name| self.table.services.get(*name) != table.services.get(*name))
            .cloned()
            .collect();
        let policy = self.table != table;
        for name in &changed {
            let moved = self.primary(name) != primary_of(&table, name);
            if let Some(service) = self.services.get_mut(name)
                && moved
            {
                // A new primary is looked at afresh, at once.
                service.inquiry = None;
                service.round = None;
                service.next_round_ms = now;
                service.renewal.next_ms = now;
                service.renewal.forsaken = false;
                service.copy.bad = 0;
                service.hurried = false;
                service.moved_ms = Some(now);
            }
        }
        self.table = table;
        if !changed.is_empty() {
            self.index_roles();
        }
        if policy {
            for name in self.services.keys().cloned().collect::<Vec<_>>() {
                self.touch_at(Owner::Service(name), now);
            }
        }
    }

    fn index_roles(&mut self) {
        self.roles_of.clear();
        for (name, row) in &self.table.services {
            for host in [&row.primary, &row.secondary].into_iter().flatten() {
                self.roles_of.entry(host.clone()).or_default().insert(name.clone());
            }
        }
    }

    fn take_sight(&mut self, look: LookId, sight: &Sight) {
        // What nobody asked for any more is not believed.
        let Some(owner) = self.owners.get(&look).cloned() else { return };
        self.looks.count(sight);
        if sight.is_final() {
            self.owners.remove(&look);
        }
        match &owner {
            Owner::Service(name) => self.service_saw(name, look, sight),
            Owner::Host(name) => self.host_saw(name, look, sight),
        }
        self.touch(&owner);
    }

    /// Does what is due for one service or host, and finds its next deadline.
    pub(super) fn touch(&mut self, owner: &Owner) {
        let next = match owner {
            Owner::Service(name) => self.advance_service(name),
            Owner::Host(name) => self.advance_host(name),
        };
        // Time must go on, whatever a deadline says.
        self.schedule(owner.clone(), next.max(self.now.mono_ms + 1));
    }

    /// Asks for a touch at `at_ms` or earlier.
    pub(super) fn touch_at(&mut self, owner: Owner, at_ms: u64) {
        if self.due.get(&owner).is_none_or(|due| *due > at_ms) {
            self.schedule(owner, at_ms);
        }
    }

    fn schedule(&mut self, owner: Owner, at_ms: u64) {
        if let Some(before) = self.due.insert(owner.clone(), at_ms) {
            self.timers.remove(&(before, owner.clone()));
        }
        self.timers.insert((at_ms, owner));
    }

    /// Sends a look that belongs to `owner`.
    pub(super) fn send(&mut self, owner: Owner, ask: Ask) {
        self.owners.insert(ask.look, owner);
        self.effects.push(Effect::Look(ask));
    }

    pub(super) fn look(&mut self, owner: Owner, target: Target, timeout_ms: u64) -> LookId {
        let look = self.ids.next();
        self.send(owner, Ask { look, target, timeout_ms });
        look
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn tell(&mut self, what: Happening) {
        let at_ms = self.now.wall_ms;
        self.effects.push(Effect::Tell(Told { at_ms, what }));
    }

    pub(super) fn next_act(&mut self) -> ActId {
        self.acts += 1;
        ActId(self.acts)
    }

    pub(super) fn watched(&self, name: &ServiceName) -> Option<&Arc<Watched>> {
        self.config.services.get(name)
    }

    pub(super) fn row(&self, name: &ServiceName) -> Option<&Row> {
        self.table.services.get(name)
    }

    pub(super) fn primary(&self, name: &ServiceName) -> Option<&HostName> {
        primary_of(&self.table, name)
    }

    pub(super) fn is_in_grace(&self) -> bool {
        self.now.mono_ms < self.grace_until_ms
    }

    /// Hosts that should answer us: those that did lately. If none did, all of them, or a monitor that was cut off for
    /// long would forget that it is.
    pub(super) fn others(&self, suspect: &HostName) -> Vec<HostName> {
        let now = self.now.mono_ms;
        let lately = |(name, host): &(&HostName, &Host)| {
            *name != suspect
                && !self.config.own.contains(*name)
                && host.verdict != Verdict::HostDown
                && host.alive_ms.is_some_and(|alive| alive + LATELY_MS > now)
        };
        let named = |(name, _): (&HostName, &Host)| name.clone();
        let some: Vec<HostName> = self.hosts.iter().filter(lately).map(named).take(ASKED).collect();
        if !some.is_empty() {
            return some;
        }
        let foreign = |name: &&HostName| *name != suspect && !self.config.own.contains(*name);
        self.hosts.keys().filter(foreign).take(ASKED).cloned().collect()
    }

    /// Whether no host but its own has answered for a while: dead or cut off, another monitor may know better.
    pub fn is_cut_off(&self) -> bool {
        let cut_off_ms = CUT_OFF_MS.max(self.config.host_interval_ms * 3);
        let mut heard = self.hosts.iter().filter(|(name, _)| !self.config.own.contains(*name)).peekable();
        heard.peek().is_some()
            && heard
                .all(|(_, host)| host.alive_ms.unwrap_or(self.began.mono_ms) + cut_off_ms < self.now.mono_ms)
    }

    /// Whether most hosts that answered lately do so no more.
    pub(super) fn is_mass_failure(&self) -> bool {
        let now = self.now.mono_ms;
        let foreign = self.hosts.iter().filter(|(name, _)| !self.config.own.contains(*name));
        let lately = foreign.map(|(_, host)| host).filter(|host| {
            host.verdict != Verdict::HostDown && host.alive_ms.is_some_and(|alive| alive + LATELY_MS > now)
        });
        let fresh_ms = self.config.host_interval_ms * 3;
        let (silent, all) = lately.fold((0, 0), |(silent, all), host| {
            let is_silent = host.alive_ms.is_none_or(|alive| alive + fresh_ms < now);
            (silent + usize::from(is_silent), all + 1)
        });
        silent * 2 > all || all == 0
    }
}

fn addresses_of(config: &Config) -> BTreeMap<IpAddr, ServiceName> {
    let of = |(name, watched): (&ServiceName, &Arc<Watched>)| {
        let name = name.clone();
        watched.addresses.clone().into_iter().map(move |address| (address, name.clone()))
    };
    config.services.iter().flat_map(of).collect()
}

fn primary_of<'a>(table: &'a Table, name: &ServiceName) -> Option<&'a HostName> {
    table.services.get(name).and_then(|row| row.primary.as_ref())
}
