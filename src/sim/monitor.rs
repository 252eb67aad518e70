//! A simulated monitor process: stands by, leads, sees to what another left open. All it does happens within one future, so
//! that it can be stopped or killed as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::Map;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{Duration, sleep};

use super::leader::Leader;
use super::look::Eyes;
use super::net::Place;
use super::run::Broken;
use super::site::Made;
use super::wire::Wire;
use super::world::{WALL_MS, World};
use crate::engine::recover::{self, OpenRun, Recovery};
use crate::engine::{Interrupt, LatePlan};
use crate::monitor::{Act, Input, Now};
use crate::plan::facts::SiteFacts;
use crate::plan::reconcile::reconcile;
use crate::plan::{Operation, Planner, Request};
use crate::site::id::{HostName, ServiceName};
use crate::store::journal::Redactor;
use crate::store::{Holder, Lease, MemStore, Store, update};

/// How long a lease lasts.
pub(super) const TTL: Duration = Duration::from_secs(3);

/// One monitor, as far as it outlives its process.
#[derive(Clone)]
pub(super) struct Monitor {
    pub at: usize,
    pub world: World,
    pub made: Arc<Made>,
    pub store: MemStore,
    pub eyes: Eyes,
    holder: Holder,
    pub broken: Option<Broken>,
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
            self.act(&Act::bare(Operation::Deploy, service.clone(), ""), facts, &lease).await;
        }
        let _ = self.store.release(&lease).await;
    }

    pub(super) fn now(&self) -> Now {
        let mono_ms = self.world.now();
        let off = self.clock_off_ms.load(std::sync::atomic::Ordering::Relaxed);
        Now { mono_ms, wall_ms: (WALL_MS + mono_ms).saturating_add_signed(off) }
    }

    pub(super) fn tell(&self, line: &str) {
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
                self.new_epochs(&facts).await;
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
    pub(super) async fn gather(&self) -> SiteFacts {
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
    async fn new_epochs(&self, facts: &SiteFacts) {
        let Ok(open) = recover::open_runs(&self.store) else { return };
        let _ = update(&self.store, |table| recover::raise_epochs(table, &open)).await;
        let Ok(table) = self.store.load().await else { return };
        let heard = self.made.hosts.iter().filter(|host| facts.get(*host).is_some_and(Result::is_ok));
        join_all(heard.map(|host| self.eyes.push_epochs(host, &table))).await;
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
        let mut decisions: Vec<(ServiceName, Recovery)> = Vec::new();
        for service in &open.services {
            let (fencer, answers) = (&self.eyes, self.eyes.serves(service));
            let serves = recover::still_serves(&open.story, service, fencer, answers).await;
            decisions.push((service.clone(), recover::decide(&open.story, service, serves)));
        }
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
        let act = Act::bare(operation, service, "");
        let end = self.act(&act, facts, lease).await;
        self.tell(&format!("finished: {:?}", end.outcome));
    }

    pub(super) async fn table(&self) -> Vec<Input> {
        match self.store.load().await {
            Ok(table) => vec![Input::Table { table: Box::new(table) }],
            Err(_) => Vec::new(),
        }
    }
}

pub(super) fn redact() -> Redactor {
    Arc::new(str::to_owned)
}
