//! Whole stories through the core, against a made-up site in made-up time: no planner, no engine, no sleep.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::module::Outcome;
use crate::plan::Operation;
use crate::plan::facts::{HeldAddress, HostFacts, ProcessFact, Trace};
use crate::plan::sample::Sample;
use crate::plan::status::Verdict;
use crate::plan::table::{Role, Row, ServiceState, Table};
use crate::plan::testimony::Heard;
use crate::site::id::{Epoch, HostName, ServiceName};
use crate::site::playbook::{DataPolicy, TakeoverMode};

fn host(name: &str) -> HostName {
    name.try_into().unwrap()
}

fn web() -> ServiceName {
    "web".try_into().unwrap()
}

/// How one host is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Well,
    /// Neither kernel nor anything else.
    Dead,
    /// The kernel answers, nothing else does.
    Frozen,
    /// Only its sshd is mute.
    MuteShell,
    /// Its service says nothing; ssh works.
    Stopped,
    /// Nothing listens; ssh works.
    Down,
}

/// Four hosts, one service on h1 with a copy on h2.
struct Site {
    core: Core,
    now: Now,
    hosts: BTreeMap<HostName, Is>,
    table: Table,
    /// Hosts that we cannot reach, whatever they are.
    cut: BTreeSet<HostName>,
    /// Hosts that this monitor runs on.
    own: BTreeSet<HostName>,
    /// It still holds the address; while it is there, clients get its wrong answers.
    claimant: Option<HostName>,
    load: f64,
    /// Files that wait on whichever host serves, by look: the last is said from then on.
    waiting: Vec<u32>,
    /// Looks on their way: when they come back, and with what.
    coming: Vec<(u64, LookId, Sight)>,
    acts: Vec<(u64, Act)>,
    told: Vec<String>,
    answer_act: bool,
    /// A hook forbids every move.
    forbidden: bool,
    /// The checks cannot be made: their program is gone, say.
    unasked: bool,
    data: DataPolicy,
}

fn config(data: DataPolicy) -> Config {
    let hosts: Vec<HostName> = ["h1", "h2", "h3", "h4"].map(host).to_vec();
    let watched = Watched {
        pool: hosts.clone(),
        addresses: vec!["10.83.0.80".parse().unwrap()],
        probed: true,
        interval_ms: 1000,
        timeout_ms: 500,
        confirm: 3,
        witnesses: 2,
        listen_ms: 200,
        evidence: data.evidence().to_vec(),
        mode: TakeoverMode::Auto,
        hold_down_ms: 600_000,
        max_per_day: 6,
        overload: [("load".to_owned(), Rule { measure: Measure::LoadPerCpu, above: 4.0, rounds: 3 })].into(),
        lease_ms: None,
    };
    Config {
        services: [(web(), Arc::new(watched))].into(),
        hosts,
        fenceable: BTreeSet::new(),
        host_interval_ms: 1000,
        grace_ms: 2000,
        gateway: false,
        own: BTreeSet::new(),
    }
}

fn table(primary: &str, secondary: Option<&str>) -> Table {
    let row = Row {
        primary: Some(host(primary)),
        secondary: secondary.map(host),
        epoch: Epoch(1),
        state: ServiceState::Protected,
        last_run: None,
    };
    Table { services: [(web(), row)].into(), ..Table::default() }
}

impl Site {
    fn new() -> Self {
        Self::with(config(DataPolicy::SharedRead))
    }

    fn with(config: Config) -> Self {
        let now = Now { mono_ms: 1_000_000, wall_ms: 1_795_417_503_000 };
        let table = table("h1", Some("h2"));
        let own = config.own.clone();
        let hosts = config.hosts.iter().map(|host| (host.clone(), Is::Well)).collect();
        Self {
            core: Core::new(config, table.clone(), None, now),
            now,
            hosts,
            table,
            cut: BTreeSet::new(),
            own,
            claimant: None,
            load: 0.1,
            waiting: Vec::new(),
            coming: Vec::new(),
            acts: Vec::new(),
            told: Vec::new(),
            answer_act: true,
            forbidden: false,
            unasked: false,
            data: DataPolicy::SharedRead,
        }
    }

    fn set(&mut self, name: &str, is: Is) {
        self.hosts.insert(host(name), is);
    }

