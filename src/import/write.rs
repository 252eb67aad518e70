//! A playbook of ours as YAML that people read: short mappings on one line, texts with lines as blocks.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value as Json};

use super::{Carried, Wanted, task};
use crate::site::source::{FileId, Sources};

/// Words that YAML takes for text, and for nothing else, wherever they stand.
static PLAIN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\d+s$|^[A-Za-z/_][A-Za-z0-9 /_.@=+-]*[A-Za-z0-9/_.@=+-]$|^[A-Za-z/_]$")
        .expect("a pattern of ours")
});
const VALUES: [&str; 12] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", ".inf", ".nan", "~"];
/// The longest line that is not broken.
const WIDTH: usize = 110;
/// The longest line of a comment.
const COMMENT: usize = 116;

pub(super) fn playbook(sources: &Sources, file: FileId, wanted: &Wanted, carried: &Carried) -> String {
    let mut out = String::new();
    head(&mut out, sources, file, carried);
    let hosts = carried.hosts.as_deref().unwrap_or("all");
    // Writing to a String cannot fail.
    let _ = writeln!(out, "service: {}", scalar(&wanted.service.as_str().into()));
    let _ = writeln!(out, "hosts: {}", scalar(&hosts.into()));
    out.push_str("# addresses: [ADDRESS/PREFIX]    # what clients use, and what is moved\n");
    out.push_str(
        "# data: shared-write             # none, shared-read or shared-write; when in doubt, it writes\n",
    );
    if !carried.vars.is_empty() {
        out.push_str("vars:\n");
        for (name, value) in &carried.vars {
            pair(&mut out, 2, name, value);
        }
    }
    let phase = wanted.phase.as_str();
    let empty = carried.entries.iter().all(|entry| entry.step.is_none());
    let _ = writeln!(out, "\n{phase}:{}", if empty { " []" } else { "" });
    for entry in &carried.entries {
        for left in &entry.left {
            let (line, _) = sources.position(left.span);
            comment(&mut out, "  ", &format!("line {line}: {}", left.words()));
        }
        if let Some(body) = &entry.step {
            step(&mut out, body);
        }
    }
    out
}

fn head(out: &mut String, sources: &Sources, file: FileId, carried: &Carried) {
    let from = sources.path(file).file_name().unwrap_or_default().to_string_lossy();
    comment(out, "", &format!("Made from {from} by `reveille import`. Read it before you run it."));
    let foreign = foreign(carried);
    if !foreign.is_empty() {
        let names = foreign.into_iter().collect::<Vec<_>>().join(", ");
        comment(out, "", &format!("The inventory, or `vars` here, must set what it reads: {names}"));
    }
    let files = files(carried);
    if !files.is_empty() {
        comment(out, "", &format!("Put into the site's folders: {}", files.join(", ")));
    }
}

/// Names that are read, and set by nobody here.
fn foreign(carried: &Carried) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut known: BTreeSet<String> = carried.vars.keys().cloned().collect();
    known.extend(
        ["host", "inventory_hostname", "service", "address", "addresses", "primary", "secondary", "epoch"]
            .map(str::to_owned),
    );
    for step in carried.entries.iter().filter_map(|entry| entry.step.as_ref()) {
        task::reads(step, &mut names);
        known.extend(step.get("register").and_then(Json::as_str).map(str::to_owned));
        known.extend(
            step.get("vars").and_then(Json::as_object).into_iter().flat_map(|vars| vars.keys().cloned()),
        );
    }
    // What a step's own conditions see of its result.
    for result in ["rc", "stdout", "stderr", "changed", "failed", "stdout_lines", "stderr_lines", "result"] {
        names.remove(result);
    }
    names.difference(&known).cloned().collect()
}

