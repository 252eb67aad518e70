//! Two runs side by side: what the one did and the other did not, what ended otherwise, what took longer. Pure; made from
//! their journals by `reveille diff`.
//!
//! Two runs rarely have the same hosts, so steps are matched by what their host was to the service: the old primary, the
//! new one, the new secondary.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use super::words;
use crate::engine::account::{Account, OfStep};
use crate::plan::{Plan, PlanStep, ServicePlan};
use crate::site::id::{HostName, RunId};

/// The version of the document.
pub const SCHEMA: &str = "reveille.diff/1";

/// A step is slower if it took this much longer, and twice as long.
const SLOWER_MS: u64 = 50;

/// One of the two runs.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    pub account: &'a Account,
    pub plan: &'a Plan,
}

/// What differs; each pair is the first run and the second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    pub schema: &'static str,
    pub runs: [RunId; 2],
    /// What is true of a whole run: name and both values.
    pub facts: Vec<(&'static str, [String; 2])>,
    /// Steps that only one of them has.
    pub only: [Vec<String>; 2],
    pub steps: Vec<Differs>,
}

/// A step that both have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Differs {
    /// `web, new primary: wake.resume`
    pub step: String,
    /// In what words it ended, if not in the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<[String; 2]>,
    /// If one took much longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<[u64; 2]>,
    /// Lines of what it was to do, `-` those of the first run alone, `+` those of the second.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub does: Vec<String>,
}

impl Comparison {
    pub fn of(one: Side<'_>, other: Side<'_>) -> Self {
        let sides = [one, other];
        let steps = sides.map(by_role);
        let only = |mine: usize, theirs: usize| {
            steps[mine].keys().filter(|name| !steps[theirs].contains_key(*name)).cloned().collect()
        };
        let both = steps[0].iter().filter_map(|(name, one)| Some((name, [one, steps[1].get(name)?])));
        Self {
            schema: SCHEMA,
            runs: sides.map(|side| side.account.run.clone()),
            facts: facts(sides),
            only: [only(0, 1), only(1, 0)],
            steps: both.filter_map(|(name, pair)| differs(name, pair)).collect(),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let width = |column: usize| {
            self.facts.iter().map(|(_, pair)| pair[column].chars().count()).max().unwrap_or_default()
        };
        let (name, first) =
            (self.facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default(), width(0));
        // Writing to a String cannot fail.
        for (what, [one, other]) in &self.facts {
            let sign = if one == other { ' ' } else { '≠' };
            let _ = writeln!(text, "{sign} {what:name$}  {one:first$}  {other}");
        }
        for (which, steps) in ["first", "second"].into_iter().zip(&self.only) {
            section(&mut text, &format!("Only in the {which}"), steps.iter().cloned());
        }
        section(&mut text, "Ended otherwise", self.each(|step| step.ended.clone()));
        let took = |step: &Differs| step.took_ms.map(|pair| pair.map(words::duration));
        section(&mut text, "Took longer", self.each(took));
        let does = self.steps.iter().filter(|step| !step.does.is_empty());
        section(
            &mut text,
            "Did otherwise",
            does.flat_map(|step| {
                let lines = step.does.iter().map(|line| format!("  {line}"));
                std::iter::once(step.step.clone()).chain(lines)
            }),
        );
        text
    }

    fn each(&self, what: impl Fn(&Differs) -> Option<[String; 2]>) -> impl Iterator<Item = String> {
        self.steps
            .iter()
            .filter_map(move |step| what(step).map(|[one, other]| format!("{}: {one} → {other}", step.step)))
    }

    /// Whether nothing but names and times differs.
    pub fn is_same(&self) -> bool {
        self.only.iter().all(Vec::is_empty) && self.steps.is_empty()
    }
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        let _ = writeln!(text, "\n{title}");
    }
    lines.for_each(|line| _ = writeln!(text, "  {line}"));
}

