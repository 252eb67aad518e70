//! Executable inventories: programs that print JSON when called with `--list`, and a host's variables with
//! `--host NAME`.
//!
//! Called by `load` for one program. What it printed is a source like any file, so that messages and `--explain` point
//! into it. Nothing but [`Reader::ask`] runs anything.

use std::path::{Path, PathBuf};

use super::files;
use super::load::{Reader, first_line};
use crate::site::diagnostic::Diagnostic;
use crate::site::id::HostName;
use crate::site::program::{self, ProgramError};
use crate::site::source::{FileId, Span};
use crate::site::yaml::{Key, Node, Value};

/// Of what a failed program wrote about it, the end counts.
const MOST_SAID: usize = 1000;

impl Reader<'_> {
    /// Reads what the program says.
    pub(super) fn script(&mut self, path: &Path) {
        let Some((file, list)) = self.ask(path, &["--list"]) else { return };
        let Value::Map(pairs) = &list.value else {
            let message = format!("an inventory is a mapping of groups, not {}", list.value.kind());
            return self.error("inventory-structure", list.span, message);
        };
        let pairs = self.last_of_each(pairs);
        let (meta, groups): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name.text == "_meta");
        let mut hosts = Vec::new();
        for (name, body) in groups {
            hosts.extend(self.listed_group(name, body));
        }
        hosts.sort();
        hosts.dedup();
        match meta.first().map(|(_, body)| body.get("hostvars")) {
            Some(Some(hostvars)) => self.hostvars(&hosts, hostvars),
            Some(None) => {
                let span = meta.first().map_or(first_line(file, ""), |(name, _)| name.span);
                self.error("inventory-structure", span, "`_meta` has no `hostvars`");
            }
            None => self.ask_for_each(path, &hosts),
        }
    }

    /// One group of the list, and its hosts. A list stands for its `hosts`; a mapping without any of a group's keys is
    /// the variables of a host of the same name.
    fn listed_group(&mut self, name: &Key, body: &Node) -> Vec<HostName> {
        let sections = ["hosts", "vars", "children"];
        self.inventory.add_group(&name.text);
        let Value::Map(pairs) = &body.value else {
            return self.listed_hosts(&name.text, body);
        };
        let pairs = self.last_of_each(pairs);
        if !pairs.iter().any(|(key, _)| sections.contains(&key.text.as_str())) {
            self.group_vars(&name.text, pairs);
            return self.listed_host(&name.text, &name.text, name.span).into_iter().collect();
        }
        let mut hosts = Vec::new();
        for (section, content) in pairs {
            match (section.text.as_str(), &content.value) {
                ("hosts", _) => hosts = self.listed_hosts(&name.text, content),
                ("vars", Value::Map(vars)) => {
                    let vars = self.last_of_each(vars);
                    self.group_vars(&name.text, vars);
                }
                ("vars", other) => {
                    let message =
                        format!("`vars` of group `{}` is a mapping, not {}", name.text, other.kind());
                    self.error("inventory-structure", content.span, message);
                }
                ("children", _) => self.listed_children(&name.text, content),
                _ => {}
            }
        }
        hosts
    }

    fn listed_hosts(&mut self, group: &str, list: &Node) -> Vec<HostName> {
        let names = self.names(&format!("the hosts of group `{group}`"), list);
        names.into_iter().filter_map(|(name, span)| self.listed_host(group, &name, span)).collect()
    }

    fn listed_host(&mut self, group: &str, name: &str, span: Span) -> Option<HostName> {
        match HostName::try_from(name) {
            Ok(name) => {
                self.inventory.add_host(&name, group, None, span);
                Some(name)
            }
            Err(error) => {
                self.error("host-name", span, error.to_string());
                None
            }
        }
    }

    fn listed_children(&mut self, group: &str, list: &Node) {
        for (child, span) in self.names(&format!("the children of group `{group}`"), list) {
            if let Err(problem) = self.inventory.add_child(group, &child, span) {
                self.diagnostics.push(*problem);
            }
        }
    }

    /// The strings of a list; anything else is reported.
    fn names(&mut self, what: &str, list: &Node) -> Vec<(String, Span)> {
        let Value::Seq(items) = &list.value else {
            let message = format!("{what} are a list, not {}", list.value.kind());
            self.error("inventory-structure", list.span, message);
            return Vec::new();
        };
        let mut names = Vec::new();
        for item in items {
            match item.as_str() {
                Some(name) if !name.is_empty() => names.push((name.to_owned(), item.span)),
                _ => {
                    let message = format!("{what} are names, not {}", item.value.kind());
                    self.error("inventory-structure", item.span, message);
                }
            }
        }
        names
    }

    fn hostvars(&mut self, hosts: &[HostName], hostvars: &Node) {
        if !matches!(hostvars.value, Value::Map(_)) {
            let message = format!("`_meta.hostvars` is a mapping of hosts, not {}", hostvars.value.kind());
            return self.error("inventory-structure", hostvars.span, message);
        }
        for host in hosts {
            if let Some(body) = hostvars.get(host.as_str()) {
                self.host_says(host, body);
            }
        }
    }

    /// Programs from before `_meta` are asked for each host. One that fails once is not asked again.
    fn ask_for_each(&mut self, path: &Path, hosts: &[HostName]) {
        for host in hosts {
            let Some((_, body)) = self.ask(path, &["--host", host.as_str()]) else { return };
            self.host_says(host, &body);
        }
    }

    fn host_says(&mut self, host: &HostName, body: &Node) {
        let vars = self.vars(body, &format!("host `{host}`"));
        if let Some(known) = self.inventory.hosts.get_mut(host) {
            known.vars.extend(vars);
        }
    }

    /// What the program prints when called so, as a source of its own. Nothing when it failed, which is reported.
    fn ask(&mut self, path: &Path, arguments: &[&str]) -> Option<(FileId, Node)> {
        let call = format!("{} {}", path.display(), arguments.join(" "));
        let output = match files::run(path, arguments) {
            Ok(output) => output,
            Err(error) => {
                let said = if let ProgramError::TimedOut { said, .. } = &error { said.as_str() } else { "" };
                self.report_program(path, error.to_string(), said);
                return None;
            }
        };
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let message =
                format!("`{name} {}` failed: {}", arguments.join(" "), program::ending(output.status));
            self.report_program(path, message, &said);
            return None;
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let file = self.sources.add(PathBuf::from(call), text.clone());
        if arguments.first() == Some(&"--host") && text.trim().is_empty() {
            return Some((file, Node { value: Value::Null, span: first_line(file, &text) }));
        }
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
            let span = place_in(file, &text, error.line(), error.column());
            let problem =
                Diagnostic::error("inventory-program", span, "what this program printed is not JSON");
            self.diagnostics.push(with_words(problem, &said));
            return None;
        }
        self.tree(file, &text).map(|node| (file, node))
    }

    fn report_program(&mut self, path: &Path, message: String, said: &str) {
        let file = self.sources.add(path, std::fs::read_to_string(path).unwrap_or_default());
        let span = first_line(file, self.sources.text(file));
        self.diagnostics.push(with_words(Diagnostic::error("inventory-program", span, message), said));
    }
}

/// Adds what the program wrote about its failure.
fn with_words(problem: Diagnostic, said: &str) -> Diagnostic {
    let said: String = said.trim().chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    if said.is_empty() {
        return problem;
    }
    let start = said.ceil_char_boundary(said.len().saturating_sub(MOST_SAID));
    problem.hint(format!("it said: {}", &said[start..]))
}

/// The character at a line and column, both from 1.
fn place_in(file: FileId, text: &str, line: usize, column: usize) -> Span {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let start = text.floor_char_boundary((before + column.saturating_sub(1)).min(text.len()));
    Span { file, start, end: text.ceil_char_boundary((start + 1).min(text.len())) }
}
