//! Holds a YAML tree against a JSON Schema: says what is wrong, hands on what is right. Called by [`super::tree`].
//!
//! It knows the part of JSON Schema that `schemars` writes for our types, and nothing of those types. A key or word
//! that is plainly misspelt is reported and then read as what it most likely means, so that later checks neither
//! miss it nor complain of it a second time.

use serde_json::Value as Json;

use super::Lost;
use super::keys::{Keys, Named};
use super::kinds::{accepts, branches, kind_in_words, list_of, words_of};
use super::words::{check_format, misplaced_word};
use crate::site::diagnostic::{Diagnostic, nearest};
use crate::site::source::{Sources, Span};
use crate::site::yaml::{Key, Node, Value};

/// One walk through one tree.
pub(super) struct Reader<'a> {
    root: &'a Json,
    sources: &'a Sources,
    pub(super) out: &'a mut Vec<Diagnostic>,
    lost: &'a mut Lost,
}

pub(super) type Pair = (Key, Node);

impl<'a> Reader<'a> {
    pub(super) fn new(
        root: &'a Json,
        sources: &'a Sources,
        out: &'a mut Vec<Diagnostic>,
        lost: &'a mut Lost,
    ) -> Self {
        Self { root, sources, out, lost }
    }

    /// What of the file's tree is right.
    pub(super) fn root(&mut self, node: &Node) -> Option<Node> {
        let needed = Keys::of(self.root).required;
        match node.value {
            Value::Null if needed.is_empty() => Some(Node { value: Value::Map(Vec::new()), span: node.span }),
            Value::Null => {
                let message = format!("the file is empty: it needs {}", list_of(&needed));
                self.out.push(Diagnostic::error("missing-key", node.span, message));
                None
            }
            _ => self.read(node, self.root, "the file"),
        }
    }

    /// What of `node` is right; `None`, and a word in [`Lost`], if nothing is left of it.
    fn read(&mut self, node: &Node, schema: &'a Json, what: &str) -> Option<Node> {
        let before = self.out.len();
        let read = self.judge(node, self.resolve(schema), what);
        if read.is_none() || self.out.len() > before {
            self.lost.0.entry(node.span.file).or_default();
        }
        if read.is_none() {
            self.lost.node(node);
        }
        read
    }

    fn judge(&mut self, node: &Node, schema: &'a Json, what: &str) -> Option<Node> {
        if !accepts(&self.kinds(schema), node) {
            self.wrong_kind(node, schema, what);
            return None;
        }
        if let Some(branches) = branches(schema) {
            return self.one_branch(node, &branches, what);
        }
        if schema.get("type").is_none() {
            self.anything(node);
            return Some(node.clone());
        }
        match &node.value {
            Value::Seq(items) => self.list(node, items, schema, what),
            Value::Map(pairs) => self.mapping(node, pairs, schema, what),
            Value::String(text) => self.text(node, text, schema, what),
            Value::Int(_) | Value::Float(_) => self.number(node, schema, what),
            Value::Null | Value::Bool(_) => Some(node.clone()),
        }
    }