/// What is true of the runs as a whole.
fn facts(sides: [Side<'_>; 2]) -> Vec<(&'static str, [String; 2])> {
    let each = |what: fn(Side<'_>) -> String| sides.map(what);
    let mut facts = vec![
        ("run", each(|side| side.account.run.to_string())),
        ("operation", each(|side| side.account.operation.as_str().to_owned())),
        ("by", each(|side| format!("{} on {}", side.account.origin.who, side.account.origin.host))),
        ("command", each(|side| side.account.origin.argv.join(" "))),
        ("plan", each(|side| side.plan.hash.chars().take(12).collect())),
        ("services", each(|side| joined(side.plan.services.iter().map(service)))),
        (
            "evidence",
            each(|side| joined(side.account.evidence.iter().map(|one| one.kind.as_str().to_owned()))),
        ),
        ("took", each(|side| words::duration(side.account.took_ms))),
        ("end", each(|side| side.account.end.as_ref().map_or("cut short".to_owned(), words::end))),
    ];
    facts.retain(|(_, pair)| pair.iter().any(|value| !value.is_empty()));
    facts
}

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

fn service(one: &ServicePlan) -> String {
    let name = |host: &Option<HostName>| host.as_ref().map_or("nobody".to_owned(), ToString::to_string);
    let copy = one.secondary.as_ref().map_or(String::new(), |host| format!(", copy on {host}"));
    format!("{} {} → {}{copy}, epoch {}", one.service, name(&one.from), name(&one.to), one.epoch)
}

/// A step as it was planned and as it went.
struct Step {
    went: OfStep,
    /// What it was to do, with roles in the place of hosts.
    does: String,
}

/// Every step by its service, what its host was to it, and its name.
fn by_role(side: Side<'_>) -> BTreeMap<String, Step> {
    let planned = |step: &OfStep| side.plan.steps.iter().find(|one| one.id == step.step);
    let steps = side.account.steps.iter().filter_map(|went| {
        let step = planned(went)?;
        let service = side.plan.services.iter().find(|one| one.service == step.service)?;
        let name = format!(
            "{}, {}: {}.{}",
            step.service,
            role(service, step.host.as_ref()),
            step.id.stage(),
            step.id.id()
        );
        Some((name, Step { went: went.clone(), does: does(service, step) }))
    });
    steps.collect()
}

/// What a host is to the service.
fn role(service: &ServicePlan, host: Option<&HostName>) -> String {
    let Some(host) = host else { return "here".to_owned() };
    let roles =
        [(&service.from, "old primary"), (&service.to, "new primary"), (&service.secondary, "new secondary")];
    let known = roles.iter().find(|(one, _)| one.as_ref() == Some(host));
    known.map_or_else(|| host.to_string(), |(_, role)| (*role).to_owned())
}

/// The work as text, the same for two hosts of the same role.
fn does(service: &ServicePlan, step: &PlanStep) -> String {
    let text = serde_json::to_string_pretty(&step.work).unwrap_or_default().replace("\\n", "\n");
    let hosts: BTreeSet<&HostName> =
        [&service.from, &service.to, &service.secondary].into_iter().flatten().collect();
    hosts.into_iter().fold(text, |text, host| with_word(&text, host.as_str(), &role(service, Some(host))))
}

/// `text` with every whole word `from` replaced.
fn with_word(text: &str, from: &str, to: &str) -> String {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, after) = (&rest[..at], &rest[at + from.len()..]);
        let alone = !is_part(before.chars().next_back()) && !is_part(after.chars().next());
        replaced.push_str(before);
        replaced.push_str(if alone { to } else { from });
        rest = after;
    }
    replaced + rest
}

fn differs(name: &str, [one, other]: [&Step; 2]) -> Option<Differs> {
    let ended = [one, other].map(|step| ended(&step.went));
    let took = [one.went.took_ms, other.went.took_ms];
    let (less, more) = (took[0].min(took[1]), took[0].max(took[1]));
    let is_slower = more - less >= SLOWER_MS && more >= 2 * less;
    let differs = Differs {
        step: name.to_owned(),
        ended: (ended[0] != ended[1]).then_some(ended),
        took_ms: is_slower.then_some(took),
        does: changed_lines(&one.does, &other.does),
    };
    let anything = differs.ended.is_some() || differs.took_ms.is_some() || !differs.does.is_empty();
    anything.then_some(differs)
}

/// In a word, and what was said if it did not go well.
fn ended(step: &OfStep) -> String {
    let (word, _) = step.result.map_or(("UNKNOWN", '?'), |result| words::result(result, step.advisory));
    let well = matches!(word, "ok" | "changed" | "skipped" | "given up" | "not reached");
    if well || step.detail.is_empty() {
        word.to_owned()
    } else {
        format!("{word}: {}", step.detail.replace('\n', "; "))
    }
}

fn changed_lines(one: &str, other: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(one, other);
    let changes = diff.iter_all_changes().filter_map(|change| {
        let sign = match change.tag() {
            ChangeTag::Equal => return None,
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        };
        Some(format!("{sign} {}", change.value().trim()))
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_are_replaced() {
        assert_eq!(with_word("h1 h10 x-h1 '/srv/h1'", "h1", "it"), "it h10 x-h1 '/srv/it'");
    }

    #[test]
    fn lines_that_differ_are_shown_and_no_other() {
        assert_eq!(changed_lines("a\nb\nc\n", "a\nB\nc\n"), ["- b", "+ B"]);
        assert_eq!(changed_lines("a\n", "a\n"), [""; 0]);
    }
}