    /// Lets time go by, event by event.
    fn run(&mut self, ms: u64) -> &mut Self {
        let end = self.now.mono_ms + ms;
        self.input(Input::Tick);
        loop {
            let look = self.coming.iter().map(|(at, ..)| *at).min();
            let next =
                look.into_iter().chain(self.core.next_deadline()).min().unwrap_or(end).max(self.now.mono_ms);
            let next = next.min(end);
            self.now.wall_ms += next - self.now.mono_ms;
            self.now.mono_ms = next;
            if next == end {
                return self;
            }
            match self.coming.iter().position(|(at, ..)| *at <= next) {
                Some(arrived) => {
                    let (_, look, sight) = self.coming.remove(arrived);
                    self.input(Input::Saw { look, sight });
                }
                None => self.input(Input::Tick),
            }
        }
    }

    fn input(&mut self, input: Input) {
        // What is recorded can be read again.
        let written = serde_json::to_string(&input).unwrap();
        assert_eq!(serde_json::from_str::<Input>(&written).unwrap(), input);
        for effect in self.core.handle(input, self.now) {
            match effect {
                Effect::Look(ask) => self.look(&ask),
                Effect::Act(act) => self.act(&act),
                Effect::Tell(told) => self.told.push(told.what.to_string()),
                Effect::Remember { service, memory } => self.remember(&service, memory),
                Effect::Reconcile => {}
            }
        }
    }

    fn remember(&mut self, service: &ServiceName, memory: Memory) {
        let kept = self.table.policy.entry(service.clone()).or_default();
        match memory {
            Memory::Takeover { at_ms } => kept.takeovers.push(at_ms),
            Memory::Latch { at_ms, because } => {
                kept.latched = Some(crate::plan::table::Latch { at_ms, because });
            }
        }
        let table = Box::new(self.table.clone());
        self.input(Input::Table { table });
    }

    fn look(&mut self, ask: &Ask) {
        let silent = Outcome::TimedOut { after_ms: ask.timeout_ms };
        let heard = |latency_us| Outcome::Answered { detail: "200".to_owned(), latency_us };
        let us = |name: &HostName| if self.cut.contains(name) { Is::Dead } else { self.hosts[name] };
        let (takes, sight) = match &ask.target {
            Target::Service(_) if self.is_claimed() => {
                let wrong = Outcome::Wrong { detail: "503, not 200".to_owned(), latency_us: 2000 };
                (2, Sight::Answers([("page".to_owned(), wrong)].into()))
            }
            Target::Service(_) if self.unasked => {
                let impossible = Outcome::Impossible { detail: "no such program".to_owned() };
                (1, Sight::Answers([("page".to_owned(), impossible)].into()))
            }
            Target::Service(_) => {
                let (takes, outcome) = match us(&self.primary()) {
                    Is::Well | Is::MuteShell => (2, heard(2000)),
                    Is::Down => (1, Outcome::Refused { detail: "refused".to_owned() }),
                    _ => (ask.timeout_ms, silent),
                };
                (takes, Sight::Answers([("page".to_owned(), outcome)].into()))
            }
            Target::Echo(name) => match us(name) {
                Is::Dead => (ask.timeout_ms, Sight::Echo(silent)),
                _ => (1, Sight::Echo(heard(300))),
            },
            Target::Gateway => (1, Sight::Echo(heard(300))),
            Target::Sample(name) => match us(name) {
                Is::Well | Is::Stopped | Is::Down => {
                    let mut sample = self.sample(name);
                    if *name == self.primary() && !self.waiting.is_empty() {
                        let waits = self.waiting[0];
                        sample.queues.insert("/queue".to_owned(), Some(waits));
                        if self.waiting.len() > 1 {
                            self.waiting.remove(0);
                        }
                    }
                    (5, Sight::Sample(Ok(Box::new(sample))))
                }
                _ => (ask.timeout_ms, Sight::Sample(Err("timed out".to_owned()))),
            },
            Target::Witness { by, suspect, .. } => match us(by) {
                Is::Well => (230, Sight::Testimony(Ok(self.testimony(by, suspect)))),
                _ => (ask.timeout_ms, Sight::Testimony(Err("timed out".to_owned()))),
            },
            Target::Renewal { host, .. } => match us(host) {
                Is::Well => (3, Sight::Renewed(Ok(()))),
                _ => (ask.timeout_ms, Sight::Renewed(Err("timed out".to_owned()))),
            },
        };
        self.coming.push((self.now.mono_ms + takes, ask.look, sight));
    }

