//! Faults put into a run on purpose, by drills and tests.

use serde::{Deserialize, Serialize};

use crate::plan::StepRef;
use crate::plan::ready::Outcome;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inject {
    pub step: StepRef,
    pub when: Moment,
    pub fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Instead of the step.
    Before,
    /// The step runs, and its result is lost.
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    Failed,
    Unreachable,
    Timeout,
    Unknown,
}

impl Fault {
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Failed => Outcome::Failed,
            Self::Unreachable => Outcome::Unreachable,
            Self::Timeout => Outcome::TimedOut,
            Self::Unknown => Outcome::Unknown,
        }
    }
}
