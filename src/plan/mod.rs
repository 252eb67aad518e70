//! Plans: an operation resolved for real hosts into a closed graph of steps with everything rendered.
//!
//! Pure. What `plan` prints, what the journal keeps and what the engine runs is one value of [`Plan`].

mod choice;
mod compose;
mod drill;
mod error;
pub mod facts;
mod fencing;
mod foresee;
mod lease;
mod operation;
mod phase;
pub mod placement;
mod planner;
pub mod policy;
pub mod ready;
pub mod reconcile;
pub mod render;
pub mod sample;
pub mod saved;
mod scope;
pub mod status;
pub mod table;
pub mod testimony;
pub mod timing;
pub mod whatif;

use serde::{Deserialize, Serialize};

pub use crate::module::Probe;
pub use crate::module::fence::Fence;
pub use error::PlanError;
pub use foresee::Foreseen;
pub use lease::{LeaseFact, Leased};
pub use planner::{Planner, Request};

use crate::module::Script;
use crate::site::address::ServiceAddress;
use crate::site::id::{Epoch, HostName, ServiceName};
use crate::site::playbook::{Backoff, EvidenceKind, IfUnreachable, Phase};

/// The version of the plan format.
pub const SCHEMA: &str = "reveille.plan/1";

/// What is done to services.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// First set-up, or making sure: primary and secondary as they should be.
    Deploy,
    /// The primary is lost, or given up: its secondary takes over.
    Failover,
    /// A healthy service moves to another host; taken back if anything fails.
    Switchover,
    /// Chooses and prepares a new secondary.
    Reprotect,
    /// Takes a service off all its hosts.
    Teardown,
    /// Wakes the sleeping copy off the network, asks it, and puts it back to sleep.
    DrillWake,
}

impl Operation {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Failover => "failover",
            Self::Switchover => "switchover",
            Self::Reprotect => "reprotect",
            Self::Teardown => "teardown",
            Self::DrillWake => "drill-wake",
        }
    }
}

/// An operation on one or several services, closed and rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: String,
    pub operation: Operation,
    pub services: Vec<ServicePlan>,
    /// In an order that respects every link.
    pub steps: Vec<PlanStep>,
    /// The longest path through the graph, every timeout, retry and delay used up.
    pub worst_case_ms: u64,
    /// How many of the steps that change something can be taken back.
    pub undo_coverage: UndoCoverage,
    /// SHA-256 over everything above as JSON, secrets redacted; hexadecimal.
    pub hash: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoCoverage {
    pub undoable: usize,
    pub changing: usize,
}

/// What the plan means for one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServicePlan {
    pub service: ServiceName,
    pub addresses: Vec<ServiceAddress>,
    /// Primary before and after; `None` where there is none.
    pub from: Option<HostName>,
    pub to: Option<HostName>,
    /// Whether `from` said that it serves when the plan was made.
    #[serde(default)]
    pub serving: bool,
    /// Secondary after the plan.
    pub secondary: Option<HostName>,
    pub epoch_before: Epoch,
    /// The epoch every command of this plan carries.
    pub epoch: Epoch,
    /// Accepted evidence, best first; empty when none is needed.
    pub evidence: Vec<EvidenceKind>,
    /// Why these hosts: every candidate with its score or the reason against it.
    pub placement: Vec<PlacementTable>,
    /// After this step the plan is finished forward instead of taken back.
    pub point_of_no_return: Option<StepRef>,
    /// What a reader should know: `h1 still holds …`, `cold: the copy on h2 is gone`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The choice of one host for one role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlacementTable {
    pub role: table::Role,
    pub chosen: Option<HostName>,
    pub candidates: Vec<Candidate>,
}

/// One host's score, or why it was not considered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub host: HostName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// What the score is made of, in order: `("load", -0.5)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<(String, f64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejection>,
}

/// Why a candidate was not chosen; printed by `plan`, kept in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Rejection {
    #[error("unreachable: {detail}")]
    Unreachable { detail: String },
    #[error("another host was asked for")]
    NotAsked,
    #[error("left alone: {because}")]
    Excluded { because: String },
    #[error("outside --limit")]
    Limited,
    #[error("not in the pool: reveille_pool is false")]
    NotPool,
    #[error("is the {role} of {service}")]
    Busy { role: table::Role, service: ServiceName },
    #[error("requirement `{expression}` is false")]
    Requirement { expression: String },
    #[error("requirement `{expression}` failed: {detail}")]
    RequirementError { expression: String, detail: String },
    #[error("its load of {load_per_cpu:.1} per CPU is above {limit:.1}")]
    Busier { load_per_cpu: f64, limit: f64 },
    #[error("lacks the program `{program}`")]
    MissingProgram { program: String },
    #[error("is being left by this plan")]
    Leaving,
    #[error("already failed in this run: {detail}")]
    Tried { detail: String },
    #[error("declared dead")]
    ConfirmedDead,
    #[error("epoch {found} on the host is newer than {ours}")]
    NewerEpoch { found: Epoch, ours: Epoch },
}

/// A step's name within its plan: `web/h2/wake.resume`, `web/-/commit`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepRef(pub String);

impl StepRef {
    /// The host the step was laid out for; `None` for steps of the controller.
    pub fn host(&self) -> Option<HostName> {
        HostName::try_from(self.0.split('/').nth(1)?).ok()
    }

