//! Ansible's INI form: `[group]`, `[group:children]`, `[group:vars]`, and lines below them.
//!
//! Called by `load` with the text of one file; fills the reader's inventory. One pass, as Ansible makes it: a group may
//! be named as a child before it is declared, and takes its place when it is.

use std::sync::LazyLock;

use indexmap::IndexMap;
use regex::Regex;
use serde_json::Value;

use super::load::Reader;
use super::model::UNGROUPED;
use super::{literal, range, words};
use crate::site::diagnostic::{Diagnostic, Severity, nearest};
use crate::site::id::HostName;
use crate::site::playbook::VarMap;
use crate::site::source::{FileId, Sp, Span};
use crate::site::yaml::Key;

/// What the lines below a section's header are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    Hosts,
    Children,
    Vars,
    /// The header could not be read, so neither can they.
    Unknown,
}

/// Why a group that is not declared yet must still be.
enum Awaited {
    /// `[group:vars]`, whose place this is.
    Vars(Span),
    /// Named below these groups, each at a place.
    Child(Vec<(String, Span)>),
}

/// A line without the blanks around it, and its place.
#[derive(Clone, Copy)]
struct Line<'t> {
    text: &'t str,
    span: Span,
}

struct Ini<'r, 'a> {
    reader: &'r mut Reader<'a>,
    group: String,
    lines: Lines,
    awaited: IndexMap<String, Awaited>,
}

static SECTION: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$"));

static GROUP: LazyLock<Regex> = LazyLock::new(|| pattern(r"^([^:\]\s]+)\s*(?:#.*)?$"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant, and the tests use it")
}

impl Reader<'_> {
    pub(super) fn ini(&mut self, file: FileId, text: &str) {
        let mistakes = self.diagnostics.len();
        let mut ini =
            Ini { reader: self, group: UNGROUPED.to_owned(), lines: Lines::Hosts, awaited: IndexMap::new() };
        for (count, line) in lines(file, text).enumerate() {
            ini.line(line);
            let new = &mut ini.reader.diagnostics[mistakes..];
            if let Some(problem) = new.iter_mut().find(|one| one.severity == Severity::Error && count == 0) {
                // Some other file in the inventory's folder: one message about it is enough.
                problem.hint.get_or_insert_with(|| NO_INVENTORY.to_owned());
                return;
            }
        }
        ini.report_undeclared();
    }
}

const NO_INVENTORY: &str = "a file that is no inventory does not belong in an inventory's folder";

/// Every line that says something. Lines end where Python's `splitlines` ends them.
fn lines(file: FileId, text: &str) -> impl Iterator<Item = Line<'_>> {
    let ends = |c: char| {
        matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
    };
    text.split(ends).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';'])).map(
        move |line| {
            let start = line.as_ptr() as usize - text.as_ptr() as usize;
            Line { text: line, span: Span { file, start, end: start + line.len() } }
        },
    )
}

impl Line<'_> {
    /// The place of a part of this line.
    fn place(self, part: &str) -> Span {
        let start = part.as_ptr() as usize - self.text.as_ptr() as usize;
        self.span.slice(start, start + part.len())
    }
}

impl Ini<'_, '_> {
    fn line(&mut self, line: Line<'_>) {
        if let Some(found) = SECTION.captures(line.text) {
            let group = found.get(1).map_or("", |group| group.as_str());
            return self.section(line, group, found.get(2).map(|kind| kind.as_str()));
        }
        if line.text.starts_with('[') && line.text.ends_with(']') {
            self.lines = Lines::Unknown;
            let message = format!("`{}` is not a section", line.text);
            let hint = "a section is `[group]`, `[group:children]` or `[group:vars]`, without blanks";
            return self.report(Diagnostic::error("ini-section", line.span, message).hint(hint));
        }
        match self.lines {
            Lines::Hosts => self.hosts(line),
            Lines::Children => self.child(line),
            Lines::Vars => self.variable(line),
            Lines::Unknown => {}
        }
    }

    fn section(&mut self, line: Line<'_>, group: &str, kind: Option<&str>) {
        self.lines = match kind {
            None | Some("hosts") => Lines::Hosts,
            Some("children") => Lines::Children,
            Some("vars") => Lines::Vars,
            Some(other) => {
                self.lines = Lines::Unknown;
                let message = format!("`{other}` is not a kind of section");
                let problem = Diagnostic::error("ini-section", line.place(other), message);
                return self.report(problem.did_you_mean(other, ["children", "vars", "hosts"]));
            }
        };
        group.clone_into(&mut self.group);
        let is_known = self.reader.inventory.has_group(group);
        if !is_known && self.lines == Lines::Vars && !self.awaited.contains_key(group) {
            self.awaited.insert(group.to_owned(), Awaited::Vars(line.place(group)));
        }
        self.reader.inventory.add_group(group);
        if self.lines != Lines::Vars
            && let Some(Awaited::Child(parents)) = self.awaited.shift_remove(group)
        {
            for (parent, place) in parents {
                self.add_child(&parent, group, place);
            }
        }
    }

