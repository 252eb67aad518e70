//! One simulated host: its kernel, its sshd, what it keeps under `/run/reveille`, its service processes and addresses.
//! Changed by [`super::shell`] (commands) and [`super::fault`]; read by everyone who looks at it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::plan::facts::{HeldAddress, HostFacts, ProcessFact, Trace};
use crate::plan::table::Role;
use crate::site::id::{Epoch, HostName, ServiceName};

/// Milliseconds since the world began.
pub(super) type Ms = u64;

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each goes wrong by itself")]
pub(super) struct Host {
    pub name: HostName,
    /// Off: no packet is answered, nothing runs.
    pub up: bool,
    /// A device turned it off: it stays off until somebody turns it on.
    pub fenced: bool,
    /// One more with each boot.
    pub boot: u64,
    /// Programs stand still; the kernel goes on answering.
    pub frozen: bool,
    /// Nobody can log in.
    pub mute: bool,
    /// What everything that runs here takes longer, in milliseconds.
    pub slow_ms: u64,
    pub load: f64,
    /// By how much its clock is wrong.
    pub clock_off_ms: i64,
    pub shares: BTreeMap<ServiceName, Share>,
    /// Service addresses it was given.
    pub held: BTreeMap<IpAddr, Life>,
}

/// How long a kernel keeps an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Forever,
    Until(Ms),
}

impl Life {
    pub(super) fn of(lease_ms: Option<u64>, now: Ms) -> Self {
        lease_ms.map_or(Self::Forever, |lease| Self::Until(now + lease))
    }
}

/// What a host has of one service.
#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    pub epoch: Epoch,
    pub role: Option<Role>,
    pub processes: BTreeMap<String, Process>,
    /// The run (or epoch) that wrote them, and its notes by key.
    pub undo: (String, BTreeMap<String, String>),
    /// An epoch and the time at which nobody answered for these addresses.
    pub silent: Option<(Epoch, Ms, Vec<IpAddr>)>,
    /// Scripts that hold the guard's lock: which epoch, which job.
    pub writers: Vec<(Epoch, u64)>,
}

/// A program of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    /// The words it was started with; kept when it ends.
    pub launch: Option<String>,
    pub state: State,
    /// It runs only because it is being started: by which job, and what it is to become.
    pub starting: Option<(u64, State)>,
    /// Tells one start from another.
    pub born: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Absent,
    /// Recorded, and gone.
    Dead,
    Asleep,
    Awake,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Dead => "dead",
            Self::Asleep => "asleep",
            Self::Awake => "awake",
        }
    }
}

impl Host {
    pub(super) fn new(name: HostName) -> Self {
        Self {
            name,
            up: true,
            fenced: false,
            boot: 1,
            frozen: false,
            mute: false,
            slow_ms: 0,
            load: 0.1,
            clock_off_ms: 0,
            shares: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// Power is gone, and with it all that was in memory: processes, addresses, `/run`.
    pub(super) fn crash(&mut self) {
        let fresh = Self::new(self.name.clone());
        *self = Self { up: false, boot: self.boot + 1, clock_off_ms: self.clock_off_ms, ..fresh };
    }

    pub(super) fn holds(&self, address: IpAddr, now: Ms) -> bool {
        let lives = |life: &Life| match life {
            Life::Forever => true,
            Life::Until(end) => *end > now,
        };
        self.up && self.held.get(&address).is_some_and(lives)
    }

    /// Whether a shell can be had.
    pub(super) fn runs_shells(&self) -> bool {
        self.up && !self.frozen && !self.mute
    }

    /// Of the service's first process.
    pub(super) fn process_state(&self, service: &ServiceName) -> Option<State> {
        self.shares.get(service)?.processes.values().map(|process| process.state).next()
    }

    pub(super) fn facts(&self, now: Ms, wall_ms: u64) -> HostFacts {
        let held = self.held.keys().filter(|address| self.holds(**address, now));
        let device =
            |address: &IpAddr| HeldAddress { device: "eth0".to_owned(), address: *address, prefix: 32 };
        HostFacts {
            load1: self.load,
            cpus: 1,
            load_per_cpu: self.load,
            mem_available: 1 << 30,
            mem_total: 2 << 30,
            addresses: held.map(device).collect(),
            services: self.shares.iter().map(|(name, share)| (name.clone(), share.trace())).collect(),
            missing: Vec::new(),
            clock_ms: wall_ms.saturating_add_signed(self.clock_off_ms),
            boot_id: format!("boot-{}", self.boot),
            uptime_ms: now,
        }
    }
}

impl Share {
    fn trace(&self) -> Trace {
        let fact = |process: &Process| match process.state {
            State::Absent => None,
            State::Dead => Some(ProcessFact::Dead),
            State::Asleep => Some(ProcessFact::Asleep),
            State::Awake => Some(ProcessFact::Awake),
        };
        let processes =
            self.processes.iter().filter_map(|(name, process)| Some((name.clone(), fact(process)?)));
        Trace { epoch: self.epoch, role: self.role, processes: processes.collect() }
    }

    /// Notes a line for the undo of a run. Notes of earlier runs go.
    pub(super) fn keep(&mut self, run: &str, key: &str, text: String) {
        if self.undo.0 != run {
            self.undo = (run.to_owned(), BTreeMap::new());
        }
        self.undo.1.insert(key.to_owned(), text);
    }

    pub(super) fn recall(&self, run: &str, key: &str) -> Option<String> {
        if self.undo.0 == run { self.undo.1.get(key).cloned() } else { None }
    }

    pub(super) fn forget(&mut self, run: &str, key: &str) {
        if self.undo.0 == run {
            self.undo.1.remove(key);
        }
    }
}
