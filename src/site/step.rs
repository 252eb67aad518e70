//! One node of a phase: what it does, and when, where and how often. Part of [`super::playbook`], where it is
//! found as `playbook::Step`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::{Action, CommandArgs, ScalarText, ShellArgs};
use super::id::StepId;
use super::playbook::VarMap;
use super::quantity::TimeSpan;
use super::shape::{ExpressionText, OneOrMany, one_or_many};
use super::source::Sp;

/// One node of a phase: exactly one module call, and when, where and how often it happens.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a step", extend("x-hoist" = "action"))]
pub struct Step {
    /// How other steps name it; unique within its phase.
    pub id: Sp<StepId>,
    /// What people read instead of the id.
    pub name: Option<Sp<String>>,
    /// Steps that must have succeeded (or been skipped): `id`, or `phase.id`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
    pub needs: Vec<Sp<String>>,
    /// Steps that must have ended, whatever the result.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
    pub after: Vec<Sp<String>>,
    /// An expression; false skips the step.
    #[schemars(with = "Option<ExpressionText>")]
    pub when: Option<Sp<String>>,
    /// An expression over the result that says whether something changed.
    #[schemars(with = "Option<ExpressionText>")]
    pub changed_when: Option<Sp<String>>,
    /// An expression over the result that says whether the step failed, instead of its exit code.
    #[schemars(with = "Option<ExpressionText>")]
    pub failed_when: Option<Sp<String>>,
    /// Tried again (`retries` times more) until this expression is true.
    #[schemars(with = "Option<ExpressionText>")]
    pub until: Option<Sp<String>>,
    /// Keeps the result under this name for later steps.
    pub register: Option<Sp<String>>,
    /// Further attempts after the first.
    #[serde(default)]
    pub retries: u32,
    /// Wait before the next attempt.
    #[serde(default = "one_second")]
    pub delay: TimeSpan,
    /// How the wait grows from attempt to attempt.
    #[serde(default)]
    pub backoff: Backoff,
    /// The step's wall-clock limit per attempt; the site's default if absent.
    pub timeout: Option<Sp<TimeSpan>>,
    /// Run as root (through sudo), or not, whatever the inventory says.
    #[serde(rename = "become")]
    pub become_root: Option<bool>,
    /// Run as this user instead of root.
    pub become_user: Option<Sp<String>>,
    /// Run on this host (or `controller`) instead.
    pub delegate_to: Option<Sp<String>>,
    /// Never show this step's commands or output.
    #[serde(default)]
    pub no_log: bool,
    /// Environment variables of the step's commands.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, ScalarText>")]
    pub environment: IndexMap<String, Sp<String>>,
    /// Words by which `--tags` chooses steps.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
    pub tags: Vec<Sp<String>>,
    /// Variables of this step alone; they win over the playbook's.
    #[serde(default)]
    pub vars: VarMap,
    /// What an unreachable host means here.
    #[serde(default)]
    pub if_unreachable: IfUnreachable,
    /// How the step is taken back when a later one fails.
    #[serde(default)]
    pub undo: Undo,
    /// The module call: written as the module's key among the others.
    pub action: Sp<Action>,
}

fn one_second() -> TimeSpan {
    TimeSpan::from_secs(1)
}

/// How the wait between attempts grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backoff {
    /// The same delay each time.
    #[default]
    Fixed,
    /// The delay doubles each time.
    Exponential,
}

/// What an unreachable host means for a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IfUnreachable {
    /// The step has failed (the default; in `teardown` the default is `continue`).
    #[default]
    Fail,
    /// The step, and what needs it, is left out.
    Skip,
    /// What needs the step goes on as if it had been done.
    Continue,
}

/// How a step is taken back when a later one fails.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(from = "WrittenUndo")]
#[schemars(with = "WrittenUndo")]
pub enum Undo {
    /// As its module knows how.
    #[default]
    Derived,
    /// `undo: none`: nothing to take back, said on purpose.
    Nothing,
    /// `undo: { command: … }` or `undo: { shell: … }`.
    Action(Box<Sp<Action>>),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename = "$reveille::shape", rename_all = "lowercase")]
#[schemars(untagged, inline)]
enum WrittenUndo {
    Scalar(UndoWord),
    Mapping(Box<Sp<UndoAction>>),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum UndoWord {
    /// As its module knows how.
    Derived,
    /// There is nothing to take back.
    None,
}

/// What takes a step back.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum UndoAction {
    Command(CommandArgs),
    Shell(ShellArgs),
}

impl From<WrittenUndo> for Undo {
    fn from(written: WrittenUndo) -> Self {
        match written {
            WrittenUndo::Scalar(UndoWord::Derived) => Self::Derived,
            WrittenUndo::Scalar(UndoWord::None) => Self::Nothing,
            WrittenUndo::Mapping(action) => Self::Action(Box::new((*action).map(|action| match action {
                UndoAction::Command(args) => Action::Command(args),
                UndoAction::Shell(args) => Action::Shell(args),
            }))),
        }
    }
}
