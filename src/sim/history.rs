//! What goes wrong, when, and for how long: made from a seed by proptest, which can also make it shorter.

use std::fmt;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::host::Ms;
use super::site::{Data, Kind, Shape};

/// Faults begin after this: everything is set up and looked at by then.
pub(super) const CALM_MS: Ms = 6_000;

/// No fault begins later than so long after that.
const SPAN_MS: Ms = 40_000;

/// Everything is healed then.
pub(super) const HEALED_MS: Ms = 60_000;

/// And this is how long the site gets to put itself right.
pub(super) const QUIET_MS: Ms = 60_000;

/// The longest fault.
const LONGEST_MS: Ms = 25_000;

/// One simulated story, before it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    pub shape: Shape,
    pub monitors: usize,
    /// Of the delays in it.
    pub seed: u64,
    pub events: Vec<Event>,
    /// The first monitor is killed after so many records of journals, counted from the first fault; and started again.
    pub kill_after: Option<u64>,
}

/// Something goes wrong, and is put right again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// After the calm.
    pub at_ms: Ms,
    pub for_ms: Ms,
    pub fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Crash(Whom),
    /// Its cable is pulled.
    Unplug(Whom),
    /// Nothing gets from one to the other; the way back works.
    OneWay(Whom, Whom),
    /// A cable that goes in and out so often.
    Flap(Whom, u8),
    Freeze(Whom),
    /// Everything takes so many milliseconds more.
    Slow(Whom, u16),
    Load(Whom),
    Mute(Whom),
    Clock(Whom, i32),
    /// A program of the service on that host dies, or is stopped.
    KillProgram(Whom, usize),
    StopProgram(Whom, usize),
    PauseMonitor(usize),
    KillMonitor(usize),
    UnplugMonitor(usize),
    /// Only the way from a monitor to a host.
    Blind(usize, Whom),
    LoseStore(usize),
    MonitorClock(usize, i32),
}

/// Which host, where that is decided when it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    Host(usize),
    /// Whoever holds the address of the service.
    Primary(usize),
    /// Whoever keeps the sleeping copy.
    Secondary(usize),
}

impl History {
    /// The history of a seed, with at most so many faults; and what makes it shorter.
    pub(super) fn tree(seed: u64, faults: usize) -> Result<impl ValueTree<Value = Self> + use<>, String> {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        histories(seed, faults).new_tree(&mut runner).map_err(|reason| reason.to_string())
    }
}

fn histories(seed: u64, faults: usize) -> impl Strategy<Value = History> {
    let events = prop::collection::vec(event(), 1..=faults.max(1));
    (shape(), 1..=2_usize, events).prop_map(move |(shape, monitors, mut events)| {
        events.sort_by_key(|event| event.at_ms);
        History { shape, monitors, seed, events, kill_after: None }
    })
}

fn shape() -> impl Strategy<Value = Shape> {
    let data = prop_oneof![Just(Data::SharedRead), Just(Data::None), Just(Data::SharedWrite)];
    let lease = prop_oneof![3 => Just(None), 1 => Just(Some(6))];
    let kind = (data, lease).prop_map(|(data, lease_s)| Kind { data, lease_s });
    let services = prop::collection::vec(kind, 1..=3);
    (3..=6_usize, services, 0..=6_usize).prop_map(|(hosts, services, fenced)| Shape {
        hosts,
        services,
        fenced: fenced.saturating_sub(3).min(hosts),
    })
}

fn event() -> impl Strategy<Value = Event> {
    (0..SPAN_MS, 50..LONGEST_MS, fault()).prop_map(|(at_ms, for_ms, fault)| Event { at_ms, for_ms, fault })
}