    /// A variable may hold any value; but what looks like an octal number would be read as a decimal one.
    fn anything(&mut self, node: &Node) {
        match &node.value {
            Value::Seq(items) => items.iter().for_each(|item| self.anything(item)),
            Value::Map(pairs) => pairs.iter().for_each(|(_, value)| self.anything(value)),
            Value::Int(_) | Value::Float(_) => {
                let written = self.written(node.span);
                let digits = written.trim_start_matches(['-', '+']);
                if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
                    let message = format!("`{written}` would be read as a decimal number");
                    let hint = format!("put it in quotes: \"{written}\"");
                    self.out.push(Diagnostic::error("leading-zero", node.span, message).hint(hint));
                }
            }
            _ => {}
        }
    }

    /// Follows `$ref`, alone or under a lone `allOf`.
    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let mut schema = schema;
        loop {
            let inner = schema.get("allOf").and_then(|all| all.get(0)).unwrap_or(schema);
            match inner.get("$ref").and_then(Json::as_str) {
                Some(reference) => {
                    let name = reference.trim_start_matches("#/definitions/");
                    schema = &self.root["definitions"][name];
                }
                None => return inner,
            }
        }
    }

    /// The JSON types a schema admits; empty for every one.
    fn kinds(&self, schema: &'a Json) -> Vec<&'a str> {
        if let Some(branches) = branches(schema) {
            return branches.iter().flat_map(|branch| self.kinds(self.resolve(branch))).collect();
        }
        match schema.get("type") {
            Some(Json::Array(types)) => types.iter().filter_map(Json::as_str).collect(),
            Some(Json::String(one)) => vec![one],
            _ => Vec::new(),
        }
    }

    fn one_branch(&mut self, node: &Node, all: &[&'a Json], what: &str) -> Option<Node> {
        let fitting: Vec<&'a Json> = all
            .iter()
            .map(|branch| self.resolve(branch))
            .filter(|branch| accepts(&self.kinds(branch), node))
            .collect();
        match (fitting.as_slice(), &node.value) {
            ([only], _) => self.judge(node, only, what),
            (_, Value::String(text)) => self.word(node, text, &words_of(&fitting), what),
            (_, Value::Map(pairs)) => self.tagged(node, pairs, &fitting, what),
            _ => Some(node.clone()),
        }
    }

    /// A mapping with one key that says what the rest is: `tcp: 80`.
    fn tagged(&mut self, node: &Node, pairs: &[Pair], branches: &[&'a Json], what: &str) -> Option<Node> {
        let tags: Vec<(&'a String, &'a Json)> =
            branches.iter().filter_map(|branch| branch["properties"].as_object()?.iter().next()).collect();
        let names: Vec<&str> = tags.iter().map(|(name, _)| name.as_str()).collect();
        match pairs {
            [] => {
                let message = format!("{what} is empty: it needs one of {}", list_of(&names));
                self.out.push(Diagnostic::error("missing-key", node.span, message));
                None
            }
            [(key, value)] => {
                let known = names.iter().copied().find(|name| *name == key.text);
                let name = known.or_else(|| self.unknown_key(key, &names, what))?;
                let (_, schema) = tags.iter().find(|(tag, _)| *tag == name)?;
                let value = self.read(value, schema, &format!("`{name}`"))?;
                let key = Key { text: name.to_owned(), span: key.span };
                Some(Node { value: Value::Map(vec![(key, value)]), span: node.span })
            }
            [(first, _), .., (last, _)] => {
                let message = format!("{what} needs exactly one of {}", list_of(&names));
                self.out.push(
                    Diagnostic::error("exactly-one", last.span, message)
                        .related(first.span, "this is one already"),
                );
                None
            }
        }
    }

    fn list(&mut self, node: &Node, items: &[Node], schema: &'a Json, what: &str) -> Option<Node> {
        if items.is_empty() && schema["minItems"].as_u64().is_some_and(|min| min > 0) {
            self.out.push(Diagnostic::error("wrong-type", node.span, format!("{what} is an empty list")));
            return None;
        }
        let read = match schema.get("items") {
            Some(item) => {
                let noun = self.resolve(item)["title"].as_str().unwrap_or("an item");
                let name = |node: &Node| match node.get("id").and_then(Node::as_str) {
                    Some(id) => format!("{} `{id}`", noun.trim_start_matches("a ")),
                    None => format!("{noun} of {what}"),
                };
                items.iter().filter_map(|node| self.read(node, item, &name(node))).collect()
            }
            None => items.to_vec(),
        };
        Some(Node { value: Value::Seq(read), span: node.span })
    }

    fn mapping(&mut self, node: &Node, pairs: &[Pair], schema: &'a Json, what: &str) -> Option<Node> {
        let keys = Keys::of(schema);
        let mut named = Vec::new();
        let mut unknown = false;
        for (key, value) in pairs {
            match self.named(key, &keys, &named, what) {
                Named::As(name, schema) => named.push((Key { text: name, span: key.span }, value, schema)),
                Named::Again => {}
                Named::Unknown => {
                    unknown = true;
                    self.lost.key(key.span.file, &key.text);
                    self.lost.node(value);
                }
            }
        }
        let written: Vec<&Key> = named.iter().map(|(key, ..)| key).collect();
        self.report_missing(node, &written, &keys, unknown, what);
        let pairs: Vec<Pair> = named
            .iter()
            .filter_map(|(key, value, schema)| {
                Some((key.clone(), self.read(value, schema, &format!("`{}`", key.text))?))
            })
            .collect();
        let pairs = keys.complete(pairs)?;
        Some(Node { value: Value::Map(pairs), span: node.span })
    }

    fn text(&mut self, node: &Node, text: &str, schema: &'a Json, what: &str) -> Option<Node> {
        let words = words_of(&[schema]);
        if !words.is_empty() {
            return self.word(node, text, &words, what);
        }
        match check_format(schema["format"].as_str().unwrap_or_default(), text) {
            Ok(()) => Some(node.clone()),
            Err(message) => {
                self.out.push(Diagnostic::error("invalid-value", node.span, message));
                None
            }
        }
    }

    /// One of a few words; a near miss is reported and read as the word that was meant.
    fn word(&mut self, node: &Node, text: &str, words: &[&'a str], what: &str) -> Option<Node> {
        if words.contains(&text) {
            return Some(node.clone());
        }
        let diagnostic = Diagnostic::error("unknown-word", node.span, format!("{what} cannot be `{text}`"));
        let meant = nearest(text, words.iter().copied());
        self.out.push(match meant {
            Some(_) => diagnostic.did_you_mean(text, words.iter().copied()),
            None => match misplaced_word(text, words) {
                Some(advice) => diagnostic.hint(advice),
                None => diagnostic.hint(format!("one of {}", list_of(words))),
            },
        });
        meant.map(|word| Node { value: Value::String(word.to_owned()), span: node.span })
    }

    fn number(&mut self, node: &Node, schema: &'a Json, what: &str) -> Option<Node> {
        let Value::Int(value) = node.value else { return Some(node.clone()) };
        let least = schema["minimum"].as_i64().unwrap_or(i64::MIN);
        let widest = if schema["format"] == "uint32" { i64::from(u32::MAX) } else { i64::MAX };
        let most = schema["maximum"].as_i64().unwrap_or(widest);
        if (least..=most).contains(&value) {
            return Some(node.clone());
        }
        let message = match most {
            _ if value < least => format!("{what} must be at least {least}"),
            _ => format!("{what} must be between {least} and {most}"),
        };
        self.out.push(Diagnostic::error("invalid-value", node.span, message));
        None
    }

    fn wrong_kind(&mut self, node: &Node, schema: &'a Json, what: &str) {
        let kinds = self.kinds(schema);
        let written = self.written(node.span);
        let own_words = check_format(schema["format"].as_str().unwrap_or_default(), written).err();
        let error = |message: String| Diagnostic::error("wrong-type", node.span, message);
        self.out.push(match (&node.value, own_words) {
            (Value::Null, _) => error(format!("{what} is empty")).hint("give it a value, or remove the key"),
            (Value::Int(_) | Value::Float(_), Some(own_words)) => error(own_words),
            (value, _) => {
                let wanted: Vec<&str> = kinds.iter().map(|kind| kind_in_words(kind)).collect();
                let diagnostic =
                    error(format!("{what} must be {}, not {}", wanted.join(" or "), value.kind()));
                match value {
                    Value::Int(_) | Value::Float(_) | Value::Bool(_) if kinds.contains(&"string") => {
                        diagnostic.hint(format!("put it in quotes: \"{written}\""))
                    }
                    Value::String(text) if kinds.contains(&"array") && !kinds.contains(&"string") => {
                        let items: Vec<&str> = text.split_whitespace().collect();
                        diagnostic.hint(format!("write a list: `[{}]`", items.join(", ")))
                    }
                    _ => diagnostic,
                }
            }
        });
    }

    pub(super) fn written(&self, span: Span) -> &'a str {
        self.sources.text(span.file).get(span.start..span.end).unwrap_or_default()
    }
}
