//! A YAML tree becomes a typed value: every mistake of a file in one go, each at its token.
//!
//! Two passes that cannot drift apart, since both follow the type. [`reader`] holds the tree against the type's
//! JSON Schema, reports what is wrong and hands on a tree without it; [`places`] fills the type from that tree by
//! serde. So one wrong value costs itself, not the rest of the file, and later checks still see that rest.

mod keys;
mod kinds;
mod places;
mod reader;
mod words;

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::diagnostic::Diagnostic;
use super::schema;
use super::source::{FileId, Sources, Span};
use super::yaml::{self, Node, Value};

/// What was said in parts of a file that could not be read. Whoever looks for a name and does not find it asks
/// here first, so that one mistake is not reported twice.
#[derive(Clone, Debug, Default)]
pub struct Lost(HashMap<FileId, HashSet<String>>);

impl Lost {
    /// Whether `name` stood in an unreadable part of `file`.
    pub fn has(&self, file: FileId, name: &str) -> bool {
        self.0.get(&file).is_some_and(|names| names.contains(name))
    }

    /// Whether `name` stood in an unreadable part of any file.
    pub fn anywhere(&self, name: &str) -> bool {
        self.0.values().any(|names| names.contains(name))
    }

    /// Whether any part of `file` could not be read.
    pub fn any(&self, file: FileId) -> bool {
        self.0.contains_key(&file)
    }

    fn key(&mut self, file: FileId, text: &str) {
        self.0.entry(file).or_default().insert(text.to_owned());
    }

    fn node(&mut self, node: &Node) {
        let names = self.0.entry(node.span.file).or_default();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            match &node.value {
                Value::String(text) => {
                    names.insert(text.clone());
                }
                Value::Seq(items) => open.extend(items),
                Value::Map(pairs) => {
                    names.extend(pairs.iter().map(|(key, _)| key.text.clone()));
                    open.extend(pairs.iter().map(|(_, value)| value));
                }
                _ => {}
            }
        }
    }
}

/// Reads the YAML file `file` as a `T`; `None` when so much is wrong that there is none.
pub fn file<T>(file: FileId, sources: &Sources, out: &mut Vec<Diagnostic>, lost: &mut Lost) -> Option<T>
where
    T: DeserializeOwned + JsonSchema,
{
    match yaml::parse(sources, file) {
        Ok(node) => tree(&node, sources, out, lost),
        Err(diagnostic) => {
            out.push(*diagnostic);
            lost.0.entry(file).or_default();
            None
        }
    }
}

/// Reads a tree as a `T`; `None` when so much is wrong that there is none.
pub fn tree<T>(node: &Node, sources: &Sources, out: &mut Vec<Diagnostic>, lost: &mut Lost) -> Option<T>
where
    T: DeserializeOwned + JsonSchema,
{
    let schema = schema::schema_of::<T>();
    let node = reader::Reader::new(&schema, sources, out, lost).root(node)?;
    match T::deserialize(places::Places::new(&node, sources)) {
        Ok(value) => Some(value),
        Err(error) => {
            let span = error.span.unwrap_or(Span { file: node.span.file, start: 0, end: 0 });
            out.push(Diagnostic::error("invalid-value", span, error.message));
            None
        }
    }
}
