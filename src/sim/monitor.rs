//! A simulated monitor process: stands by, leads, looks, and runs plans with the real planner and the real engine. All it
//! does happens within one future, so that it can be stopped or killed as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::{FutureExt, LocalBoxFuture, join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::Map;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::look::Eyes;
use super::net::Place;
use super::run::Broken;
use super::site::Made;
use super::wire::Wire;
use super::world::{WALL_MS, World};
use crate::engine::event::{EventKind, RunEnd};
use crate::engine::record::Origin;
use crate::engine::recover::{self, OpenRun, Recovery};
use crate::engine::{self, Interrupt, Late, LatePlan, Reach, RunOptions, Tools, next_attempt};
use crate::monitor::{Act, ActEnd, ActId, ActOutcome, Core, Effect, Input, Memory, Now};
use crate::plan::facts::SiteFacts;
use crate::plan::reconcile::reconcile;
use crate::plan::table::{Latch, Table};
use crate::plan::{Operation, Plan, PlanError, Planner, Request, Stage};
use crate::site::id::{HostName, RunId, ServiceName};
use crate::store::journal::Redactor;
use crate::store::{Holder, Lease, MemStore, Store, update};

/// How often the table is read again.
const READ_AGAIN: Duration = Duration::from_millis(500);

/// How long a lease lasts.
pub(super) const TTL: Duration = Duration::from_secs(3);

/// Attempts with other hosts before an act is given up.
const ATTEMPTS: usize = 4;

/// One monitor, as far as it outlives its process.
#[derive(Clone)]
pub(super) struct Monitor {
    pub at: usize,
    pub world: World,
    pub made: Arc<Made>,
    pub store: MemStore,
    eyes: Eyes,
    holder: Holder,
    broken: Option<Broken>,
    /// By how much its wall clock is wrong; changed by faults.
    pub clock_off_ms: Arc<std::sync::atomic::AtomicI64>,
}

impl Monitor {
    /// `life` tells its processes apart.
    pub(super) fn new(
        at: usize,
        life: u32,
        world: &World,
        made: &Arc<Made>,
        store: MemStore,
        broken: Option<Broken>,
    ) -> Self {
        let wire = Wire::new(world, Place::Monitor(at));
        let eyes = Eyes { world: world.clone(), from: Place::Monitor(at), wire };
        let holder =
            Holder { who: "sim".to_owned(), pid: life, host: format!("m{}", at + 1), ..Holder::default() };
        Self {
            at,
            world: world.clone(),
            made: Arc::clone(made),
            store,
            eyes,
            holder,
            broken,
            clock_off_ms: Arc::default(),
        }
    }

    /// Sets every service up, as a person would.
    pub(super) async fn deploy(&self) {
        let Ok(lease) = self.store.acquire(self.holder.clone(), Duration::from_mins(10)).await else {
            return;
        };
        for service in self.made.services.keys() {
            let facts = self.gather().await;
            self.act(&Act { services: vec![service.clone()], ..bare(Operation::Deploy) }, facts, &lease)
                .await;
        }
        let _ = self.store.release(&lease).await;
    }

    fn now(&self) -> Now {
        let mono_ms = self.world.now();
        let off = self.clock_off_ms.load(std::sync::atomic::Ordering::Relaxed);
        Now { mono_ms, wall_ms: (WALL_MS + mono_ms).saturating_add_signed(off) }
    }

    fn tell(&self, line: &str) {
        self.world.tell(format!("m{}: {line}", self.at + 1));
    }

    /// For ever: stands by, leads, loses the lease, stands by again.
    pub(super) async fn run(self) {
        loop {
            match self.store.acquire(self.holder.clone(), TTL).await {
                Ok(lease) => {
                    self.tell(&format!("leads, term {}", lease.term()));
                    self.world.with(|inside| inside.leading[self.at] = true);
                    self.lead(&lease).await;
                    self.world.with(|inside| inside.leading[self.at] = false);
                    self.tell("leads no more");
                    let _ = self.store.release(&lease).await;
                }
                Err(_) => sleep(TTL / 20).await,
            }
        }
    }

    async fn lead(&self, lease: &Lease) {
        let renewing = self.renew(lease);
        let leading = async {
            let facts = self.gather().await;
            if update(&self.store, |table| *table = reconcile(table, &facts)).await.is_err() {
                return;
            }
            if lease.instead_of().is_some() {
                self.new_epochs().await;
            }
            self.see_to_open_runs(lease).await;
            let Ok(table) = self.store.load().await else { return };
            Leader::new(self, lease, table).run().await;
        };
        tokio::select! {
            biased;
            () = leading => {}
            () = renewing => {}
        }
    }

