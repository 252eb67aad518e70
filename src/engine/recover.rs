//! After a crash: which run was cut short, what is to be done about it, and the taking back.
//!
//! [`open_runs`] and [`decide`] are what `status` and `recover` ask; [`unwind`] does the backward half. Going forward is
//! the caller's: the same operation, planned anew with a new epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::event::{Event, EventKind, Level, RunEnd, StepHead};
use super::interrupt::Interrupt;
use super::ports::{Fencer, Tools};
use super::recap::Recap;
use super::record::{Record, StepStatus, Story};
use super::teller::{Teller, millis};
use super::unwind::{self, Taking, Unwinder, Unwound, Way};
use super::work::Clerk;
use super::{Ending, event::ManualCommand};
use crate::plan::table::Table;
use crate::plan::{Operation, Plan, PlanStep, Stage, StepRef, Work};
use crate::site::id::{Epoch, HostName, RunId, ServiceName};
use crate::store::Store;
use crate::store::journal::{self, Broken, Journal, Redactor};

/// Redacted texts hold this where a secret was; such a text cannot be run.
const REDACTED: &str = "***";

/// How many journals back an unfinished run is looked for.
const LOOK_BACK: usize = 100;

/// A run that began and did not end, or ended with something left over.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenRun {
    pub run: RunId,
    pub plan: Plan,
    pub story: Story,
    /// Its services that no later run has seen to.
    pub services: BTreeSet<ServiceName>,
    /// The last line was being written when the run died; it is not part of the story.
    pub torn: bool,
}

/// A journal that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    #[error("failed to list the journals")]
    List(#[source] std::io::Error),
    #[error("failed to read the journal of run {run}")]
    Read { run: RunId, source: std::io::Error },
    #[error("the journal of run {run} was damaged")]
    Broken { run: RunId, source: Broken },
    #[error("failed to continue the journal of run {run}")]
    Continue { run: RunId, source: std::io::Error },
}

/// What is to be done for one service of an open run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Nothing of it was begun, or all of it is done.
    Nothing,
    /// Plan the same again, to the same target, in a new epoch.
    Forward { operation: Operation, from: Option<HostName>, to: Option<HostName> },
    /// Take back these, last first.
    Unwind { steps: Vec<StepRef> },
}

/// The runs that were cut short or left something, newest first; no service is in two of them. One that is under way
/// looks the same: whether somebody holds the store's lease tells them apart.
///
/// # Errors
/// A journal that cannot be read.
pub fn open_runs(store: &dyn Store) -> Result<Vec<OpenRun>, RecoverError> {
    let runs = store.runs().map_err(RecoverError::List)?;
    let mut handled: BTreeSet<ServiceName> = BTreeSet::new();
    let mut open = Vec::new();
    for run in runs.into_iter().rev().take(LOOK_BACK) {
        let lines = store.journal(&run).map_err(|source| RecoverError::Read { run: run.clone(), source })?;
        let read = journal::read(&lines).map_err(|source| RecoverError::Broken { run, source })?;
        let Some(told) = Story::of(&read.records) else { continue };
        let all = told.services();
        let services: BTreeSet<ServiceName> = all.difference(&handled).cloned().collect();
        handled.extend(all);
        if told.is_open() && !services.is_empty() {
            let (run, plan, torn) = (told.run.clone(), told.plan.clone(), read.torn);
            open.push(OpenRun { run, plan, story: told, services, torn });
        }
    }
    Ok(open)
}

impl OpenRun {
    /// Its process is gone, or was stopped; not one that ended and left work.
    pub fn was_cut_short(&self) -> bool {
        matches!(self.story.end, None | Some(RunEnd::LeaseLost { .. }))
    }

    /// Whether it concerns one of these; of all, if none is named.
    pub fn touches(&self, services: &[ServiceName]) -> bool {
        services.is_empty() || services.iter().any(|service| self.services.contains(service))
    }
}

/// Ends the epochs that somebody else may still act in: those of the table, and of runs that are not over.
pub fn raise_epochs(table: &mut Table, open: &[OpenRun]) {
    for (service, row) in table.services.iter_mut().filter(|(_, row)| row.primary.is_some()) {
        let planned = open.iter().flat_map(|run| &run.plan.services).filter(|plan| plan.service == *service);
        let newest = planned.map(|plan| plan.epoch).max().unwrap_or_default();
        row.epoch = row.epoch.max(newest).next();
    }
}

