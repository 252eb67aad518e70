//! Which variables a text may read, without their values. Called by [`super::texts`].

use std::collections::{BTreeSet, HashMap};

use super::Subject;
use super::pool::PoolHost;
use crate::site::graph::{StepAt, registers, sources_of};
use crate::site::reads::Read;
use crate::site::texts::TextKind;

/// Always set, in every text of a playbook.
pub(crate) const BUILT_IN: [&str; 8] =
    ["host", "inventory_hostname", "service", "address", "addresses", "primary", "secondary", "epoch"];

/// What a registered result holds, and what a step's conditions see of its own.
pub(crate) const RESULT: [&str; 10] = [
    "stdout",
    "stderr",
    "rc",
    "changed",
    "failed",
    "stdout_lines",
    "stderr_lines",
    "skipped",
    "unreachable",
    "attempts",
];

/// What placement knows of a candidate; the keys of a host's facts.
pub const FACTS: [&str; 10] = [
    "load1",
    "cpus",
    "load_per_cpu",
    "mem_available",
    "mem_total",
    "addresses",
    "services",
    "clock_ms",
    "boot_id",
    "uptime_ms",
];

/// What a text may read.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    hosts: &'a [PoolHost],
    /// Variables that every host has by the site's settings.
    defaults: BTreeSet<&'a str>,
    /// Every name that is known for sure.
    names: BTreeSet<&'a str>,
    /// Results by name, seen from here.
    results: BTreeSet<&'a str>,
    /// Results that are registered, but not yet known here, with the reason.
    later: HashMap<&'a str, &'static str>,
}

/// What is to be said of one read.
pub(super) enum Verdict {
    Known,
    /// The `segment`-th name of the path is none of `known`.
    Unknown {
        segment: usize,
        known: Vec<String>,
        advice: Option<String>,
    },
    /// Some hosts of the pool lack it.
    Partly {
        lacking: Vec<String>,
    },
}

impl<'a> Scope<'a> {
    /// What texts outside the steps may read.
    pub(super) fn of(subject: &'a Subject<'_>) -> Self {
        let (site, playbook) = (subject.site, subject.playbook);
        let mut names: BTreeSet<&str> = BUILT_IN.into();
        if playbook.addresses.is_empty() && !subject.is_partial() {
            names.remove("address");
        }
        let defaults: BTreeSet<&str> = site.settings.vars.keys().map(String::as_str).collect();
        names.extend(
            defaults.iter().chain(&site.settings.secrets.keys().map(String::as_str).collect::<Vec<_>>()),
        );
        names.extend(playbook.vars.keys().chain(playbook.secrets.keys()).map(String::as_str));
        names.extend(site.extra_vars.keys().map(String::as_str));
        Self { hosts: &subject.pool.hosts, defaults, names, results: BTreeSet::new(), later: HashMap::new() }
    }

    /// What the texts of one step may read.
    pub(super) fn within(&self, subject: &'a Subject<'_>, at: StepAt) -> Self {
        let mut scope = self.clone();
        let step = at.of(subject.playbook);
        scope.names.extend(step.vars.keys().map(String::as_str));
        let registers = registers(subject.playbook);
        for name in registers.keys().copied() {
            let own = step.register.as_ref().is_some_and(|own| own.as_str() == name);
            if !sources_of(&registers, name, at).is_empty() {
                scope.results.insert(name);
            } else if own {
                scope.later.insert(
                    name,
                    "the step itself registers it: only its conditions on its result can read it",
                );
            } else {
                scope
                    .later
                    .insert(name, "it is registered by a step that runs later, or in another operation");
            }
        }
        scope
    }

    pub(super) fn judge(&self, read: &Read) -> Verdict {
        let mut path = read.path.split('.');
        let (name, next) = (path.next().unwrap_or_default(), path.next());
        let on_result = read.kind == TextKind::ResultExpression;
        let is_own = on_result && self.later.get(name).is_some_and(|why| why.starts_with("the step itself"));
        match (name, next) {
            ("host" | "primary" | "secondary", Some(variable)) => self.of_host(variable),
            ("facts", Some(fact)) if read.kind == TextKind::Placement => among(&FACTS, fact, 1),
            ("facts", None) if read.kind == TextKind::Placement => Verdict::Known,
            _ if self.results.contains(name) || is_own => {
                next.map_or(Verdict::Known, |key| among(&RESULT, key, 1))
            }
            _ if self.names.contains(name) || (on_result && RESULT.contains(&name)) => Verdict::Known,
            _ => self.of_inventory(name, 0, self.advice(name, read.kind)),
        }
    }

    /// `host.NAME`: the host's name, or one of its variables.
    fn of_host(&self, variable: &str) -> Verdict {
        match variable {
            "name" => Verdict::Known,
            _ if self.defaults.contains(variable) => Verdict::Known,
            _ => self.of_inventory(variable, 1, None),
        }
    }

    fn of_inventory(&self, name: &str, segment: usize, advice: Option<String>) -> Verdict {
        let lacks = |host: &&PoolHost| !host.vars.contains_key(name);
        let lacking: Vec<String> =
            self.hosts.iter().filter(lacks).map(|host| host.name.to_string()).collect();
        if lacking.is_empty() {
            Verdict::Known // or no host is known at all: its variables may be anything
        } else if lacking.len() < self.hosts.len() {
            Verdict::Partly { lacking }
        } else {
            Verdict::Unknown { segment, known: self.known(segment), advice }
        }
    }

    fn advice(&self, name: &str, kind: TextKind) -> Option<String> {
        match self.later.get(name) {
            Some(why) => Some((*why).to_owned()),
            None if name == "facts" => Some("facts are known in `placement` only".to_owned()),
            None if RESULT.contains(&name) && kind != TextKind::ResultExpression => {
                Some(format!("register the result, then say `NAME.{name}`"))
            }
            None => None,
        }
    }

    /// The names that could have been meant.
    fn known(&self, segment: usize) -> Vec<String> {
        let of_hosts = self.hosts.iter().flat_map(|host| host.vars.keys().cloned());
        match segment {
            0 => of_hosts
                .chain(self.names.iter().chain(&self.results).map(|name| (*name).to_owned()))
                .collect(),
            _ => of_hosts.chain(["name".to_owned()]).collect(),
        }
    }
}

fn among(known: &[&str], key: &str, segment: usize) -> Verdict {
    if known.contains(&key) {
        return Verdict::Known;
    }
    let advice = format!("it holds {}", known.join(", "));
    let near = crate::site::diagnostic::nearest(key, known.iter().copied());
    let known = known.iter().map(|key| (*key).to_owned()).collect();
    Verdict::Unknown { segment, known, advice: near.is_none().then_some(advice) }
}