    /// Never ends before the lease does; whatever is under way then ends by itself.
    async fn renew(&self, lease: &Lease) {
        while lease.is_ours() {
            sleep(TTL / 4).await;
            let _ = self.store.renew(lease).await;
        }
        std::future::pending::<()>().await;
    }

    /// Every host's own word.
    async fn gather(&self) -> SiteFacts {
        let one = |host: &HostName| {
            let host = host.clone();
            async move {
                let said = self.eyes.sample(&host, 2000).await.map(|sample| sample.facts);
                (host, said)
            }
        };
        join_all(self.made.hosts.iter().map(one)).await.into_iter().collect()
    }

    /// Whoever led before may only be asleep: its epochs are over from now on.
    async fn new_epochs(&self) {
        let raised = update(&self.store, |table| {
            for row in table.services.values_mut().filter(|row| row.primary.is_some()) {
                row.epoch = row.epoch.next();
            }
        });
        let _ = raised.await;
        let Ok(table) = self.store.load().await else { return };
        join_all(self.made.hosts.iter().map(|host| self.eyes.push_epochs(host, &table))).await;
    }

    async fn see_to_open_runs(&self, lease: &Lease) {
        let Ok(open) = recover::open_runs(&self.store) else { return };
        for open in open {
            if open.was_cut_short() && lease.is_ours() {
                self.see_to(&open, lease).await;
            }
        }
    }

    async fn see_to(&self, open: &OpenRun, lease: &Lease) {
        self.tell(&format!("sees to the {} that was cut short", open.plan.operation.as_str()));
        let decisions: Vec<(ServiceName, Recovery)> = open
            .services
            .iter()
            .map(|service| (service.clone(), recover::decide(&open.story, service)))
            .collect();
        let backward: BTreeSet<ServiceName> = decisions
            .iter()
            .filter(|(_, recovery)| matches!(recovery, Recovery::Unwind { .. }))
            .map(|(service, _)| service.clone())
            .collect();
        if !backward.is_empty() {
            self.unwind(open, &backward, lease).await;
        }
        for (service, recovery) in decisions {
            if let Recovery::Forward { operation, to, .. } = recovery {
                self.finish(service, operation, to, lease).await;
            }
        }
        if backward.is_empty() {
            let _ = recover::close(&self.store, open, "finished by a monitor", redact()).await;
        }
    }

    async fn unwind(&self, open: &OpenRun, services: &BTreeSet<ServiceName>, lease: &Lease) {
        let (Ok(table), facts, Some(first)) = (self.store.load().await, SiteFacts::new(), services.first())
        else {
            return;
        };
        let request = Request::bare(open.plan.operation, first.clone());
        let secrets = Map::new();
        let planner =
            Planner { site: &self.made.site, table: &table, facts: &facts, secrets: &secrets, request };
        let late = LatePlan { plan: &open.plan, planner };
        let (sender, _events) = unbounded_channel();
        let interrupt = Interrupt::under(lease.clone());
        let ended = recover::unwind(open, services, self.tools(&late), redact(), sender, &interrupt).await;
        self.tell(&format!("took back: {:?}", ended.map(|ending| ending.end)));
    }

    async fn finish(&self, service: ServiceName, operation: Operation, to: Option<HostName>, lease: &Lease) {
        let facts = self.gather().await;
        let Ok(table) = self.store.load().await else { return };
        let table = reconcile(&table, &facts);
        let moved = to.is_some() && table.services.get(&service).is_some_and(|row| row.primary == to);
        let is_a_move = matches!(operation, Operation::Failover | Operation::Switchover);
        let operation = if is_a_move && moved { Operation::Deploy } else { operation };
        let act = Act { services: vec![service], ..bare(operation) };
        let end = self.act(&act, facts, lease).await;
        self.tell(&format!("finished: {:?}", end.outcome));
    }

    fn tools<'a>(&'a self, late: &'a dyn Late) -> Tools<'a> {
        Tools { transport: &self.eyes.wire, store: &self.store, prober: &self.eyes, fencer: &self.eyes, late }
    }

