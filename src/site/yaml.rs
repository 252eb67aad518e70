//! YAML text to a tree in which every key and value knows its place. The only caller of the YAML engine.
//!
//! Nothing is decided here but syntax: repeated keys are kept, so that whoever walks the tree can report
//! each one beside all other mistakes of the file.

use std::path::Path;

use serde_yaml::Spanned;

use self::raw::Raw;
use super::diagnostic::{self, Diagnostic};
use super::source::{FileId, Sources, Span};

mod raw;
use super::yaml11;

/// A YAML value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    Seq(Vec<Node>),
    /// Pairs as written, repeated keys included. Merge keys (`<<`) are already expanded.
    Map(Vec<(Key, Node)>),
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub value: Value,
    pub span: Span,
}

/// A mapping key: its text and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub text: String,
    pub span: Span,
}

impl Value {
    /// What the value is, for messages: `a list`, `a number`.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::String(_) => "a string",
            Value::Seq(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

impl Node {
    /// The value under `key`, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(pairs) => pairs.iter().find(|(k, _)| k.text == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The same value without places; of repeated keys the first is kept.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Int(i) => (*i).into(),
            Value::Float(x) => (*x).into(),
            Value::String(s) => s.clone().into(),
            Value::Seq(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(pairs) => {
                let mut map = serde_json::Map::new();
                for (key, node) in pairs {
                    map.entry(key.text.clone()).or_insert_with(|| node.to_json());
                }
                map.into()
            }
        }
    }
}

/// How unquoted words are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// YAML 1.2, and JSON: `yes` is a word.
    Core,
    /// YAML 1.1, as Ansible reads it: `yes` is a boolean, `0644` is octal.
    Yaml11,
}

/// Parses the one document of `file`. An empty file is [`Value::Null`].
///
/// # Errors
/// One diagnostic at the place where the text stops being YAML.
pub fn parse(sources: &Sources, file: FileId) -> Result<Node, Box<Diagnostic>> {
    parse_as(sources, file, Schema::Core)
}

/// The values of `text`, which is in `path`, without their places.
///
/// # Errors
/// The place where the text stops being YAML.
pub fn to_json(path: &Path, text: &str) -> anyhow::Result<serde_json::Value> {
    let mut sources = Sources::default();
    let file = sources.add(path, text);
    let parsed = parse(&sources, file).map(|node| node.to_json());
    parsed.map_err(|wrong| anyhow::anyhow!("{}", diagnostic::render(&wrong, &sources, false)))
}

/// Like [`parse`], with a choice of how unquoted words are read.
///
/// # Errors
/// One diagnostic at the place where the text stops being YAML.
pub fn parse_as(sources: &Sources, file: FileId, schema: Schema) -> Result<Node, Box<Diagnostic>> {
    let text = sources.text(file);
    let options = serde_yaml::options! {
        duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        reject_unsupported_tags: false,
        with_snippet: false,
        // A long text may hold many values; a short one that aliases make long may not.
        budget: serde_yaml::budget! {
            max_nodes: text.len().max(200_000),
            max_events: text.len().saturating_mul(2).max(1_000_000),
            max_depth: 64,
            max_documents: 1,
        },
    };
    let place = Place { file, text, schema };
    match serde_yaml::from_str_with_options::<Option<Spanned<Raw>>>(text, options) {
        Ok(Some(raw)) => Ok(place.node(raw)),
        Ok(None) => Ok(Node { value: Value::Null, span: Span { file, start: 0, end: 0 } }),
        Err(error) => {
            let message = error.without_snippet().to_string();
            let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
            let mut at = error.location().map_or(0, |at| place.offset(at));
            if message.contains("tab") {
                at += text[at..].find('\t').unwrap_or(0); // the engine points at the line before
            }
            if text[at..].starts_with('{') && text[..at].ends_with('{') {
                at -= 1;
            }
            let end = text.ceil_char_boundary((at + 1).min(text.len()));
            let diagnostic = Diagnostic::error("yaml-syntax", Span { file, start: at, end }, message);
            Err(Box::new(match advice(text, at) {
                Some(advice) => diagnostic.hint(advice),
                None => diagnostic,
            }))
        }
    }
}

/// What most often lies behind a syntax error at `at`.
fn advice(text: &str, at: usize) -> Option<&'static str> {
    let rest = text.get(at..)?;
    let before = text.get(..at)?;
    if rest.starts_with("{{") || before.trim_end().ends_with('{') {
        Some("a value that begins with `{{` needs quotes: \"{{ name }}\"")
    } else if rest.starts_with('\t') {
        Some("YAML is indented with spaces")
    } else if rest.starts_with(['@', '%', '`', '!', '&', '*']) {
        Some("a value that begins with this character needs quotes")
    } else {
        None
    }
}

/// What an unquoted key is in YAML 1.1, where keys have types too; any other key is its text.
pub fn key_value(sources: &Sources, key: &Key) -> Value {
    let (text, Span { start, end, .. }) = (sources.text(key.span.file), key.span);
    if text.get(start..end) == Some(key.text.as_str()) && yaml11::is_plain(text, start, end) {
        yaml11::scalar(&key.text)
    } else {
        Value::String(key.text.clone())
    }
}