/// `templates/x.j2`, `files/y`: what steps take from the site.
fn files(carried: &Carried) -> Vec<String> {
    let mut files = Vec::new();
    for step in carried.entries.iter().filter_map(|entry| entry.step.as_ref()) {
        for (module, folder) in [("template", "templates"), ("copy", "files")] {
            let src = step.get(module).and_then(|args| args.get("src")).and_then(Json::as_str);
            files.extend(src.map(|src| format!("{folder}/{src}")));
        }
    }
    files.dedup();
    files
}

fn comment(out: &mut String, indent: &str, text: &str) {
    let mut line = format!("{indent}#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > COMMENT {
            let _ = writeln!(out, "{line}");
            line = format!("{indent}#  ");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

fn step(out: &mut String, step: &Map<String, Json>) {
    let start = out.len();
    for (key, value) in step {
        pair(out, 4, key, value);
    }
    out.replace_range(start..start + 4, "  - ");
}

/// `key: value` on one line, if it fits; else the value below it.
fn pair(out: &mut String, indent: usize, key: &str, value: &Json) {
    let key = scalar(&key.into());
    let room = indent + key.len() + 2;
    if let Some(text) = value.as_str().and_then(|text| block(text, indent + 2)) {
        let _ = writeln!(out, "{:indent$}{key}: {text}", "");
        return;
    }
    let flow = flow(value);
    let has_lines = strings(value).iter().any(|text| text.trim_end().contains('\n'));
    if room + flow.len() <= WIDTH && !has_lines || !value.is_object() && !value.is_array() {
        let _ = writeln!(out, "{:indent$}{key}: {flow}", "");
        return;
    }
    let _ = writeln!(out, "{:indent$}{key}:", "");
    match value {
        Json::Object(map) => map.iter().for_each(|(key, value)| pair(out, indent + 2, key, value)),
        Json::Array(items) => {
            for item in items {
                let _ = writeln!(out, "{:1$}- {2}", "", indent + 2, self::flow(item));
            }
        }
        _ => {}
    }
}

/// A text of several lines as a block, if a block can hold it.
fn block(text: &str, indent: usize) -> Option<String> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let printable = text.chars().all(|c| c == '\n' || !c.is_control());
    let starts_well = !body.starts_with([' ', '\n']) && !body.ends_with('\n');
    if !body.contains('\n') || !printable || !starts_well || text.lines().any(|line| line.ends_with(' ')) {
        return None;
    }
    let mut block = if text.ends_with('\n') { "|".to_owned() } else { "|-".to_owned() };
    for line in body.lines() {
        block.push('\n');
        if !line.is_empty() {
            let _ = write!(block, "{:indent$}{line}", "");
        }
    }
    Some(block)
}

fn strings(value: &Json) -> Vec<&str> {
    match value {
        Json::String(text) => vec![text],
        Json::Array(items) => items.iter().flat_map(strings).collect(),
        Json::Object(map) => map.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

fn flow(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(map) if map.is_empty() => "{}".to_owned(),
        Json::Object(map) => {
            let pairs =
                map.iter().map(|(key, value)| format!("{}: {}", scalar(&key.as_str().into()), flow(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        _ => scalar(value),
    }
}

/// Text without quotes where it cannot be taken for something else; JSON's quotes are YAML's too.
fn scalar(value: &Json) -> String {
    match value.as_str() {
        Some(text) if PLAIN.is_match(text) && !VALUES.contains(&text.to_lowercase().as_str()) => {
            text.to_owned()
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::site::yaml;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "[ -~\n\té]{0,40}", other in "[a-z{}: '\"#\\[\\]|>&*!%@`-]{0,20}") {
            let value = serde_json::json!({ "a": text, "b": [other, 1, true], "c": { "d": text, other.clone(): other } });
            let mut out = String::new();
            for (key, value) in value.as_object().unwrap() {
                pair(&mut out, 0, key, value);
            }
            let read = yaml::to_json(Path::new("x.yml"), &out);
            prop_assert_eq!(read.unwrap(), value, "{}", out);
        }
    }
}
