//! What one run did, for people: made from its journal alone by `cli`, shown by `report`. Pure.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;

use super::event::{HostRecap, ManualCommand, RunEnd, StepResult};
use super::record::{Origin, Record};
use crate::plan::render::text;
use crate::plan::table::Row;
use crate::plan::{Operation, Plan, PlanStep, StepRef, UndoWork, Work};
use crate::site::id::{Epoch, HostName, RunId, ServiceName};
use crate::site::playbook::EvidenceKind;
use crate::store::journal::Sealed;

/// The version of the document.
pub const SCHEMA: &str = "reveille.report/1";

/// `reveille report RUN --format json`. Times are milliseconds since the run began.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    pub schema: &'static str,
    pub run: RunId,
    pub operation: Operation,
    pub origin: Origin,
    /// Of the plan that was run.
    pub plan_hash: String,
    /// RFC 3339.
    pub began: String,
    pub took_ms: u64,
    /// `None`: it was cut short, or goes on.
    pub end: Option<RunEnd>,
    pub services: Vec<OfService>,
    pub evidence: Vec<Obtained>,
    pub commits: Vec<Commit>,
    /// In the order they began; steps that never did come last.
    pub steps: Vec<OfStep>,
    pub undo: Vec<Undo>,
    pub recap: Vec<HostRecap>,
    pub manual: Vec<ManualCommand>,
}

