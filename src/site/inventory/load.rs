//! Reads inventory files into an [`Inventory`]. `groups` takes the trees apart, `values` reads what they hold.
//!
//! Where Ansible warns, this warns; where Ansible gives up on a file, this reports an error at the offending
//! token and reads on.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::{Form, files_in, form_of};
use super::model::Inventory;
use super::vars_files;
use crate::site::diagnostic::{Diagnostic, Severity};
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
            return self.file(path, Severity::Error);
        }
        match files_in(path) {
            Ok(files) => {
                for file in files {
                    self.file(&file, Severity::Warning);
                }
            }
            Err(error) => self.unreadable(path, &error),
        }
    }

    /// `unknown_form` is how bad it is when the file is not YAML.
    fn file(&mut self, path: &Path, unknown_form: Severity) {
        let Some((file, text)) = self.read(path) else { return };
        let form = form_of(path, &text);
        if form != Form::Yaml {
            self.diagnostics.push(form.refusal(first_line(file, &text), unknown_form));
            return;
        }
        match self.tree(file, &text) {
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
        if text.starts_with("$ANSIBLE_VAULT") {
            self.diagnostics.push(vault(first_line(file, text)));
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

impl Form {
    fn refusal(self, first_line: Span, severity: Severity) -> Diagnostic {
        let form = match self {
            Form::Yaml => "YAML",
            Form::Ini => "INI",
            Form::Script => "the output of a program",
            Form::Toml => "TOML",
        };
        let message = format!("this inventory is {form}, which is not read yet");
        let problem = Diagnostic::error("inventory-form", first_line, message)
            .hint("`ansible-inventory -i FILE --list --yaml --export` writes it as YAML");
        Diagnostic { severity, ..problem }
    }
}

fn first_line(file: FileId, text: &str) -> Span {
    Span { file, start: 0, end: text.find('\n').unwrap_or(text.len()) }
}

pub(super) fn vault(span: Span) -> Diagnostic {
    Diagnostic::error("vault", span, "this is encrypted by Ansible Vault, which is not supported")
        .hint("keep the value in `secrets:` of reveille.yml, from the environment, a file or a program")
}