/// Whether the old primary of a failover that was cut short serves as if nothing had happened: it `answers`, nothing took
/// its address, and no fence device has it. A monitor asks before it goes forward; a person who gave the command wanted it.
pub async fn still_serves(
    story: &Story,
    service: &ServiceName,
    fencer: &dyn Fencer,
    answers: impl Future<Output = bool>,
) -> bool {
    let acted = |step: &&PlanStep| step.service == *service && story.status(&step.id).acted();
    let mut begun_fences = Vec::new();
    for step in story.plan.steps.iter().filter(acted) {
        match &step.work {
            _ if matches!(step.stage, Stage::Ifconfig | Stage::Commit) => return false,
            Work::Fence(_) if story.status(&step.id).succeeded() => return false,
            Work::Fence(fence) => begun_fences.push(fence),
            _ => {}
        }
    }
    if story.plan.operation != Operation::Failover || !answers.await {
        return false;
    }
    for fence in begun_fences {
        if !fencer.is_on(fence).await {
            return false;
        }
    }
    true
}

/// What is to be done for this service. `serves`: its old primary does so all the same, by [`still_serves`].
pub fn decide(story: &Story, service: &ServiceName, serves: bool) -> Recovery {
    let planned = story.plan.services.iter().find(|plan| plan.service == *service);
    let of = |step: &&PlanStep| step.service == *service;
    let steps: Vec<(&PlanStep, StepStatus)> =
        story.plan.steps.iter().filter(of).map(|step| (step, story.status(&step.id))).collect();
    let begun = steps.iter().any(|(_, status)| *status != StepStatus::Waiting);
    let going_back = steps.iter().any(|(_, status)| {
        matches!(status, StepStatus::Undoing | StepStatus::Undone | StepStatus::UndoFailed)
    });
    let complete = steps.iter().all(|(step, status)| step.advisory || step.optional || status.succeeded());
    let passed = planned
        .and_then(|plan| plan.point_of_no_return.as_ref())
        .is_some_and(|point| story.status(point).succeeded());
    let acted: Vec<StepRef> =
        steps.iter().rev().filter(|(_, status)| status.acted()).map(|(step, _)| step.id.clone()).collect();
    let back = matches!(story.plan.operation, Operation::Switchover | Operation::DrillWake);
    let backward = going_back || (back && !passed) || serves;
    match (begun, complete) {
        (false, _) | (_, true) => Recovery::Nothing,
        _ if backward && acted.is_empty() => Recovery::Nothing,
        _ if backward => Recovery::Unwind { steps: acted },
        _ => Recovery::Forward {
            operation: story.plan.operation,
            from: planned.and_then(|plan| plan.from.clone()),
            to: planned.and_then(|plan| plan.to.clone()),
        },
    }
}

/// Takes back what an open run did for `services`, and ends its journal. The caller holds the store's lease.
///
/// # Errors
/// [`RecoverError`]: the journal cannot be continued; nothing was done.
pub async fn unwind(
    open: &OpenRun,
    services: &BTreeSet<ServiceName>,
    tools: Tools<'_>,
    redact: Redactor,
    events: mpsc::UnboundedSender<Event>,
    interrupt: &Interrupt,
) -> Result<Ending, RecoverError> {
    let journal = reopen(tools.store, &open.run, Arc::clone(&redact))?;
    let clerk = Clerk::new(tools.store, journal, open.run.clone());
    let teller = Teller::new(events, redact);
    let takings: Vec<Taking<'_>> = takings(open, services);
    announce(open, &takings, &teller);
    let cancel = CancellationToken::new();
    let unwinder = Unwinder {
        tools,
        plan: &open.plan,
        epochs: epochs_now(open, tools.store).await,
        clerk: clerk.clone(),
        teller: teller.clone(),
        cancel: cancel.clone(),
    };
    let because = format!("run {} was cut short", open.run);
    let unwound = unless_told_twice(unwinder.unwind(takings, because.clone()), interrupt, &cancel).await;
    Ok(conclude(open, unwound, because, interrupt, &clerk, &teller).await)
}

/// The epochs of its plan, or those that a monitor has raised since.
async fn epochs_now(open: &OpenRun, store: &dyn Store) -> BTreeMap<ServiceName, Epoch> {
    let mut epochs = unwind::epochs(&open.plan);
    match store.load().await {
        Ok(table) => {
            for (service, epoch) in &mut epochs {
                *epoch = table.services.get(service).map_or(*epoch, |row| row.epoch.max(*epoch));
            }
        }
        Err(error) => tracing::warn!(%error, "taking back in the epochs of the plan"),
    }
    epochs
}

