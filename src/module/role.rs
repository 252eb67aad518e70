//! Tells a host what it is to a service. Operations add these steps; no playbook key stands for them.

use std::fmt::Display;

use super::{Library, Script};

/// Writes the role, one of `primary` and `secondary`, on the host; `None` clears it. The epoch stays: a host that once
/// took part goes on refusing older commands.
pub fn set_role(role: Option<impl Display>) -> Script {
    let role = role.map_or_else(|| "none".to_owned(), |role| role.to_string());
    Script {
        summary: format!("role {role}"),
        look: Some(format!("role_is {role}")),
        act: format!("role_set {role}"),
        undo: Some(format!("role_undo {role}")),
        changes: true,
        library: vec![Library::Role, Library::Undo],
        ..Script::default()
    }
}
