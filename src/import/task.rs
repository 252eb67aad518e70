//! One task as one step: its name, its conditions, who it runs as. The module's own arguments are [`super::module`]'s.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::module::{self, Call};
use super::{Entry, Left, repeat, unknown, words};
use crate::site::source::{Sources, Span};
use crate::site::yaml::{Node, Value};

/// The longest id that is made of a task's name.
const ID_LENGTH: usize = 32;

/// Keys of a task that we read.
const KEYS: [&str; 26] = [
    "name",
    "when",
    "register",
    "changed_when",
    "failed_when",
    "until",
    "retries",
    "delay",
    "timeout",
    "become",
    "become_user",
    "become_method",
    "delegate_to",
    "no_log",
    "environment",
    "tags",
    "vars",
    "ignore_errors",
    "notify",
    "args",
    "loop",
    "with_items",
    "loop_control",
    "run_once",
    "check_mode",
    "diff",
];

/// Other keys of a task, and what to do instead: without them it would be another task.
const INSTEAD: [(&str, &str); 11] = [
    (
        "block",
        "write its tasks one below the other, with its `when` in each; for `rescue`, every step has an `undo`, and a \
               failed run is taken back",
    ),
    ("async", "a step ends within its `timeout`; start a daemon by `process` or `unit`"),
    ("poll", "a step ends within its `timeout`; start a daemon by `process` or `unit`"),
    ("local_action", "write the module and `delegate_to: controller`"),
    ("action", "write the module as a key of its own"),
    ("remote_user", "set `ansible_user` in the inventory"),
    ("connection", "write `delegate_to: controller` for this machine"),
    ("throttle", "a phase runs on one host"),
    ("ignore_unreachable", "write `if_unreachable: continue`"),
    ("listen", "there are no handlers"),
    ("module_defaults", "write the arguments into the step"),
];

/// What a play says for all its tasks.
#[derive(Default)]
pub(super) struct Inherited(Map<String, Json>);

impl Inherited {
    pub(super) const KEYS: [&str; 5] = ["become", "become_user", "environment", "tags", "no_log"];

    pub(super) fn of(play: &Node) -> Self {
        let found = Self::KEYS.iter().filter_map(|key| Some(((*key).to_owned(), play.get(key)?.to_json())));
        Self(found.collect())
    }
}

/// The entries of one task: one, or one for each item of a loop.
pub(super) fn read(
    sources: &Sources,
    task: &Node,
    inherited: &Inherited,
    lost: &BTreeSet<String>,
) -> Vec<Entry> {
    let title = title(task);
    let mut reading = Reading { sources, task, title: &title, left: Vec::new() };
    match reading.steps(inherited, lost) {
        Ok(steps) => {
            let mut left = Some(reading.left);
            let entry = |step| Entry { step: Some(step), left: left.take().unwrap_or_default() };
            steps.into_iter().map(entry).collect()
        }
        Err(why) => {
            let left = Left::new(task.span, title, why);
            vec![Entry { step: None, left: vec![left] }]
        }
    }
}

/// What people know a task by.
fn title(task: &Node) -> String {
    let module = module_of(task).map_or("a task", |(key, _)| key);
    match task.get("name").and_then(Node::as_str) {
        Some(name) => format!("`{module}` ({name})"),
        None => format!("`{module}`"),
    }
}

fn module_of(task: &Node) -> Option<(&str, &Node)> {
    let Value::Map(pairs) = &task.value else { return None };
    let is_module = |key: &str| !KEYS.contains(&key) && !key.starts_with("with_");
    pairs.iter().find(|(key, _)| is_module(&key.text)).map(|(key, node)| (key.text.as_str(), node))
}

struct Reading<'a> {
    sources: &'a Sources,
    task: &'a Node,
    title: &'a str,
    /// Keys that were left out of a task that is carried.
    left: Vec<Left>,
}

