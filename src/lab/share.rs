//! Puts a site, the keys to the hosts and this program on the folder that all hosts share, so that a monitor can run on
//! the hosts themselves. What a person would do with `rsync` on a site of their own.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::ssh_keys::user_key;
use super::state::State;
use super::{disk, inventory};

/// Below the shared folder, here and on the hosts.
const HOME: &str = "reveille";

/// Where hosts see the shared folder.
const MOUNTED: &str = "/srv/shared";

/// Where hosts see what [`share`] puts there.
pub fn shared_site() -> PathBuf {
    Path::new(MOUNTED).join(HOME)
}

/// What of a site is copied. State and settings of this machine stay here.
const PARTS: [&str; 5] = ["playbooks", "templates", "files", "inventory/group_vars", "inventory/host_vars"];

/// Copies the site at `root`, in the place of what was shared before. The folder of the copy, as seen from here.
pub(super) fn share(state: &State, root: &Path, program: &Path) -> Result<PathBuf> {
    let home = state.shared().join(HOME);
    let site = home.join("site");
    share_keys(state, &home.join("ssh"))?;
    share_program(program, &home.join("bin"))?;
    fresh(&site)?;
    for part in PARTS {
        copy_folder(&root.join(part), &site.join(part))?;
    }
    let ssh = shared_site().join("ssh");
    write(&site.join("inventory/lab.yml"), &inventory::elsewhere(state, &ssh))?;
    write(&site.join("reveille.yml"), &settings(&root.join("reveille.yml"))?)?;
    Ok(site)
}

fn share_keys(state: &State, folder: &Path) -> Result<()> {
    fresh(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o700)).with_context(|| cannot("protect", folder))?;
    for (from, name) in [(user_key(state), "id"), (state.ssh_dir().join("known_hosts"), "known_hosts")] {
        // A copy keeps the mode.
        fs::copy(&from, folder.join(name)).with_context(|| cannot("copy", &from))?;
    }
    Ok(())
}

/// The hosts have most of this machine's files: a link will do, unless the program lies where they have their own.
fn share_program(program: &Path, folder: &Path) -> Result<()> {
    fresh(folder)?;
    let shared = folder.join("reveille");
    if disk::hides(program) {
        return fs::copy(program, shared).map(drop).with_context(|| cannot("copy", program));
    }
    symlink(program, shared).with_context(|| cannot("link to", program))
}

/// The user's settings, with the store beside the site and the inventory of the hosts. JSON is YAML too.
fn settings(file: &Path) -> Result<String> {
    let mut settings: Map<String, Value> = match fs::read_to_string(file) {
        Ok(text) if !text.trim().is_empty() => {
            serde_yaml::from_str(&text).with_context(|| cannot("understand", file))?
        }
        _ => Map::new(),
    };
    settings.insert("store".to_owned(), "file:../state".into());
    settings.insert("inventory".to_owned(), "inventory/lab.yml".into());
    Ok(serde_json::to_string_pretty(&settings)? + "\n")
}

fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| cannot("empty", folder))?;
    }
    fs::create_dir_all(folder).with_context(|| cannot("make", folder))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to).with_context(|| cannot("make", to))?;
    for entry in fs::read_dir(from).with_context(|| cannot("read", from))? {
        let entry = entry?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_folder(&path, &copy)?;
        } else {
            fs::copy(&path, &copy).with_context(|| cannot("copy", &path))?;
        }
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(file.parent().unwrap_or(file)).with_context(|| cannot("make the folder of", file))?;
    fs::write(file, text).with_context(|| cannot("write", file))
}

fn cannot(what: &str, path: &Path) -> String {
    format!("cannot {what} {}", path.display())
}
