//! Tells one history from its beginning to its end: a site is set up, monitors are started, faults happen, everything is
//! healed, and the judge has the last word.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::{Duration, sleep};

use super::fault::Change;
use super::gate::{Gate, Gated};
use super::history::{CALM_MS, Fault, HEALED_MS, History, QUIET_MS};
use super::host::Ms;
use super::monitor::Monitor;
use super::site::{self, Made};
use super::world::{Inside, World};
use crate::store::journal::Fuse;
use crate::store::{MemStore, Store, update};

/// How often the judge looks though nothing happened.
const LOOK_MS: Ms = 100;

/// How often somebody acknowledges failed takeovers in the quiet time.
const ACK_MS: Ms = 10_000;

/// Faults are over for so long before everything is healed: the site should manage by itself.
const AFTERMATH_MS: Ms = 10_000;

/// The quiet time ends when everything was as it should be at so many looks, so far apart.
const SETTLED: u32 = 5;
const STEP_MS: Ms = 2_000;

/// A monitor that was killed by its journal is started again after this.
const RESTART_MS: Ms = 2_000;

/// A rule that is broken on purpose, to see that it is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Broken {
    /// Nobody asks whether the old primary still acts.
    Evidence,
    /// Hosts obey commands of epochs that are over.
    Epochs,
    /// Nobody listens whether another host answers for an address.
    Listening,
    /// What hosts hold without any right is left to them.
    Quarantine,
}

/// How a history went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What must never be, and was.
    pub wrong: Option<String>,
    /// Over everything that happened.
    pub hash: String,
    pub story: Vec<String>,
    /// Whether a monitor was killed by its journal.
    pub killed: bool,
}

/// Tells a history. Sites are made once per shape and kept in `sites`.
///
/// # Errors
/// The simulation itself fails.
pub fn tell(history: &History, broken: Option<Broken>, sites: &mut Sites) -> anyhow::Result<Told> {
    let made = sites.made(history)?;
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let told = LocalSet::new().block_on(&runtime, async move {
        let mut telling = Telling::begin(history, made, broken).await;
        telling.run(history).await;
        telling.end().await
    });
    Ok(told)
}

/// Sites by shape: reading one takes longer than many histories' faults.
#[derive(Default)]
pub struct Sites(BTreeMap<super::site::Shape, Arc<Made>>);

impl Sites {
    fn made(&mut self, history: &History) -> anyhow::Result<Arc<Made>> {
        if let Some(made) = self.0.get(&history.shape) {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(site::make(&history.shape)?);
        self.0.insert(history.shape.clone(), Arc::clone(&made));
        Ok(made)
    }
}

/// Something to be done at a moment.
#[derive(Clone, Copy, Debug)]
enum Due {
    Fault(Fault, Ms),
    Change(Change),
    Continue(usize),
    Start(usize),
    Store(usize),
    Clock(usize),
}

struct Telling {
    world: World,
    made: Arc<Made>,
    store: MemStore,
    processes: Vec<Option<Process>>,
    lives: u32,
    broken: Option<Broken>,
    /// In the order of time, then of number.
    due: BTreeMap<(Ms, u64), Due>,
    numbers: u64,
    killed: BTreeSet<usize>,
    killed_by_journal: bool,
}

/// A monitor's process.
struct Process {
    monitor: Monitor,
    gate: Gate,
    task: JoinHandle<()>,
}

impl Telling {
    async fn begin(history: &History, made: Arc<Made>, broken: Option<Broken>) -> Self {
        let world = World::new(history.seed, made.hosts.clone(), made.services.clone(), history.monitors);
        world.quietly(|inside| inside.rule = broken);
        let store = MemStore::default();
        Monitor::new(0, 0, &world, &made, store.another_way(), broken).deploy().await;
        let mut telling = Self {
            world,
            made,
            store,
            processes: Vec::new(),
            lives: 0,
            broken,
            due: BTreeMap::new(),
            numbers: 0,
            killed: BTreeSet::new(),
            killed_by_journal: false,
        };
        for at in 0..history.monitors {
            let process = telling.start(at);
            telling.processes.push(Some(process));
        }
        if let Some(records) = history.kill_after {
            telling.light(records);
        }
        for event in &history.events {
            telling.at(CALM_MS + event.at_ms, Due::Fault(event.fault, event.for_ms));
        }
        telling
    }

    /// The first monitor stands still from that record on, and is found dead soon after.
    fn light(&self, records: u64) {
        let (Some(process), world) = (&self.processes[0], self.world.clone()) else { return };
        let gate = process.gate.clone();
        self.store.light(Fuse::new(records, move || {
            gate.shut(true);
            world.quietly(|inside| inside.struck = true);
        }));
    }

    fn start(&mut self, at: usize) -> Process {
        self.lives += 1;
        let monitor =
            Monitor::new(at, self.lives, &self.world, &self.made, self.store.another_way(), self.broken);
        let gate = Gate::default();
        let task = spawn_local(Gated { gate: gate.clone(), inside: Box::pin(monitor.clone().run()) });
        Process { monitor, gate, task }
    }

    fn at(&mut self, at: Ms, due: Due) {
        self.numbers += 1;
        self.due.insert((at, self.numbers), due);
    }

