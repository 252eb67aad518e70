//! Results as other steps see them: registers, guards over them, injected faults. A part of
//! [`Dispatcher`].

use serde_json::{Map, Value, json};

use super::conditions;
use super::dispatcher::Dispatcher;
use super::inject::Moment;
use crate::plan::ready::{Outcome, StepIndex};

impl Dispatcher<'_> {
    pub(super) fn injected(&self, step: StepIndex, when: Moment) -> Option<Outcome> {
        let id = &self.planned(step).id;
        let mut faults = self.options.inject.iter();
        faults.find(|inject| inject.step == *id && inject.when == when).map(|inject| inject.fault.outcome())
    }

    /// Results registered so far, as this step sees them: its own host's before those of others.
    pub(super) fn scope(&self, step: StepIndex) -> Map<String, Value> {
        let planned = self.planned(step);
        let (mut theirs, mut own) = (Map::new(), Map::new());
        for ((service, host), values) in &self.registers {
            if *service == planned.service {
                let scope = if *host == planned.host { &mut own } else { &mut theirs };
                scope.extend(values.clone());
            }
        }
        theirs.extend(own);
        theirs
    }

    /// The same for conditions on the step's own result, which they also see field by field: `rc`, `stdout` …
    pub(super) fn scope_with(&self, step: StepIndex, outcome: &Outcome) -> Map<String, Value> {
        let result = self.result(step, outcome);
        let mut scope = result.as_object().cloned().unwrap_or_default();
        scope.extend(self.scope(step));
        if let Some(name) = &self.planned(step).register {
            scope.insert(name.clone(), result);
        }
        scope
    }

    /// A result in the words an Ansible user knows.
    pub(super) fn result(&self, step: StepIndex, outcome: &Outcome) -> Value {
        let progress = &self.steps[step];
        let (stdout, stderr) =
            (progress.report.stdout.trim_end_matches('\n'), progress.report.stderr.trim_end_matches('\n'));
        let failed = matches!(outcome, Outcome::Failed | Outcome::TimedOut | Outcome::Unknown);
        json!({
            "rc": progress.report.code,
            "stdout": stdout,
            "stderr": stderr,
            "stdout_lines": stdout.lines().collect::<Vec<_>>(),
            "stderr_lines": stderr.lines().collect::<Vec<_>>(),
            "changed": *outcome == Outcome::Changed,
            "failed": failed,
            "skipped": matches!(outcome, Outcome::Skipped(_)),
            "unreachable": *outcome == Outcome::Unreachable,
            "attempts": progress.attempt,
        })
    }

    pub(super) fn judge(
        &self,
        step: StepIndex,
        mut outcome: Outcome,
        detail: &str,
    ) -> Result<(Outcome, String), String> {
        let guards = &self.planned(step).guards;
        let mut detail = detail.to_owned();
        let holds = |guard, outcome: &Outcome| conditions::holds(guard, &self.scope_with(step, outcome));
        if let Some(guard) = &guards.failed_when {
            let failed = holds(guard, &outcome)?;
            (outcome, detail) = match (failed, outcome) {
                (true, _) => (Outcome::Failed, format!("`{}` is true", guard.expression)),
                (false, Outcome::Failed) if self.steps[step].report.acted => {
                    (Outcome::Changed, String::new())
                }
                (false, Outcome::Failed) => (Outcome::Ok, String::new()),
                (false, outcome) => (outcome, detail),
            };
        }
        if let (Some(guard), Outcome::Ok | Outcome::Changed) = (&guards.changed_when, &outcome) {
            outcome = if holds(guard, &outcome)? { Outcome::Changed } else { Outcome::Ok };
        }
        if let (Some(guard), Outcome::Ok | Outcome::Changed) = (&guards.until, &outcome)
            && !holds(guard, &outcome)?
        {
            return Ok((Outcome::Failed, format!("`{}` is still false", guard.expression)));
        }
        Ok((outcome, detail))
    }
}