    fn primary(&self) -> HostName {
        self.table.services[&web()].primary.clone().unwrap()
    }

    fn is_claimed(&self) -> bool {
        self.claimant.as_ref().is_some_and(|host| self.hosts[host] != Is::Dead)
    }

    fn sample(&self, name: &HostName) -> Sample {
        let row = &self.table.services[&web()];
        let is = |who: &Option<HostName>| who.as_ref() == Some(name);
        let (role, process) = match (is(&row.primary), is(&row.secondary)) {
            (true, _) => (Some(Role::Primary), Some(ProcessFact::Awake)),
            (_, true) => (Some(Role::Secondary), Some(ProcessFact::Asleep)),
            _ => (None, None),
        };
        let processes = process.map(|process| ("httpd".to_owned(), process)).into_iter().collect();
        let trace = Trace { epoch: row.epoch, role, processes };
        let held =
            HeldAddress { device: "eth0".to_owned(), address: "10.83.0.80".parse().unwrap(), prefix: 32 };
        let facts = HostFacts {
            load_per_cpu: if is(&row.primary) { self.load } else { 0.1 },
            services: role.map(|_| (web(), trace)).into_iter().collect(),
            addresses: if role == Some(Role::Primary) || is(&self.claimant) {
                vec![held]
            } else {
                Vec::new()
            },
            ..HostFacts::default()
        };
        Sample { facts, ..Sample::default() }
    }

    fn testimony(&self, by: &HostName, suspect: &HostName) -> Testimony {
        let answered = || Heard::Answered { detail: "2 ms".to_owned() };
        let silent = || Heard::Silent { for_ms: 200 };
        // On our own host a witness is behind the same cable as we are.
        let is_cut = self.own.contains(by) && self.cut.contains(suspect);
        let (host, address, service) = match self.hosts[suspect] {
            _ if is_cut => (silent(), silent(), silent()),
            Is::Dead => (silent(), silent(), silent()),
            _ if self.is_claimed() => {
                (answered(), answered(), Heard::Wrong { detail: "503, not 200".to_owned() })
            }
            Is::Well | Is::MuteShell => (answered(), answered(), answered()),
            _ => (answered(), answered(), silent()),
        };
        Testimony { host: Some(host), address: Some(address), service: Some(service), over: true }
    }

    /// The planner and the engine in one: the service moves to the first host that is well.
    fn act(&mut self, act: &Act) {
        self.acts.push((self.now.mono_ms, act.clone()));
        if !self.answer_act {
            return;
        }
        if self.forbidden {
            let outcome = ActOutcome::Vetoed { because: "not now".to_owned() };
            self.input(Input::Ended { act: act.act, end: ActEnd { run: None, outcome, moved: vec![] } });
            return;
        }
        if self.is_claimed() {
            self.claimant = None;
        }
        let mut well = self.hosts.iter().filter(|(_, is)| **is == Is::Well).map(|(name, _)| name.clone());
        let row = self.table.services.get_mut(&web()).unwrap();
        if act.operation != Operation::Reprotect {
            let old = row.primary.take();
            row.primary = row.secondary.take().or_else(|| well.find(|host| Some(host) != old.as_ref()));
            row.epoch = row.epoch.next();
        }
        let left = (act.operation == Operation::Switchover).then_some(());
        row.secondary = self
            .hosts
            .iter()
            .filter(|(name, is)| **is == Is::Well && Some(*name) != row.primary.as_ref() && left.is_none())
            .map(|(name, _)| name.clone())
            .next();
        let moved = if act.operation == Operation::Reprotect { vec![] } else { act.services.clone() };
        let outcome = if act.operation == Operation::Reprotect && row.secondary.is_none() {
            ActOutcome::NoCandidate { because: "nobody".to_owned() }
        } else {
            ActOutcome::Done
        };
        let table = Box::new(self.table.clone());
        self.input(Input::Table { table });
        self.input(Input::Ended { act: act.act, end: ActEnd { run: None, outcome, moved } });
    }

    fn operations(&self) -> Vec<Operation> {
        self.acts.iter().map(|(_, act)| act.operation).collect()
    }

    fn verdict(&self) -> Verdict {
        self.core.view().services[0].verdict
    }
}

