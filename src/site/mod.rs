//! A site: the files a user writes, read once into types that cannot be wrong. The only reader of those files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use self::decode::Lost;
use self::id::ServiceName;
use self::inventory::Inventory;
use self::playbook::Playbook;
use self::settings::Settings;
use self::source::{FileId, Sources};

pub mod action;
pub mod address;
pub mod check;
pub mod decode;
pub mod diagnostic;
mod extra_vars;
pub mod graph;
pub mod hosts;
pub mod id;
pub mod inventory;
pub mod load;
pub mod notice;
pub mod playbook;
mod program;
pub mod quantity;
pub(crate) mod reads;
pub mod schema;
pub mod secret;
pub mod settings;
mod shape;
pub mod source;
pub mod step;
pub mod texts;
pub mod token;
pub mod yaml;
mod yaml11;

/// Everything a user wrote, as far as it could be read. Made by [`Site::load`](load).
#[derive(Debug, Default)]
pub struct Site {
    /// The folder that holds `reveille.yml` and `playbooks/`.
    pub root: PathBuf,
    pub settings: Settings,
    pub inventory: Inventory,
    /// The files the inventory was read from.
    pub(crate) inventory_files: Vec<FileId>,
    /// By service, in the order of their file names.
    pub playbooks: IndexMap<ServiceName, Playbook>,
    /// Variables of `-e`: the strongest.
    pub extra_vars: serde_json::Map<String, serde_json::Value>,
    pub sources: Sources,
    /// Files below `templates/`, by their path there.
    pub(crate) templates: BTreeMap<String, FileId>,
    /// Playbooks whose service another playbook has already.
    pub(crate) doubles: Vec<Playbook>,
    pub(crate) lost: Lost,
    /// `reveille.yml`, if there is one.
    pub(crate) settings_file: Option<FileId>,
}

impl Site {
    /// The text of a template, by its path below `templates/`.
    pub fn template(&self, name: &str) -> Option<&str> {
        self.templates.get(name).map(|file| self.sources.text(*file))
    }

    /// Every template's path below `templates/` and its text.
    pub fn templates(&self) -> impl Iterator<Item = (&str, &str)> {
        self.templates.iter().map(|(name, file)| (name.as_str(), self.sources.text(*file)))
    }

    /// Where a file that `copy` names is kept: below `files/`, else below `templates/`.
    pub fn file_path(&self, name: &str) -> Option<PathBuf> {
        let inside = |folder: &str| self.root.join(folder).join(Path::new(name));
        [inside("files"), inside("templates")].into_iter().find(|path| path.is_file())
    }

    /// The bytes of a file that `copy` names.
    ///
    /// # Errors
    /// No such file, or it cannot be read.
    pub fn file(&self, name: &str) -> std::io::Result<Vec<u8>> {
        match self.file_path(name) {
            Some(path) => std::fs::read(path),
            None => Err(std::io::Error::new(
                std::io::ErrorKind::NotFound,
                format!("`{name}` is neither below files/ nor below templates/"),
            )),
        }
    }

    /// The text of `reveille.yml`, if there is one.
    pub fn settings_text(&self) -> Option<&str> {
        self.settings_file.map(|file| self.sources.text(file))
    }

    /// The file that a playbook was read from, by its path in the site, and its text.
    pub fn source_of(&self, playbook: &Playbook) -> (String, &str) {
        let file = playbook.service.span.file;
        let path = self.sources.path(file);
        let inside = path.strip_prefix(&self.root).unwrap_or(path);
        (inside.display().to_string(), self.sources.text(file))
    }

    /// Every playbook that could be read, those with a service name that is taken included.
    pub(crate) fn all_playbooks(&self) -> impl Iterator<Item = &Playbook> {
        self.playbooks.values().chain(&self.doubles)
    }

    /// Whether `name` stood in a part of `reveille.yml` that could not be read.
    pub(crate) fn lost_in_settings(&self, name: &str) -> bool {
        self.settings_file.is_some_and(|file| self.lost.has(file, name))
    }
}
