//! The inventory file of a lab: plain Ansible YAML, group `workstations`. Its first line says whose it is, so that
//! nothing but what `lab up` wrote is ever overwritten or removed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::fence::{self, FenceKind};
use super::ssh_keys::user_key;
use super::state::State;

/// Fails if `file` exists and is not this lab's.
pub(super) fn refuse_foreign(file: &Path, lab_dir: &Path) -> Result<()> {
    if file.exists() && !is_ours(file, lab_dir) {
        bail!(
            "{} was not written by the lab in {}: choose another with --inventory",
            file.display(),
            lab_dir.display()
        );
    }
    Ok(())
}

/// Writes the inventory, making its folder if needed.
pub(super) fn write(state: &State, file: &Path) -> Result<()> {
    let make = || {
        fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
        fs::write(file, text(state, &here(state), state.fence))
    };
    make().with_context(|| format!("cannot write the inventory {}", file.display()))
}

/// Removes the inventory, if it is still this lab's.
pub(super) fn remove(file: &Path, lab_dir: &Path) -> Result<()> {
    if is_ours(file, lab_dir) {
        fs::remove_file(file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    Ok(())
}

fn is_ours(file: &Path, lab_dir: &Path) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.lines().next() == Some(first_line(lab_dir).as_str()))
}

fn first_line(lab_dir: &Path) -> String {
    format!(
        "# Written by `reveille lab up --dir {0}`; `reveille lab down --dir {0}` removes it.",
        lab_dir.display()
    )
}

/// The same for a reader elsewhere, who has copies of the keys in `ssh` and none of the fence agents.
pub(super) fn elsewhere(state: &State, ssh: &Path) -> String {
    text(state, &Keys { user: ssh.join("id"), known_hosts: ssh.join("known_hosts") }, None)
}

/// Files that whoever logs in needs.
struct Keys {
    user: PathBuf,
    known_hosts: PathBuf,
}

fn here(state: &State) -> Keys {
    Keys { user: user_key(state), known_hosts: state.ssh_dir().join("known_hosts") }
}

fn text(state: &State, keys: &Keys, fence: Option<FenceKind>) -> String {
    let mut text = first_line(&state.dir) + "\nworkstations:\n  hosts:\n";
    for host in &state.hosts {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {}:\n      ansible_host: {}", host.name, state.address(host));
        if let Some(kind) = fence {
            let agent = fence::agent(state, kind);
            let _ = writeln!(
                text,
                "      reveille_fence: {{ agent: {}, options: {{ plug: {} }}, confirms: {} }}",
                agent.display(),
                host.name,
                kind.as_str()
            );
        }
    }
    let _ = write!(
        text,
        "  vars:\n    ansible_user: root\n    ansible_ssh_private_key_file: {key}\n    ansible_ssh_common_args: >-\n      \
         -o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes\n      -o GlobalKnownHostsFile=/dev/null\n",
        key = keys.user.display(),
        known = keys.known_hosts.display(),
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::options::Kind;

    fn state() -> State {
        let mut state = State::new(Path::new("/run/x"), "10.83.0.0/24".parse().unwrap(), "/cg".into());
        state.grow(2, Kind::Light);
        state
    }

    fn text_here(state: &State) -> String {
        text(state, &here(state), state.fence)
    }

    #[test]
    fn the_inventory_is_yaml_an_ansible_user_knows() {
        let tree: serde_json::Value = serde_yaml::from_str(&text_here(&state())).unwrap();
        let group = &tree["workstations"];
        assert_eq!(group["hosts"]["h2"]["ansible_host"], "10.83.0.2");
        assert_eq!(group["vars"]["ansible_ssh_private_key_file"], "/run/x/ssh/id");
        let args = "-o UserKnownHostsFile=/run/x/ssh/known_hosts -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=/dev/null";
        assert_eq!(group["vars"]["ansible_ssh_common_args"], args);
    }

    #[test]
    fn a_lab_with_fence_devices_names_each_hosts_own() {
        let mut state = state();
        state.fence = Some(fence::FenceKind::Store);
        let tree: serde_json::Value = serde_yaml::from_str(&text_here(&state)).unwrap();
        let device = &tree["workstations"]["hosts"]["h2"]["reveille_fence"];
        assert_eq!(device["agent"], "/run/x/fence/fence_lab_store");
        assert_eq!((&device["options"]["plug"], &device["confirms"]), (&"h2".into(), &"store".into()));
    }

    #[test]
    fn only_our_own_file_is_overwritten_or_removed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("inventory/lab.yml");
        write(&state(), &file).unwrap();
        refuse_foreign(&file, Path::new("/run/x")).unwrap();
        assert!(refuse_foreign(&file, Path::new("/run/other")).is_err());
        remove(&file, Path::new("/run/other")).unwrap();
        assert!(file.exists());
        remove(&file, Path::new("/run/x")).unwrap();
        assert!(!file.exists());
    }
}
