//! `when`, `until`, `changed_when` and `failed_when`, asked of what the run has found out so far.

use serde_json::{Map, Value};

use crate::plan::Guard;
use crate::template::{Expression, Vars};

/// Whether the guard holds, with `registers` over what was known at planning time.
///
/// # Errors
/// An undefined variable, or a result that is neither true nor false.
pub(super) fn holds(guard: &Guard, registers: &Map<String, Value>) -> Result<bool, String> {
    let variables = Vars::new(&guard.known).with(&Vars::new(registers));
    let expression = Expression::compile(&guard.expression).map_err(|error| error.to_string())?;
    expression.is_true(&variables).map_err(|error| error.to_string())
}
