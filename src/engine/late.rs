//! Steps whose inputs only the run itself produces, compiled by the planner that made the plan.

use serde_json::{Map, Value};

use super::ports::Late;
use crate::plan::{Plan, Planner, StepRef, UndoWork, Work};

/// A plan, and the planner it came from.
pub struct LatePlan<'a> {
    pub plan: &'a Plan,
    pub planner: Planner<'a>,
}

impl Late for LatePlan<'_> {
    fn compile(&self, step: &StepRef, registers: &Map<String, Value>) -> Result<(Work, UndoWork), String> {
        self.planner.late(self.plan, step, registers).map_err(|error| error.to_string())
    }
}
