//! The tree of groups that Ansible's YAML form is: every group with its `hosts`, `children` and `vars`.
//!
//! Called by `load` with the tree of one file; fills the reader's inventory.

use std::borrow::Cow;

use super::load::Reader;
use super::range;
use crate::site::diagnostic::{Diagnostic, Severity};
use crate::site::id::HostName;
use crate::site::source::{Sp, Span};
use crate::site::yaml::{self, Key, Node, Value};

/// The keys of a group.
const SECTIONS: [&str; 3] = ["hosts", "children", "vars"];

impl Reader<'_> {
    pub(super) fn groups(&mut self, pairs: &[(Key, Node)], span: Span) {
        if pairs.iter().any(|(key, value)| key.text == "plugin" && matches!(value.value, Value::String(_))) {
            let message = "this configures an inventory plugin; it is no inventory itself";
            return self.error("inventory-form", span, message);
        }
        for (name, body) in self.last_of_each(pairs) {
            self.group(name, body, Severity::Warning);
        }
    }

    /// Reads one group. False when it is none; `otherwise` is how bad that is.
    fn group(&mut self, name: &Key, body: &Node, otherwise: Severity) -> bool {
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
                let problem = Diagnostic::error("inventory-structure", body.span, message).hint(hint);
                self.diagnostics.push(Diagnostic { severity: otherwise, ..problem });
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
                let problem = Diagnostic::warning("unknown-key", section.span, message);
                self.diagnostics.push(problem.did_you_mean(other, SECTIONS));
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
        let is_known = SECTIONS.contains(&section.text.as_str());
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
        if self.group(child, body, Severity::Error)
            && let Err(problem) = self.inventory.add_child(group, &child.text, child.span)
        {
            self.diagnostics.push(*problem);
        }
    }

    pub(super) fn group_vars(&mut self, group: &str, entries: Vec<(&Key, &Node)>) {
        for (name, value) in entries {
            if name.text == "ansible_group_priority" {
                self.priority(group, value);
            } else if let Some(json) = self.json(&name.text, value) {
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

    /// The part of an unquoted or quoted key that `range` of its text stands for.
    pub(super) fn within(&self, key: &Key, range: std::ops::Range<usize>) -> Span {
        let written = self.sources.text(key.span.file).get(key.span.start..key.span.end).unwrap_or("");
        match written.find(&key.text) {
            Some(start) => key.span.slice(start + range.start, start + range.end),
            None => key.span,
        }
    }
}
