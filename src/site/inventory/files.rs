//! Which files make an inventory, and in which form each is written. The only walker of inventory folders.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::site::program::{self, ProgramError};

/// How an inventory source is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// YAML, of which JSON is a part.
    Yaml,
    /// Ansible's `[group]` files.
    Ini,
    Toml,
}

/// Extensions of YAML files, in the order in which `group_vars/NAME.*` is looked for.
pub(super) const YAML_EXTENSIONS: [&str; 3] = ["yml", "yaml", "json"];

/// Endings of files that lie in inventory folders and are no inventories.
const IGNORED_ENDINGS: [&str; 12] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];

/// Names that never are inventories.
const IGNORED_NAMES: [&str; 3] = ["group_vars", "host_vars", "vars_plugins"];

/// The form of a text file, told by its extension, else by its first line.
pub fn form_of(path: &Path, text: &str) -> Form {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some(extension) if YAML_EXTENSIONS.contains(&extension) => Form::Yaml,
        Some("toml") => Form::Toml,
        Some(_) => Form::Ini,
        None => form_of_text(text),
    }
}

/// INI opens with a `[group]` or a bare host line; YAML opens with `---`, a key or a `{`.
fn form_of_text(text: &str) -> Form {
    let mut lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    match lines.next() {
        None => Form::Yaml,
        Some(line) if line == "---" || line.starts_with(['{', '$', '%', '"', '\'']) => Form::Yaml,
        Some(line) if !line.starts_with('[') && (line.ends_with(':') || line.contains(": ")) => Form::Yaml,
        Some(_) => Form::Ini,
    }
}

/// Whether the file is a program that prints an inventory, whatever its name: it may be executed, and could be.
pub(super) fn is_program(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = is_executable(path)
        && fs::File::open(path).is_ok_and(|file| file.take(4).read_to_end(&mut head).is_ok());
    read && (head.starts_with(b"#!") || head == b"\x7fELF")
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o111 != 0)
}

/// Runs such a program, where the user stands, as Ansible does.
pub(super) fn run(path: &Path, arguments: &[&str]) -> Result<Output, ProgramError> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let argv: Vec<_> = std::iter::once(path.as_os_str()).chain(arguments.iter().map(AsRef::as_ref)).collect();
    program::run(&argv, Path::new("."))
}

/// The inventory files below a folder: sorted by name, folders entered where they stand in that order.
pub(super) fn files_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in sorted_entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_ignored(&name) {
            continue;
        }
        if path.is_dir() {
            files.extend(files_in(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

fn is_ignored(name: &str) -> bool {
    name.starts_with('.')
        || IGNORED_NAMES.contains(&name)
        || IGNORED_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The entries of a folder, sorted by their bytes.
pub(super) fn sorted_entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_extension_is_told_by_its_first_line() {
        for (text, form) in [
            ("# c\n[web]\nh1\n", Form::Ini),
            ("h1 ansible_host=10.0.0.1\n", Form::Ini),
            ("h1\n", Form::Ini),
            ("---\nall:\n", Form::Yaml),
            ("all:\n  hosts:\n", Form::Yaml),
            ("{\"all\": {}}", Form::Yaml),
            ("", Form::Yaml),
        ] {
            assert_eq!(form_of(Path::new("/nowhere/hosts"), text), form, "{text:?}");
        }
    }
}
