//! What Ansible's Jinja has and ours has not, told from a text without running it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::template::{self, Expression};

static MARKED: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)\{\{(.*?)\}\}|\{%(.*?)%\}"));
static LITERAL: LazyLock<Regex> = LazyLock::new(|| pattern(r#"'[^']*'|"[^"]*""#));
static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:^|[^.\w])([A-Za-z_]\w*)"));

/// Names that Ansible provides, and what to do instead.
const PROVIDED: [(&str, &str); 12] = [
    (
        "lookup",
        "lookups read this machine while a step runs: use a variable, `-e @FILE`, or `secrets` (env, file, command)",
    ),
    ("query", "lookups read this machine while a step runs: use a variable, `-e @FILE`, or `secrets`"),
    ("ansible_facts", FACTS),
    ("hostvars", "a step knows `host`, `primary` and `secondary`: write `primary.NAME`, or set a variable"),
    ("groups", "a step knows no groups: set a variable in the inventory's group_vars/"),
    ("group_names", "a step knows no groups: set a variable in the inventory's group_vars/"),
    ("play_hosts", "a phase runs on one host"),
    ("ansible_play_hosts", "a phase runs on one host"),
    ("omit", "leave the argument out, or write two steps with `when`"),
    ("playbook_dir", "files come from the site's templates/ and files/"),
    ("role_path", "files come from the site's templates/ and files/"),
    ("inventory_hostname_short", "write `host.name.split('.')[0]`"),
];
const FACTS: &str = "facts of Ansible's are not gathered: set a variable in the inventory, or `register` a command that asks the host";

/// Inventory variables that begin as facts do.
const CONNECTION: [&str; 6] = [
    "ansible_host",
    "ansible_port",
    "ansible_user",
    "ansible_become",
    "ansible_connection",
    "ansible_check_mode",
];

/// Why a value cannot be carried: the first text in it that ours would refuse, or read otherwise.
pub(super) fn wrong_in(value: &Value, lost: &BTreeSet<String>) -> Option<String> {
    match value {
        Value::String(text) => wrong_in_text(text, lost),
        Value::Array(items) => items.iter().find_map(|item| wrong_in(item, lost)),
        Value::Object(map) => map.values().find_map(|item| wrong_in(item, lost)),
        _ => None,
    }
}

fn wrong_in_text(text: &str, lost: &BTreeSet<String>) -> Option<String> {
    let mut marked = MARKED.captures_iter(text).filter_map(|found| found.get(1).or(found.get(2)));
    marked.find_map(|code| wrong_name(code.as_str(), lost)).or_else(|| {
        let error = template::variables(text).err()?;
        Some(format!("{error}{}", error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default()))
    })
}

/// The same of an expression, as under `when`.
pub(super) fn wrong_in_expression(text: &str, lost: &BTreeSet<String>) -> Option<String> {
    wrong_name(text, lost).or_else(|| Expression::compile(text).err().map(|error| error.to_string()))
}

/// Names that a text reads, as far as they can be told.
pub(super) fn names(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let found = template::variables(text).unwrap_or_default();
            into.extend(found.iter().filter_map(|one| one.path.split('.').next()).map(str::to_owned));
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, into)),
        Value::Object(map) => map.values().for_each(|item| names(item, into)),
        _ => {}
    }
}

/// The same of an expression.
pub(super) fn names_of_expression(text: &str, into: &mut BTreeSet<String>) {
    if let Ok(expression) = Expression::compile(text) {
        let roots = expression.variables().iter().filter_map(|one| one.path.split('.').next());
        into.extend(roots.map(str::to_owned));
    }
}

fn wrong_name(code: &str, lost: &BTreeSet<String>) -> Option<String> {
    let code = LITERAL.replace_all(code, "''");
    let mut names = NAME.captures_iter(&code).map(|found| found[1].to_owned());
    names.find_map(|name| {
        if lost.contains(&name) {
            return Some(format!("it reads `{name}`, which was not carried"));
        }
        if let Some((_, instead)) = PROVIDED.iter().find(|(provided, _)| *provided == name) {
            return Some(format!("it reads `{name}`: {instead}"));
        }
        let fact = name.starts_with("ansible_") && !CONNECTION.contains(&name.as_str());
        fact.then(|| format!("it reads `{name}`: {FACTS}"))
    })
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of ours")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_here_is_named() {
        let lost = BTreeSet::from(["gone".to_owned()]);
        for (text, word) in [
            ("{{ lookup('env', 'HOME') }}", "lookup"),
            ("{{ ansible_facts.hostname | default('x') }}", "ansible_facts"),
            ("{% if ansible_default_ipv4.address %}x{% endif %}", "ansible_default_ipv4"),
            ("{{ a | combine(b) }}", "combine"),
            ("{{ gone.stdout }}", "not carried"),
        ] {
            let why = wrong_in(&text.into(), &lost).unwrap_or_default();
            assert!(why.contains(word), "{text}: {why}");
        }
        for text in [
            "lookup and groups",
            "{{ host.groups }}",
            "{{ x | default('ansible_facts') }}",
            "{{ ansible_host }}",
        ] {
            assert_eq!(wrong_in(&text.into(), &lost), None, "{text}");
        }
    }
}
