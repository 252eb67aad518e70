//! Takes back what was begun, in the reverse of the plan's order: what was done on top of something goes before it.
//! Independent undos run side by side. An undo that fails holds back everything below it: those become commands for
//! a person. Called by the dispatcher for a service that failed, and by `recover` for a run that was cut short.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::event::{EventKind, Level, ManualCommand};
use super::job::{Batch, BatchEnd, How, Report, Update};
use super::ports::Tools;
use super::record::{Record, Replaced};
use super::script::{self, Frame, Reach};
use super::teller::Teller;
use super::work::{Clerk, Unrecorded};
use crate::module::Script;
use crate::plan::table::{Row, ServiceState};
use crate::plan::{Plan, PlanStep, StepRef, UndoWork, Work};
use crate::site::id::{Epoch, ServiceName};
use crate::transport::{Lost, RunAs};

/// An undo must bear being repeated, so a lost one is tried once more.
const TRIES: u32 = 2;

/// One thing to take back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Taking<'a> {
    pub step: &'a PlanStep,
    pub how: Way,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Way {
    Script(Script),
    /// The service's row as it was.
    Row(Option<Row>),
    /// A script with its secrets taken out: only a person can put them back.
    Redacted(Script),
    /// It changed something and knows no way back.
    None,
}

/// The epochs that a plan's own commands carry.
pub(super) fn epochs(plan: &Plan) -> BTreeMap<ServiceName, Epoch> {
    plan.services.iter().map(|service| (service.service.clone(), service.epoch)).collect()
}

/// How a step that acted is taken back; `None` if there is nothing to take back.
pub(super) fn way(work: &Work, undo: &UndoWork, replaced: Option<Replaced>) -> Option<Way> {
    match (work, undo) {
        (Work::Commit(_), _) => replaced.map(|Replaced(row)| Way::Row(row)),
        (_, UndoWork::Script(script)) => Some(Way::Script(script.clone())),
        (Work::Script(script), UndoWork::Derived) => match &script.undo {
            Some(undo) => Some(Way::Script(undo_script(script, undo))),
            None => script.changes.then_some(Way::None),
        },
        (_, UndoWork::Nothing | UndoWork::Derived) => None,
    }
}

fn undo_script(script: &Script, undo: &str) -> Script {
    Script {
        summary: format!("undo: {}", script.summary),
        look: None,
        act: undo.to_owned(),
        undo: None,
        diff: None,
        changes: true,
        library: script.library.clone(),
        programs: Vec::new(),
    }
}

/// What was taken back, and what was not.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unwound {
    pub undone: Vec<StepRef>,
    /// Without a way back: left as they are.
    pub kept: Vec<StepRef>,
    /// In the order in which they must be done.
    pub manual: Vec<ManualCommand>,
}

/// Why an undo did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    detail: String,
    /// The host did not answer, or not to the end.
    lost: bool,
}

impl Failure {
    fn said(detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), lost: false }
    }
}

/// Everything an unwinding needs.
#[derive(Clone)]
pub(super) struct Unwinder<'a> {
    pub tools: Tools<'a>,
    pub plan: &'a Plan,
    /// Hosts may have seen newer ones than the plan's since.
    pub epochs: BTreeMap<ServiceName, Epoch>,
    pub clerk: Clerk<'a>,
    pub teller: Teller,
    pub cancel: CancellationToken,
}

impl<'a> Unwinder<'a> {
    /// Takes it all back, as far as it goes. Never gives up early.
    pub(super) async fn unwind(self, takings: Vec<Taking<'a>>, because: String) -> Unwound {
        let mut unwound = Unwound::default();
        let (kept, takings): (Vec<_>, Vec<_>) =
            takings.into_iter().partition(|taking| taking.how == Way::None);
        unwound.kept.extend(kept.iter().map(|taking| self.keep(taking.step)));
        if takings.is_empty() {
            return unwound;
        }
        self.announce(&takings, &because);
        let before = blockers(&self.plan.steps, &takings);
        let mut gone: BTreeSet<usize> = BTreeSet::new();
        let mut waiting: BTreeSet<usize> = (0..takings.len()).collect();
        let mut running: FuturesUnordered<BoxFuture<'_, (usize, Result<(), Failure>)>> =
            FuturesUnordered::new();
        let mut failed: BTreeMap<usize, String> = BTreeMap::new();
        loop {
            let free = |at: &usize| before[at].is_subset(&gone) && !self.cancel.is_cancelled();
            for at in waiting.iter().copied().filter(free).collect::<Vec<_>>() {
                waiting.remove(&at);
                let taking = &takings[at];
                let this = &self;
                running.push(Box::pin(async move { (at, this.take(taking).await) }));
            }
            let Some((at, result)) = running.next().await else { break };
            let step = takings[at].step;
            self.record(step, &result);
            match result {
                Ok(()) => {
                    gone.insert(at);
                    unwound.undone.push(step.id.clone());
                }
                // It was tried on a host that may be dead, and that host is: nothing acts there.
                Err(failure) if failure.lost && step.advisory => {
                    gone.insert(at);
                    unwound.kept.push(step.id.clone());
                }
                Err(failure) => _ = failed.insert(at, failure.detail),
            }
        }
        drop(running);
        unwound.manual = self.left(&takings, &before, failed, &waiting);
        unwound
    }

