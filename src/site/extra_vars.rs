//! `-e` on the command line, in Ansible's forms: `name=value name2='two words'`, a mapping, or `@FILE`.

use std::path::Path;

use serde_json::{Map, Value};

use super::diagnostic::Diagnostic;
use super::load::unreadable;
use super::source::Sources;
use super::yaml;

/// The variables of one `-e`.
///
/// # Errors
/// The word has none of the forms, or its file cannot be read.
pub(super) fn parse(word: &str, sources: &mut Sources) -> Result<Map<String, Value>, Box<Diagnostic>> {
    if let Some(path) = word.strip_prefix('@') {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(Path::new(path), &error))?;
        mapping(path, text, sources)
    } else if word.trim_start().starts_with('{') {
        mapping("-e", word.to_owned(), sources)
    } else {
        pairs(word)
    }
}

fn mapping(path: &str, text: String, sources: &mut Sources) -> Result<Map<String, Value>, Box<Diagnostic>> {
    let file = sources.add(path, text);
    let node = yaml::parse(sources, file)?;
    match node.to_json() {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err(Box::new(Diagnostic::error("extra-vars", node.span, "extra variables must be a mapping"))),
    }
}

fn pairs(word: &str) -> Result<Map<String, Value>, Box<Diagnostic>> {
    let parts = shlex::split(word).ok_or_else(|| refusal(word))?;
    parts
        .iter()
        .map(|part| match part.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), Value::from(value))),
            _ => Err(refusal(part)),
        })
        .collect()
}

fn refusal(word: &str) -> Box<Diagnostic> {
    let message = format!("-e {word}: neither name=value, nor a mapping, nor @FILE");
    Box::new(Diagnostic::unplaced("extra-vars", message))
}
