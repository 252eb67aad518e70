//! Faults happening, and their ends.

use super::history::{Fault, Whom};
use super::host::{Ms, State};
use super::net::Place;
use super::world::Inside;
use crate::site::id::ServiceName;

/// A load that every overload rule minds.
const OVERLOAD: f64 = 9.0;

/// A change of the world at one moment. Monitors' processes are the business of [`super::run`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Crash(usize),
    Boot(usize),
    Unplug(Place),
    Plug(Place),
    Cut(Place, Place),
    Mend(Place, Place),
    Freeze(usize, bool),
    Slow(usize, u64),
    Load(usize, bool),
    Mute(usize, bool),
    Clock(usize, i32),
    Program(usize, usize, State),
}

impl Inside {
    /// Whom a fault strikes now; nobody, where there is no such host.
    pub(super) fn whom(&self, whom: Whom) -> Option<usize> {
        match whom {
            Whom::Host(at) => Some(at % self.hosts.len()),
            Whom::Primary(service) => {
                let address = self.services.get(&self.service(service)).map(|known| known.address)?;
                self.hosts.iter().position(|host| host.holds(address, self.now))
            }
            Whom::Secondary(service) => {
                let name = self.service(service);
                self.hosts.iter().position(|host| host.up && host.process_state(&name) == Some(State::Asleep))
            }
        }
    }

    pub(super) fn service(&self, at: usize) -> ServiceName {
        let names: Vec<&ServiceName> = self.services.keys().collect();
        names[at % names.len()].clone()
    }

    /// What begins with a fault now, and what ends it after `for_ms`; each with its delay from now.
    pub(super) fn strikes(&self, fault: Fault, for_ms: Ms) -> Vec<(Ms, Change)> {
        let host = |whom| self.whom(whom);
        let span = |begin, end| vec![(0, begin), (for_ms, end)];
        let changes = match fault {
            Fault::Crash(whom) => host(whom).map(|at| span(Change::Crash(at), Change::Boot(at))),
            Fault::Unplug(whom) => host(whom).map(|at| {
                let place = Place::Host(at);
                span(Change::Unplug(place), Change::Plug(place))
            }),
            Fault::OneWay(from, to) => host(from).zip(host(to)).map(|(from, to)| {
                let (from, to) = (Place::Host(from), Place::Host(to));
                span(Change::Cut(from, to), Change::Mend(from, to))
            }),
            Fault::Flap(whom, times) => host(whom).map(|at| {
                let (place, half) = (Place::Host(at), for_ms / (2 * u64::from(times)));
                let one = |time: u64| {
                    [(2 * time * half, Change::Unplug(place)), ((2 * time + 1) * half, Change::Plug(place))]
                };
                (0..u64::from(times)).flat_map(one).collect()
            }),
            Fault::Freeze(whom) => {
                host(whom).map(|at| span(Change::Freeze(at, true), Change::Freeze(at, false)))
            }
            Fault::Slow(whom, ms) => {
                host(whom).map(|at| span(Change::Slow(at, u64::from(ms)), Change::Slow(at, 0)))
            }
            Fault::Load(whom) => host(whom).map(|at| span(Change::Load(at, true), Change::Load(at, false))),
            Fault::Mute(whom) => host(whom).map(|at| span(Change::Mute(at, true), Change::Mute(at, false))),
            Fault::Clock(whom, ms) => host(whom).map(|at| span(Change::Clock(at, ms), Change::Clock(at, 0))),
            Fault::KillProgram(whom, service) => {
                host(whom).map(|at| vec![(0, Change::Program(at, service, State::Dead))])
            }
            Fault::StopProgram(whom, service) => {
                host(whom).map(|at| vec![(0, Change::Program(at, service, State::Asleep))])
            }
            Fault::UnplugMonitor(at) => {
                Some(span(Change::Unplug(Place::Monitor(at)), Change::Plug(Place::Monitor(at))))
            }
            Fault::Blind(at, whom) => host(whom).map(|whom| {
                let (from, to) = (Place::Monitor(at), Place::Host(whom));
                span(Change::Cut(from, to), Change::Mend(from, to))
            }),
            Fault::PauseMonitor(_)
            | Fault::KillMonitor(_)
            | Fault::LoseStore(_)
            | Fault::MonitorClock(..) => None,
        };
        changes.unwrap_or_default()
    }

    pub(super) fn change(&mut self, change: Change) {
        self.last_fault = self.now;
        match change {
            Change::Crash(at) => {
                self.say(at, "loses power");
                self.hosts[at].crash();
            }
            Change::Boot(at) if !self.hosts[at].up => {
                self.say(at, "boots");
                self.hosts[at].up = true;
                self.hosts[at].fenced = false;
            }
            Change::Boot(_) => {}
            Change::Unplug(place) => {
                self.tell(format!("{place}: cable pulled"));
                self.net.unplug(place);
            }
            Change::Plug(place) => {
                self.tell(format!("{place}: cable put back"));
                self.net.plug(place);
            }
            Change::Cut(from, to) => {
                self.tell(format!("nothing gets from {from} to {to}"));
                self.net.cut(from, to);
            }
            Change::Mend(from, to) => {
                self.tell(format!("{to} hears {from} again"));
                self.net.mend(from, to);
            }
            Change::Freeze(at, frozen) => {
                self.say(at, if frozen { "freezes" } else { "thaws" });
                self.hosts[at].frozen = frozen && self.hosts[at].up;
            }
            Change::Slow(at, ms) => {
                self.say(at, &format!("takes {ms} ms more for everything"));
                self.hosts[at].slow_ms = ms;
            }
            Change::Load(at, high) => {
                self.say(at, if high { "is overloaded" } else { "is idle again" });
                self.hosts[at].load = if high { OVERLOAD } else { 0.1 };
            }
            Change::Mute(at, mute) => {
                self.say(at, if mute { "its sshd hangs" } else { "its sshd works again" });
                self.hosts[at].mute = mute;
            }
            Change::Clock(at, ms) => {
                self.say(at, &format!("its clock is wrong by {ms} ms"));
                self.hosts[at].clock_off_ms = i64::from(ms);
            }
            Change::Program(at, service, state) => self.strike_program(at, service, state),
        }
    }

    fn strike_program(&mut self, at: usize, service: usize, state: State) {
        let name = self.service(service);
        let Some(share) = self.hosts[at].shares.get_mut(&name) else { return };
        let mut struck = false;
        for process in share.processes.values_mut() {
            let alive = matches!(process.state, State::Asleep | State::Awake);
            // A copy that sleeps cannot be stopped any more.
            let strikes = if state == State::Dead { alive } else { process.state == State::Awake };
            if strikes {
                process.state = state;
                struck = true;
            }
        }
        if struck {
            let how = if state == State::Dead { "dies" } else { "is stopped" };
            self.say(at, &format!("the program of {name} {how}"));
        }
    }

    /// Everything is put right: power, cables, programs go on by themselves.
    pub(super) fn heal(&mut self) {
        self.tell("everything is healed");
        self.last_fault = self.now;
        self.net.heal();
        for host in &mut self.hosts {
            host.up = true;
            host.fenced = false;
            (host.frozen, host.mute, host.slow_ms, host.load, host.clock_off_ms) = (false, false, 0, 0.1, 0);
        }
    }

    fn say(&mut self, at: usize, words: &str) {
        let line = format!("{} {words}", self.hosts[at].name);
        self.tell(line);
    }
}
