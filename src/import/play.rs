//! Plays, and the lists of tasks in them. What stands in a play for all its tasks is handed down to each.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::task::{self, Inherited};
use super::words;
use super::{Carried, Entry, Left};
use crate::site::diagnostic::Diagnostic;
use crate::site::source::Sources;
use crate::site::yaml::{Node, Value};

/// Keys of a play that change nothing here: reveille always stops at a failure, and asks for no facts.
const WITHOUT_MEANING: [&str; 8] = [
    "name",
    "gather_facts",
    "any_errors_fatal",
    "strategy",
    "collections",
    "gather_subset",
    "order",
    "debugger",
];

/// What a play's other keys ask for, and what to do instead.
const INSTEAD: [(&str, &str); 12] = [
    ("roles", "a role is a folder of files; import its tasks/main.yml by itself"),
    ("vars_files", "put their variables into `vars`, or into the inventory's group_vars/"),
    ("vars_prompt", "nobody may be there to answer at night: use `vars`, `secrets` or `-e`"),
    ("serial", "a phase runs on one host; which one, an operation decides"),
    ("max_fail_percentage", "a phase runs on one host"),
    ("remote_user", "set `ansible_user` in the inventory"),
    (
        "connection",
        "set the connection in the inventory; `delegate_to: controller` runs a step on this machine",
    ),
    ("module_defaults", "write the arguments into each step"),
    ("ignore_errors", "write `failed_when: false` into the steps that may fail"),
    ("port", "set `ansible_port` in the inventory"),
    ("run_once", "a phase runs on one host"),
    ("become_method", "reveille becomes root through sudo"),
];

pub(super) fn read(sources: &Sources, tree: &Node) -> Result<Carried, Box<Diagnostic>> {
    let Value::Seq(items) = &tree.value else {
        let message =
            format!("a playbook of Ansible's is a list of plays, and this is {}", tree.value.kind());
        return Err(Box::new(Diagnostic::error("not-a-playbook", tree.span, message)));
    };
    let mut reader =
        Reader { sources, carried: Carried::default(), lost: BTreeSet::new(), ids: BTreeSet::new() };
    if items.iter().all(|item| item.get("hosts").is_none() && item.get("import_playbook").is_none()) {
        reader.tasks(items, &Inherited::default());
        return Ok(reader.carried);
    }
    for item in items {
        reader.play(item);
    }
    Ok(reader.carried)
}

struct Reader<'a> {
    sources: &'a Sources,
    carried: Carried,
    /// Variables and results that were not carried: whoever reads them is not, either.
    lost: BTreeSet<String>,
    ids: BTreeSet<String>,
}

impl Reader<'_> {
    fn play(&mut self, play: &Node) {
        let Value::Map(pairs) = &play.value else {
            return self.left(Left::new(play.span, "a play", format!("it is {}", play.value.kind())));
        };
        let Some(hosts) = play.get("hosts") else {
            let why = "import the playbook that it names by itself";
            return self.left(Left::new(play.span, "import_playbook", why));
        };
        if !self.is_of_our_hosts(hosts) {
            let why =
                "it is about other hosts than the first play, and a phase is about one; import it by itself";
            return self.left(Left::new(play.span, format!("the play on `{}`", pattern(hosts)), why));
        }
        for (key, value) in pairs {
            if let Some((_, why)) = INSTEAD.iter().find(|(name, _)| *name == key.text) {
                self.left(Left::new(key.span, format!("`{}` of the play", key.text), *why));
            } else if !is_known(&key.text) {
                let why = "reveille has nothing like it";
                self.left(Left::new(key.span, format!("`{}` of the play", key.text), why));
            } else if key.text == "vars" {
                self.vars(value);
            }
        }
        let inherited = Inherited::of(play);
        for list in ["pre_tasks", "tasks", "post_tasks"] {
            if let Some(Node { value: Value::Seq(tasks), .. }) = play.get(list) {
                self.tasks(tasks, &inherited);
            }
        }
        self.handlers(play);
    }

    /// Whether a play is about the hosts of the first one.
    fn is_of_our_hosts(&mut self, hosts: &Node) -> bool {
        let pattern = pattern(hosts);
        if pattern.contains("{{") || ["localhost", "127.0.0.1"].contains(&pattern.as_str()) {
            return false;
        }
        *self.carried.hosts.get_or_insert_with(|| pattern.clone()) == pattern
    }

    fn vars(&mut self, vars: &Node) {
        let Value::Map(pairs) = &vars.value else { return };
        for (key, value) in pairs {
            let value = value.to_json();
            match words::wrong_in(&value, &self.lost) {
                None => {
                    self.carried.vars.insert(key.text.clone(), value);
                }
                Some(why) => {
                    self.lost.insert(key.text.clone());
                    self.left(Left::new(key.span, format!("variable `{}`", key.text), why));
                }
            }
        }
    }

    fn tasks(&mut self, tasks: &[Node], inherited: &Inherited) {
        for task in tasks {
            let entries = task::read(self.sources, task, inherited, &self.lost);
            for mut entry in entries {
                if let Some(step) = &mut entry.step {
                    let before = self.last_id();
                    task::place(step, before, &mut self.ids);
                } else if let Some(register) = task.get("register").and_then(Node::as_str) {
                    self.lost.insert(register.to_owned());
                }
                self.carried.entries.push(entry);
            }
        }
    }

    fn last_id(&self) -> Option<String> {
        let mut steps = self.carried.entries.iter().rev().filter_map(|entry| entry.step.as_ref());
        steps.next().and_then(|step| step.get("id")).and_then(Json::as_str).map(str::to_owned)
    }

    fn handlers(&mut self, play: &Node) {
        let Some(Node { value: Value::Seq(handlers), .. }) = play.get("handlers") else { return };
        for handler in handlers {
            let name = handler.get("name").and_then(Node::as_str).unwrap_or("without a name");
            let why = "there are no handlers: write a step that `needs` the one that notified, with `when: RESULT.changed` \
                       of what that one registers";
            self.left(Left::new(handler.span, format!("handler `{name}`"), why));
        }
    }

    fn left(&mut self, left: Left) {
        self.carried.entries.push(Entry { step: None, left: vec![left] });
    }
}

fn is_known(key: &str) -> bool {
    WITHOUT_MEANING.contains(&key)
        || Inherited::KEYS.contains(&key)
        || ["hosts", "vars", "tasks", "pre_tasks", "post_tasks", "handlers"].contains(&key)
}

fn pattern(hosts: &Node) -> String {
    match &hosts.value {
        Value::Seq(items) => items.iter().filter_map(Node::as_str).collect::<Vec<_>>().join(","),
        _ => hosts.as_str().unwrap_or_default().to_owned(),
    }
}
