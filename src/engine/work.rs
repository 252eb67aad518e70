//! What the dispatcher waits for, as futures that end in a message: a batch landed, a probe answered, a row written.
//! They hold no state of the run and decide nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::hedge;
use super::job::{Batch, BatchEnd, How};
use super::ports::{FenceOutcome, ProbeOutcome, Tools};
use super::record::{Record, Replaced};
use super::unwind::Unwound;
use crate::plan::ready::StepIndex;
use crate::plan::table::{Row, Table};
use crate::plan::{Commit, Probe, StepRef};
use crate::site::id::{RunId, ServiceName};
use crate::store::journal::Journal;
use crate::store::{CommitError, Store};
use crate::transport::Lost;

/// Between two looks at a host that was lost.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How often a commit starts over because someone else wrote the table meanwhile.
const COMMIT_TRIES: usize = 50;

/// What the dispatcher hears when a future ends.
#[derive(Debug)]
pub(super) enum Message {
    Landed {
        flight: usize,
        end: BatchEnd,
    },
    /// The journal could not be written, so the batch was not sent.
    Unsent {
        flight: usize,
        because: String,
    },
    Probed {
        step: StepIndex,
        outcome: Option<ProbeOutcome>,
    },
    Fenced {
        step: StepIndex,
        how: Fenced,
    },
    /// Time has passed; or, if not `over`, nobody waits for that any more.
    Waited {
        step: StepIndex,
        over: bool,
    },
    Committed {
        step: StepIndex,
        result: Result<Committed, String>,
    },
    /// What a look says of a step whose end was not seen; the reason if it cannot vouch for it.
    Looked {
        step: StepIndex,
        done: Result<(), String>,
    },
    RetryDue {
        step: StepIndex,
    },
    Unwound {
        branch: usize,
        unwound: Unwound,
    },
}

/// How a fence ended.
#[derive(Debug)]
pub(super) enum Fenced {
    /// The journal could not be written, so nothing was done.
    Unrecorded(String),
    /// Stopped in the middle.
    Stopped,
    Done(FenceOutcome),
}

/// A row that is now as the plan wants it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Committed {
    /// `None`: it was so already.
    pub replaced: Option<Replaced>,
}

/// `None` if it was cancelled.
pub(super) async fn probe(
    tools: Tools<'_>,
    probe: &Probe,
    until: Instant,
    cancel: CancellationToken,
) -> Option<ProbeOutcome> {
    let late = || ProbeOutcome { ok: false, detail: "no answer within the step's timeout".to_owned() };
    tokio::select! {
        () = cancel.cancelled() => None,
        outcome = timeout_at(until, hedge::probe(tools.prober, probe)) => Some(outcome.unwrap_or_else(|_| late())),
    }
}

/// Looks until the look vouches for the step, says that it failed, or time is up.
pub(super) async fn look(
    tools: Tools<'_>,
    batch: Batch<'_>,
    until: Instant,
    cancel: CancellationToken,
) -> Result<(), String> {
    loop {
        let code = std::sync::Mutex::new(None);
        let batch = Batch { cancel: cancel.child_token(), ..batch.clone() };
        let end = batch
            .run(tools.transport, |update| {
                if let super::job::Update::Done { report, .. } = update
                    && let Ok(mut code) = code.lock()
                {
                    *code = Some(report.code);
                }
            })
            .await;
        let code = code.into_inner().ok().flatten();
        let why = match (code, end.how) {
            (Some(0), _) => return Ok(()),
            (Some(code), _) => format!("its look says that it is not done (exit {code})"),
            (None, How::Lost(lost @ (Lost::Unreachable(_) | Lost::Unknown(_)))) => lost.to_string(),
            (None, how) => return Err(format!("its look did not run: {how:?}")),
        };
        if Instant::now() + LOOK_AGAIN >= until || cancel.is_cancelled() {
            return Err(why);
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// What a journal that cannot be written means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unrecorded {
    /// Forward: nothing is done that is not written down first.
    Refuse,
    /// Backward: a table left wrong would be worse.
    GoOn,
}

/// Who writes a row, and where that is written down first.
#[derive(Clone)]
pub(super) struct Clerk<'a> {
    pub store: &'a dyn Store,
    pub journal: Journal,
    pub run: RunId,
    /// Services of one run that end together write one after the other: they would only undo each other's reading.
    turn: Arc<Mutex<()>>,
}

impl<'a> Clerk<'a> {
    pub(super) fn new(store: &'a dyn Store, journal: Journal, run: RunId) -> Self {
        Self { store, journal, run, turn: Arc::default() }
    }
}

impl Clerk<'_> {
    /// Makes the service's row what the plan says.
    pub(super) async fn commit(
        &self,
        step: &StepRef,
        service: &ServiceName,
        commit: &Commit,
    ) -> Result<Committed, String> {
        let change = |before: Option<&Row>| {
            if let Some(before) = before.filter(|before| before.epoch > commit.epoch) {
                return Err(format!("the table is at epoch {} already", before.epoch));
            }
            let Commit { primary, secondary, epoch, state } = commit.clone();
            Ok(Row { primary, secondary, epoch, state, last_run: Some(self.run.clone()) })
        };
        self.change(step, service, Unrecorded::Refuse, change).await
    }

    /// Writes the row that `change` makes of the present one, if that differs in more than the run's name.
    pub(super) async fn change(
        &self,
        step: &StepRef,
        service: &ServiceName,
        unrecorded: Unrecorded,
        change: impl Fn(Option<&Row>) -> Result<Row, String>,
    ) -> Result<Committed, String> {
        let _turn = self.turn.lock().await;
        let mut recorded = None;
        for _ in 0..COMMIT_TRIES {
            let mut table = self.store.load().await.map_err(|error| chain(&error))?;
            let before = table.services.get(service).cloned();
            let after = change(before.as_ref())?;
            if before.as_ref().is_some_and(|before| same(before, &after)) {
                return Ok(Committed { replaced: None });
            }
            // A try that only met a change elsewhere in the table is written down already.
            let change = Some((before.clone(), after.clone()));
            if recorded != change {
                self.record(step, service, (before.clone(), after.clone()), unrecorded).await?;
                recorded = change;
            }
            table.services.insert(service.clone(), after);
            match self.write(table).await {
                Ok(()) => return Ok(Committed { replaced: Some(Replaced(before)) }),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(chain(&error)),
            }
        }
        Err("the scheduling table keeps changing under our hands".to_owned())
    }

    async fn record(
        &self,
        step: &StepRef,
        service: &ServiceName,
        (before, after): (Option<Row>, Row),
        unrecorded: Unrecorded,
    ) -> Result<(), String> {
        let record = Record::Commit { step: step.clone(), service: service.clone(), before, after };
        match (self.journal.keep(&record).await, unrecorded) {
            (Err(lost), Unrecorded::Refuse) => return Err(lost.to_string()),
            (Err(lost), Unrecorded::GoOn) => {
                tracing::error!(%lost, %service, "written without a journal");
            }
            (Ok(()), _) => {}
        }
        Ok(())
    }

    async fn write(&self, table: Table) -> Result<(), CommitError> {
        self.store.commit(table.revision, table).await.map(|_| ())
    }
}

fn same(one: &Row, other: &Row) -> bool {
    Row { last_run: None, ..one.clone() } == Row { last_run: None, ..other.clone() }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
