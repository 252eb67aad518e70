//! Layers of variables: which exist for a host, who wins, and who lost.
//!
//! Five levels, each stronger than the one before: defaults, group, host, playbook, extra (`-e`). Within the
//! group level, as in Ansible: `all` before other groups, parents before children, then by priority and name;
//! and what is written in the inventory before what `group_vars/` says.

use std::fmt;

use serde::Serialize;

use super::model::{ALL, Group, Inventory};
use crate::site::id::HostName;
use crate::site::playbook::VarMap;
use crate::site::source::Sp;

/// Who says it; the later is the stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// `vars` of `reveille.yml`.
    Default,
    Group,
    Host,
    /// `vars` of the playbook.
    Playbook,
    /// `-e` on the command line.
    Extra,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Level::Default => "default",
            Level::Group => "group",
            Level::Host => "host",
            Level::Playbook => "playbook",
            Level::Extra => "extra",
        })
    }
}

/// Variables that were said together.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    pub level: Level,
    /// The group, host, service or settings file that says them.
    pub owner: &'a str,
    pub vars: &'a VarMap,
}

/// One value that a variable has or would have.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub level: Level,
    pub owner: String,
    pub value: Sp<serde_json::Value>,
}

/// The variables that result: each from the last layer that has it. `layers` come weakest first.
pub fn merge<'a>(layers: impl IntoIterator<Item = Layer<'a>>) -> VarMap {
    let mut merged = VarMap::new();
    for layer in layers {
        merged.extend(layer.vars.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    merged
}

/// Every layer's value of one variable, the winner first. `layers` come weakest first.
pub fn candidates<'a>(layers: impl IntoIterator<Item = Layer<'a>>, variable: &str) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = layers
        .into_iter()
        .filter_map(|layer| {
            let value = layer.vars.get(variable)?.clone();
            Some(Candidate { level: layer.level, owner: layer.owner.to_owned(), value })
        })
        .collect();
    found.reverse();
    found
}

impl Inventory {
    /// What the inventory says about a host, weakest first. Nothing for an unknown host. A caller adds the
    /// other levels before and after.
    pub fn layers<'a>(&'a self, host: &'a HostName) -> Vec<Layer<'a>> {
        let Some(known) = self.hosts.get(host) else { return Vec::new() };
        let all = || self.groups.get_key_value(ALL).into_iter();
        let others = || known.groups.iter().filter_map(|name| self.groups.get_key_value(name));
        let of_host = |vars| Layer { level: Level::Host, owner: host.as_str(), vars };
        let mut layers: Vec<_> =
            all().chain(others()).map(|(name, group)| in_group(name, &group.vars)).collect();
        layers.extend(files_of(all()));
        layers.extend(files_of(others()));
        layers.push(of_host(&known.vars));
        layers.extend(known.files.iter().map(|file| of_host(&file.vars)));
        layers
    }

    /// The variables of a host as the inventory alone determines them.
    pub fn vars_of(&self, host: &HostName) -> VarMap {
        merge(self.layers(host))
    }

    /// Every value the inventory has for a host's variable, the winner first.
    pub fn explain(&self, host: &HostName, variable: &str) -> Vec<Candidate> {
        candidates(self.layers(host), variable)
    }
}

fn in_group<'a>(owner: &'a str, vars: &'a VarMap) -> Layer<'a> {
    Layer { level: Level::Group, owner, vars }
}

/// The groups' files: source by source, and within a source in the order of the groups.
fn files_of<'a>(groups: impl Iterator<Item = (&'a String, &'a Group)>) -> Vec<Layer<'a>> {
    let mut files: Vec<(usize, Layer<'a>)> = groups
        .flat_map(|(name, group)| group.files.iter().map(|file| (file.source, in_group(name, &file.vars))))
        .collect();
    files.sort_by_key(|(source, _)| *source);
    files.into_iter().map(|(_, layer)| layer).collect()
}