    fn keep(&self, step: &PlanStep) -> StepRef {
        let text =
            format!("{} may have changed {} and has no undo; it is left as it is", step.id, place(step));
        self.teller.notice(Level::Warning, &text);
        step.id.clone()
    }

    fn announce(&self, takings: &[Taking<'a>], because: &str) {
        let steps: Vec<StepRef> = takings.iter().map(|taking| taking.step.id.clone()).collect();
        self.teller
            .tell(EventKind::UndoStarted { because: self.teller.redacted(because), steps: steps.len() });
        let service = takings[0].step.service.clone();
        self.clerk.journal.note(&Record::UndoStarted { service, because: because.to_owned(), steps });
    }

    fn record(&self, step: &PlanStep, result: &Result<(), Failure>) {
        let detail = result.as_ref().err().map(|failure| failure.detail.clone()).unwrap_or_default();
        let (step, ok) = (step.id.clone(), result.is_ok());
        self.clerk.journal.note(&Record::UndoOutcome { step: step.clone(), ok, detail: detail.clone() });
        self.teller.tell(EventKind::Undone { step, ok, detail: self.teller.redacted(&detail) });
    }

    async fn take(&self, taking: &Taking<'a>) -> Result<(), Failure> {
        let step = taking.step;
        // Undoing goes on without a journal: leaving things half done would be worse.
        if let Err(lost) = self.clerk.journal.keep(&Record::UndoIntent { step: step.id.clone() }).await {
            self.teller.notice(Level::Error, &format!("undoing {} unrecorded: {lost}", step.id));
        }
        match &taking.how {
            Way::None => Ok(()),
            Way::Row(row) => self.restore(step, row.as_ref()).await.map_err(Failure::said),
            Way::Script(script) => self.run(step, script).await,
            Way::Redacted(_) => Err(Failure::said("it holds a secret, which the journal does not keep")),
        }
    }

    /// The epoch stays: hosts have seen it, and refuse older ones.
    async fn restore(&self, step: &PlanStep, row: Option<&Row>) -> Result<(), String> {
        let change = |now: Option<&Row>| {
            let absent = Row {
                primary: None,
                secondary: None,
                epoch: Epoch::default(),
                state: ServiceState::Absent,
                last_run: None,
            };
            let row = row.cloned().unwrap_or(absent);
            let epoch = now.map_or(row.epoch, |now| now.epoch.max(row.epoch));
            Ok(Row { epoch, last_run: Some(self.clerk.run.clone()), ..row })
        };
        self.clerk.change(&step.id, &step.service, Unrecorded::GoOn, change).await.map(|_| ())
    }

    async fn run(&self, step: &PlanStep, script: &Script) -> Result<(), Failure> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.attempt(step, script).await {
                Err(failure) if failure.lost && attempt < TRIES => {
                    tracing::debug!(detail = failure.detail, step = %step.id, "undoing again");
                }
                result => return result,
            }
        }
    }

    async fn attempt(&self, step: &PlanStep, script: &Script) -> Result<(), Failure> {
        let nonce = script::nonce();
        let frame = Frame {
            run: &self.clerk.run,
            service: &step.service,
            epoch: self.epoch(step),
            nonce: &nonce,
            reach: Reach::Act,
            diff: false,
        };
        let program = frame.compose([script]);
        let controller = script::controller();
        let host = step.host.as_ref().unwrap_or(&controller);
        let timeouts = vec![Duration::from_millis(step.timeout_ms)];
        let cancel = self.cancel.child_token();
        let batch = Batch { host, run_as: run_as(step), program, nonce, timeouts, cancel };
        let done: std::sync::Mutex<Option<Report>> = std::sync::Mutex::default();
        let tell = |update| match update {
            Update::Done { report, .. } => {
                if let Ok(mut done) = done.lock() {
                    *done = Some(report);
                }
            }
            Update::Line { stream, text, .. } if !step.no_log => self.teller.output(&step.id, stream, &text),
            _ => {}
        };
        let end = batch.run(self.tools.transport, tell).await;
        match done.into_inner().ok().flatten() {
            Some(report) if report.code == 0 => Ok(()),
            Some(report) => Err(Failure::said(failure(&report))),
            None => Err(no_end(&end)),
        }
    }

    fn epoch(&self, step: &PlanStep) -> Epoch {
        self.epochs.get(&step.service).copied().unwrap_or_default()
    }

    /// Commands for a person, last done first: what failed, and what had to wait for it.
    fn left(
        &self,
        takings: &[Taking<'a>],
        before: &BTreeMap<usize, BTreeSet<usize>>,
        mut failed: BTreeMap<usize, String>,
        waiting: &BTreeSet<usize>,
    ) -> Vec<ManualCommand> {
        for at in waiting {
            let why = if self.cancel.is_cancelled() {
                "stopped by a second signal"
            } else {
                "held back: an undo that must come first failed"
            };
            failed.insert(*at, why.to_owned());
        }
        let mut left: Vec<_> = failed.into_iter().collect();
        left.sort_by_key(|(at, _)| (before[at].len(), *at));
        left.into_iter().filter_map(|(at, why)| self.by_hand(&takings[at], &why)).collect()
    }

    fn by_hand(&self, taking: &Taking<'a>, why: &str) -> Option<ManualCommand> {
        let step = taking.step;
        let command = match &taking.how {
            Way::None => return None,
            Way::Row(_) => format!("reveille recover  # the scheduling table's row of {}", step.service),
            Way::Script(script) | Way::Redacted(script) => script::by_hand(
                &script::alone(
                    &self.clerk.run,
                    &step.service,
                    self.epoch(step),
                    &script.library,
                    &script.act,
                ),
                step.run_as.as_deref(),
            ),
        };
        let why = format!("undo of {}: {why}", step.id);
        Some(ManualCommand {
            host: step.host.clone(),
            why: self.teller.redacted(&why),
            command: self.teller.redacted(&command),
        })
    }
}