/// A site whose service was taken over from h1 by h2; h1 never let go of the address.
fn taken_over() -> Site {
    let mut config = config(DataPolicy::SharedRead);
    Arc::make_mut(config.services.get_mut(&web()).unwrap()).hold_down_ms = 0;
    let mut site = Site::with(config);
    site.run(10_000);
    site.set("h1", Is::Dead);
    site.claimant = Some(host("h1"));
    site.run(10_000);
    assert_eq!((site.operations(), site.primary()), (vec![Operation::Failover], host("h2")));
    site
}

#[test]
fn a_host_that_returns_and_answers_in_its_successors_place_is_cleaned() {
    let mut site = taken_over();
    site.set("h1", Is::Well);
    let back = site.now.mono_ms;
    site.run(10_000);
    assert_eq!(site.operations(), [Operation::Failover, Operation::Reprotect], "{:#?}", site.told);
    assert!(site.acts[1].0 - back < 2_000, "{:#?}", site.told);
    assert_eq!((site.verdict(), site.primary()), (Verdict::Ok, host("h2")));
    let cleaned = site.told.iter().filter(|told| told.contains("no longer holds")).count();
    assert_eq!(cleaned, 1, "{:#?}", site.told);
}

#[test]
fn a_dead_host_that_never_let_go_holds_up_nobody() {
    let mut site = taken_over();
    site.set("h2", Is::Down);
    let down = site.now.mono_ms;
    site.run(10_000);
    assert_eq!(site.operations()[..2], [Operation::Failover; 2], "{:#?}", site.told);
    assert!(site.acts[1].0 - down < 5_000, "{:#?}", site.told);
    assert_eq!(site.verdict(), Verdict::Ok);
}

#[test]
fn a_dead_host_is_left_within_half_a_second_of_the_missed_look() {
    let mut site = Site::new();
    site.run(10_000);
    assert_eq!(site.operations(), []);
    site.set("h1", Is::Dead);
    let cut = site.now.mono_ms;
    site.run(3_000);
    assert_eq!(site.operations()[0], Operation::Failover, "{:#?}", site.told);
    let took = site.acts[0].0 - cut;
    assert!(took <= 1000 + 400, "{took} ms");
    site.run(10_000);
    assert_eq!(site.verdict(), Verdict::Ok);
    assert_eq!(site.primary(), host("h2"));
    assert_eq!(site.acts.len(), 1, "{:#?}", site.acts);
}

#[test]
fn a_host_that_only_we_cannot_reach_is_left_alone() {
    let mut site = Site::new();
    site.run(5_000);
    site.cut.insert(host("h1"));
    site.run(60_000);
    assert_eq!(site.operations(), [], "{:#?}", site.told);
    assert_eq!(site.verdict(), Verdict::Unreachable);
    site.cut.clear();
    site.run(3_000);
    assert_eq!(site.verdict(), Verdict::Ok);
}

#[test]
fn a_monitor_that_is_cut_off_moves_nothing_however_long() {
    let mut site = Site::new();
    site.run(5_000);
    site.cut.extend(["h1", "h2", "h3", "h4"].map(host));
    site.run(3_000);
    assert_eq!(site.verdict(), Verdict::Isolated);
    site.run(600_000);
    assert_eq!(site.operations(), [], "{:#?}", site.told);
    assert_eq!(site.verdict(), Verdict::Isolated);
    site.cut.clear();
    site.run(3_000);
    assert_eq!((site.verdict(), site.operations()), (Verdict::Ok, vec![]));
}

#[test]
fn a_monitor_does_not_take_its_own_host_for_a_sign_that_it_is_not_cut_off() {
    let three = ["h1", "h2", "h3"].map(host);
    let mut config =
        Config { hosts: three.to_vec(), own: [host("h2")].into(), ..config(DataPolicy::SharedRead) };
    config.services.values_mut().for_each(|watched| Arc::make_mut(watched).pool = three.to_vec());
    let mut site = Site::with(config);
    site.run(30_000);
    assert!(!site.core.is_cut_off());
    site.cut.extend(["h1", "h3"].map(host));
    site.run(3_000);
    assert_eq!(site.verdict(), Verdict::Isolated, "{:#?}", site.told);
    assert!(!site.core.is_cut_off(), "a short cut changes no leader");
    site.run(3_000);
    assert!(site.core.is_cut_off());
    assert_eq!(site.operations(), [], "{:#?}", site.told);
    // One host that answers is enough to lead.
    site.cut.remove(&host("h3"));
    site.run(6_000);
    assert!(!site.core.is_cut_off());
}

