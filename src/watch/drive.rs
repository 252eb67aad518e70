//! The loop of a leading monitor: waits for whatever comes first, tells the core, does what it says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::act::Beside;
use super::field::Field;
use super::supervisor::Supervisor;
use super::tape::Tape;
use crate::engine::Interrupt;
use crate::engine::event::Event;
use crate::monitor::view::View;
use crate::monitor::{Act, ActId, Config, Core, Effect, Input, Memory, Now, Remembered, Told};
use crate::plan::reconcile::reconcile;
use crate::plan::table::{Latch, Table};
use crate::site::id::ServiceName;
use crate::store::{Lease, Loss, update};

/// How often the table is read again: somebody may have paused a service.
const READ_AGAIN: Duration = Duration::from_millis(500);

/// How often people get a new picture.
const PICTURE: Duration = Duration::from_millis(250);

/// What people see of a monitor.
#[derive(Clone, Debug)]
pub enum Shown {
    Told(Told),
    View(Box<View>),
    /// Of a run under way.
    Run(Box<Event>),
}

/// Why the loop ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Somebody asked for it.
    Asked,
    /// The lease is gone: another leads, or may.
    Lost(Loss),
    /// No host is heard any more: another may do better.
    CutOff,
    /// `--once`: every service and host was looked at.
    RoundDone,
}

/// What the loop works with.
pub(super) struct Drive<'a> {
    pub field: Arc<Field>,
    pub lease: &'a Lease,
    pub shown: UnboundedSender<Shown>,
    pub stop: CancellationToken,
    pub once: bool,
    pub tape: &'a mut Tape,
    pub supervisor: &'a Supervisor,
    pub clock: Clock,
}

/// The two clocks of the core.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn now(self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Now { mono_ms: millis(self.0.elapsed()), wall_ms: millis(wall) }
    }

    pub fn at(self, mono_ms: u64) -> Instant {
        self.0 + Duration::from_millis(mono_ms)
    }
}

/// The state of the loop beside the core.
struct Loop {
    core: Core,
    table: Arc<Table>,
    inputs: UnboundedSender<Input>,
    tasks: JoinSet<()>,
    runs: BTreeMap<ActId, Interrupt>,
}