    /// Plans and runs until it is done or nothing is left to try.
    pub(super) async fn act(&self, act: &Act, facts: SiteFacts, lease: &Lease) -> ActEnd {
        let mut request = Request {
            leases: act.leases.iter().cloned().collect(),
            ..Request::bare(act.operation, act.services[0].clone())
        };
        request.services.clone_from(&act.services);
        let mut facts = facts;
        let mut ended = ActEnd { run: None, outcome: ActOutcome::Done, moved: Vec::new() };
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                facts = self.gather().await;
            }
            let Ok(table) = self.store.load().await else {
                let outcome = ActOutcome::NoCandidate { because: "no store".to_owned() };
                return ActEnd { outcome, ..ended };
            };
            let table = reconcile(&table, &facts);
            let secrets = Map::new();
            let planner = || Planner {
                site: &self.made.site,
                table: &table,
                facts: &facts,
                secrets: &secrets,
                request: request.clone(),
            };
            let mut plan = match planner().plan() {
                Ok(plan) => plan,
                Err(_) if attempt > 0 => return ended,
                Err(error) => return ActEnd { outcome: refused(&error), ..ended },
            };
            self.break_rule(&mut plan);
            let late = LatePlan { plan: &plan, planner: planner() };
            let end = self.execute(&plan, &late, lease, &mut ended).await;
            self.tell(&format!("{} of {} ended: {end:?}", plan.operation.as_str(), act.services[0]));
            let again = next_attempt(&mut request, &plan, &end, !ended.moved.is_empty());
            ended.outcome = outcome(end);
            if again.is_none() {
                return ended;
            }
        }
        ended
    }

    /// Takes out of a plan what a broken rule would have in it.
    fn break_rule(&self, plan: &mut Plan) {
        for step in &mut plan.steps {
            match self.broken {
                Some(Broken::Evidence) => step.any_of.clear(),
                Some(Broken::Quarantine) if step.stage == Stage::Quarantine => {
                    step.skip = Some("broken".to_owned());
                }
                _ => {}
            }
        }
    }

    async fn execute(&self, plan: &Plan, late: &LatePlan<'_>, lease: &Lease, ended: &mut ActEnd) -> RunEnd {
        let run = self.run_id();
        self.tell(&format!(
            "{} of {} to {} begins",
            plan.operation.as_str(),
            plan.services[0].service,
            plan.services[0].to.as_ref().map_or("-", HostName::as_str),
        ));
        let moved = &plan.services[0];
        if let Some(from) = moved.from.as_ref().filter(|from| moved.to.as_ref() != Some(from)) {
            self.world.with(|inside| inside.leaves(&moved.service, from));
        }
        let options = RunOptions {
            run: run.clone(),
            forks: 20,
            reach: Reach::Act,
            diff: false,
            inject: Vec::new(),
            origin: Origin::default(),
            redact: redact(),
        };
        let (sender, mut events) = unbounded_channel();
        let interrupt = Interrupt::under(lease.clone());
        let ran = engine::run(plan, self.tools(late), &options, sender, &interrupt).await;
        while let Ok(event) = events.try_recv() {
            if let EventKind::Committed { service, primary: Some(_), .. } = event.kind
                && !ended.moved.contains(&service)
            {
                ended.moved.push(service);
            }
        }
        ended.run = Some(run);
        match ran {
            Ok(ending) => ending.end,
            Err(error) => RunEnd::Stuck { because: error.to_string() },
        }
    }

    /// Runs sort in the order they began.
    fn run_id(&self) -> RunId {
        let (now, number) = self.world.quietly(|inside| (inside.now, inside.next_job()));
        RunId::try_from(format!("r{now:09}-{number:06}")).expect("letters, digits and a dash")
    }
}

/// An act that no core asked for.
fn bare(operation: Operation) -> Act {
    Act {
        act: ActId(0),
        operation,
        services: Vec::new(),
        plan_only: false,
        because: String::new(),
        leases: Vec::new(),
        lighter_than: None,
    }
}

fn redact() -> Redactor {
    Arc::new(str::to_owned)
}

fn refused(error: &PlanError) -> ActOutcome {
    match error {
        PlanError::AlreadyThere { .. } => ActOutcome::Done,
        error => ActOutcome::NoCandidate { because: error.to_string() },
    }
}

fn outcome(end: RunEnd) -> ActOutcome {
    match end {
        RunEnd::Done => ActOutcome::Done,
        RunEnd::Undone { because } => ActOutcome::Undone { because },
        RunEnd::Stuck { because } => ActOutcome::Stuck { because },
        RunEnd::Unreachable { host } => ActOutcome::NoCandidate { because: format!("{host} is unreachable") },
        RunEnd::EvidenceMissing { .. } => ActOutcome::EvidenceMissing { because: "no evidence".to_owned() },
        RunEnd::Stale { host, found } => ActOutcome::Stale { because: format!("{host} is in epoch {found}") },
        RunEnd::Interrupted { .. } => ActOutcome::Stale { because: "stopped".to_owned() },
        RunEnd::LeaseLost { because } => ActOutcome::Stale { because },
    }
}

/// A monitor while it leads.
struct Leader<'a> {
    monitor: &'a Monitor,
    lease: &'a Lease,
    core: Core,
    table: Table,
    inputs: UnboundedSender<Input>,
    heard: UnboundedReceiver<Input>,
    tasks: FuturesUnordered<LocalBoxFuture<'a, Vec<Input>>>,
}