#[test]
fn a_mute_sshd_moves_nothing() {
    let mut site = Site::new();
    site.run(5_000).set("h1", Is::MuteShell);
    site.run(60_000);
    assert_eq!((site.verdict(), site.operations()), (Verdict::Ok, vec![]));
    let view = site.core.view();
    assert_eq!(view.hosts[0].verdict, Verdict::Unreachable, "{view:#?}");
}

#[test]
fn a_stopped_service_and_a_dead_one_are_told_apart_and_moved() {
    for (is, verdict) in [(Is::Stopped, "frozen"), (Is::Down, "service-down")] {
        let mut site = Site::new();
        site.run(5_000).set("h1", is);
        site.run(4_000);
        assert_eq!(site.operations(), [Operation::Failover], "{:#?}", site.told);
        assert!(site.acts[0].1.because.starts_with(verdict), "{}", site.acts[0].1.because);
    }
}

#[test]
fn a_check_that_cannot_be_made_moves_nothing_and_is_told_once() {
    let mut site = Site::new();
    site.unasked = true;
    site.run(30_000);
    assert_eq!(site.acts.len(), 0, "{:#?}", site.told);
    let told: Vec<&String> = site.told.iter().filter(|told| told.starts_with("web on h1 is")).collect();
    assert_eq!(told, ["web on h1 is unknown: its check could not be made: page: no such program"]);
    // A dead host is one all the same.
    site.set("h1", Is::Dead);
    site.run(10_000);
    assert_eq!(site.acts.len(), 1, "{:#?}", site.told);
}

#[test]
fn a_frozen_host_is_left_alone_until_there_is_evidence() {
    let mut site = Site::new();
    site.run(5_000).set("h1", Is::Frozen);
    site.run(30_000);
    assert_eq!(site.operations(), [], "the kernel still answers for the address");
    assert_eq!(site.verdict(), Verdict::Frozen);
    let held = site.told.iter().filter(|said| said.contains("evidence is missing")).count();
    assert_eq!(held, 1, "said once: {:#?}", site.told);
    let mut leased = config(DataPolicy::SharedRead);
    Arc::make_mut(leased.services.get_mut(&web()).unwrap()).lease_ms = Some(5000);
    let mut site = Site::with(leased);
    site.run(5_000).set("h1", Is::Frozen);
    let froze = site.now.mono_ms;
    site.run(30_000);
    assert_eq!(site.operations(), [Operation::Failover], "{:#?}", site.told);
    let took = site.acts[0].0 - froze;
    assert!((5_000..10_000).contains(&took), "{took} ms");
    assert_eq!(site.acts[0].1.leases[0].1.remaining_ms, 0);
}

#[test]
fn shared_data_is_not_risked_on_silence() {
    let mut site = Site::with(config(DataPolicy::SharedWrite));
    site.run(5_000).set("h1", Is::Dead);
    site.run(20_000);
    assert_eq!((site.verdict(), site.operations()), (Verdict::HostDown, vec![]));
    let word = crate::plan::table::Confirmation {
        by: "root".to_owned(),
        because: "I pulled its plug".to_owned(),
        at: "now".to_owned(),
    };
    site.table.confirmed_dead.insert(host("h1"), word);
    let table = Box::new(site.table.clone());
    site.input(Input::Table { table });
    site.run(3_000);
    assert_eq!(site.operations(), [Operation::Failover], "{:#?}", site.told);
}

#[test]
fn losing_the_secondary_is_mended_and_told() {
    let mut site = Site::new();
    site.run(5_000).set("h2", Is::Dead);
    site.run(10_000);
    assert_eq!(site.operations(), [Operation::Reprotect], "{:#?}", site.told);
    site.set("h3", Is::Dead);
    site.set("h4", Is::Dead);
    site.run(30_000);
    assert!(site.told.iter().any(|said| said.contains("UNPROTECTED")), "{:#?}", site.told);
    assert_eq!(site.primary(), host("h1"));
    site.set("h4", Is::Well);
    site.run(20_000);
    assert!(site.told.last().unwrap().contains("its copy sleeps on h4"), "{:#?}", site.told);
}

