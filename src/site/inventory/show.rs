//! The inventory as others read it: `ansible-inventory`'s JSON and tree, a plain table, and the story of one
//! variable. Text and JSON out; printing is `cli`'s.

use std::fmt::Write;

use indexmap::IndexSet;
use serde_json::{Map, Value, json};

use super::model::{ALL, Inventory};
use super::python_json;
use super::vars::Candidate;
use crate::site::id::HostName;
use crate::site::playbook::VarMap;
use crate::site::source::{Sources, Span};

/// Variables that Ansible keeps for itself and never lists (`INTERNAL_STATIC_VARS` of its `constants.py`).
const INTERNAL: [&str; 33] = [
    "ansible_async_path",
    "ansible_collection_name",
    "ansible_config_file",
    "ansible_dependent_role_names",
    "ansible_diff_mode",
    "ansible_facts",
    "ansible_forks",
    "ansible_inventory_sources",
    "ansible_limit",
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_role_names",
    "ansible_playbook_python",
    "ansible_role_name",
    "ansible_role_names",
    "ansible_run_tags",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "play_hosts",
    "playbook_dir",
    "role_name",
    "role_names",
    "role_path",
    "role_uuid",
];

/// Whose `ansible-inventory` is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsibleVersion {
    /// ansible-core up to 2.18, which names no profile.
    Before2_19,
    Current,
}

impl Inventory {
    /// The text that `ansible-inventory --list` prints for the same files, byte for byte, without its last newline.
    pub fn as_ansible_lists(&self, version: AnsibleVersion) -> String {
        let mut list = self.to_ansible_list();
        if version == AnsibleVersion::Before2_19
            && let Some(meta) = list["_meta"].as_object_mut()
        {
            meta.shift_remove("profile");
        }
        python_json::text(&list)
    }

    /// The text that `ansible-inventory --host` prints.
    pub fn as_ansible_tells(&self, host: &HostName) -> String {
        python_json::text(&self.listed_vars(host))
    }

    /// A host's variables as others may see them.
    pub fn listed_vars(&self, host: &HostName) -> Value {
        listed(&self.vars_of(host))
    }

    /// What `ansible-inventory --list` prints for the same files.
    pub fn to_ansible_list(&self) -> Value {
        let hostvars: Map<String, Value> = self
            .members(ALL)
            .into_iter()
            .map(|host| (host.to_string(), self.listed_vars(host)))
            .filter(|(_, vars)| vars.as_object().is_some_and(|vars| !vars.is_empty()))
            .collect();
        let mut list = Map::new();
        list.insert("_meta".to_owned(), json!({ "hostvars": hostvars, "profile": "inventory_legacy" }));
        for group in self.below(ALL) {
            let body = self.group_body(group);
            if !body.is_empty() {
                list.insert(group.to_owned(), body.into());
            }
        }
        list.into()
    }

    fn group_body(&self, name: &str) -> Map<String, Value> {
        let group = &self.groups[name];
        let mut body = Map::new();
        if name != ALL && !group.hosts.is_empty() {
            body.insert("hosts".to_owned(), group.hosts.iter().map(HostName::as_str).collect());
        }
        if !group.children.is_empty() {
            body.insert("children".to_owned(), group.children.keys().map(String::as_str).collect());
        }
        body
    }

    /// The group and all below it, each once, depth first.
    fn below<'a>(&'a self, name: &'a str) -> IndexSet<&'a str> {
        let mut found = IndexSet::from([name]);
        for child in self.groups.get(name).iter().flat_map(|group| group.children.keys()) {
            found.extend(self.below(child));
        }
        found
    }

    /// What `ansible-inventory --graph [GROUP]` prints; nothing for an unknown group.
    pub fn graph(&self, group: &str) -> Option<String> {
        let mut text = String::new();
        self.groups.contains_key(group).then(|| self.draw(group, 0, &mut text))?;
        Some(text)
    }

    fn draw(&self, name: &str, depth: usize, text: &mut String) {
        push_branch(text, depth, &format!("@{name}:"));
        let group = &self.groups[name];
        for child in group.children.keys() {
            self.draw(child, depth + 1, text);
        }
        for host in group.hosts.iter().filter(|_| name != ALL) {
            push_branch(text, depth + 1, host.as_str());
        }
    }

    /// A table of all hosts: name, address, groups.
    pub fn listing(&self) -> String {
        let rows: Vec<[String; 3]> = self.hosts().map(|host| self.row(host)).collect();
        let header = ["HOST", "ADDRESS", "GROUPS"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (name, address) = (width(0), width(1));
        rows.iter().fold(String::new(), |mut text, row| {
            let _ = writeln!(text, "{:name$}  {:address$}  {}", row[0], row[1], row[2]);
            text
        })
    }

    fn row(&self, host: &HostName) -> [String; 3] {
        let vars = self.vars_of(host);
        let word = |names: [&str; 2]| {
            let value = names.iter().find_map(|name| vars.get(*name))?;
            Some(value.as_str().map_or_else(|| value.value.to_string(), str::to_owned))
        };
        let address = word(["ansible_ssh_host", "ansible_host"]).unwrap_or_else(|| host.to_string());
        let port =
            word(["ansible_ssh_port", "ansible_port"]).map_or(String::new(), |port| format!(":{port}"));
        [host.to_string(), address + &port, self.group_names(host).join(" ")]
    }
}

fn push_branch(text: &mut String, depth: usize, words: &str) {
    let lead = if depth == 0 { "" } else { "--" };
    let _ = writeln!(text, "{}{lead}{words}", "  |".repeat(depth));
}

fn listed(vars: &VarMap) -> Value {
    let shown = vars.iter().filter(|(name, _)| !INTERNAL.contains(&name.as_str()));
    shown.map(|(name, value)| (name.clone(), value.value.clone())).collect::<Map<_, _>>().into()
}

/// The story of one variable: its value, and below it every place that sets it, the winner first.
pub fn explanation(host: &HostName, variable: &str, candidates: &[Candidate], sources: &Sources) -> String {
    let Some(winner) = candidates.first() else { return format!("{host}.{variable} is not set\n") };
    let mut text = format!("{host}.{variable} = {}\n", winner.value.value);
    let lines: Vec<[String; 3]> = candidates.iter().map(|candidate| line(candidate, sources)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let (owner, place) = (width(0), width(1));
    for (at, line) in lines.iter().enumerate() {
        let mark = if at == 0 { "→" } else { " " };
        let _ = writeln!(text, "{mark} {:owner$}  {:place$}  {}", line[0], line[1], line[2]);
    }
    text
}

fn line(candidate: &Candidate, sources: &Sources) -> [String; 3] {
    let Candidate { level, owner, value } = candidate;
    let place = if value.span == Span::default() { "-".to_owned() } else { sources.place(value.span) };
    [format!("{level} {owner}"), place, value.value.to_string()]
}
