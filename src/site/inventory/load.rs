//! Reads inventory files into an [`Inventory`]: the tree of groups that Ansible's YAML form is.
//!
//! Where Ansible warns, this warns; where Ansible gives up on a file, this reports an error at the offending
//! token and reads on.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use super::files::{Form, files_in, form_of};
use super::model::Inventory;
use super::range;
use super::vars_files;
use crate::site::diagnostic::{Diagnostic, Severity};
use crate::site::id::HostName;
use crate::site::playbook::VarMap;
use crate::site::source::{FileId, Sources, Sp, Span};
use crate::site::yaml::{self, Key, Node, Schema, Value};

impl Inventory {
    /// Reads the inventories at `paths`, each a file or a folder; of two that say different things the later
    /// wins. Always returns what could be read; every mistake is in `diagnostics`.
    pub fn load(paths: &[PathBuf], sources: &mut Sources, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut reader = Reader { inventory: Self::empty(), sources, diagnostics };
        paths.iter().for_each(|path| reader.source(path));
        reader.inventory.settle();
        reader.warn_of_shared_names();
        vars_files::load(&mut reader, paths);
        reader.inventory
    }
}

/// The inventory being read, and where mistakes go.
pub(super) struct Reader<'a> {
    pub inventory: Inventory,
    pub sources: &'a mut Sources,
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn source(&mut self, path: &Path) {
        if !path.is_dir() {
            return self.file(path, Severity::Error);
        }
        match files_in(path) {
            Ok(files) => files.iter().for_each(|file| self.file(file, Severity::Warning)),
            Err(error) => self.unreadable(path, &error),
        }
    }

    /// `unknown_form` is how bad it is when the file is not YAML.
    fn file(&mut self, path: &Path, unknown_form: Severity) {
        let Some((file, text)) = self.read(path) else { return };
        let form = form_of(path, &text);
        if form != Form::Yaml {
            self.diagnostics.push(form.refusal(path, unknown_form));
            return;
        }
        match self.tree(file, &text) {
            Some(Node { value: Value::Null, span }) => {
                self.diagnostics.push(Diagnostic::warning(
                    "empty-inventory",
                    span,
                    "this inventory is empty",
                ));
            }
            Some(Node { value: Value::Map(pairs), span }) => self.groups(&pairs, span),
            Some(node) => {
                let message = format!("an inventory is a mapping of groups, not {}", node.value.kind());
                self.error("inventory-structure", node.span, message);
            }
            None => {}
        }
    }

    pub(super) fn read(&mut self, path: &Path) -> Option<(FileId, String)> {
        match fs::read_to_string(path) {
            Ok(text) => Some((self.sources.add(path, text.clone()), text)),
            Err(error) => {
                self.unreadable(path, &error);
                None
            }
        }
    }

    /// A file's tree, typed as Ansible types it: JSON where the text is JSON, else YAML 1.1.
    pub(super) fn tree(&mut self, file: FileId, text: &str) -> Option<Node> {
        if text.starts_with("$ANSIBLE_VAULT") {
            let end = text.find('\n').unwrap_or(text.len());
            self.diagnostics.push(vault(Span { file, start: 0, end }));
            return None;
        }
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let schema = if is_json { Schema::Core } else { Schema::Yaml11 };
        yaml::parse_as(self.sources, file, schema)
            .map_err(|diagnostic| self.diagnostics.push(*diagnostic))
            .ok()
    }

    fn groups(&mut self, pairs: &[(Key, Node)], span: Span) {
        if pairs.iter().any(|(key, value)| key.text == "plugin" && matches!(value.value, Value::String(_))) {
            let message = "this configures an inventory plugin; it is no inventory itself";
            return self.error("inventory-form", span, message);
        }
        for (name, body) in self.last_of_each(pairs) {
            self.group(name, body);
        }
    }

    /// Reads one group. False when it is none.
    fn group(&mut self, name: &Key, body: &Node) -> bool {
        if let Some(problem) = self.not_a_name(name, "group") {
            self.diagnostics.push(problem);
            return false;
        }
        let pairs = match &body.value {
            Value::Null => &[][..],
            Value::Map(pairs) => pairs.as_slice(),
            other => {
                let message = format!("group `{}` is a mapping, not {}", name.text, other.kind());
                let hint = "a group has `hosts`, `children` and `vars`";
                self.diagnostics
                    .push(Diagnostic::error("inventory-structure", body.span, message).hint(hint));
                return false;
            }
        };
        self.inventory.add_group(&name.text);
        for (section, content) in self.last_of_each(pairs) {
            self.section(&name.text, section, content);
        }
        true
    }

    fn section(&mut self, group: &str, section: &Key, content: &Node) {
        let Some(entries) = self.entries(group, section, content) else { return };
        let entries = self.last_of_each(&entries);
        match section.text.as_str() {
            "vars" => self.group_vars(group, entries),
            "children" => entries.into_iter().for_each(|(child, body)| self.child(group, child, body)),
            "hosts" => entries.into_iter().for_each(|(key, body)| self.host_key(group, key, body)),
            other => {
                let message = format!("group `{group}` has an unknown key `{other}`, which is ignored");
                let known = ["hosts", "children", "vars"];
                let problem = Diagnostic::warning("unknown-key", section.span, message);
                self.diagnostics.push(problem.did_you_mean(other, known));
            }
        }
    }

    /// The entries of a section. A single word stands for itself without a body, as Ansible allows.
    fn entries<'n>(
        &mut self,
        group: &str,
        section: &Key,
        content: &'n Node,
    ) -> Option<Cow<'n, [(Key, Node)]>> {
        let is_known = ["hosts", "children", "vars"].contains(&section.text.as_str());
        match &content.value {
            Value::Map(pairs) => Some(Cow::Borrowed(pairs)),
            Value::Null if is_known => None,
            Value::String(word) if is_known => {
                let key = Key { text: word.clone(), span: content.span };
                Some(Cow::Owned(vec![(key, Node { value: Value::Null, span: content.span })]))
            }
            other if is_known => {
                let message =
                    format!("`{}` of group `{group}` is a mapping, not {}", section.text, other.kind());
                let hint = format!("write each entry as a key: `{}: {{ name: }}`", section.text);
                let problem = Diagnostic::error("inventory-structure", content.span, message);
                self.diagnostics.push(problem.hint(hint));
                None
            }
            _ => Some(Cow::Borrowed(&[])),
        }
    }

    fn child(&mut self, group: &str, child: &Key, body: &Node) {
        if self.group(child, body)
            && let Err(problem) = self.inventory.add_child(group, &child.text, child.span)
        {
            self.diagnostics.push(*problem);
        }
    }

    fn group_vars(&mut self, group: &str, entries: Vec<(&Key, &Node)>) {
        for (name, value) in entries {
            if name.text == "ansible_group_priority" {
                self.priority(group, value);
            } else if let Some(json) = self.json(value) {
                self.check_variable_name(name);
                let vars = &mut self.inventory.add_group(group).vars;
                vars.insert(name.text.clone(), Sp::new(json, value.span));
            }
        }
    }

    fn priority(&mut self, group: &str, value: &Node) {
        let number = match &value.value {
            Value::Int(number) => Some(*number),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) => self.inventory.add_group(group).priority = number,
            None => self.error("inventory-value", value.span, "a group's priority is a whole number"),
        }
    }

    fn host_key(&mut self, group: &str, key: &Key, body: &Node) {
        if let Some(problem) = self.not_a_name(key, "host") {
            return self.diagnostics.push(problem);
        }
        let hosts = match range::expand(&key.text) {
            Ok(hosts) => hosts,
            Err(error) => {
                let span = self.within(key, error.at);
                return self.error("host-range", span, error.message);
            }
        };
        let vars = self.vars(body, &format!("host `{}`", key.text));
        for name in hosts.names {
            match HostName::try_from(name) {
                Ok(name) => {
                    let host = self.inventory.add_host(&name, group, hosts.port, key.span);
                    host.vars.extend(vars.clone());
                }
                Err(error) => return self.error("host-name", key.span, error.to_string()),
            }
        }
    }

    /// A mapping of variables; nothing at all is an empty one.
    pub(super) fn vars(&mut self, body: &Node, owner: &str) -> VarMap {
        let pairs = match &body.value {
            Value::Null => &[][..],
            Value::Map(pairs) => pairs.as_slice(),
            other => {
                let message = format!("the variables of {owner} are a mapping, not {}", other.kind());
                self.error("inventory-structure", body.span, message);
                &[]
            }
        };
        let mut vars = VarMap::new();
        for (name, value) in self.last_of_each(pairs) {
            self.check_variable_name(name);
            if let Some(json) = self.json(value) {
                vars.insert(name.text.clone(), Sp::new(json, value.span));
            }
        }
        vars
    }

    /// The value as JSON; nothing when some part of it is encrypted, which is reported.
    fn json(&mut self, node: &Node) -> Option<serde_json::Value> {
        match &node.value {
            Value::String(text) if text.trim_start().starts_with("$ANSIBLE_VAULT;") => {
                self.diagnostics.push(vault(node.span));
                None
            }
            Value::Seq(items) => items.iter().map(|item| self.json(item)).collect(),
            Value::Map(pairs) => {
                let pairs = self.last_of_each(pairs);
                pairs.into_iter().map(|(key, value)| Some((self.key(key), self.json(value)?))).collect()
            }
            _ => Some(node.to_json()),
        }
    }

    /// A key as JSON spells it: what YAML reads as a number or boolean is written as one.
    fn key(&self, key: &Key) -> String {
        match yaml::key_value(self.sources, key) {
            Value::String(text) => text,
            other => Node { value: other, span: key.span }.to_json().to_string(),
        }
    }

    /// The pairs of a mapping, each key once, at its first place with its last value. Repetition is reported.
    fn last_of_each<'n>(&mut self, pairs: &'n [(Key, Node)]) -> Vec<(&'n Key, &'n Node)> {
        let mut kept: indexmap::IndexMap<&str, (&Key, &Node)> = indexmap::IndexMap::new();
        for (key, value) in pairs {
            if let Some((earlier, _)) = kept.insert(&key.text, (key, value)) {
                let message = format!("`{}` is written twice; the last one counts", key.text);
                let problem = Diagnostic::warning("duplicate-key", key.span, message);
                self.diagnostics.push(problem.related(earlier.span, "first written here"));
            }
        }
        kept.into_values().collect()
    }

    /// Why the key cannot be a host or group name, if it cannot.
    fn not_a_name(&self, key: &Key, what: &str) -> Option<Diagnostic> {
        if key.text.is_empty() {
            return Some(Diagnostic::error("inventory-name", key.span, format!("a {what} needs a name")));
        }
        let kind = match yaml::key_value(self.sources, key) {
            Value::String(_) => return None,
            other => other.kind(),
        };
        let message = format!("{what} name `{}` is read as {kind}", key.text);
        Some(
            Diagnostic::error("inventory-name", key.span, message)
                .hint(format!("quote it: \"{}\"", key.text)),
        )
    }

    fn check_variable_name(&mut self, name: &Key) {
        let text = name.text.as_str();
        let is_word = text.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !is_word || text.is_empty() || text.starts_with(|c: char| c.is_numeric()) {
            let message = format!("`{text}` is not a variable name; nothing can refer to it");
            let hint = "letters, digits and `_`, not beginning with a digit";
            self.diagnostics.push(Diagnostic::warning("variable-name", name.span, message).hint(hint));
        }
    }

    fn warn_of_shared_names(&mut self) {
        let shared =
            self.inventory.hosts.iter().filter(|(name, _)| self.inventory.groups.contains_key(name.as_str()));
        self.diagnostics.extend(shared.map(|(name, host)| {
            let message = format!("`{name}` is both a host and a group; a pattern means the host");
            Diagnostic::warning("shared-name", host.span, message)
        }));
    }

    /// The part of an unquoted or quoted key that `range` of its text stands for.
    fn within(&self, key: &Key, range: std::ops::Range<usize>) -> Span {
        let written = self.sources.text(key.span.file).get(key.span.start..key.span.end).unwrap_or("");
        match written.find(&key.text) {
            Some(start) => key.span.slice(start + range.start, start + range.end),
            None => key.span,
        }
    }

    fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(code, span, message));
    }

    pub(super) fn unreadable(&mut self, path: &Path, error: &std::io::Error) {
        let message = format!("cannot read inventory `{}`: {error}", path.display());
        self.diagnostics.push(placeless(Severity::Error, "unreadable", message));
    }
}

impl Form {
    fn refusal(self, path: &Path, severity: Severity) -> Diagnostic {
        let form = match self {
            Form::Yaml => "YAML",
            Form::Ini => "INI",
            Form::Script => "the output of a program",
            Form::Toml => "TOML",
        };
        let message = format!("inventory `{}` is {form}, which is not read yet", path.display());
        placeless(severity, "inventory-form", message)
            .hint("`ansible-inventory -i FILE --list --yaml --export` writes it as YAML")
    }
}

fn placeless(severity: Severity, code: &'static str, message: String) -> Diagnostic {
    Diagnostic { severity, span: None, ..Diagnostic::error(code, Span::default(), message) }
}

fn vault(span: Span) -> Diagnostic {
    Diagnostic::error("vault", span, "this is encrypted by Ansible Vault, which is not supported")
        .hint("keep the value in `secrets:` of reveille.yml, from the environment, a file or a program")
}