/// What the plan meant for a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfService {
    pub service: ServiceName,
    pub from: Option<HostName>,
    pub to: Option<HostName>,
    pub secondary: Option<HostName>,
    pub epoch_before: Epoch,
    pub epoch: Epoch,
    pub accepted: Vec<EvidenceKind>,
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Obtained {
    pub at_ms: u64,
    pub service: ServiceName,
    pub kind: EvidenceKind,
    pub words: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Commit {
    pub at_ms: u64,
    pub service: ServiceName,
    pub row: Row,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfStep {
    pub step: StepRef,
    pub service: ServiceName,
    /// `None`: on the controller.
    pub host: Option<HostName>,
    pub title: String,
    /// What it does, in a few words.
    pub words: String,
    /// What was run, and what takes it back, as shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// `no_log`: neither is shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Its failure is an answer and fails nothing.
    pub advisory: bool,
    /// `None`: it never began.
    pub at_ms: Option<u64>,
    pub took_ms: u64,
    pub attempts: u32,
    /// `None`: nobody knows, the run was cut short.
    pub result: Option<StepResult>,
    pub detail: String,
}

/// What was taken back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Undo {
    pub service: ServiceName,
    pub at_ms: u64,
    pub because: String,
    pub steps: Vec<Undone>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Undone {
    pub step: StepRef,
    /// `None`: it was not tried.
    pub at_ms: Option<u64>,
    pub took_ms: u64,
    /// `None`: it was not tried, or nobody knows.
    pub ok: Option<bool>,
    pub detail: String,
}

impl Account {
    /// `None` for records that do not begin as a journal does.
    pub fn of(records: &[Sealed<Record>]) -> Option<Self> {
        let (first, rest) = records.split_first()?;
        let Record::RunStarted { run, origin, plan, .. } = &first.record else { return None };
        let began = first.at.parse().unwrap_or_default();
        let mut account = Self {
            schema: SCHEMA,
            run: run.clone(),
            operation: plan.operation,
            origin: origin.clone(),
            plan_hash: plan.hash.clone(),
            began: first.at.clone(),
            took_ms: records.last().map_or(0, |last| since(began, &last.at)),
            end: None,
            services: services(plan),
            evidence: Vec::new(),
            commits: Vec::new(),
            steps: Vec::new(),
            undo: Vec::new(),
            recap: Vec::new(),
            manual: Vec::new(),
        };
        let mut steps = steps(plan);
        for sealed in rest {
            account.hear(&sealed.record, since(began, &sealed.at), &mut steps);
        }
        account.steps = steps.into_values().collect();
        account.steps.sort_by_key(|step| (step.at_ms.is_none(), step.at_ms));
        Some(account)
    }

    fn hear(&mut self, record: &Record, at_ms: u64, steps: &mut IndexMap<StepRef, OfStep>) {
        match record.clone() {
            Record::RunStarted { .. } => {}
            Record::UndoIntent { step } => {
                if let Some(undone) = self.undone(&step) {
                    undone.at_ms = Some(at_ms);
                }
            }
            Record::StepIntent { steps: sent } => {
                for intent in sent {
                    if let Some(step) = steps.get_mut(&intent.step) {
                        step.at_ms.get_or_insert(at_ms);
                        step.attempts = step.attempts.max(intent.attempt);
                        if let Some((work, undo)) = &intent.compiled {
                            step.does(work, undo);
                        }
                    }
                }
            }
            Record::StepOutcome { step, result, detail, duration_ms, .. } => {
                if let Some(step) = steps.get_mut(&step) {
                    step.ended(at_ms, result, detail, duration_ms);
                }
            }
            Record::Evidence { service, evidence, words } => {
                self.evidence.push(Obtained { at_ms, service, kind: evidence, words });
            }
            Record::Commit { service, after, .. } => {
                self.commits.push(Commit { at_ms, service, row: after });
            }
            Record::UndoStarted { service, because, steps } => {
                let untried =
                    |step| Undone { step, at_ms: None, took_ms: 0, ok: None, detail: String::new() };
                let steps = steps.into_iter().map(untried).collect();
                self.undo.push(Undo { service, at_ms, because, steps });
            }
            Record::UndoOutcome { step, ok, detail } => {
                if let Some(undone) = self.undone(&step) {
                    (undone.ok, undone.detail) = (Some(ok), detail);
                    undone.took_ms = at_ms.saturating_sub(*undone.at_ms.get_or_insert(at_ms));
                }
            }
            Record::RunEnded { end, recap, manual, .. } => {
                (self.end, self.recap, self.manual) = (Some(end), recap, manual);
            }
        }
    }
}

impl Account {
    /// What is known of a step's undo, the last time it was wanted.
    fn undone(&mut self, step: &StepRef) -> Option<&mut Undone> {
        self.undo.iter_mut().rev().flat_map(|undo| &mut undo.steps).find(|undone| undone.step == *step)
    }
}

impl OfStep {
    /// Its commands, unless they are hidden.
    fn does(&mut self, work: &Work, undo: &UndoWork) {
        if self.hidden {
            return;
        }
        if let Work::Script(script) = work {
            self.command = Some(script.act.clone()).filter(|act| !act.is_empty());
        }
        self.undo = match (undo, work) {
            (UndoWork::Script(script), _) => Some(script.act.clone()),
            (UndoWork::Derived, Work::Script(script)) => script.undo.clone(),
            _ => None,
        };
    }

    /// Steps that travel together have one intent; each began when it ended less what it took.
    fn ended(&mut self, at_ms: u64, result: StepResult, detail: String, took_ms: u64) {
        let ran = !matches!(result, StepResult::NotReached | StepResult::Skipped);
        self.at_ms = ran.then(|| at_ms.saturating_sub(took_ms));
        (self.result, self.detail, self.took_ms) = (Some(result), detail, took_ms);
    }
}

fn services(plan: &Plan) -> Vec<OfService> {
    let of = |service: &crate::plan::ServicePlan| OfService {
        service: service.service.clone(),
        from: service.from.clone(),
        to: service.to.clone(),
        secondary: service.secondary.clone(),
        epoch_before: service.epoch_before,
        epoch: service.epoch,
        accepted: service.evidence.clone(),
        notes: service.notes.clone(),
    };
    plan.services.iter().map(of).collect()
}

fn steps(plan: &Plan) -> IndexMap<StepRef, OfStep> {
    let of = |step: &PlanStep| {
        let mut of = OfStep {
            step: step.id.clone(),
            service: step.service.clone(),
            host: step.host.clone(),
            title: step.title.clone(),
            words: text::what(step),
            command: None,
            undo: None,
            hidden: step.no_log,
            advisory: step.advisory,
            at_ms: None,
            took_ms: 0,
            attempts: 0,
            result: None,
            detail: String::new(),
        };
        of.does(&step.work, &step.undo);
        of
    };
    plan.steps.iter().map(|step| (step.id.clone(), of(step))).collect()
}

fn since(began: Timestamp, at: &str) -> u64 {
    let at: Timestamp = at.parse().unwrap_or(began);
    u64::try_from(at.as_millisecond() - began.as_millisecond()).unwrap_or(0)
}
