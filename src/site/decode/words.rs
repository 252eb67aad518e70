//! Texts with a form of their own, by the schema's `format`; and words of Ansible that are said otherwise here.

use std::fmt::Display;
use std::str::FromStr;

use crate::site::action::{Action, AgentName};
use crate::site::address::ServiceAddress;
use crate::site::id::{HostName, RunId, ServiceName, StepId};
use crate::site::quantity::{ByteSize, TimeSpan};

/// Whether `text` has the form; the type's own words if not. Formats that are not ours are met by every text.
pub(super) fn check_format(format: &str, text: &str) -> Result<(), String> {
    match format {
        "reveille-duration" => parse::<TimeSpan>(text),
        "reveille-size" => parse::<ByteSize>(text),
        "reveille-address" => parse::<ServiceAddress>(text),
        "reveille-host" => parse::<HostName>(text),
        "reveille-service" => parse::<ServiceName>(text),
        "reveille-step" => parse::<StepId>(text),
        "reveille-agent" => parse::<AgentName>(text),
        "reveille-run" => parse::<RunId>(text),
        _ => Ok(()),
    }
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(drop).map_err(|error| error.to_string())
}

/// Why a word of ours that is right elsewhere is not one of `words`.
pub(super) fn misplaced_word(text: &str, words: &[&str]) -> Option<&'static str> {
    match text {
        "asleep" | "awake" if words.contains(&"startable") => Some(
            "an agent cannot freeze what it runs: a sleeping copy is `startable`, one that serves is `started`",
        ),
        _ => None,
    }
}

/// What an Ansible user who writes `key` is looking for.
pub(super) fn ansible_word(key: &str) -> Option<&'static str> {
    let short = key.strip_prefix("ansible.builtin.").or(key.strip_prefix("ansible.posix.")).unwrap_or(key);
    Some(match short {
        "service" | "systemd" | "systemd_service" => "the module for systemd units is `unit`",
        "ignore_errors" => "say `failed_when: false`",
        "notify" | "handlers" | "listen" => {
            "there are no handlers: a step with `needs` and `when: name.changed` does the same"
        }
        "block" | "rescue" | "always" => "there are no blocks: `needs`, `after` and `undo` say the same",
        "loop" | "with_items" | "loop_control" => "there are no loops: write one step for each item",
        "include_tasks" | "import_tasks" | "roles" | "import_role" | "include_role" => {
            "nothing is included: a playbook is one closed graph"
        }
        "tasks" | "pre_tasks" | "post_tasks" => {
            "steps stand under `prepare`, `sleep`, `wake`, `ifconfig`, `teardown`"
        }
        "async" | "poll" => "steps without `needs` run side by side; `timeout` bounds each",
        "remote_user" => "the login user is `ansible_user` in the inventory",
        "run_once" => "say `delegate_to: HOST`",
        "gather_facts" => "facts are gathered when a plan is made",
        "raw" | "script" => "use `shell`",
        "debug" | "assert" | "fail" => "use `command` with `failed_when`",
        "uri" => "use `probe: { http: … }`",
        "lineinfile" | "blockinfile" | "replace" => "write the whole file by `template` or `copy`",
        _ if Action::NAMES.contains(&short) && short != key => "module names have no prefix here",
        "apt" | "dnf" | "yum" | "package" | "pip" => {
            "packages are not installed by a failover: use your configuration management"
        }
        _ => return None,
    })
}