#[test]
fn load_moves_a_service_only_to_a_lighter_host_and_not_again_at_once() {
    let mut site = Site::new();
    site.run(5_000);
    site.load = 9.0;
    site.run(30_000);
    assert_eq!(site.operations()[0], Operation::Switchover, "{:#?}", site.told);
    // The load went along: hold-down keeps it from going round in circles.
    site.run(60_000);
    let moves = site.operations().iter().filter(|operation| **operation == Operation::Switchover).count();
    assert_eq!(moves, 1);
    assert!(site.told.iter().any(|said| said.contains("hold-down")), "{:#?}", site.told);
}

/// A queue of at most ten files, in one round; every host has the same load.
fn with_a_queue(waiting: &[u32]) -> Site {
    let mut config = config(DataPolicy::SharedRead);
    let rule = Rule { measure: Measure::Queue("/queue".to_owned()), above: 10.0, rounds: 1 };
    Arc::make_mut(config.services.get_mut(&web()).unwrap()).overload = [("queue".to_owned(), rule)].into();
    let mut site = Site::with(config);
    site.run(5_000);
    site.waiting = waiting.to_vec();
    site
}

#[test]
fn a_full_queue_is_looked_at_once_more_before_it_counts() {
    let mut site = with_a_queue(&[50, 3]);
    site.run(30_000);
    assert_eq!((site.verdict(), site.operations()), (Verdict::Ok, vec![]), "{:#?}", site.told);
    let mut site = with_a_queue(&[50]);
    let began = site.now.mono_ms;
    site.run(1_300);
    assert_eq!(site.operations(), [Operation::Switchover], "{:#?}", site.told);
    assert!(site.acts[0].0 <= began + 1_000 + 120, "a round and a look at once: {}", site.acts[0].0 - began);
    assert!(site.acts[0].1.lighter_than > Some(0.1), "a host with as much load is good enough");
}

#[test]
fn a_failed_takeover_is_not_repeated_until_a_person_says_so() {
    let mut site = Site::new();
    site.answer_act = false;
    site.run(5_000).set("h1", Is::Dead);
    site.run(3_000);
    let act = site.acts[0].1.act;
    let outcome = ActOutcome::Undone { because: "h2/wake.resume failed".to_owned() };
    site.input(Input::Ended { act, end: ActEnd { run: None, outcome, moved: vec![] } });
    site.run(60_000);
    assert_eq!(site.acts.len(), 1, "{:#?}", site.told);
    assert!(site.told.iter().any(|said| said.contains("reveille ack web")), "{:#?}", site.told);
}

#[test]
fn a_monitor_that_was_held_up_looks_again() {
    let mut site = Site::new();
    site.run(5_000);
    // Stopped for a minute while all its looks were out; the answers came meanwhile and are old.
    site.now.mono_ms += 60_000;
    site.now.wall_ms += 60_000;
    site.run(5_000);
    assert!(site.told.iter().any(|said| said.contains("held up for")), "{:#?}", site.told);
    assert_eq!((site.verdict(), site.operations()), (Verdict::Ok, vec![]));
}

#[test]
fn grace_only_looks() {
    let mut site = Site::new();
    site.set("h1", Is::Dead);
    site.run(1_900);
    assert_eq!(site.operations(), []);
    site.run(4_000);
    assert_eq!(site.operations()[0], Operation::Failover);
    assert_eq!(site.data, DataPolicy::SharedRead);
}

#[test]
fn what_a_hook_forbids_is_held_and_asked_again_later() {
    let mut site = Site::new();
    site.run(5_000);
    site.forbidden = true;
    site.set("h1", Is::Dead);
    site.run(30_000);
    assert_eq!(site.operations(), [Operation::Failover], "asked once: {:#?}", site.told);
    let held = site.core.view().services[0].held.clone().unwrap();
    assert!(
        matches!(&held.blockers[..], [Blocker::Vetoed { because, .. }] if because == "not now"),
        "{held:?}"
    );
    assert!(!site.told.iter().any(|told| told.contains("failed")), "{:#?}", site.told);
    site.forbidden = false;
    site.run(40_000);
    assert_eq!((site.primary(), site.verdict()), (host("h2"), Verdict::Ok), "{:#?}", site.told);
}
