//! Shell text whose values are data. Called for every `shell:` step and for what modules let a user write as shell.
//!
//! The text is POSIX shell that an author wrote; the values are whatever an inventory, a fact or a program's output
//! holds. Each `{{ }}` value becomes a literal for the very place where it stands, inside the author's quotes too: the
//! engine reports which bytes of the output came from which expression, and [`scan`] follows the shell's
//! quoting rules over the author's bytes alone. Filters change a value, never this: there is no `| safe`.
//!
//! Where no literal can stand (backquotes, `${…}`, arithmetic, here-documents), or where the word will be read as code
//! once more (`eval`, `sh -c`, `ssh`, …), the text is refused with the place and what to write instead.
//!
//! It is not known what other programs do with an argument (`make X={{ v }}`, SQL clients), nor what the script does
//! later with a shell variable that was set from a value (`x={{ v }}; eval "$x"`).

mod command;
mod expansion;
mod place;
mod programs;
mod scan;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use minijinja::machinery::ast::Stmt;
use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, OutputSpanKind, State, Value};

use super::engine::{environment, explain, syntax};
use super::error::TemplateError;
use super::vars::Vars;
use super::{expression, filter};
use scan::{Datum, Item};

/// Written before every value, so that an empty one and two in a row stay visible. Unicode noncharacters: never text.
const VALUE: char = '\u{FDD0}';
/// Written before a list of words, and after each of them.
const WORD: char = '\u{FDD1}';

/// At most this many ways through a text's `{% if %}`s are looked at before it runs. Every run is checked anyway.
const MOST_PATHS: usize = 64;

/// Renders shell text; see the module's page.
///
/// # Errors
/// Those of [`super::render`]; a value in a place where it could become code.
pub fn render_shell(text: &str, vars: &Vars) -> Result<String, TemplateError> {
    check_characters(text)?;
    let failed = |error| explain(&error, text, vars);
    let template = SHELL.template_from_str(text).map_err(failed)?;
    let (output, spans) = template.render_with_spans(vars.value()).map_err(failed)?;
    let mut items = Vec::new();
    for span in spans {
        let written = &output[span.output_range()];
        match span.kind() {
            OutputSpanKind::Raw => items.extend(written.chars().map(Item::Char)),
            _ => items.extend(values(written).map(|datum| Item::Value(datum, span.source_range()))),
        }
    }
    scan::join(items).map_err(|error| widen(error, text))
}

/// Refuses what [`render_shell`] would refuse whatever the values are.
///
/// # Errors
/// A syntax error; the first value in a place where it could become code.
pub fn check_shell(text: &str) -> Result<(), TemplateError> {
    check_characters(text)?;
    let failed = |error| TemplateError::syntax(&error, text);
    SHELL.template_from_str(text).map_err(failed)?;
    let tree = minijinja::machinery::parse(text, "<text>", syntax()).map_err(failed)?;
    let mut paths = vec![Vec::new()];
    walk(std::slice::from_ref(&tree), &mut paths);
    paths.into_iter().try_for_each(|items| scan::join(items).map(drop)).map_err(|error| widen(error, text))
}

/// The engine's place for `v | filter` is the filter: the whole expression between the braces is clearer.
fn widen(error: TemplateError, text: &str) -> TemplateError {
    let range = error.range.clone().map(|range| {
        let start = text[..range.start].rfind("{{").map_or(range.start, |at| at + 2);
        let end = text[range.end..].find("}}").map_or(range.end, |at| range.end + at);
        let inner = text[start..end].trim_matches(|c: char| c.is_whitespace() || c == '-');
        let start = start + text[start..end].find(inner).unwrap_or(0);
        start..start + inner.len()
    });
    TemplateError { range, ..error }
}

fn check_characters(text: &str) -> Result<(), TemplateError> {
    match text.char_indices().find(|(_, c)| matches!(*c, '\0' | VALUE | WORD)) {
        Some((at, c)) => {
            let range = Some(at..at + c.len_utf8());
            Err(TemplateError { range, ..TemplateError::other("shell text cannot hold this character") })
        }
        None => Ok(()),
    }
}

