//! `group_vars/` and `host_vars/`: variables in files named after the group or host they hold for.
//!
//! They lie in an inventory's folder, or beside an inventory file. `NAME`, `NAME.yml`, `NAME.yaml`,
//! `NAME.json`: the first that exists is read, alone; when it is a folder, every file in it.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::files::{YAML_EXTENSIONS, sorted_entries};
use super::load::Reader;
use super::model::VarsFile;
use crate::site::id::HostName;
use crate::site::playbook::VarMap;

/// Reads the variable files that belong to the inventories at `paths`.
pub(super) fn load(reader: &mut Reader<'_>, paths: &[PathBuf]) {
    reader.inventory.folders = folders(paths);
    for source in 0..reader.inventory.folders.len() {
        let folder = reader.inventory.folders[source].clone();
        let groups: Vec<String> = reader.inventory.groups.keys().cloned().collect();
        for (name, files) in vars_of(reader, source, &folder.join("group_vars"), &groups) {
            reader.inventory.groups[&name].files.extend(files);
        }
        let hosts: Vec<String> = reader.inventory.hosts.keys().map(ToString::to_string).collect();
        for (name, files) in vars_of(reader, source, &folder.join("host_vars"), &hosts) {
            let host = HostName::try_from(name).ok().and_then(|name| reader.inventory.hosts.get_mut(&name));
            if let Some(host) = host {
                host.files.extend(files);
            }
        }
    }
}

/// The folders that count, weakest first. One that several paths share counts where it is named last.
fn folders(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for path in paths {
        let folder = if path.is_dir() { path.clone() } else { beside(path) };
        folders.retain(|other| *other != folder);
        folders.push(folder);
    }
    folders
}

fn beside(file: &Path) -> PathBuf {
    file.parent().map(Path::to_owned).unwrap_or_default()
}

fn vars_of(
    reader: &mut Reader<'_>,
    source: usize,
    folder: &Path,
    names: &[String],
) -> IndexMap<String, Vec<VarsFile>> {
    let mut found = IndexMap::new();
    if !folder.is_dir() {
        return found;
    }
    for name in names.iter().filter(|name| !name.contains('/')) {
        let files = files_of(reader, folder, name);
        let vars = files.iter().filter_map(|file| vars_in(reader, file, name));
        let files: Vec<_> = vars.map(|vars| VarsFile { source, vars }).collect();
        found.insert(name.clone(), files);
    }
    found
}

fn files_of(reader: &mut Reader<'_>, folder: &Path, name: &str) -> Vec<PathBuf> {
    let plain = std::iter::once(folder.join(name));
    let with_extension = YAML_EXTENSIONS.iter().map(|extension| folder.join(format!("{name}.{extension}")));
    match plain.chain(with_extension).find(|path| path.exists()) {
        Some(path) if path.is_dir() => files_below(reader, &path),
        Some(path) => vec![path],
        None => Vec::new(),
    }
}

/// Every variable file of a folder, sorted; hidden files, backups and other extensions are left out.
fn files_below(reader: &mut Reader<'_>, folder: &Path) -> Vec<PathBuf> {
    let entries = sorted_entries(folder).unwrap_or_else(|error| {
        reader.unreadable(folder, &error);
        Vec::new()
    });
    let mut files = Vec::new();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_skipped = name.starts_with('.') || name.ends_with('~');
        if is_skipped || extension.is_some_and(|extension| !YAML_EXTENSIONS.contains(&extension)) {
            continue;
        }
        if !path.is_dir() {
            files.push(path);
        } else if extension.is_none() {
            files.extend(files_below(reader, &path));
        }
    }
    files
}

fn vars_in(reader: &mut Reader<'_>, path: &Path, name: &str) -> Option<VarMap> {
    let (file, text) = reader.read(path)?;
    let node = reader.tree(file, &text)?;
    Some(reader.vars(&node, &format!("`{name}`")))
}
