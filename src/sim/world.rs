//! The world's state behind one lock: hosts, the link between all places, chance, the story. Everything that happens in a
//! simulation goes through [`World::with`]; nothing waits while it is held.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::chance::Chance;
use super::host::{Host, Ms, State};
use super::judge::Judge;
use super::net::{Net, Place};
use super::story::Story;
use crate::site::id::{HostName, ServiceName};
use crate::site::playbook::DataPolicy;

/// Milliseconds since 1970 at which every world begins.
pub(super) const WALL_MS: u64 = 1_795_417_503_000;

/// Clones are the same world.
#[derive(Clone)]
pub(super) struct World {
    inside: Arc<Mutex<Inside>>,
    start: Instant,
}

pub(super) struct Inside {
    pub now: Ms,
    pub chance: Chance,
    pub hosts: Vec<Host>,
    pub net: Net,
    pub services: BTreeMap<ServiceName, Known>,
    pub story: Story,
    /// By monitor: whether it thinks that it leads, and whether it is stopped.
    pub leading: Vec<bool>,
    pub paused: Vec<bool>,
    /// When something last went wrong or was put right.
    pub last_fault: Ms,
    pub judge: Judge,
    /// The first monitor's journal killed it.
    pub struck: bool,
    /// The judge has spoken.
    pub condemned: bool,
    /// What the simulation itself does not understand: no result counts then.
    pub broken: Option<String>,
    next_job: u64,
}

/// What does not change about a service.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub address: IpAddr,
    pub data: DataPolicy,
    pub lease_ms: Option<u64>,
}

/// What a client is answered through a service address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// By this host.
    By(usize),
    /// The kernel says that nothing listens.
    Refused,
    Silence,
}

impl World {
    /// Must be made within a runtime whose clock is paused.
    pub(super) fn new(
        seed: u64,
        hosts: Vec<HostName>,
        services: BTreeMap<ServiceName, Known>,
        monitors: usize,
    ) -> Self {
        let judge = Judge::new(services.len(), hosts.len());
        let inside = Inside {
            now: 0,
            chance: Chance::of(seed),
            hosts: hosts.into_iter().map(Host::new).collect(),
            net: Net::default(),
            services,
            story: Story::default(),
            leading: vec![false; monitors],
            paused: vec![false; monitors],
            last_fault: 0,
            judge,
            struck: false,
            condemned: false,
            broken: None,
            next_job: 0,
        };
        Self { inside: Arc::new(Mutex::new(inside)), start: Instant::now() }
    }

    /// Changes the world now, before the judge's eyes.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Inside) -> T) -> T {
        self.quietly(|inside| {
            let done = act(inside);
            inside.observe();
            done
        })
    }

    /// Looks at the world as it is now.
    pub(super) fn see<T>(&self, look: impl FnOnce(&Inside) -> T) -> T {
        self.quietly(|inside| look(inside))
    }

    /// Changes what is of no interest to the judge.
    pub(super) fn quietly<T>(&self, act: impl FnOnce(&mut Inside) -> T) -> T {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.now = self.now();
        act(&mut inside)
    }

    pub(super) fn now(&self) -> Ms {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn tell(&self, line: impl Into<String>) {
        self.quietly(|inside| inside.tell(line));
    }

    /// The simulation came upon something it cannot simulate.
    pub(super) fn break_down(&self, why: String) {
        self.with(|inside| {
            inside.tell(format!("BROKEN: {why}"));
            inside.broken.get_or_insert(why);
        });
    }

    pub(super) fn host(&self, name: &HostName) -> Option<usize> {
        self.see(|inside| inside.hosts.iter().position(|host| host.name == *name))
    }
}

impl Inside {
    pub(super) fn tell(&mut self, line: impl Into<String>) {
        self.story.tell(self.now, line.into());
    }

    pub(super) fn next_job(&mut self) -> u64 {
        self.next_job += 1;
        self.next_job
    }

    /// Hosts other than the asking one that answer for an address, as heard from there.
    pub(super) fn answerers(&self, from: Place, address: IpAddr) -> Vec<usize> {
        let answers = |at: &usize| {
            let place = Place::Host(*at);
            place != from && self.hosts[*at].holds(address, self.now) && self.net.talk(from, place)
        };
        (0..self.hosts.len()).filter(answers).collect()
    }

    /// Whether the kernel of a host answers.
    pub(super) fn echoes(&self, from: Place, host: usize) -> bool {
        self.hosts[host].up && self.net.talk(from, Place::Host(host))
    }

    /// Whether a command can be run on a host.
    pub(super) fn shell(&self, from: Place, host: usize) -> bool {
        self.hosts[host].runs_shells() && self.net.talk(from, Place::Host(host))
    }

    pub(super) fn served(&self, from: Place, service: &ServiceName) -> Served {
        let Some(known) = self.services.get(service) else { return Served::Silence };
        let mut holders = self.answerers(from, known.address);
        if let Place::Host(at) = from
            && self.hosts[at].holds(known.address, self.now)
        {
            holders.insert(0, at);
        }
        let Some(host) = holders.first().copied() else { return Served::Silence };
        match self.hosts[host].process_state(service) {
            _ if self.hosts[host].frozen => Served::Silence,
            Some(State::Awake) => Served::By(host),
            Some(State::Asleep) => Served::Silence,
            Some(State::Dead | State::Absent) | None => Served::Refused,
        }
    }
}
