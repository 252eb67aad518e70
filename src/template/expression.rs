//! `when`, `until`, `changed_when`, `failed_when`, placement requirements: compiled when the site is loaded, evaluated
//! for each host.

use std::fmt;
use std::sync::Arc;

use minijinja::value::ValueKind;

use super::engine::PLAIN;
use super::error::TemplateError;
use super::scope::{self, Variable};
use super::vars::Vars;

/// A compiled expression. Cloning costs a pointer.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    text: String,
    code: minijinja::Expression<'static, 'static>,
    variables: Vec<Variable>,
    reads: Vec<Variable>,
}

impl Expression {
    /// # Errors
    /// Text that is not an expression; a filter or test that does not exist.
    pub fn compile(text: &str) -> Result<Self, TemplateError> {
        let syntax = |error: minijinja::Error| TemplateError::syntax(&error, text);
        let code = PLAIN.compile_expression_owned(text.to_owned()).map_err(syntax)?;
        let variables = scope::of_expression(text)?;
        let reads = scope::read_by_expression(text)?;
        Ok(Self(Arc::new(Compiled { text: text.to_owned(), code, variables, reads })))
    }

    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The variables it needs, as [`scope::variables`] finds them.
    pub fn variables(&self) -> &[Variable] {
        &self.0.variables
    }

    /// # Errors
    /// An undefined variable or result, a filter that cannot take its input.
    pub fn evaluate(&self, vars: &Vars) -> Result<serde_json::Value, TemplateError> {
        let value = self.value(vars)?;
        serde_json::to_value(&value)
            .map_err(|_| TemplateError::other(format!("`{}` does not yield plain data", self.text())))
    }

    /// # Errors
    /// Those of [`Expression::evaluate`]; any result but `true` or `false`. Text such as `"no"` counts as true in
    /// Jinja, which nobody who writes `when:` expects.
    pub fn is_true(&self, vars: &Vars) -> Result<bool, TemplateError> {
        let value = self.value(vars)?;
        if value.kind() == ValueKind::Bool {
            return Ok(value.is_true());
        }
        let range = Some(0..self.text().len());
        let message = format!("the condition yields {}, not true or false", kind(value.kind()));
        Err(TemplateError { range, ..TemplateError::other(message) }
            .hint("compare it (`== …`, `is defined`), or convert it with `| bool`"))
    }

    fn value(&self, vars: &Vars) -> Result<minijinja::Value, TemplateError> {
        let text = self.text();
        let value = (self.0.code.eval(vars.value()))
            .map_err(|error| TemplateError::rendering(&error, text, &self.0.reads, vars))?;
        if value.is_undefined() {
            return Err(TemplateError::undefined(Some(0..text.len()), text, &self.0.reads, vars));
        }
        Ok(value)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.0.text).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

/// A kind of value as a message says it.
pub(super) fn kind(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Undefined => "nothing",
        ValueKind::None => "null",
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String => "a string",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a mapping",
        _ => "something that is not plain data",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::ErrorKind;
    use serde_json::json;

    fn vars() -> Vars {
        Vars::from(json!({"r": {"rc": 0, "stdout": "ok"}, "flag": "no", "primary": null}))
    }

    #[test]
    fn conditions_are_true_or_false_and_nothing_else() {
        let truth = |text| Expression::compile(text).expect("compiles").is_true(&vars());
        assert_eq!(truth("r.rc == 0 and 'ok' in r.stdout"), Ok(true));
        assert_eq!(truth("flag | bool"), Ok(false));
        assert_eq!(truth("missing is defined"), Ok(false));
        assert_eq!(truth("primary is none"), Ok(true));
        let error = truth("flag").expect_err("a string");
        assert!(error.message.contains("a string"), "{error}");
        assert!(!error.message.contains("no\""), "the value itself is not shown");
        assert!(truth("r.rc").is_err());
    }

    #[test]
    fn results_are_data() {
        let value = Expression::compile("[r.rc + 1, r.stdout]").expect("compiles").evaluate(&vars());
        assert_eq!(value, Ok(json!([1, "ok"])));
        let error = Expression::compile("r.cr").expect("compiles").evaluate(&vars()).expect_err("undefined");
        assert_eq!(error.kind, ErrorKind::Undefined { name: "r.cr".into() });
        assert_eq!(error.range, Some(0..4));
    }

    #[test]
    fn braces_are_explained() {
        let error = Expression::compile("{{ r.rc == 0 }}").expect_err("braces");
        assert_eq!(error.kind, ErrorKind::Syntax);
        assert!(error.hint.expect("says what to write").contains("without"));
    }
}
