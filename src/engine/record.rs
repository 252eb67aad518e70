//! What a run's journal says. Written by the dispatcher and the unwinder, read by `recover`, `status` and `history`.
//!
//! A step's status is computed in one place, [`StepStatus::after`], from the records alone.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::event::{HostRecap, ManualCommand, RunEnd, StepResult};
use crate::plan::table::Row;
use crate::plan::{Plan, StepRef, UndoWork, Work};
use crate::site::id::{RunId, ServiceName};
use crate::site::playbook::EvidenceKind;
use crate::store::journal::Sealed;

/// The version of the journal format, in its first record.
pub const SCHEMA: &str = "reveille.journal/1";

/// One record; seals and times are added by [`crate::store::journal`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Record {
    /// The first of every journal.
    RunStarted {
        schema: String,
        run: RunId,
        origin: Origin,
        plan: Box<Plan>,
    },
    /// These steps are about to be sent to their host, as one program.
    StepIntent {
        steps: Vec<Intent>,
    },
    StepOutcome {
        step: StepRef,
        result: StepResult,
        /// Its act was begun, or nobody can say that it was not.
        acted: bool,
        detail: String,
        duration_ms: u64,
    },
    Evidence {
        service: ServiceName,
        evidence: EvidenceKind,
        words: String,
    },
    /// The scheduling table is about to change.
    Commit {
        step: StepRef,
        service: ServiceName,
        before: Option<Row>,
        after: Row,
    },
    /// What was done for this service is about to be taken back.
    UndoStarted {
        service: ServiceName,
        because: String,
        steps: Vec<StepRef>,
    },
    UndoIntent {
        step: StepRef,
    },
    UndoOutcome {
        step: StepRef,
        ok: bool,
        detail: String,
    },
    /// The last of every journal whose run was not cut short.
    RunEnded {
        end: RunEnd,
        recap: Vec<HostRecap>,
        #[serde(default)]
        manual: Vec<ManualCommand>,
        /// Something was begun and neither finished nor taken back: `recover` has work to do.
        #[serde(default)]
        left: bool,
    },
}

/// A step about to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    pub step: StepRef,
    /// From 1.
    pub attempt: u32,
    /// What a step that could only be compiled now does, and its undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiled: Option<(Work, UndoWork)>,
}

/// Who started the run, from where, how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The login name.
    pub who: String,
    /// The machine the command runs on.
    pub host: String,
    pub argv: Vec<String>,
}

/// The row that a commit took the place of; none if there was none.
#[derive(Clone, Debug, PartialEq)]
pub struct Replaced(pub Option<Row>);

/// What the journal knows of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    #[default]
    Waiting,
    /// Sent, or about to be; its outcome is not recorded.
    UnderWay,
    /// Ended; `acted` says whether there is anything to take back.
    Ended {
        result: StepResult,
        acted: bool,
    },
    /// Its undo was sent, or about to be.
    Undoing,
    Undone,
    UndoFailed,
}

impl StepStatus {
    /// The status of `step` after one more record.
    #[must_use]
    pub fn after(self, step: &StepRef, record: &Record) -> Self {
        match record {
            Record::StepIntent { steps } if steps.iter().any(|one| one.step == *step) => Self::UnderWay,
            Record::StepOutcome { step: of, result, acted, .. } if of == step => {
                Self::Ended { result: *result, acted: *acted }
            }
            Record::Commit { step: of, .. } if of == step => Self::UnderWay,
            Record::UndoIntent { step: of } if of == step => Self::Undoing,
            Record::UndoOutcome { step: of, ok: true, .. } if of == step => Self::Undone,
            Record::UndoOutcome { step: of, ok: false, .. } if of == step => Self::UndoFailed,
            _ => self,
        }
    }

    /// Whether it ended well, as far as is known.
    pub fn succeeded(self) -> bool {
        use StepResult::{Changed, Ok, Skipped};
        matches!(self, Self::Ended { result: Ok | Changed | Skipped, .. })
    }

    /// Whether something may be there to take back.
    pub fn acted(self) -> bool {
        match self {
            Self::Waiting | Self::Undone => false,
            Self::Ended { acted, .. } => acted,
            Self::UnderWay | Self::Undoing | Self::UndoFailed => true,
        }
    }
}

/// A run as its journal tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    pub run: RunId,
    pub origin: Origin,
    pub started_at: String,
    pub plan: Plan,
    /// In the plan's order.
    pub steps: IndexMap<StepRef, StepStatus>,
    /// Steps compiled during the run.
    pub compiled: IndexMap<StepRef, (Work, UndoWork)>,
    /// Each commit with the row before it, in order.
    pub commits: Vec<(StepRef, ServiceName, Option<Row>, Row)>,
    pub end: Option<RunEnd>,
    /// Ended, but something was left for `recover`.
    pub left: bool,
    pub last_at: String,
}

impl Story {
    /// `None` for records that do not begin as a journal does.
    pub fn of(records: &[Sealed<Record>]) -> Option<Self> {
        let (first, rest) = records.split_first()?;
        let Record::RunStarted { run, origin, plan, .. } = &first.record else { return None };
        let mut story = Self {
            run: run.clone(),
            origin: origin.clone(),
            started_at: first.at.clone(),
            plan: (**plan).clone(),
            steps: plan.steps.iter().map(|step| (step.id.clone(), StepStatus::default())).collect(),
            compiled: IndexMap::new(),
            commits: Vec::new(),
            end: None,
            left: false,
            last_at: records.last().map(|last| last.at.clone()).unwrap_or_default(),
        };
        for sealed in rest {
            story.hear(&sealed.record);
        }
        Some(story)
    }

    fn hear(&mut self, record: &Record) {
        for (step, status) in &mut self.steps {
            *status = status.after(step, record);
        }
        match record {
            Record::StepIntent { steps } => {
                let compiled = steps.iter().filter_map(|one| Some((one.step.clone(), one.compiled.clone()?)));
                self.compiled.extend(compiled);
            }
            Record::Commit { step, service, before, after } => {
                self.commits.push((step.clone(), service.clone(), before.clone(), after.clone()));
            }
            Record::RunEnded { end, left, .. } => (self.end, self.left) = (Some(end.clone()), *left),
            _ => {}
        }
    }

    pub fn status(&self, step: &StepRef) -> StepStatus {
        self.steps.get(step).copied().unwrap_or_default()
    }

    pub fn services(&self) -> BTreeSet<ServiceName> {
        self.plan.steps.iter().map(|step| step.service.clone()).collect()
    }

    /// The row a commit step replaced, the first time it did.
    pub fn replaced(&self, step: &StepRef) -> Option<Replaced> {
        self.commits.iter().find(|(of, ..)| of == step).map(|(_, _, before, _)| Replaced(before.clone()))
    }

    /// Neither done nor taken back.
    pub fn is_open(&self) -> bool {
        self.end.is_none() || self.left
    }
}
