//! The variables a step of one service is rendered with on one host, and what expressions come to with them.
//!
//! Five levels, weakest first: site defaults, groups, the host, the playbook (and its step), `-e`. The names that
//! reveille itself provides stand above all of them.

use serde_json::{Map, Value, json};

use super::compose::Composer;
use super::placement::Answer;
use crate::site::hosts::plain;
use crate::site::id::HostName;
use crate::site::playbook::{Step, VarMap};
use crate::site::quantity::sizes_in_bytes;
use crate::template::{self, ErrorKind, Expression, TemplateError, Vars};

/// How often variables that refer to variables are followed.
const DEPTH: usize = 8;

/// Variables ready for rendering.
#[derive(Clone)]
pub(super) struct Scope {
    vars: Vars,
}

/// Why a text could not be rendered now.
pub(super) enum Unrendered {
    /// It reads the result of a step that has not run yet.
    NotYet(String),
    Wrong(TemplateError),
}

impl Scope {
    /// The scope of a service on a host, outside any step.
    pub fn of(composer: &Composer<'_>, host: &HostName) -> Self {
        Self { vars: Vars::new(&resolve(layers(composer, host, None))) }
    }

    /// The scope of one step.
    pub fn of_step(composer: &Composer<'_>, host: &HostName, step: &Step) -> Self {
        Self { vars: Vars::new(&resolve(layers(composer, host, Some(&step.vars)))) }
    }

    /// These variables and the results of steps that have run.
    pub fn with(&self, registers: &Map<String, Value>) -> Self {
        Self { vars: self.vars.with(&Vars::new(registers)) }
    }

    pub fn vars(&self) -> &Vars {
        &self.vars
    }

    pub fn render(&self, text: &str) -> Result<String, String> {
        template::render(text, &self.vars).map_err(|error| error.to_string())
    }

    /// Decides an expression, if all it reads is known.
    pub fn decide(&self, expression: &str, registers: &[String]) -> Result<bool, Unrendered> {
        let compiled = Expression::compile(expression).map_err(Unrendered::Wrong)?;
        compiled.is_true(&self.vars).map_err(|error| not_yet(error, registers))
    }
}

/// An undefined name that some step registers is not wrong, only early.
pub(super) fn not_yet(error: TemplateError, registers: &[String]) -> Unrendered {
    match &error.kind {
        ErrorKind::Undefined { name } => {
            let top = name.split(['.', '[']).next().unwrap_or(name);
            if registers.iter().any(|register| register == top) {
                Unrendered::NotYet(top.to_owned())
            } else {
                Unrendered::Wrong(error)
            }
        }
        _ => Unrendered::Wrong(error),
    }
}

/// What an expression of `placement:` comes to for one candidate.
pub(super) fn judge(composer: &Composer<'_>, host: &HostName, text: &str) -> Result<Answer, String> {
    let scope = Scope::of(composer, host);
    let facts = serde_json::to_value(composer.facts(host)).unwrap_or_default();
    let vars = scope.vars.with_value("facts", &facts);
    let value = Expression::compile(&sizes_in_bytes(text)).and_then(|expression| expression.evaluate(&vars));
    match value.map_err(|error| error.to_string())? {
        Value::Bool(flag) => Ok(Answer::Bool(flag)),
        Value::Number(number) => number.as_f64().map(Answer::Number).ok_or_else(|| "is no number".to_owned()),
        other => Err(format!("`{text}` is neither true or false nor a number but {}", kind(&other))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        _ => "a mapping",
    }
}

fn layers(composer: &Composer<'_>, host: &HostName, step: Option<&VarMap>) -> Map<String, Value> {
    let site = composer.planner.site;
    let mut all = site.host_vars(host);
    all.extend(plain(&composer.playbook.vars));
    all.extend(step.map(plain).unwrap_or_default());
    all.extend(site.extra_vars.clone());
    all.extend(composer.planner.secrets.clone());
    all.extend(provided(composer, host));
    all
}

/// The names that reveille provides.
fn provided(composer: &Composer<'_>, host: &HostName) -> Map<String, Value> {
    let addresses = composer.addresses();
    let (plain, written): (Vec<String>, Vec<String>) = match composer.asked_at {
        Some(at) => (vec![at.to_string()], vec![at.to_string()]),
        None => addresses.iter().map(|address| (address.ip().to_string(), address.to_string())).unzip(),
    };
    let (primary, secondary) = &composer.cast;
    let mut names = Map::new();
    names.insert("inventory_hostname".to_owned(), json!(host.as_str()));
    names.insert("host".to_owned(), portrait(composer, Some(host)));
    names.insert("primary".to_owned(), portrait(composer, primary.as_ref()));
    names.insert("secondary".to_owned(), portrait(composer, secondary.as_ref()));
    names.insert("service".to_owned(), json!(composer.service().as_str()));
    names.insert("epoch".to_owned(), json!(composer.epoch));
    names.insert("addresses".to_owned(), json!(written));
    if let Some(first) = plain.first() {
        names.insert("address".to_owned(), json!(first));
    }
    names
}

/// A host's variables with its name: `host.name`, `primary.rack`.
fn portrait(composer: &Composer<'_>, host: Option<&HostName>) -> Value {
    let Some(host) = host else { return Value::Null };
    let mut vars = composer.planner.site.host_vars(host);
    vars.insert("name".to_owned(), json!(host.as_str()));
    Value::Object(vars)
}

/// Renders variables that refer to other variables until nothing changes. One that cannot be rendered keeps its
/// text: using it then fails where it is used, with a place.
fn resolve(mut vars: Map<String, Value>) -> Map<String, Value> {
    for _ in 0..DEPTH {
        let scope = Vars::new(&vars);
        let mut changed = false;
        for value in vars.values_mut() {
            changed |= render_value(value, &scope);
        }
        if !changed {
            break;
        }
    }
    vars
}

fn render_value(value: &mut Value, scope: &Vars) -> bool {
    match value {
        Value::String(text) if text.contains("{{") || text.contains("{%") => {
            match template::render(text, scope) {
                Ok(rendered) if rendered != *text => {
                    *text = rendered;
                    true
                }
                _ => false,
            }
        }
        Value::Array(items) => {
            items.iter_mut().fold(false, |changed, item| render_value(item, scope) | changed)
        }
        Value::Object(map) => {
            map.values_mut().fold(false, |changed, item| render_value(item, scope) | changed)
        }
        _ => false,
    }
}