/// For each taking, those that must be gone before it: everything that was reached by way of it.
fn blockers(steps: &[PlanStep], takings: &[Taking<'_>]) -> BTreeMap<usize, BTreeSet<usize>> {
    let needs = |step: &PlanStep| {
        let links = step.needs.iter().map(|link| link.step.clone());
        links.chain(step.any_of.iter().flat_map(|way| way.steps.clone())).collect::<Vec<_>>()
    };
    let mut above: BTreeMap<StepRef, BTreeSet<StepRef>> = BTreeMap::new();
    // The plan's order respects every link, so what a step rests on is complete when its turn comes.
    for step in steps {
        let mut rests_on = BTreeSet::new();
        for need in needs(step) {
            rests_on.extend(above.get(&need).into_iter().flatten().cloned());
            rests_on.insert(need);
        }
        above.insert(step.id.clone(), rests_on);
    }
    let rests = |upper: &Taking<'_>, lower: &Taking<'_>| above[&upper.step.id].contains(&lower.step.id);
    let of = |lower| (0..takings.len()).filter(|upper| rests(&takings[*upper], lower)).collect();
    takings.iter().enumerate().map(|(at, lower)| (at, of(lower))).collect()
}

pub(super) fn run_as(step: &PlanStep) -> RunAs {
    match &step.run_as {
        None => RunAs::Login,
        Some(user) => RunAs::Sudo { user: Some(user.clone()) },
    }
}

/// A failed step's own words, or its exit code.
pub(super) fn failure(report: &Report) -> String {
    let words = [&report.stderr, &report.stdout].into_iter().find_map(|text| {
        let last: Vec<&str> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
        (!last.is_empty()).then(|| last.into_iter().rev().collect::<Vec<_>>().join("; "))
    });
    match words {
        Some(words) => format!("exit {}: {words}", report.code),
        None => format!("exit {}", report.code),
    }
}

fn no_end(end: &BatchEnd) -> Failure {
    match &end.how {
        How::Lost(lost @ (Lost::Unreachable(_) | Lost::Unknown(_))) => {
            Failure { detail: lost.to_string(), lost: true }
        }
        How::Lost(lost) => Failure::said(lost.to_string()),
        How::Overdue { .. } => Failure::said("timed out"),
        How::Stale { found } => Failure::said(format!("the host has seen epoch {found}")),
        How::Exit { code, preamble } => {
            Failure::said(format!("its shell ended early, exit {code}: {preamble}"))
        }
    }
}

fn place(step: &PlanStep) -> String {
    step.host.as_ref().map_or_else(|| "the controller".to_owned(), ToString::to_string)
}
