//! What watching costs: the core alone, fed by hosts and services that are all well, for a minute of virtual time. A real
//! monitor pays for sockets and SSH besides; what is measured here is what it pays for thinking, and for reading what
//! hosts say.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::world::WALL_MS;
use crate::module::Outcome;
use crate::monitor::{Act, Ask, Config, Core, Effect, Input, LookId, Now, Sight, Target, Watched};
use crate::plan::sample::Sample;
use crate::plan::table::{Row, ServiceState, Table};
use crate::site::id::{Epoch, HostName, ServiceName};
use crate::site::playbook::{DataPolicy, TakeoverMode};

/// How long is watched.
pub const WATCHED_S: u64 = 60;
const WATCHED_MS: u64 = WATCHED_S * 1000;

/// What one size costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub hosts: usize,
    pub services: usize,
    pub looks: u64,
    /// Of one CPU.
    pub share: f64,
    /// Bytes that the process grew by.
    pub memory: u64,
}

/// For people.
#[expect(clippy::cast_precision_loss, reason = "a tenth of a mebibyte is all that is shown")]
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Watches so many hosts and services for a minute.
///
/// # Errors
/// Names that are none; the simulation is wrong then.
pub fn watch(hosts: usize, services: usize) -> anyhow::Result<Cost> {
    let before = resident();
    let hosts: Vec<HostName> =
        (1..=hosts).map(|at| HostName::try_from(format!("h{at}"))).collect::<Result<_, _>>()?;
    let names: Vec<ServiceName> =
        (1..=services).map(|at| ServiceName::try_from(format!("s{at}"))).collect::<Result<_, _>>()?;
    let mut bench = Bench::new(&hosts, &names);
    let looks = bench.run();
    let share = bench.thought.as_secs_f64() / Duration::from_secs(WATCHED_S).as_secs_f64();
    Ok(Cost { hosts: hosts.len(), services, looks, share, memory: resident().saturating_sub(before) })
}

struct Bench {
    core: Core,
    now: Now,
    coming: BinaryHeap<Reverse<(u64, LookId)>>,
    asked: BTreeMap<LookId, Target>,
    /// What every host says, line by line.
    words: BTreeMap<HostName, Vec<String>>,
    thought: Duration,
    acts: Vec<Act>,
}

impl Bench {
    fn new(hosts: &[HostName], services: &[ServiceName]) -> Self {
        let now = Now { mono_ms: 0, wall_ms: WALL_MS };
        let table = table(hosts, services);
        let words = hosts.iter().map(|host| (host.clone(), words(host, &table))).collect();
        let core = Core::new(config(hosts, services), table, None, now);
        let (coming, asked) = (BinaryHeap::new(), BTreeMap::new());
        Self { core, now, coming, asked, words, thought: Duration::ZERO, acts: Vec::new() }
    }

    fn run(&mut self) -> u64 {
        let mut looks = 0;
        self.tell(Input::Tick);
        loop {
            let look = self.coming.peek().map(|Reverse((at, _))| *at);
            let next = look.into_iter().chain(self.core.next_deadline()).min().unwrap_or(WATCHED_MS);
            if next >= WATCHED_MS {
                return looks;
            }
            self.now = Now { mono_ms: next, wall_ms: WALL_MS + next };
            match self.coming.peek() {
                Some(Reverse((at, look))) if *at <= next => {
                    let look = *look;
                    self.coming.pop();
                    looks += 1;
                    let Some(sight) = self.sight(look) else { continue };
                    self.tell(Input::Saw { look, sight });
                }
                _ => self.tell(Input::Tick),
            }
        }
    }

    fn tell(&mut self, input: Input) {
        let began = Instant::now();
        let effects = self.core.handle(input, self.now);
        self.thought += began.elapsed();
        for effect in effects {
            match effect {
                Effect::Look(Ask { look, target, .. }) => {
                    self.coming.push(Reverse((self.now.mono_ms + 3, look)));
                    self.asked.insert(look, target);
                }
                Effect::Act(act) => self.acts.push(act),
                Effect::Reconcile | Effect::Remember { .. } | Effect::Tell(_) => {}
            }
        }
    }

    fn sight(&mut self, look: LookId) -> Option<Sight> {
        let answered = || Outcome::Answered { detail: "200".to_owned(), latency_us: 2000 };
        Some(match self.asked.remove(&look)? {
            Target::Service(_) => Sight::Answers([("page".to_owned(), answered())].into()),
            Target::Sample(host) => {
                let began = Instant::now();
                let sample = Sample::parse(self.words.get(&host)?).map(Box::new);
                self.thought += began.elapsed();
                Sight::Sample(sample)
            }
            _ => Sight::Echo(answered()),
        })
    }
}

fn config(hosts: &[HostName], services: &[ServiceName]) -> Config {
    let watched = Arc::new(Watched {
        pool: hosts.to_vec(),
        addresses: Vec::new(),
        probed: true,
        interval_ms: 1000,
        timeout_ms: 500,
        confirm: 3,
        witnesses: 2,
        listen_ms: 200,
        evidence: DataPolicy::SharedRead.evidence().to_vec(),
        mode: TakeoverMode::Auto,
        hold_down_ms: 600_000,
        max_per_day: 6,
        overload: BTreeMap::new(),
        lease_ms: None,
    });
    Config {
        own: BTreeSet::new(),
        services: services.iter().map(|name| (name.clone(), Arc::clone(&watched))).collect(),
        hosts: hosts.to_vec(),
        host_interval_ms: 1000,
        grace_ms: 2000,
        gateway: false,
        fenceable: BTreeSet::new(),
    }
}

fn table(hosts: &[HostName], services: &[ServiceName]) -> Table {
    let row = |at: usize| Row {
        primary: Some(hosts[at % hosts.len()].clone()),
        secondary: Some(hosts[(at + 1) % hosts.len()].clone()),
        epoch: Epoch(1),
        state: ServiceState::Protected,
        last_run: None,
    };
    let rows = services.iter().enumerate().map(|(at, name)| (name.clone(), row(at)));
    Table { services: rows.collect(), ..Table::default() }
}

/// What a host prints: its facts, its own address, its services.
fn words(host: &HostName, table: &Table) -> Vec<String> {
    let facts = "load1 0.10\ncpus 4\nmem_total_kib 8388608\nmem_available_kib 4194304\nboot_id 1\nclock_ms 7\n\
                 uptime_ms 9\n2: eth0    inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0";
    let mut lines: Vec<String> = facts.lines().map(str::to_owned).collect();
    for (name, row) in &table.services {
        let (role, state) = match (&row.primary, &row.secondary) {
            (Some(primary), _) if primary == host => ("primary", "awake"),
            (_, Some(secondary)) if secondary == host => ("secondary", "asleep"),
            _ => continue,
        };
        lines.push(format!("service {name} epoch 1 role {role}"));
        lines.push(format!("process {name} program {state}"));
    }
    lines
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * 4096
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_that_is_well_is_only_looked_at() {
        let hosts: Vec<HostName> = (1..=4).map(|at| HostName::try_from(format!("h{at}")).unwrap()).collect();
        let mut bench = Bench::new(&hosts, &["web".try_into().unwrap()]);
        // A minute of one service each second, and of four hosts with two looks each.
        let looks = bench.run();
        assert!((500..600).contains(&looks), "{looks} looks");
        assert_eq!(bench.acts, []);
    }
}