struct Place<'a> {
    file: FileId,
    text: &'a str,
    schema: Schema,
}

impl Place<'_> {
    fn offset(&self, at: serde_yaml::Location) -> usize {
        if let Some(offset) = at.span().byte_offset() {
            return usize::try_from(offset).unwrap_or(0).min(self.text.len());
        }
        let before = |count: u64| usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
        let line_start: usize = self.text.split_inclusive('\n').take(before(at.line())).map(str::len).sum();
        let column = before(at.column());
        let rest = &self.text[line_start..];
        line_start + rest.char_indices().nth(column).map_or(rest.len(), |(offset, _)| offset)
    }

    fn span(&self, at: serde_yaml::Location) -> Span {
        let start = self.offset(at);
        let len = at.span().byte_len().and_then(|len| usize::try_from(len).ok()).unwrap_or(0);
        let end = (start + len).min(self.text.len());
        let written = self.text.get(start..end).unwrap_or("");
        Span {
            file: self.file,
            start,
            end: start + written.trim_end().len().max(usize::from(!written.is_empty())),
        }
    }

    /// The YAML 1.1 reading of a scalar, unless its text was quoted, tagged or a block. An alias is read where
    /// its anchor is.
    fn retyped(&self, raw: &Spanned<Raw>) -> Option<Value> {
        if self.schema == Schema::Core || matches!(raw.value, Raw::Seq(_) | Raw::Map(_)) {
            return None;
        }
        let Span { start, end, .. } = self.span(raw.defined);
        yaml11::is_plain(self.text, start, end).then(|| yaml11::scalar(&self.text[start..end]))
    }

    fn node(&self, raw: Spanned<Raw>) -> Node {
        let mut span = self.span(raw.referenced);
        if let Some(value) = self.retyped(&raw) {
            return Node { value, span };
        }
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Bool(b) => Value::Bool(b),
            Raw::Int(i) => Value::Int(i),
            Raw::Float(x) => Value::Float(x),
            Raw::String(s) => Value::String(s),
            Raw::Seq(items) => Value::Seq(items.into_iter().map(|item| self.node(item)).collect()),
            Raw::Map(pairs) => Value::Map(
                pairs
                    .into_iter()
                    .map(|(key, value)| {
                        let key = Key { span: self.span(key.referenced), text: key.value };
                        let mut value = self.node(value);
                        if value.span.start == value.span.end {
                            value.span = key.span; // nothing is written: the key is all there is to point at
                        }
                        (key, value)
                    })
                    .collect(),
            ),
        };
        if span.start == span.end {
            span = first_token(&value, span);
        }
        Node { value, span }
    }
}

/// A mapping or list in block style has no opening bracket: it stands where its first key or dash stands.
fn first_token(value: &Value, at: Span) -> Span {
    match value {
        Value::Map(pairs) => pairs.first().map_or(at, |(key, _)| key.span),
        Value::Seq(items) if !items.is_empty() => Span { end: at.start + 1, ..at },
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> (Sources, Node) {
        let mut sources = Sources::default();
        let file = sources.add("x.yml", text);
        let node = parse(&sources, file).expect("test text is YAML");
        (sources, node)
    }

    #[test]
    fn keys_and_values_know_their_places() {
        let text = "a: 1\nwéb:\n  - {b: yes, b: 'two words'}\n  - 0644\n";
        let (sources, node) = tree(text);
        let Value::Map(pairs) = &node.value else { panic!("a mapping") };
        assert_eq!(sources.place(pairs[1].0.span), "x.yml:2:1");
        let Value::Seq(items) = &pairs[1].1.value else { panic!("a list") };
        let Value::Map(inner) = &items[0].value else { panic!("a mapping") };
        assert_eq!(inner.len(), 2, "a repeated key is kept for whoever reports it");
        assert_eq!(inner[0].1.value, Value::String("yes".into()));
        let quoted = inner[1].1.span;
        assert_eq!(&text[quoted.start..quoted.end], "'two words'");
        let plain = items[1].span;
        assert_eq!(&text[plain.start..plain.end], "0644");
    }

    #[test]
    fn a_long_text_may_hold_many_values_and_a_short_one_may_not() {
        let (_, node) = tree(&format!("[{}1]", "1, ".repeat(300_000)));
        let Value::Seq(items) = node.value else { panic!("a list") };
        assert_eq!(items.len(), 300_001);
        let tenfold = |level: u32| {
            let below = vec![format!("*a{}", level - 1); 10].join(", ");
            format!("a{level}: &a{level} [{below}]\n")
        };
        let more: String = (1..7).map(tenfold).collect();
        let bomb = format!("a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n{more}");
        let mut sources = Sources::default();
        let file = sources.add("x.yml", bomb);
        parse(&sources, file).expect_err("ten million values");
    }

    #[test]
    fn a_syntax_error_has_a_place() {
        let mut sources = Sources::default();
        let file = sources.add("x.yml", "a: [1, 2\nb: 3\n");
        let diagnostic = parse(&sources, file).expect_err("unclosed list");
        assert!(diagnostic.span.is_some());
    }
}
