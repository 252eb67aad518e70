//! Variables out of trees: values as JSON, each with its place. Called by `groups` and `vars_files`.

use indexmap::IndexMap;

use super::load::{Reader, VAULT, vault};
use crate::site::diagnostic::Diagnostic;
use crate::site::playbook::VarMap;
use crate::site::source::Sp;
use crate::site::yaml::{self, Key, Node, Value};

impl Reader<'_> {
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
            if let Some(json) = self.json(&name.text, value) {
                vars.insert(name.text.clone(), Sp::new(json, value.span));
            }
        }
        vars
    }

    /// The value of variable `name` as JSON; nothing when some part of it is encrypted, which is reported.
    pub(super) fn json(&mut self, name: &str, node: &Node) -> Option<serde_json::Value> {
        match &node.value {
            Value::String(text) if text.trim_start().starts_with(VAULT) => {
                self.diagnostics.push(vault(node.span, &format!("`{name}`")));
                None
            }
            Value::Seq(items) => items.iter().map(|item| self.json(name, item)).collect(),
            // How programs and JSON files hold an encrypted value.
            Value::Map(pairs) if pairs.len() == 1 && pairs[0].0.text == "__ansible_vault" => {
                self.json(name, &pairs[0].1)
            }
            Value::Map(pairs) => {
                let pairs = self.last_of_each(pairs);
                pairs.into_iter().map(|(key, value)| Some((self.key(key), self.json(name, value)?))).collect()
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
    pub(super) fn last_of_each<'n>(&mut self, pairs: &'n [(Key, Node)]) -> Vec<(&'n Key, &'n Node)> {
        let mut kept: IndexMap<String, (&Key, &Node)> = IndexMap::new();
        for (key, value) in pairs {
            if let Some((earlier, _)) = kept.insert(self.key(key), (key, value)) {
                let message = format!("`{}` is written twice; the last one counts", key.text);
                let problem = Diagnostic::warning("duplicate-key", key.span, message);
                self.diagnostics.push(problem.related(earlier.span, "first written here"));
            }
        }
        kept.into_values().collect()
    }

    pub(super) fn check_variable_name(&mut self, name: &Key) {
        let text = name.text.as_str();
        let is_word = text.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !is_word || text.is_empty() || text.starts_with(|c: char| c.is_numeric()) {
            let message = format!("`{text}` is not a variable name; nothing can refer to it");
            let hint = "letters, digits and `_`, not beginning with a digit";
            self.diagnostics.push(Diagnostic::warning("variable-name", name.span, message).hint(hint));
        }
    }
}
