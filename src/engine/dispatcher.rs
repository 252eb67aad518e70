//! The one task that owns a run's state: starts what is ready, waits for whatever comes first, hands it on.
//!
//! This file starts things and waits; what an outcome means is in [`super::settle`]. Messages are handled without
//! waiting, one at a time, so no two places ever change the state at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::branch::{Branch, Unwinding};
use super::conditions;
use super::event::{Event, EventKind, HostRecap, ManualCommand, RunEnd, StepHead};
use super::inject::{Inject, Moment};
use super::interrupt::Interrupt;
use super::job::{Report, Update};
use super::ports::Tools;
use super::recap::Recap;
use super::record::{Origin, Record, Replaced, SCHEMA};
use super::script::Reach;
use super::teller::Teller;
use super::work::{Clerk, Message};
use crate::module::Script;
use crate::plan::ready::{BadGraph, Outcome, Queue, Skip, StepIndex};
use crate::plan::{Plan, PlanStep, UndoWork, Work};
use crate::site::id::{Epoch, HostName, RunId, ServiceName};
use crate::store::journal::{Journal, Redactor};

/// Programs at once on one host; a master connection carries no more than a few.
const PER_HOST: usize = 4;

/// How a run is done.
#[derive(Clone)]
pub struct RunOptions {
    pub run: RunId,
    /// Hosts worked on at once; at least one.
    pub forks: usize,
    /// [`Reach::Look`] changes nothing and keeps no journal.
    pub reach: Reach,
    pub diff: bool,
    pub inject: Vec<Inject>,
    pub origin: Origin,
    pub redact: Redactor,
}

/// A run that could not begin. Nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the plan cannot be run")]
    Graph(#[from] BadGraph),
    #[error("failed to start a journal")]
    Journal(#[from] std::io::Error),
    #[error(transparent)]
    JournalLost(#[from] crate::store::journal::JournalLost),
}

/// How a run ended; what its last event says, too.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub end: RunEnd,
    pub recap: Vec<HostRecap>,
    /// What is left for a person.
    pub manual: Vec<ManualCommand>,
}

/// Runs a plan to its end, whichever end that is. Events go to `events`, the last one is [`EventKind::RunEnded`].
/// The caller holds the store's lease, and `interrupt` is [under](Interrupt::under) it. Must be called within a tokio runtime.
///
/// # Errors
/// [`StartError`]: nothing was done, and no event sent.
pub async fn run(
    plan: &Plan,
    tools: Tools<'_>,
    options: &RunOptions,
    events: mpsc::UnboundedSender<Event>,
    interrupt: &Interrupt,
) -> Result<Ending, StartError> {
    let queue = Queue::new(&plan.steps)?;
    let redact = Arc::clone(&options.redact);
    let journal = match options.reach {
        Reach::Look => Journal::none(redact),
        Reach::Act => tools.store.create_journal(&options.run, redact)?,
    };
    let first = Record::RunStarted {
        schema: SCHEMA.to_owned(),
        run: options.run.clone(),
        origin: options.origin.clone(),
        plan: Box::new(plan.clone()),
    };
    // Its own fsync is not waited for: the first intent's covers it.
    journal.note(&first);
    let teller = Teller::new(events, Arc::clone(&options.redact));
    Ok(Dispatcher::new(plan, queue, tools, options, journal, teller).run(interrupt).await)
}

/// What is known of one step while the run goes.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// From 1; 0 before the first.
    pub attempt: u32,
    pub began: Duration,
    /// Its act was begun, in whichever attempt.
    pub acted: bool,
    /// What it is, if that was only decided now.
    pub compiled: Option<(Work, UndoWork)>,
    pub report: Report,
    /// A commit: the row it replaced.
    pub replaced: Option<Replaced>,
    /// Ends the step's waiting, where it is not part of a flight.
    pub cancel: CancellationToken,
}

/// A batch on its way.
#[derive(Debug)]
pub(super) struct Flight {
    pub host: HostName,
    pub steps: Vec<StepIndex>,
    pub cancel: CancellationToken,
}