impl Drive<'_> {
    /// Leads until the lease is lost, somebody asks for the end, or the round is done. Runs under way are brought to an
    /// orderly end first.
    pub async fn run(mut self, config: Config, table: Table, remembered: Option<Remembered>) -> (Stop, Core) {
        let core = self.tape.begin(config, table.clone(), remembered.as_ref(), self.clock.now());
        let (inputs, mut heard) = unbounded_channel();
        let mut state =
            Loop { core, table: Arc::new(table), inputs, tasks: JoinSet::new(), runs: BTreeMap::new() };
        let stop = self.until_stop(&mut state, &mut heard).await;
        let supervisor = self.supervisor;
        supervisor.alive_beside(self.finish(&mut state, &mut heard, &stop)).await;
        (stop, state.core)
    }

    async fn until_stop(&mut self, state: &mut Loop, heard: &mut UnboundedReceiver<Input>) -> Stop {
        let mut read_again = tokio::time::interval(READ_AGAIN);
        let mut picture = tokio::time::interval(PICTURE);
        picture.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.tell(state, Input::Tick);
        loop {
            self.supervisor.alive();
            if self.once && state.core.is_round_done() {
                return Stop::RoundDone;
            }
            if !self.once && state.core.is_idle() && state.core.is_cut_off() {
                return Stop::CutOff;
            }
            let deadline = state.core.next_deadline().map(|at| self.clock.at(at));
            let stop = self.stop.clone();
            let input = tokio::select! {
                biased;
                loss = self.lease.lost() => return Stop::Lost(loss),
                () = stop.cancelled() => return Stop::Asked,
                Some(input) = heard.recv() => input,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Input::Tick,
                _ = read_again.tick() => match self.read(state).await {
                    Some(table) => table,
                    None => continue,
                },
                _ = picture.tick() => {
                    self.show(Shown::View(Box::new(state.core.view())));
                    continue;
                }
            };
            self.tell(state, input);
            while state.tasks.try_join_next().is_some() {}
        }
    }

    /// Lets runs under way come to an orderly end, and the core hear of it.
    async fn finish(&mut self, state: &mut Loop, heard: &mut UnboundedReceiver<Input>, stop: &Stop) {
        if *stop != Stop::RoundDone {
            for interrupt in state.runs.values() {
                interrupt.raise(rustix::process::Signal::TERM.as_raw());
            }
        }
        while !state.core.is_idle() {
            let Some(input) = heard.recv().await else { break };
            if matches!(input, Input::Ended { .. }) {
                self.remember_and_show(state, input);
            }
        }
        self.show(Shown::View(Box::new(state.core.view())));
        state.tasks.shutdown().await;
    }

    /// The last words of a run: what it did is remembered, what it would lead to is not begun.
    fn remember_and_show(&mut self, state: &mut Loop, input: Input) {
        if let Input::Ended { act, .. } = &input {
            state.runs.remove(act);
        }
        for effect in self.tape.tell(&mut state.core, input, self.clock.now()) {
            match effect {
                Effect::Tell(told) => self.show(Shown::Told(told)),
                Effect::Remember { service, memory } => self.remember(state, service, memory),
                Effect::Look(_) | Effect::Act(_) | Effect::Reconcile => {}
            }
        }
    }

    /// The table, if it changed.
    async fn read(&self, state: &mut Loop) -> Option<Input> {
        let table = match self.field.table().await {
            Ok(table) => table,
            Err(error) => {
                tracing::warn!(%error, "the table could not be read");
                return None;
            }
        };
        if table == *state.table {
            return None;
        }
        Some(Input::Table { table: Box::new(table) })
    }

    fn tell(&mut self, state: &mut Loop, input: Input) {
        match &input {
            Input::Table { table } => state.table = Arc::new((**table).clone()),
            Input::Ended { act, .. } => _ = state.runs.remove(act),
            Input::Tick | Input::Saw { .. } => {}
        }
        for effect in self.tape.tell(&mut state.core, input, self.clock.now()) {
            match effect {
                Effect::Look(ask) => {
                    let (field, table, told) =
                        (Arc::clone(&self.field), Arc::clone(&state.table), state.inputs.clone());
                    state.tasks.spawn(async move { Box::pin(field.look(ask, &table, &told)).await });
                }
                Effect::Act(act) => self.act(state, act),
                Effect::Reconcile => self.reconcile(state),
                Effect::Remember { service, memory } => self.remember(state, service, memory),
                Effect::Tell(told) => self.show(Shown::Told(told)),
            }
        }
    }

    fn act(&self, state: &mut Loop, act: Act) {
        let (field, shown, inputs) = (Arc::clone(&self.field), self.shown.clone(), state.inputs.clone());
        let facts = state.core.facts();
        let interrupt = Interrupt::under(self.lease.clone());
        state.runs.insert(act.act, interrupt.clone());
        state.tasks.spawn(async move {
            let end = field
                .act(&act, facts, Beside { shown: &shown, interrupt: &interrupt, inputs: Some(&inputs) })
                .await;
            // What it did is in the table; the core should see that first.
            if let Ok(table) = field.table().await {
                let _ = inputs.send(Input::Table { table: Box::new(table) });
            }
            let _ = inputs.send(Input::Ended { act: act.act, end });
        });
    }

    /// Table and hosts disagree: the newer of both is right.
    fn reconcile(&self, state: &mut Loop) {
        let (field, inputs) = (Arc::clone(&self.field), state.inputs.clone());
        state.tasks.spawn(async move {
            let facts = field.gather().await;
            let corrected = update(&*field.store, |table| *table = reconcile(table, &facts)).await;
            if let Err(error) = corrected {
                tracing::warn!(%error, "the table could not be corrected");
            }
            if let Ok(table) = field.table().await {
                let _ = inputs.send(Input::Table { table: Box::new(table) });
            }
        });
    }

    fn remember(&self, state: &mut Loop, service: ServiceName, memory: Memory) {
        let (field, inputs) = (Arc::clone(&self.field), state.inputs.clone());
        state.tasks.spawn(async move {
            let written = update(&*field.store, |table| {
                let kept = table.policy.entry(service.clone()).or_default();
                match &memory {
                    Memory::Takeover { at_ms } => kept.takeovers.push(*at_ms),
                    Memory::Latch { at_ms, because } => {
                        kept.latched = Some(Latch { at_ms: *at_ms, because: because.clone() });
                    }
                }
            });
            if let Err(error) = written.await {
                tracing::warn!(%error, "a takeover could not be remembered");
            }
            if let Ok(table) = field.table().await {
                let _ = inputs.send(Input::Table { table: Box::new(table) });
            }
        });
    }

    fn show(&self, shown: Shown) {
        // Nobody may be looking.
        let _ = self.shown.send(shown);
    }
}