impl Reading<'_> {
    fn steps(
        &mut self,
        inherited: &Inherited,
        lost: &BTreeSet<String>,
    ) -> Result<Vec<Map<String, Json>>, String> {
        let (name, args) = module_of(self.task).ok_or("it has no module")?;
        if let Some((_, why)) = INSTEAD.iter().find(|(key, _)| *key == name || self.task.get(key).is_some()) {
            return Err((*why).to_owned());
        }
        let items = repeat::items(self.task)?;
        let module = module::short_name(name);
        let call = module::call(self.sources, module, args, self.task.get("args"))
            .unwrap_or_else(|| Err(unknown::instead(module)))?;
        let step = self.step(call, inherited)?;
        let steps = match items {
            None => vec![step],
            Some(_) if step.contains_key("register") => {
                return Err("a loop's results have no counterpart: write a step for each item".to_owned());
            }
            Some(items) => items.iter().map(|item| repeat::with_item(&step, item)).collect(),
        };
        steps.iter().try_for_each(|step| sound(step, lost))?;
        Ok(steps)
    }

    fn step(&mut self, call: Call, inherited: &Inherited) -> Result<Map<String, Json>, String> {
        let mut step = Map::new();
        if let Some(name) = self.task.get("name") {
            step.insert("name".into(), name.to_json());
        }
        self.condition("when", &mut step)?;
        step.insert(call.module.to_owned(), call.args);
        if !call.is_probe {
            self.copy("register", &mut step);
            self.condition("changed_when", &mut step)?;
        }
        self.failures(&mut step)?;
        self.attempts(call.is_probe, &mut step)?;
        if let Some(limit) = call.timeout {
            step.insert("timeout".into(), limit.into());
        }
        self.seconds("timeout", &mut step)?;
        self.identity(inherited, &mut step)?;
        self.copy("vars", &mut step);
        self.notes();
        Ok(step)
    }

    fn copy(&self, key: &str, step: &mut Map<String, Json>) {
        if let Some(node) = self.task.get(key) {
            step.insert(key.to_owned(), node.to_json());
        }
    }

    fn condition(&self, key: &str, step: &mut Map<String, Json>) -> Result<(), String> {
        if let Some(node) = self.task.get(key) {
            step.insert(key.to_owned(), condition(&node.to_json()).ok_or_else(|| not_understood(key))?);
        }
        Ok(())
    }

    /// `ignore_errors` is a failure that is none.
    fn failures(&self, step: &mut Map<String, Json>) -> Result<(), String> {
        self.condition("failed_when", step)?;
        match self.task.get("ignore_errors").map(|node| &node.value) {
            None | Some(Value::Bool(false)) => Ok(()),
            Some(Value::Bool(true)) => {
                step.insert("failed_when".into(), false.into());
                Ok(())
            }
            Some(_) => Err(not_understood("ignore_errors")),
        }
    }

    /// Ansible tries three times more, five seconds apart, where it is told no numbers.
    fn attempts(&self, is_probe: bool, step: &mut Map<String, Json>) -> Result<(), String> {
        let until = self.task.get("until");
        if is_probe && until.is_some() && self.task.get("register").is_none() {
            return Err("`until` without `register`: nothing can be meant".to_owned());
        }
        if !is_probe {
            self.condition("until", step)?;
        }
        if until.is_none() && self.task.get("retries").is_none() {
            return Ok(());
        }
        let retries = match self.task.get("retries").map(|node| &node.value) {
            None => 3,
            Some(Value::Int(number)) => u64::try_from(*number).unwrap_or(0),
            Some(_) => return Err(not_understood("retries")),
        };
        step.insert("retries".into(), retries.into());
        step.insert("delay".into(), "5s".into());
        self.seconds("delay", step)
    }

    fn seconds(&self, key: &str, step: &mut Map<String, Json>) -> Result<(), String> {
        match self.task.get(key).map(|node| &node.value) {
            None => Ok(()),
            Some(Value::Int(seconds)) if *seconds > 0 || key == "delay" => {
                step.insert(key.to_owned(), format!("{seconds}s").into());
                Ok(())
            }
            Some(_) => Err(format!("`{key}` is no plain number of seconds")),
        }
    }

    fn identity(&self, inherited: &Inherited, step: &mut Map<String, Json>) -> Result<(), String> {
        if self.task.get("become_method").is_some_and(|node| node.as_str() != Some("sudo")) {
            return Err("reveille becomes another user through sudo".to_owned());
        }
        for key in ["become", "become_user", "no_log", "environment", "tags"] {
            let own = self.task.get(key).map(Node::to_json);
            if let Some(value) = own.or_else(|| inherited.0.get(key).cloned()) {
                step.insert(key.to_owned(), if key == "tags" { tags(value) } else { value });
            }
        }
        if let Some(host) = self.task.get("delegate_to") {
            let here = ["localhost", "127.0.0.1"].contains(&host.as_str().unwrap_or_default());
            step.insert("delegate_to".into(), if here { "controller".into() } else { host.to_json() });
        }
        Ok(())
    }

    /// What the step does without.
    fn notes(&mut self) {
        let handlers = "there are no handlers: `register` this step's result, and write a step for what the handler does, \
                        with `when: RESULT.changed`";
        for (key, why) in [
            ("notify", handlers),
            ("run_once", "a phase runs on one host"),
            ("check_mode", "`-C` prints a plan and runs nothing"),
            ("diff", "`-D` shows how files differ"),
        ] {
            if let Some(node) = self.task.get(key) {
                let span: Span = node.span;
                self.left.push(Left::new(span, format!("`{key}` of {}", self.title), why));
            }
        }
    }
}

