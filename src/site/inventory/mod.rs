//! Ansible inventories, read as Ansible reads them: who the hosts are, which groups they are in, and what is
//! said about them where. `cli` loads one; plans ask it for hosts, variables and connections.
//!
//! | file | what it knows |
//! |---|---|
//! | `files` | which files make an inventory, and in which form each is written |
//! | `load` | reading those files, one by one, into an inventory |
//! | `groups`, `values` | the YAML form: groups and hosts out of a tree; variables as JSON |
//! | `ini`, `words`, `literal` | the INI form: its sections, the words of a line, Python's literals |
//! | `script` | programs that print an inventory |
//! | `range` | host keys: `h[01:10:3]`, `host:2222` |
//! | `vars_files` | `group_vars/` and `host_vars/` |
//! | `model` | groups and hosts, and the rules that tie them together |
//! | `vars` | layers of variables, who wins, and why |
//! | `pattern` | host patterns: `web:!h9`, `all:&debian` |
//! | `connection`, `extras` | what `ansible_*` and `reveille_*` variables mean |
//! | `show`, `python_json` | `inventory --list`, `--graph`, `--explain`; JSON as Ansible lays it out |
//!
//! Never connects, never renders a template: values that hold `{{ }}` are handed out as they are written.

mod connection;
mod extras;
mod fence;
mod files;
mod glob;
mod groups;
mod ini;
mod literal;
mod load;
mod model;
mod pattern;
mod python_json;
mod range;
mod script;
mod show;
mod values;
mod vars;
mod vars_files;
mod words;

pub use connection::{Become, Connection, ConnectionDefaults, ConnectionKind, Render};
pub use extras::HostExtras;
pub use fence::{Confirms, FenceAction, FenceDevice, OptionValue};
pub use files::{Form, form_of};
pub use model::{Group, Host, Inventory};
pub use pattern::PatternError;
pub use show::{AnsibleVersion, explanation};
pub use vars::{Candidate, Layer, Level, candidates, merge};

#[cfg(test)]
mod tests;