    fn child(&mut self, line: Line<'_>) {
        let Some(child) = GROUP.captures(line.text).and_then(|found| found.get(1)) else {
            let message = format!("`{}` is not a group's name", line.text);
            let hint = "below `:children` each line is one group, nothing else";
            return self.report(Diagnostic::error("ini-section", line.span, message).hint(hint));
        };
        let (child, place, parent) = (child.as_str(), line.place(child.as_str()), self.group.clone());
        if self.reader.inventory.has_group(child) {
            return self.add_child(&parent, child, place);
        }
        match self.awaited.entry(child.to_owned()).or_insert_with(|| Awaited::Child(Vec::new())) {
            Awaited::Child(parents) => parents.push((parent, place)),
            Awaited::Vars(_) => {}
        }
    }

    fn add_child(&mut self, parent: &str, child: &str, place: Span) {
        if let Err(problem) = self.reader.inventory.add_child(parent, child, place) {
            self.report(*problem);
        }
    }

    fn variable(&mut self, line: Line<'_>) {
        let Some((name, value)) = line.text.split_once('=') else {
            let message = format!("`{}` is not `name=value`", line.text);
            return self.report(Diagnostic::error("ini-variable", line.span, message));
        };
        let (name, value) = (name.trim(), value.trim());
        let place = if value.is_empty() { line.place(name) } else { line.place(value) };
        let group = self.group.clone();
        let value = Sp::new(literal::value(value), place);
        if name == "ansible_group_priority" {
            return self.priority(&group, &value);
        }
        self.check_name(name, line.place(name));
        self.reader.inventory.add_group(&group).vars.insert(name.to_owned(), value);
    }

    fn priority(&mut self, group: &str, value: &Sp<Value>) {
        let text = value.as_str().map(|text| text.trim().parse().ok());
        match text.unwrap_or_else(|| value.as_i64()) {
            Some(number) => self.reader.inventory.add_group(group).priority = number,
            None => self.reader.error("inventory-value", value.span, "a group's priority is a whole number"),
        }
    }

    fn hosts(&mut self, line: Line<'_>) {
        let words = match words::split(line.text) {
            Ok(words) => words,
            Err(error) => {
                let span = line.span.slice(error.at, line.text.len());
                return self.report(Diagnostic::error("ini-quote", span, error.message));
            }
        };
        let Some((key, rest)) = words.split_first() else { return };
        let key = Key { text: key.text.clone(), span: line.span.slice(key.at.start, key.at.end) };
        let vars = self.host_vars(line, rest);
        if let Some(hosts) = self.named(&key) {
            for name in hosts.names {
                match HostName::try_from(name) {
                    Ok(name) => {
                        let host = self.reader.inventory.add_host(&name, &self.group, hosts.port, key.span);
                        host.vars.extend(vars.clone());
                    }
                    Err(error) => return self.reader.error("host-name", key.span, error.to_string()),
                }
            }
        }
    }

    /// The hosts that the first word of a line names.
    fn named(&mut self, key: &Key) -> Option<range::HostKey> {
        if key.text == "---" {
            let problem = Diagnostic::error("inventory-form", key.span, "`---` begins YAML, and this is INI");
            self.report(problem.hint("a YAML inventory's name ends in .yml"));
            return None;
        }
        match range::expand(&key.text) {
            Ok(hosts) if key.text.ends_with(':') && hosts.port.is_none() => {
                let problem = Diagnostic::error("host-name", key.span, "a port is missing after this `:`");
                self.report(problem.hint("if this is YAML, let the file's name end in .yml"));
                None
            }
            Ok(hosts) => Some(hosts),
            Err(error) => {
                let span = self.reader.within(key, error.at);
                self.reader.error("host-range", span, error.message);
                None
            }
        }
    }

    fn host_vars(&mut self, line: Line<'_>, words: &[words::Word]) -> VarMap {
        let mut vars = VarMap::new();
        for word in words {
            let span = line.span.slice(word.at.start, word.at.end);
            let Some((name, value)) = word.text.split_once('=') else {
                let message = format!("`{}` is not `name=value`", word.text);
                let hint = "after a host come its variables; a value with blanks needs quotes";
                self.report(Diagnostic::error("ini-variable", span, message).hint(hint));
                continue;
            };
            self.check_name(name, span);
            let place = line.text[word.at.clone()].find('=').map_or(0, |at| at + 1);
            let place = if place < word.at.len() { span.slice(place, word.at.len()) } else { span };
            vars.insert(name.to_owned(), Sp::new(literal::value(value), place));
        }
        vars
    }

    fn check_name(&mut self, name: &str, span: Span) {
        self.reader.check_variable_name(&Key { text: name.to_owned(), span });
    }

    /// Groups that were spoken of and never declared.
    fn report_undeclared(&mut self) {
        for (group, awaited) in std::mem::take(&mut self.awaited) {
            let (place, message) = match awaited {
                Awaited::Vars(place) => (place, format!("`{group}` has variables, and is no group")),
                Awaited::Child(parents) => {
                    let Some((parent, place)) = parents.into_iter().next() else { continue };
                    (place, format!("`{parent}` contains `{group}`, which is no group"))
                }
            };
            let known = self.reader.inventory.groups().filter(|known| *known != group);
            let hint = nearest(&group, known)
                .map_or_else(|| format!("declare it: `[{group}]`"), |best| format!("did you mean `{best}`?"));
            self.report(Diagnostic::error("ini-group", place, message).hint(hint));
        }
    }

    fn report(&mut self, problem: Diagnostic) {
        self.reader.diagnostics.push(problem);
    }
}
