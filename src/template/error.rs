//! What can be wrong with a template, with the place in its text. Callers turn it into a diagnostic.

use std::ops::Range;

use minijinja::ErrorKind as Engine;

use super::scope;
use super::vars::Vars;

/// A template or expression that cannot be used. Never shows a variable's value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// A lower-case fragment.
    pub message: String,
    /// Bytes of the text that was given; `None` when the fault lies in an included template or nowhere in particular.
    pub range: Option<Range<usize>>,
    pub kind: ErrorKind,
    /// What to write instead.
    pub hint: Option<String>,
}

/// Why, for callers that say more: a caller that knows the variables adds "did you mean".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The dotted path as written: `host.adress`.
    Undefined { name: String },
    /// Not a template.
    Syntax,
    /// A value stands where the shell would read it as code.
    Refused,
    /// A filter that cannot take its input, a wrong type, too much work.
    Other,
}

impl TemplateError {
    /// An error about the whole text.
    pub(super) fn other(message: impl Into<String>) -> Self {
        Self { message: message.into(), range: None, kind: ErrorKind::Other, hint: None }
    }

    /// A value at `range` that cannot be placed safely.
    pub(super) fn refused(message: impl Into<String>, range: Range<usize>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            range: Some(range),
            kind: ErrorKind::Refused,
            hint: Some(hint.into()),
        }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A mistake in the syntax of `text`.
    pub(super) fn syntax(error: &minijinja::Error, text: &str) -> Self {
        let hint = match error.kind() {
            Engine::UnknownFilter => Some("filters are listed in the book under \"templates\""),
            _ if text.contains("{#") => {
                Some("`{#` begins a comment: wrap the shell's `${#x}` in `{% raw %}…{% endraw %}`")
            }
            _ if text.trim_start().starts_with("{{") => Some("an expression is written without `{{ }}`"),
            _ => None,
        };
        Self {
            message: detail(error),
            range: place(error, text),
            kind: ErrorKind::Syntax,
            hint: hint.map(str::to_owned),
        }
    }

    /// A filter or test called `name`, somewhere in `range`, that does not exist.
    pub(super) fn unknown(kind: Engine, name: &str, text: &str, range: Range<usize>) -> Self {
        let what = if kind == Engine::UnknownFilter { "filter" } else { "test" };
        let written = text.get(range.clone()).unwrap_or_default();
        let at = written.rfind(name).map_or(range.start, |at| range.start + at);
        Self {
            message: format!("there is no {what} `{name}`"),
            range: Some(at..at + name.len()),
            kind: ErrorKind::Syntax,
            hint: Some("filters and tests are listed in the book under \"templates\"".to_owned()),
        }
    }

    /// A mistake that only showed while rendering `text` with `vars`. `found` are the variables the text reads.
    pub(super) fn rendering(
        error: &minijinja::Error,
        text: &str,
        found: &[scope::Variable],
        vars: &Vars,
    ) -> Self {
        if let Some(refusal) =
            std::error::Error::source(error).and_then(|e| e.downcast_ref::<TemplateError>())
        {
            return Self { range: place(error, text), ..refusal.clone() };
        }
        let range = place(error, text);
        match error.kind() {
            Engine::SyntaxError | Engine::UnknownFilter | Engine::UnknownTest => Self::syntax(error, text),
            Engine::UndefinedError => Self::undefined(range, text, found, vars),
            Engine::OutOfFuel => Self { range, ..Self::other("the template does too much work") },
            _ => Self { range, ..Self::other(detail(error)) },
        }
    }

    /// Names the variable that `vars` does not have: within the failing expression, or else right before it.
    pub(super) fn undefined(
        range: Option<Range<usize>>,
        text: &str,
        found: &[scope::Variable],
        vars: &Vars,
    ) -> Self {
        let place = range.clone().unwrap_or(0..text.len());
        let missing = || found.iter().filter(|v| !vars.defines(&v.path));
        let within = missing().find(|v| place.start <= v.range.start && v.range.end <= place.end);
        // A filter's place is its name alone: its input stands before it.
        let culprit = within.or_else(|| missing().rfind(|v| v.range.end <= place.start));
        let written = range.clone().and_then(|range| text.get(range)).unwrap_or("a value");
        let name = culprit.map_or(written, |v| v.path.as_str()).to_owned();
        Self {
            message: format!("`{name}` is undefined"),
            range: culprit.map(|v| v.range.clone()).or(range),
            kind: ErrorKind::Undefined { name },
            hint: None,
        }
    }
}

/// The engine's words without its file name and line, which mean nothing to the user.
fn detail(error: &minijinja::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.name() {
        Some(name) if !name.starts_with('<') => {
            format!("{message}{cause} (in {name}, line {})", error.line().unwrap_or(0))
        }
        _ => format!("{message}{cause}"),
    }
}

fn place(error: &minijinja::Error, text: &str) -> Option<Range<usize>> {
    let here = error.name().is_none_or(|name| name.starts_with('<'));
    error.range().filter(|range| here && range.start <= range.end && range.end <= text.len())
}