fn whom() -> impl Strategy<Value = Whom> {
    prop_oneof![
        2 => (0..3_usize).prop_map(Whom::Primary),
        1 => (0..3_usize).prop_map(Whom::Secondary),
        2 => (0..6_usize).prop_map(Whom::Host),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => whom().prop_map(Fault::Crash),
        3 => whom().prop_map(Fault::Unplug),
        1 => (whom(), whom()).prop_map(|(from, to)| Fault::OneWay(from, to)),
        1 => (whom(), 1..6_u8).prop_map(|(whom, times)| Fault::Flap(whom, times)),
        2 => whom().prop_map(Fault::Freeze),
        1 => (whom(), 1..1500_u16).prop_map(|(whom, ms)| Fault::Slow(whom, ms)),
        1 => whom().prop_map(Fault::Load),
        1 => whom().prop_map(Fault::Mute),
        1 => (whom(), -100_000..100_000_i32).prop_map(|(whom, ms)| Fault::Clock(whom, ms)),
        2 => (whom(), 0..3_usize).prop_map(|(whom, service)| Fault::KillProgram(whom, service)),
        1 => (whom(), 0..3_usize).prop_map(|(whom, service)| Fault::StopProgram(whom, service)),
        2 => (0..2_usize).prop_map(Fault::PauseMonitor),
        2 => (0..2_usize).prop_map(Fault::KillMonitor),
        1 => (0..2_usize).prop_map(Fault::UnplugMonitor),
        1 => (0..2_usize, whom()).prop_map(|(monitor, whom)| Fault::Blind(monitor, whom)),
        1 => (0..2_usize).prop_map(Fault::LoseStore),
        1 => (0..2_usize, -100_000..100_000_i32).prop_map(|(at, ms)| Fault::MonitorClock(at, ms)),
    ]
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(at) => write!(f, "h{}", at + 1),
            Self::Primary(service) => write!(f, "the primary of s{}", service + 1),
            Self::Secondary(service) => write!(f, "the secondary of s{}", service + 1),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash(whom) => write!(f, "{whom} loses power"),
            Self::Unplug(whom) => write!(f, "{whom}: cable pulled"),
            Self::OneWay(from, to) => write!(f, "nothing gets from {from} to {to}"),
            Self::Flap(whom, times) => write!(f, "{whom}: cable pulled and put back {times} times"),
            Self::Freeze(whom) => write!(f, "{whom} freezes; its kernel goes on"),
            Self::Slow(whom, ms) => write!(f, "{whom} takes {ms} ms more for everything"),
            Self::Load(whom) => write!(f, "{whom} is overloaded"),
            Self::Mute(whom) => write!(f, "{whom}: sshd hangs"),
            Self::Clock(whom, ms) => write!(f, "{whom}: its clock jumps by {ms} ms"),
            Self::KillProgram(whom, service) => write!(f, "{whom}: the program of s{} dies", service + 1),
            Self::StopProgram(whom, service) => {
                write!(f, "{whom}: the program of s{} is stopped", service + 1)
            }
            Self::PauseMonitor(at) => write!(f, "m{} is stopped (SIGSTOP)", at + 1),
            Self::KillMonitor(at) => write!(f, "m{} is killed (SIGKILL)", at + 1),
            Self::UnplugMonitor(at) => write!(f, "m{}: cable pulled", at + 1),
            Self::Blind(at, whom) => write!(f, "nothing gets from m{} to {whom}", at + 1),
            Self::LoseStore(at) => write!(f, "m{} loses the store", at + 1),
            Self::MonitorClock(at, ms) => write!(f, "m{}: its clock jumps by {ms} ms", at + 1),
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<String> = self.shape.services.iter().map(Kind::to_string).collect();
        writeln!(
            f,
            "{} hosts ({} with a fence device), {} monitors, services: {}",
            self.shape.hosts,
            self.shape.fenced,
            self.monitors,
            kinds.join(", ")
        )?;
        for Event { at_ms, for_ms, fault } in &self.events {
            let at = at_ms + CALM_MS;
            writeln!(f, "{:>4}.{:03} s  for {for_ms} ms: {fault}", at / 1000, at % 1000)?;
        }
        Ok(())
    }
}
