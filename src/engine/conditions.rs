//! `when`, `until`, `changed_when` and `failed_when`, asked of what the run has found out so far.

use serde_json::{Map, Value};

use crate::plan::Guard;

/// Whether the guard holds, with `registers` beside what was known at planning time.
///
/// # Errors
/// An undefined variable, or a result that is neither true nor false.
pub(super) fn holds(guard: &Guard, registers: &Map<String, Value>) -> Result<bool, String> {
    let mut variables = guard.known.clone();
    variables.extend(registers.clone());
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    let expression = environment.compile_expression(&guard.expression).map_err(|error| error.to_string())?;
    let value = expression.eval(minijinja::value::Serde(&variables)).map_err(|error| error.to_string())?;
    if value.kind() == minijinja::value::ValueKind::Bool {
        return Ok(value.is_true());
    }
    Err(format!("`{}` is neither true nor false", guard.expression))
}