    /// The stage it belongs to: `wake`, `prove`.
    pub fn stage(&self) -> &str {
        let last = self.0.rsplit('/').next().unwrap_or(&self.0);
        last.split_once('.').map_or(last, |(stage, _)| stage)
    }

    /// The step's id within its stage.
    pub fn id(&self) -> &str {
        let last = self.0.rsplit('/').next().unwrap_or(&self.0);
        last.split_once('.').map_or(last, |(_, id)| id)
    }
}

impl std::fmt::Display for StepRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// One node of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    pub id: StepRef,
    pub service: ServiceName,
    /// `None`: on the controller.
    pub host: Option<HostName>,
    pub stage: Stage,
    /// The playbook's step id and name, or words of ours.
    pub title: String,
    /// The module's key, or ours: `evidence`, `role`, `commit`.
    pub module: String,
    /// All of these must have ended as they say.
    pub needs: Vec<Link>,
    /// If not empty: one of these must have succeeded; the first to do so is named as evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<Alternative>,
    /// Decided at planning time not to run, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<String>,
    pub work: Work,
    /// Overrides the work's own undo: `Some(None)` is never used; see [`UndoWork`].
    pub undo: UndoWork,
    pub guards: Guards,
    pub timeout_ms: u64,
    pub attempts: Attempts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
    pub if_unreachable: IfUnreachable,
    /// Its failure does not fail the run (a look whose answer is used, or a host that may be dead).
    #[serde(default)]
    pub advisory: bool,
    /// The run does not wait for it once all else has ended.
    #[serde(default)]
    pub optional: bool,
    #[serde(default)]
    pub no_log: bool,
    /// `Some(user)`: through sudo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as: Option<String>,
}

/// Which part of the operation a step belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Cleans a host that holds what it should not.
    Quarantine,
    Prepare,
    Sleep,
    /// The old primary gives the service up.
    Release,
    Evidence,
    Wake,
    Ifconfig,
    /// A client's view through the service address.
    Prove,
    Commit,
    Teardown,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Prepare => "prepare",
            Self::Sleep => "sleep",
            Self::Release => "release",
            Self::Evidence => "evidence",
            Self::Wake => "wake",
            Self::Ifconfig => "ifconfig",
            Self::Prove => "prove",
            Self::Commit => "commit",
            Self::Teardown => "teardown",
        }
    }

    /// The phase of the playbook that the stage's steps come from, if any.
    pub fn phase(self) -> Option<Phase> {
        match self {
            Self::Prepare => Some(Phase::Prepare),
            Self::Sleep => Some(Phase::Sleep),
            Self::Wake => Some(Phase::Wake),
            Self::Ifconfig => Some(Phase::Ifconfig),
            Self::Quarantine | Self::Release | Self::Teardown => Some(Phase::Teardown),
            Self::Evidence | Self::Prove | Self::Commit => None,
        }
    }
}

impl From<Phase> for Stage {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Prepare => Self::Prepare,
            Phase::Sleep => Self::Sleep,
            Phase::Wake => Self::Wake,
            Phase::Ifconfig => Self::Ifconfig,
            Phase::Teardown => Self::Teardown,
        }
    }
}

/// An edge of the graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub step: StepRef,
    pub kind: LinkKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// It succeeded or was skipped.
    Success,
    /// It ended, whatever the result.
    End,
}

/// One way to satisfy an `any_of`: all its steps really succeeded (not merely "continued").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    pub evidence: EvidenceKind,
    pub steps: Vec<StepRef>,
    /// Said in events and journal: `h1 released the address`, `confirmed dead by root: power cut`.
    pub words: String,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Shell on the step's host.
    Script(Script),
    /// A check from the controller.
    Probe(Probe),
    /// A host is taken out of action by its own device, asked from the controller. Cannot be taken back, and is not
    /// begun when the service has its evidence already.
    Fence(Fence),
    /// Time passes on the controller.
    Wait(Wait),
    /// Nothing: a place in the graph where edges meet.
    Join,
    /// The scheduling table changes.
    Commit(Commit),
    /// Depends on results that are not known yet; compiled when they are.
    Late { action: String, depends_on: Vec<String> },
}

/// Time that has to pass before something is taken for true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    pub at_most_ms: u64,
    /// If not empty: over as soon as all of these have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub or_end_of: Vec<StepRef>,
}

/// How a step is taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndoWork {
    /// The script's own `undo`, if it has one.
    Derived,
    /// Nothing to take back.
    Nothing,
    /// This instead.
    Script(Script),
}

/// A change of one service's row in the scheduling table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    pub primary: Option<HostName>,
    pub secondary: Option<HostName>,
    pub epoch: Epoch,
    pub state: table::ServiceState,
}

/// Expressions that could not be decided at planning time, each with the variables it reads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Guards {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Guard>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Guard>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_when: Option<Guard>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_when: Option<Guard>,
}

/// An expression and the values of those of its variables that are already known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guard {
    pub expression: String,
    pub known: serde_json::Map<String, serde_json::Value>,
}

/// How often a step is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Attempts after the first.
    pub retries: u32,
    pub delay_ms: u64,
    pub backoff: Backoff,
}
