//! A simulated monitor while it leads: the real core, and whatever it waits for.

use futures_util::future::{FutureExt, LocalBoxFuture};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, sleep_until};

use super::monitor::Monitor;
use super::run::Broken;
use crate::monitor::{Act, Core, Effect, Input, Memory};
use crate::plan::reconcile::reconcile;
use crate::plan::table::{Latch, Table};
use crate::site::id::ServiceName;
use crate::store::{Lease, Store, update};

/// How often the table is read again.
const READ_AGAIN: Duration = Duration::from_millis(500);

/// A monitor while it leads.
pub(super) struct Leader<'a> {
    monitor: &'a Monitor,
    lease: &'a Lease,
    core: Core,
    table: Table,
    inputs: UnboundedSender<Input>,
    heard: UnboundedReceiver<Input>,
    tasks: FuturesUnordered<LocalBoxFuture<'a, Vec<Input>>>,
}

impl<'a> Leader<'a> {
    pub(super) fn new(monitor: &'a Monitor, lease: &'a Lease, table: Table) -> Self {
        let mut config = monitor.made.config.clone();
        if monitor.broken == Some(Broken::Evidence) {
            // It thinks that evidence can be had anywhere.
            config.fenceable = config.hosts.iter().cloned().collect();
        }
        let core = Core::new(config, table.clone(), None, monitor.now());
        let (inputs, heard) = unbounded_channel();
        Self { monitor, lease, core, table, inputs, heard, tasks: FuturesUnordered::new() }
    }

    pub(super) async fn run(mut self) {
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