impl<'a> Leader<'a> {
    fn new(monitor: &'a Monitor, lease: &'a Lease, table: Table) -> Self {
        let mut config = monitor.made.config.clone();
        if monitor.broken == Some(Broken::Evidence) {
            // It thinks that evidence can be had anywhere.
            config.fenceable = config.hosts.iter().cloned().collect();
        }
        let core = Core::new(config, table.clone(), None, monitor.now());
        let (inputs, heard) = unbounded_channel();
        Self { monitor, lease, core, table, inputs, heard, tasks: FuturesUnordered::new() }
    }

    async fn run(mut self) {
        let mut read_again = interval(READ_AGAIN);
        read_again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.take(Input::Tick);
        while self.lease.is_ours() {
            let deadline = self.core.next_deadline().map(|at| self.instant(at));
            let inputs = tokio::select! {
                biased;
                _ = self.lease.lost() => break,
                Some(input) = self.heard.recv() => vec![input],
                Some(inputs) = self.tasks.next(), if !self.tasks.is_empty() => inputs,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => vec![Input::Tick],
                _ = read_again.tick() => self.read().await,
            };
            for input in inputs {
                self.take(input);
            }
        }
        self.finish().await;
    }

    /// Runs under way stop by themselves once the lease is lost.
    async fn finish(&mut self) {
        while !self.core.is_idle()
            && let Some(inputs) = self.tasks.next().await
        {
            for input in inputs {
                if matches!(input, Input::Ended { .. }) {
                    self.core.handle(input, self.monitor.now());
                }
            }
        }
    }

    fn instant(&self, mono_ms: u64) -> Instant {
        Instant::now() + Duration::from_millis(mono_ms.saturating_sub(self.monitor.world.now()))
    }

    async fn read(&self) -> Vec<Input> {
        match self.monitor.store.load().await {
            Ok(table) if table != self.table => vec![Input::Table { table: Box::new(table) }],
            _ => Vec::new(),
        }
    }

    fn take(&mut self, input: Input) {
        if let Input::Table { table } = &input {
            self.table = (**table).clone();
        }
        for effect in self.core.handle(input, self.monitor.now()) {
            match effect {
                Effect::Look(ask) => {
                    let (eyes, inputs, table) = (&self.monitor.eyes, self.inputs.clone(), self.table.clone());
                    let look = ask.look;
                    self.tasks.push(
                        async move {
                            let epoch = |service: &ServiceName| {
                                table.services.get(service).map_or(0, |row| row.epoch.0)
                            };
                            let tell = |sight| _ = inputs.send(Input::Saw { look, sight });
                            let sight = eyes.look(&ask, epoch, tell).await;
                            vec![Input::Saw { look, sight }]
                        }
                        .boxed_local(),
                    );
                }
                Effect::Act(act) => self.act(act),
                Effect::Reconcile => {
                    let monitor = self.monitor;
                    self.tasks.push(
                        async move {
                            let facts = monitor.gather().await;
                            let _ = update(&monitor.store, |table| *table = reconcile(table, &facts)).await;
                            monitor.table().await
                        }
                        .boxed_local(),
                    );
                }
                Effect::Remember { service, memory } => self.remember(service, memory),
                Effect::Tell(told) => self.monitor.tell(&told.what.to_string()),
            }
        }
    }

    fn act(&mut self, act: Act) {
        let (monitor, lease, facts) = (self.monitor, self.lease, self.core.facts());
        let acting = async move {
            let end = monitor.act(&act, facts, lease).await;
            let mut inputs = monitor.table().await;
            inputs.push(Input::Ended { act: act.act, end });
            inputs
        };
        self.tasks.push(acting.boxed_local());
    }

    fn remember(&mut self, service: ServiceName, memory: Memory) {
        let monitor = self.monitor;
        let writing = async move {
            let _ = update(&monitor.store, |table| {
                let kept = table.policy.entry(service.clone()).or_default();
                match &memory {
                    Memory::Takeover { at_ms } => kept.takeovers.push(*at_ms),
                    Memory::Latch { at_ms, because } => {
                        kept.latched = Some(Latch { at_ms: *at_ms, because: because.clone() });
                    }
                }
            })
            .await;
            monitor.table().await
        };
        self.tasks.push(writing.boxed_local());
    }
}

impl Monitor {
    async fn table(&self) -> Vec<Input> {
        match self.store.load().await {
            Ok(table) => vec![Input::Table { table: Box::new(table) }],
            Err(_) => Vec::new(),
        }
    }
}