    /// Faults, healing, quiet: until nothing is to be put right any more, or time is up.
    async fn run(&mut self, history: &History) {
        let last = history.events.iter().map(|event| CALM_MS + event.at_ms + event.for_ms).max();
        self.until(last.map_or(CALM_MS, |last| last + AFTERMATH_MS).min(HEALED_MS)).await;
        if self.is_over() {
            return;
        }
        self.due.clear();
        self.heal();
        let (healed, mut settled) = (self.world.now(), 0);
        while self.world.now() < healed + QUIET_MS && settled < SETTLED && !self.is_over() {
            let quiet = self.world.now() - healed;
            if quiet > 0 && quiet.is_multiple_of(ACK_MS) {
                self.acknowledge().await;
            }
            self.until(self.world.now() + STEP_MS).await;
            let table = self.store.load().await.unwrap_or_default();
            settled = if self.world.see(|inside| inside.is_settled(&table)) { settled + 1 } else { 0 };
        }
    }

    fn is_over(&self) -> bool {
        self.world.see(|inside| inside.condemned || inside.broken.is_some())
    }

    async fn until(&mut self, end: Ms) {
        while !self.is_over() {
            let now = self.world.now();
            while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
                let due = entry.remove();
                self.happen(due);
            }
            if self.world.quietly(|inside| std::mem::take(&mut inside.struck)) {
                self.kill(0);
                self.killed_by_journal = true;
                self.at(now + RESTART_MS, Due::Start(0));
            }
            if now >= end {
                return;
            }
            let next = self.due.first_key_value().map_or(end, |((at, _), _)| *at);
            let next = next.min(end).min(now + LOOK_MS).max(now + 1);
            sleep(Duration::from_millis(next - now)).await;
            if self.world.see(Inside::is_anything_late) {
                let table = self.store.load().await.unwrap_or_default();
                self.world.with(|inside| inside.overdue(&table));
            } else {
                self.world.with(|_| ());
            }
        }
    }

    fn happen(&mut self, due: Due) {
        let now = self.world.now();
        match due {
            Due::Change(change) => self.world.with(|inside| inside.change(change)),
            Due::Fault(fault, for_ms) => self.strike(fault, for_ms, now),
            Due::Continue(at) => self.pause(at, false),
            Due::Start(at) => {
                if self.killed.remove(&at) {
                    self.world.tell(format!("m{} is started again", at + 1));
                    self.processes[at] = Some(self.start(at));
                }
            }
            Due::Store(at) => self.cut_store(at, false),
            Due::Clock(at) => self.set_clock(at, 0),
        }
    }

    fn strike(&mut self, fault: Fault, for_ms: Ms, now: Ms) {
        self.world.with(|inside| inside.last_fault = inside.now);
        let monitors = self.processes.len();
        match fault {
            Fault::PauseMonitor(at) => {
                self.pause(at % monitors, true);
                self.at(now + for_ms, Due::Continue(at % monitors));
            }
            Fault::KillMonitor(at) => {
                self.kill(at % monitors);
                self.at(now + for_ms, Due::Start(at % monitors));
            }
            Fault::LoseStore(at) => {
                self.cut_store(at % monitors, true);
                self.at(now + for_ms, Due::Store(at % monitors));
            }
            Fault::MonitorClock(at, ms) => {
                self.set_clock(at % monitors, ms.into());
                self.at(now + for_ms, Due::Clock(at % monitors));
            }
            fault => {
                for (delay, change) in self.world.see(|inside| inside.strikes(fault, for_ms)) {
                    self.at(now + delay, Due::Change(change));
                }
                // What begins now begins now.
                while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
                    if let Due::Change(change) = entry.remove() {
                        self.world.with(|inside| inside.change(change));
                    }
                }
            }
        }
    }

    fn pause(&mut self, at: usize, pause: bool) {
        let Some(process) = &self.processes[at] else { return };
        if process.gate.is_shut() != pause {
            process.gate.shut(pause);
            self.world.with(|inside| {
                inside.paused[at] = pause;
                inside.last_fault = inside.now;
                inside.tell(format!("m{} {}", at + 1, if pause { "is stopped" } else { "goes on" }));
            });
        }
    }

    fn kill(&mut self, at: usize) {
        if let Some(process) = self.processes[at].take() {
            process.task.abort();
            self.world.with(|inside| {
                inside.tell(format!("m{} is killed", at + 1));
                inside.leading[at] = false;
                inside.paused[at] = false;
            });
            self.killed.insert(at);
        }
    }

    fn cut_store(&mut self, at: usize, cut: bool) {
        if let Some(process) = &self.processes[at] {
            process.monitor.store.cut(cut);
            self.world.with(|inside| {
                inside.last_fault = inside.now;
                inside.tell(format!("m{} {} the store", at + 1, if cut { "loses" } else { "reaches" }));
            });
        }
    }

    fn set_clock(&mut self, at: usize, ms: i64) {
        if let Some(process) = &self.processes[at] {
            process.monitor.clock_off_ms.store(ms, std::sync::atomic::Ordering::Relaxed);
            self.world.tell(format!("m{}: its clock is wrong by {ms} ms", at + 1));
        }
    }

    fn heal(&mut self) {
        self.world.with(super::world::Inside::heal);
        for at in 0..self.processes.len() {
            self.pause(at, false);
            self.cut_store(at, false);
            self.set_clock(at, 0);
            self.happen(Due::Start(at));
        }
    }

    /// A person looks after what was left to them.
    async fn acknowledge(&self) {
        let _ = update(&self.store, |table| {
            for memory in table.policy.values_mut() {
                memory.latched = None;
            }
        })
        .await;
    }

    async fn end(self) -> Told {
        let table = self.store.load().await.unwrap_or_default();
        if !self.is_over() {
            self.world.with(|inside| inside.settle(&table));
        }
        for process in self.processes.iter().flatten() {
            process.task.abort();
        }
        self.world.with(|inside| Told {
            wrong: inside.broken.clone().or_else(|| inside.judge.verdict.clone()),
            hash: inside.story.hash(),
            story: inside.story.lines(),
            killed: self.killed_by_journal,
        })
    }
}
