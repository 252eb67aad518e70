//! What a run says while it goes: all steps first, a growing index, exactly one end. Reports see nothing else.

use serde::{Deserialize, Serialize};

use crate::plan::{Operation, StepRef};
use crate::site::id::{Epoch, HostName, RunId, ServiceName};
use crate::site::playbook::EvidenceKind;

/// The version of the event stream, in its first line.
pub const SCHEMA: &str = "reveille.events/1";

/// One event with its place in the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// From 0, without gaps; progress-only events share the index of the last step event.
    pub index: u64,
    /// Milliseconds since the run began, by a clock that never jumps.
    pub at_ms: u64,
    #[serde(flatten)]
    pub kind: EventKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum EventKind {
    RunStarted {
        run: RunId,
        operation: Operation,
        plan_hash: String,
        steps: Vec<StepHead>,
        wall_time: String,
    },
    StepStarted {
        step: StepRef,
        attempt: u32,
    },
    /// A line of output; may be dropped by a consumer.
    StepOutput {
        step: StepRef,
        stream: Stream,
        line: String,
    },
    /// The attempt failed and another follows.
    StepRetry {
        step: StepRef,
        attempt: u32,
        of: u32,
        detail: String,
    },
    StepEnded {
        step: StepRef,
        result: StepResult,
        detail: String,
        duration_ms: u64,
        #[serde(default)]
        diff: Option<String>,
        /// The run does not depend on its success: a look whose answer is used, a host that may be dead.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        advisory: bool,
    },
    Evidence {
        service: ServiceName,
        kind: EvidenceKind,
        words: String,
    },
    Committed {
        service: ServiceName,
        primary: Option<HostName>,
        secondary: Option<HostName>,
        epoch: Epoch,
    },
    UndoStarted {
        because: String,
        steps: usize,
    },
    Undone {
        step: StepRef,
        ok: bool,
        detail: String,
    },
    /// Something a person should know; not bound to a step.
    Notice {
        level: Level,
        text: String,
    },
    /// The last event of every run.
    RunEnded {
        end: RunEnd,
        recap: Vec<HostRecap>,
        duration_ms: u64,
        #[serde(default)]
        manual: Vec<ManualCommand>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepHead {
    pub step: StepRef,
    pub host: Option<HostName>,
    pub title: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    Stdout,
    Stderr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Info,
    Warning,
    Error,
}

/// How one step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepResult {
    Ok,
    Changed,
    Skipped,
    /// Ran, said no.
    Failed,
    TimedOut,
    /// Did not run.
    Unreachable,
    /// The link was lost while it ran.
    Unknown,
    /// Stopped because the run was, or because nobody waits for it any more.
    Cancelled,
    /// Never started: something it needs did not succeed.
    NotReached,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "as")]
pub enum RunEnd {
    Done,
    /// A step failed and everything was taken back (or nothing had to be).
    Undone {
        because: String,
    },
    /// Neither done nor undone: a person is needed.
    Stuck {
        because: String,
    },
    /// Stopped before it moved anything, by an unreachable host.
    Unreachable {
        host: HostName,
    },
    /// The old primary may still act; nothing was moved.
    EvidenceMissing {
        service: ServiceName,
    },
    /// A host has seen a newer epoch: another controller is at work.
    Stale {
        host: HostName,
        found: Epoch,
    },
    /// Somebody else has the right to act, or may have it: what was begun is theirs to finish or take back.
    LeaseLost {
        because: String,
    },
    /// A signal; what was done is undone.
    Interrupted {
        signal: i32,
    },
}

/// One line of the recap, in Ansible's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecap {
    /// `controller` for steps that ran here.
    pub host: String,
    pub ok: u32,
    pub changed: u32,
    pub unreachable: u32,
    pub failed: u32,
    pub skipped: u32,
    pub undone: u32,
}

/// What a person must do by hand, where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManualCommand {
    pub host: Option<HostName>,
    pub why: String,
    pub command: String,
}
