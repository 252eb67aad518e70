//! Reads inventory files into an [`Inventory`]. `groups`, `ini` and `script` take them apart, `values` reads what they
//! hold.
//!
//! Where Ansible warns, this warns; where Ansible gives up on a file, this reports an error at the offending
//! token and reads on.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::{Form, files_in, form_of, is_program};
use super::model::Inventory;
use super::vars_files;
use crate::site::diagnostic::Diagnostic;
use crate::site::source::{FileId, Sources, Span};
use crate::site::yaml::{self, Node, Schema, Value};

impl Inventory {
    /// Reads the inventories at `paths`, each a file or a folder; of two that say different things the later
    /// wins. Always returns what could be read; every mistake is in `diagnostics`.
    pub fn load(paths: &[PathBuf], sources: &mut Sources, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut reader = Reader { inventory: Self::empty(), sources, diagnostics };
        for path in paths {
            reader.source(path);
        }
        reader.inventory.settle();
        reader.warn_of_shared_names();
        vars_files::load(&mut reader, paths);
        reader.inventory
    }
}

/// The inventory being read, and where mistakes go.
pub(super) struct Reader<'a> {
    pub inventory: Inventory,
    pub sources: &'a mut Sources,
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn source(&mut self, path: &Path) {
        if !path.is_dir() {
            return self.file(path);
        }
        match files_in(path) {
            Ok(files) => files.iter().for_each(|file| self.file(file)),
            Err(error) => self.unreadable(path, &error),
        }
    }

    fn file(&mut self, path: &Path) {
        if is_program(path) {
            return self.script(path);
        }
        let Some((file, text)) = self.read(path) else { return };
        if text.starts_with(VAULT) {
            return self.diagnostics.push(vault(first_line(file, &text), "this file"));
        }
        match form_of(path, &text) {
            Form::Yaml => self.yaml(file, &text),
            Form::Ini => self.ini(file, &text),
            Form::Toml => {
                let message = "this inventory is TOML, which is not read";
                let problem = Diagnostic::error("inventory-form", first_line(file, &text), message);
                let hint = "`ansible-inventory -i FILE --list --yaml --export` writes it as YAML";
                self.diagnostics.push(problem.hint(hint));
            }
        }
    }

    fn yaml(&mut self, file: FileId, text: &str) {
        match self.tree(file, text) {
            Some(Node { value: Value::Null, span }) => {
                self.diagnostics.push(Diagnostic::warning(
                    "empty-inventory",
                    span,
                    "this inventory is empty",
                ));
            }
            Some(Node { value: Value::Map(pairs), span }) => self.groups(&pairs, span),
            Some(node) => {
                let message = format!("an inventory is a mapping of groups, not {}", node.value.kind());
                self.error("inventory-structure", node.span, message);
            }
            None => {}
        }
    }

    pub(super) fn read(&mut self, path: &Path) -> Option<(FileId, String)> {
        match fs::read_to_string(path) {
            Ok(text) => Some((self.sources.add(path, text.clone()), text)),
            Err(error) => {
                self.unreadable(path, &error);
                None
            }
        }
    }

    /// A file's tree, typed as Ansible types it: JSON where the text is JSON, else YAML 1.1.
    pub(super) fn tree(&mut self, file: FileId, text: &str) -> Option<Node> {
        if text.starts_with(VAULT) {
            self.diagnostics.push(vault(first_line(file, text), "this file"));
            return None;
        }
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let schema = if is_json { Schema::Core } else { Schema::Yaml11 };
        yaml::parse_as(self.sources, file, schema)
            .map_err(|diagnostic| self.diagnostics.push(*diagnostic))
            .ok()
    }

    fn warn_of_shared_names(&mut self) {
        let shared =
            self.inventory.hosts.iter().filter(|(name, _)| self.inventory.groups.contains_key(name.as_str()));
        self.diagnostics.extend(shared.map(|(name, host)| {
            let message = format!("`{name}` is both a host and a group; a pattern means the host");
            Diagnostic::warning("shared-name", host.span, message)
        }));
    }

    pub(super) fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(code, span, message));
    }

    /// A file that cannot be read is a source all the same, an empty one, so that the message has a place.
    pub(super) fn unreadable(&mut self, path: &Path, error: &std::io::Error) {
        let file = self.sources.add(path, "");
        self.error(
            "unreadable",
            Span { file, start: 0, end: 0 },
            format!("cannot read this inventory: {error}"),
        );
    }
}

/// Where a message about a whole file points.
pub(super) fn first_line(file: FileId, text: &str) -> Span {
    Span { file, start: 0, end: text.find('\n').unwrap_or(text.len()) }
}

/// What every text that Ansible Vault encrypted begins with.
pub(super) const VAULT: &str = "$ANSIBLE_VAULT;";

/// `what` was encrypted: a variable, or a file.
pub(super) fn vault(span: Span, what: &str) -> Diagnostic {
    let message = format!("{what} is encrypted by Ansible Vault, which is not read");
    Diagnostic::error("vault", span, message)
        .hint("keep the value under `secrets:` in reveille.yml: in the environment, a file, or a program that prints it")
}