/// One condition, or a list that must hold as a whole.
fn condition(value: &Json) -> Option<Json> {
    match value {
        Json::Bool(_) | Json::String(_) => Some(value.clone()),
        Json::Array(items) => match items.as_slice() {
            [] => None,
            [one] => condition(one),
            several => {
                let texts: Option<Vec<String>> = several
                    .iter()
                    .map(|item| match item {
                        Json::String(text) => Some(format!("({text})")),
                        Json::Bool(value) => Some(value.to_string()),
                        _ => None,
                    })
                    .collect();
                Some(texts?.join(" and ").into())
            }
        },
        _ => None,
    }
}

fn not_understood(key: &str) -> String {
    format!("`{key}` has a form that has no counterpart")
}

/// `a,b` are two.
fn tags(written: Json) -> Json {
    match written.as_str() {
        Some(words) if words.contains(',') => words.split(',').map(str::trim).collect(),
        _ => written,
    }
}

/// Whether a key's value is of the kind that a step may have: a template that stands for the whole of it is not.
fn has_shape(key: &str, value: &Json) -> bool {
    let scalars =
        |values: &Map<String, Json>| values.values().all(|value| !value.is_object() && !value.is_array());
    match key {
        "become" | "no_log" => value.is_boolean(),
        "environment" => value.as_object().is_some_and(scalars),
        "vars" => value.is_object(),
        "name" | "register" | "become_user" | "delegate_to" => value.is_string(),
        "tags" => value.is_string() || value.as_array().is_some_and(|tags| tags.iter().all(Json::is_string)),
        _ => true,
    }
}

const CONDITIONS: [&str; 4] = ["when", "changed_when", "failed_when", "until"];

/// Refuses a step with texts that would be read otherwise, or not at all.
fn sound(step: &Map<String, Json>, lost: &BTreeSet<String>) -> Result<(), String> {
    for (key, value) in step {
        if !has_shape(key, value) {
            return Err(not_understood(key));
        }
        let wrong = match value {
            Json::String(text) if CONDITIONS.contains(&key.as_str()) => {
                words::wrong_in_expression(text, lost)
            }
            _ => words::wrong_in(value, lost),
        };
        if let Some(why) = wrong {
            return Err(why);
        }
    }
    Ok(())
}

/// The names that a step reads.
pub(super) fn reads(step: &Map<String, Json>, into: &mut BTreeSet<String>) {
    for (key, value) in step {
        match value {
            Json::String(text) if CONDITIONS.contains(&key.as_str()) => {
                words::names_of_expression(text, into);
            }
            _ => words::names(value, into),
        }
    }
}

/// Gives a step its id and its place behind the one before.
pub(super) fn place(step: &mut Map<String, Json>, before: Option<String>, taken: &mut BTreeSet<String>) {
    let name = step.get("name").and_then(Json::as_str).map(str::to_owned);
    let module = || step.keys().find(|key| crate::site::action::Action::NAMES.contains(&key.as_str()));
    let base = name.as_deref().map(slug).filter(|slug| !slug.is_empty());
    let base =
        base.or_else(|| module().map(|key| key.replace('_', "-"))).unwrap_or_else(|| "step".to_owned());
    let mut id = base.clone();
    let mut number = 2;
    while !taken.insert(id.clone()) {
        id = format!("{base}-{number}");
        number += 1;
    }
    let rest = std::mem::take(step);
    step.insert("id".into(), id.into());
    let (name, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(key, _)| key == "name");
    step.extend(name);
    if let Some(before) = before {
        step.insert("needs".into(), vec![before].into());
    }
    step.extend(rest);
}

/// `Install the site's file` is `install-the-site-s-file`.
fn slug(name: &str) -> String {
    let words: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
    let mut slug = String::new();
    for word in words.split_whitespace() {
        if !slug.is_empty() && slug.len() + 1 + word.len() > ID_LENGTH {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.extend(word.chars().take(ID_LENGTH));
    }
    slug
}