/// The state of a run.
pub(super) struct Dispatcher<'a> {
    pub plan: &'a Plan,
    pub queue: Queue,
    pub tools: Tools<'a>,
    pub options: &'a RunOptions,
    pub teller: Teller,
    pub clerk: Clerk<'a>,
    pub steps: Vec<Progress>,
    pub branches: Vec<Branch>,
    pub flights: BTreeMap<usize, Flight>,
    pub next_flight: usize,
    pub registers: HashMap<(ServiceName, Option<HostName>), Map<String, Value>>,
    /// Hosts that could not be reached, since when, and why.
    pub silent: HashMap<HostName, (Instant, String)>,
    pub recap: Recap,
    pub running: FuturesUnordered<BoxFuture<'a, Message>>,
    pub updates: mpsc::UnboundedSender<(usize, Update)>,
    heard: Option<mpsc::UnboundedReceiver<(usize, Update)>>,
    /// Cancelled by the second signal.
    pub root: CancellationToken,
    pub signals: u32,
    /// Nothing more is ours to do.
    pub lease_lost: bool,
    /// Since when only optional steps are left, and how long they are waited for.
    pub dismissed: Option<Instant>,
}

impl<'a> Dispatcher<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        queue: Queue,
        tools: Tools<'a>,
        options: &'a RunOptions,
        journal: Journal,
        teller: Teller,
    ) -> Self {
        let (updates, heard) = mpsc::unbounded_channel();
        let root = CancellationToken::new();
        let progress = || Progress { cancel: root.child_token(), ..Progress::default() };
        Self {
            plan,
            queue,
            tools,
            options,
            teller,
            clerk: Clerk::new(tools.store, journal, options.run.clone()),
            steps: plan.steps.iter().map(|_| progress()).collect(),
            branches: branches(plan),
            flights: BTreeMap::new(),
            next_flight: 0,
            registers: HashMap::new(),
            silent: HashMap::new(),
            recap: Recap::default(),
            running: FuturesUnordered::new(),
            updates,
            heard: Some(heard),
            root,
            signals: 0,
            lease_lost: false,
            dismissed: None,
        }
    }

    pub(super) async fn run(mut self, interrupt: &Interrupt) -> Ending {
        self.announce();
        self.drive(interrupt).await;
        self.conclude().await
    }

    fn announce(&self) {
        let head = |step: &PlanStep| StepHead {
            step: step.id.clone(),
            host: step.host.clone(),
            title: self.teller.redacted(&step.title),
        };
        self.teller.tell(EventKind::RunStarted {
            run: self.options.run.clone(),
            operation: self.plan.operation,
            plan_hash: self.plan.hash.clone(),
            steps: self.plan.steps.iter().map(head).collect(),
            wall_time: jiff::Timestamp::now().to_string(),
        });
    }

    async fn drive(&mut self, interrupt: &Interrupt) {
        let Some(mut heard) = self.heard.take() else { return };
        let mut signals = interrupt.listen();
        loop {
            self.heed_lease(interrupt);
            self.start_ready();
            self.start_unwinding();
            self.dismiss_optional();
            if self.running.is_empty() {
                break;
            }
            let patience = self.dismissed;
            tokio::select! {
                biased;
                Ok(()) = signals.changed() => {
                    let now = *signals.borrow_and_update();
                    self.handle_signals(now);
                }
                Some((flight, update)) = heard.recv() => self.handle_update(flight, update),
                // Begins the loop anew, where it is seen to.
                _ = interrupt.lost(), if !self.lease_lost => {}
                Some(message) = self.running.next() => {
                    self.heed_lease(interrupt);
                    // What a flight said before it landed is waiting to be heard.
                    while let Ok((flight, update)) = heard.try_recv() {
                        self.handle_update(flight, update);
                    }
                    self.handle(message);
                }
                () = sleep_until(patience.unwrap_or_else(Instant::now)), if patience.is_some() => {
                    self.leave_behind();
                    break;
                }
            }
        }
    }

    /// A process that was stopped may have lost the lease long before it hears of it: hence looked at before anything
    /// is begun.
    fn heed_lease(&mut self, interrupt: &Interrupt) {
        if !self.lease_lost
            && let Some(loss) = interrupt.loss()
        {
            self.handle_lease_lost(&loss);
        }
    }

    fn start_ready(&mut self) {
        loop {
            let Self { queue, flights, plan, options, .. } = self;
            let Some(step) = queue.next_where(|step| may_start(flights, options, &plan.steps[step])) else {
                return;
            };
            self.start(step);
        }
    }

    /// Begins a step, or its next attempt.
    pub(super) fn start(&mut self, step: StepIndex) {
        let planned = self.planned(step);
        if let Some(reason) = &planned.skip {
            return self.end(step, Outcome::Skipped(Skip::Planned(reason.clone())), reason);
        }
        if self.is_moot(step) {
            return self.end(step, Outcome::Skipped(Skip::NotNeeded), &Skip::NotNeeded.to_string());
        }
        if self.steps[step].attempt == 0 {
            self.name_evidence(step);
            match self.wanted(step) {
                Ok(true) => {}
                Ok(false) => {
                    let text = planned.guards.when.as_ref().map(|when| when.expression.clone());
                    let skip = Skip::When(text.unwrap_or_default());
                    let words = skip.to_string();
                    return self.end(step, Outcome::Skipped(skip), &words);
                }
                Err(detail) => return self.end(step, Outcome::Failed, &detail),
            }
        }
        self.begin_attempt(step);
        if let Some(fault) = self.injected(step, Moment::Before) {
            return self.attempted(step, fault, "injected");
        }
        match self.work(step) {
            Ok(work) => self.set_out(step, &work),
            Err(detail) => self.end(step, Outcome::Failed, &detail),
        }
    }

    fn wanted(&self, step: StepIndex) -> Result<bool, String> {
        let when = self.planned(step).guards.when.as_ref();
        when.map_or(Ok(true), |when| conditions::holds(when, &self.scope(step)))
    }

    fn begin_attempt(&mut self, step: StepIndex) {
        let now = self.teller.elapsed();
        let progress = &mut self.steps[step];
        progress.attempt += 1;
        if progress.attempt == 1 {
            progress.began = now;
        }
        progress.report = Report::default();
        let attempt = progress.attempt;
        self.teller.tell(EventKind::StepStarted { step: self.planned(step).id.clone(), attempt });
    }

    pub(super) fn planned(&self, step: StepIndex) -> &'a PlanStep {
        &self.plan.steps[step]
    }

    pub(super) fn script(&self, step: StepIndex) -> Option<&Script> {
        let compiled = self.steps[step].compiled.as_ref().map(|(work, _)| work);
        match compiled.unwrap_or(&self.plan.steps[step].work) {
            Work::Script(script) => Some(script),
            _ => None,
        }
    }

    pub(super) fn timeout(&self, step: StepIndex) -> Duration {
        Duration::from_millis(self.planned(step).timeout_ms)
    }

    pub(super) fn epoch(&self, service: &ServiceName) -> Epoch {
        let planned = self.plan.services.iter().find(|plan| plan.service == *service);
        planned.map(|plan| plan.epoch).unwrap_or_default()
    }
}

/// Whether there is room for the step's host.
fn may_start(flights: &BTreeMap<usize, Flight>, options: &RunOptions, step: &PlanStep) -> bool {
    let Some(host) = &step.host else { return true };
    let there = flights.values().filter(|flight| flight.host == *host).count();
    let hosts: std::collections::BTreeSet<_> = flights.values().map(|flight| &flight.host).collect();
    if there > 0 { there < PER_HOST } else { hosts.len() < options.forks.max(1) }
}

/// One branch per service: those of the plan, and any that only steps name.
fn branches(plan: &Plan) -> Vec<Branch> {
    let mut names: Vec<&ServiceName> = plan.services.iter().map(|service| &service.service).collect();
    for step in &plan.steps {
        if !names.contains(&&step.service) {
            names.push(&step.service);
        }
    }
    let point = |name: &ServiceName| {
        let service = plan.services.iter().find(|service| service.service == *name)?;
        let point = service.point_of_no_return.as_ref()?;
        plan.steps.iter().position(|step| step.id == *point)
    };
    let branch = |name: &ServiceName| Branch {
        service: name.clone(),
        point: point(name),
        doom: None,
        unwinding: Unwinding::default(),
        left: Vec::new(),
    };
    names.into_iter().map(branch).collect()
}