/// Extends every path by `body`; a condition doubles them.
fn walk(body: &[Stmt<'_>], paths: &mut Vec<Vec<Item>>) {
    for statement in body {
        match statement {
            Stmt::Template(s) => walk(&s.children, paths),
            Stmt::EmitRaw(s) => paths.iter_mut().for_each(|path| path.extend(s.raw.chars().map(Item::Char))),
            Stmt::EmitExpr(s) => {
                let span = s.expr.span();
                let range = span.start_offset as usize..span.end_offset as usize;
                let datum = placeholder(&s.expr);
                for path in paths.iter_mut() {
                    path.push(Item::Value(datum.clone(), range.clone()));
                }
            }
            Stmt::IfCond(s) => fork(&s.true_body, &s.false_body, paths),
            Stmt::ForLoop(s) => fork(&s.body, &s.else_body, paths),
            Stmt::WithBlock(s) => walk(&s.body, paths),
            Stmt::AutoEscape(s) => walk(&s.body, paths),
            _ => {}
        }
    }
}

fn fork(one: &[Stmt<'_>], other: &[Stmt<'_>], paths: &mut Vec<Vec<Item>>) {
    if paths.len() * 2 > MOST_PATHS {
        return walk(one, paths);
    }
    let mut others = paths.clone();
    walk(one, paths);
    walk(other, &mut others);
    paths.append(&mut others);
}

/// A value of the shape the expression will have.
fn placeholder(expr: &minijinja::machinery::ast::Expr<'_>) -> Datum {
    match expr {
        minijinja::machinery::ast::Expr::Filter(filter) if filter.name == "sh_join" => {
            Datum::Words(vec!["x".into(), "y".into()])
        }
        _ => Datum::Text("x".into()),
    }
}

static SHELL: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = environment();
    environment.set_formatter(write_value);
    // Quoting is done for every value already: once more would put the quotes into the data.
    environment.add_filter("quote", |value: Value| value);
    environment.add_filter("sh_join", |list: &Value| {
        filter::words(list).map(|words| Value::from_object(Words(words)))
    });
    environment
});

/// What `sh_join` yields in shell text: several words at once.
struct Words(Vec<String>);

impl Object for Words {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("words")
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words")
    }
}

/// Marks a value for [`values`].
fn write_value(out: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Ok(()); // `{{ x if y }}` without `else`: nothing at all, not an empty word
    }
    if let Some(words) = value.downcast_object_ref::<Words>() {
        write!(out, "{VALUE}{WORD}")?;
        return words.0.iter().try_for_each(|word| Ok(write!(out, "{}{WORD}", plain(word)?)?));
    }
    if !matches!(value.kind(), ValueKind::String | ValueKind::Number | ValueKind::Bool) {
        let message = format!("the value is {}, not one word", expression::kind(value.kind()));
        return Err(refusal(
            message,
            "`| sh_join` makes each item of a list a word, `| to_json` one word of it all",
        ));
    }
    Ok(write!(out, "{VALUE}{}", plain(&value.to_string())?)?)
}

/// Text that holds neither a NUL nor a mark. A block that was captured (`{% set x %}…{% endset %}`, a macro) holds
/// marks when it holds values: code and data can no longer be told apart there.
fn plain(text: &str) -> Result<&str, Error> {
    if text.contains('\0') {
        return Err(refusal(
            "the value holds a NUL character, which no shell word can",
            "take it out of the value",
        ));
    }
    if text.contains([VALUE, WORD]) {
        let message = "text made by a block (`{% set %}…{% endset %}`, a macro, `{% filter %}`) holds values";
        return Err(refusal(
            message,
            "write the values where they are used; `{% for %}` and `{% if %}` are fine",
        ));
    }
    Ok(text)
}

fn refusal(message: impl Into<String>, hint: &str) -> Error {
    let refused = TemplateError::refused(message, Range::default(), hint);
    Error::new(ErrorKind::InvalidOperation, "refused").with_source(refused)
}

/// The values in the output of one expression.
fn values(written: &str) -> impl Iterator<Item = Datum> + '_ {
    written.split(VALUE).skip(1).map(|value| match value.strip_prefix(WORD) {
        Some(words) => Datum::Words(words.split_terminator(WORD).map(str::to_owned).collect()),
        None => Datum::Text(value.to_owned()),
    })
}

#[cfg(test)]
mod tests;