/// Marks an open run as seen to, without doing anything: `because` says by what.
///
/// # Errors
/// [`RecoverError`]: the journal cannot be continued.
pub async fn close(
    store: &dyn Store,
    open: &OpenRun,
    because: &str,
    redact: Redactor,
) -> Result<(), RecoverError> {
    let journal = reopen(store, &open.run, redact)?;
    let end = RunEnd::Undone { because: because.to_owned() };
    let record = Record::RunEnded { end, recap: Vec::new(), manual: Vec::new(), left: false };
    journal
        .keep(&record)
        .await
        .map_err(|lost| RecoverError::Continue { run: open.run.clone(), source: std::io::Error::other(lost) })
}

fn reopen(store: &dyn Store, run: &RunId, redact: Redactor) -> Result<Journal, RecoverError> {
    store.reopen_journal(run, redact).map_err(|source| RecoverError::Continue { run: run.clone(), source })
}

fn announce(open: &OpenRun, takings: &[Taking<'_>], teller: &Teller) {
    let head = |taking: &Taking<'_>| StepHead {
        step: taking.step.id.clone(),
        host: taking.step.host.clone(),
        title: taking.step.title.clone(),
    };
    teller.tell(EventKind::RunStarted {
        run: open.run.clone(),
        operation: open.plan.operation,
        plan_hash: open.plan.hash.clone(),
        steps: takings.iter().map(head).collect(),
        wall_time: jiff::Timestamp::now().to_string(),
    });
}

fn takings<'a>(open: &'a OpenRun, services: &BTreeSet<ServiceName>) -> Vec<Taking<'a>> {
    let of = |step: &&PlanStep| services.contains(&step.service) && open.story.status(&step.id).acted();
    let taking = |step: &'a PlanStep| {
        let compiled = open.story.compiled.get(&step.id);
        let (work, undo) = compiled.map_or((&step.work, &step.undo), |(work, undo)| (work, undo));
        let how = match unwind::way(work, undo, open.story.replaced(&step.id))? {
            Way::Script(script) if script.act.contains(REDACTED) => Way::Redacted(script),
            how => how,
        };
        Some(Taking { step, how })
    };
    open.plan.steps.iter().filter(of).filter_map(taking).collect()
}

/// Undoing is what a first signal asks for, so only a second one stops it, or the loss of the lease.
async fn unless_told_twice(
    unwinding: impl Future<Output = Unwound>,
    interrupt: &Interrupt,
    cancel: &CancellationToken,
) -> Unwound {
    let mut signals = interrupt.listen();
    tokio::pin!(unwinding);
    loop {
        tokio::select! {
            unwound = &mut unwinding => return unwound,
            _ = interrupt.lost(), if !cancel.is_cancelled() => cancel.cancel(),
            Ok(()) = signals.changed() => {
                if signals.borrow_and_update().count >= 2 {
                    cancel.cancel();
                }
            }
        }
    }
}

async fn conclude(
    open: &OpenRun,
    unwound: Unwound,
    because: String,
    interrupt: &Interrupt,
    clerk: &Clerk<'_>,
    teller: &Teller,
) -> Ending {
    let mut recap = Recap::default();
    for id in &unwound.undone {
        let step = open.plan.steps.iter().find(|step| step.id == *id);
        recap.count_undone(step.and_then(|step| step.host.as_ref()));
    }
    let manual: Vec<ManualCommand> = unwound.manual;
    let end = match interrupt.loss() {
        _ if manual.is_empty() => RunEnd::Undone { because },
        Some(loss) => RunEnd::LeaseLost { because: loss.to_string() },
        None => RunEnd::Stuck { because },
    };
    let recap = recap.lines();
    let left = !manual.is_empty();
    let record = Record::RunEnded { end: end.clone(), recap: recap.clone(), manual: manual.clone(), left };
    if let Err(lost) = clerk.journal.keep(&record).await {
        teller.notice(Level::Error, &lost.to_string());
    }
    let duration_ms = millis(teller.elapsed());
    teller.tell(EventKind::RunEnded {
        end: end.clone(),
        recap: recap.clone(),
        duration_ms,
        manual: manual.clone(),
    });
    Ending { end, recap, manual }
}
