//! The keys of a mapping: which it may hold, which it must, and what is said of the others. Part of the walk of
//! [`super::reader`].

use serde_json::Value as Json;

use super::kinds::list_of;
use super::reader::{Pair, Reader};
use super::words::ansible_word;
use crate::site::diagnostic::{Diagnostic, nearest};
use crate::site::source::Span;
use crate::site::yaml::{Key, Node, Value};

/// What became of a key.
pub(super) enum Named<'a> {
    As(String, &'a Json),
    /// Reported as a repetition.
    Again,
    /// Reported as unknown.
    Unknown,
}

/// What a mapping may and must hold.
pub(super) struct Keys<'a> {
    known: Option<&'a serde_json::Map<String, Json>>,
    others: Option<&'a Json>,
    pub(super) required: Vec<&'a str>,
    exactly_one: Vec<&'a str>,
    hoist: Option<&'a str>,
}

impl<'a> Keys<'a> {
    pub(super) fn of(schema: &'a Json) -> Self {
        let names = |of: &'a Json| of["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
        Self {
            known: schema["properties"].as_object(),
            others: schema.get("additionalProperties").filter(|others| **others != Json::Bool(false)),
            required: names(schema).collect(),
            exactly_one: schema["oneOf"].as_array().into_iter().flatten().flat_map(names).collect(),
            hoist: schema["x-hoist"].as_str(),
        }
    }

    pub(super) fn schema(&self, key: &str) -> Option<&'a Json> {
        self.known.and_then(|known| known.get(key)).or(self.others)
    }

    pub(super) fn names(&self) -> Vec<&'a str> {
        self.known.into_iter().flat_map(|known| known.keys().map(String::as_str)).collect()
    }

    /// The pairs, if all that is needed is among them; a hoisted key moved to where its type has it.
    pub(super) fn complete(&self, mut pairs: Vec<Pair>) -> Option<Vec<Pair>> {
        let is_one = |(key, _): &Pair| self.exactly_one.contains(&key.text.as_str());
        let has = |name: &&str| pairs.iter().any(|(key, _)| key.text == *name);
        if !self.required.iter().all(has) || (!self.exactly_one.is_empty() && !pairs.iter().any(is_one)) {
            return None;
        }
        if let Some(under) = self.hoist {
            let at = pairs.iter().position(is_one)?;
            let pair = pairs.remove(at);
            pairs.retain(|pair| !is_one(pair));
            let span = pair.0.span;
            let action = Node { value: Value::Map(vec![pair]), span };
            pairs.push((Key { text: under.to_owned(), span }, action));
        }
        Some(pairs)
    }
}

impl<'a> Reader<'a> {
    /// The schema for a key, after saying what is wrong with the key.
    pub(super) fn named(
        &mut self,
        key: &Key,
        keys: &Keys<'a>,
        before: &[(Key, &Node, &'a Json)],
        what: &str,
    ) -> Named<'a> {
        let name = match keys.schema(&key.text) {
            Some(_) => key.text.clone(),
            None => match self.unknown_key(key, &keys.names(), what) {
                Some(name) if before.iter().all(|(key, ..)| key.text != name) => name.to_owned(),
                _ => return Named::Unknown,
            },
        };
        if let Some((first, ..)) = before.iter().find(|(key, ..)| key.text == name) {
            if !self.is_alias(key.span) {
                let message = format!("`{name}` stands twice in {what}");
                self.out.push(
                    Diagnostic::error("repeated-key", key.span, message).related(first.span, "first here"),
                );
            }
            return Named::Again;
        }
        keys.schema(&name).map_or(Named::Unknown, |schema| Named::As(name, schema))
    }

    /// Reports a key nobody knows; returns the one that was most likely meant.
    pub(super) fn unknown_key<'k>(&mut self, key: &Key, names: &[&'k str], what: &str) -> Option<&'k str> {
        let meant = nearest(&key.text, names.iter().copied());
        let diagnostic =
            Diagnostic::error("unknown-key", key.span, format!("{what} has no key `{}`", key.text));
        self.out.push(match (meant, ansible_word(&key.text)) {
            (None, Some(advice)) => diagnostic.hint(advice),
            (None, None) if names.len() <= 14 => diagnostic.hint(format!("its keys are {}", list_of(names))),
            _ => diagnostic.did_you_mean(&key.text, names.iter().copied()),
        });
        meant
    }

    pub(super) fn report_missing(
        &mut self,
        node: &Node,
        written: &[&Key],
        keys: &Keys<'a>,
        unknown: bool,
        what: &str,
    ) {
        for name in keys.required.iter().filter(|name| written.iter().all(|key| key.text != **name)) {
            let message = format!("{what} has no `{name}`");
            self.out.push(Diagnostic::error("missing-key", node.span, message));
        }
        let chosen: Vec<&&Key> =
            written.iter().filter(|key| keys.exactly_one.contains(&key.text.as_str())).collect();
        match chosen.as_slice() {
            [] if !keys.exactly_one.is_empty() && !unknown => {
                let message = format!("{what} needs one more key that says what it does");
                let hint = format!("exactly one of {}", list_of(&keys.exactly_one));
                self.out.push(Diagnostic::error("exactly-one", node.span, message).hint(hint));
            }
            [first, .., last] => {
                let message = format!("{what} has both `{}` and `{}`", first.text, last.text);
                let diagnostic = Diagnostic::error("exactly-one", last.span, message);
                self.out.push(diagnostic.related(first.span, "exactly one of them may stand here"));
            }
            _ => {}
        }
    }

    /// Whether this stands here through an alias or a merge key, written elsewhere.
    pub(super) fn is_alias(&self, span: Span) -> bool {
        self.written(span).starts_with('*')
    }
}
