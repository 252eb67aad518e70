//! Finds a site's files and reads them all, however many mistakes they hold. Called by `cli` and by tests.

use std::path::{Path, PathBuf};

use super::Site;
use super::decode;
use super::diagnostic::Diagnostic;
use super::inventory::Inventory;
use super::playbook::Playbook;
use super::settings::Settings;
use super::source::{FileId, Span};

/// What the command line says about the site.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Inventory files or folders instead of the site's own (`-i`), relative to the working directory.
    pub inventory: Vec<PathBuf>,
    /// `-e`: `name=value` words, a JSON or YAML mapping, or `@FILE`.
    pub extra_vars: Vec<String>,
}

impl Site {
    /// The nearest folder, from `from` upwards, that holds a `reveille.yml` or a `playbooks/`.
    pub fn find(from: &Path) -> Option<PathBuf> {
        from.ancestors()
            .find(|folder| folder.join("reveille.yml").is_file() || folder.join("playbooks").is_dir())
            .map(Path::to_owned)
    }

    /// Reads the site at `root`. What is wrong is in the diagnostics, the rest in the site; a site with errors is
    /// good for [`super::check`] and for nothing else.
    pub fn load(root: &Path, options: &LoadOptions) -> (Self, Vec<Diagnostic>) {
        let mut site = Self { root: root.to_owned(), ..Self::default() };
        let mut out = Vec::new();
        site.read_settings(&mut out);
        site.read_extra_vars(&options.extra_vars, &mut out);
        site.read_inventory(&options.inventory, &mut out);
        site.read_playbooks(&mut out);
        site.read_templates(&mut out);
        (site, out)
    }

    /// Reads the inventory that the options name, and nothing else.
    pub fn load_inventory(options: &LoadOptions) -> (Self, Vec<Diagnostic>) {
        let mut site = Self { root: PathBuf::from("."), ..Self::default() };
        let mut out = Vec::new();
        site.read_extra_vars(&options.extra_vars, &mut out);
        site.read_inventory(&options.inventory, &mut out);
        (site, out)
    }

    fn read_settings(&mut self, out: &mut Vec<Diagnostic>) {
        if self.root.join("reveille.yml").is_file()
            && let Some(file) = self.read_file("reveille.yml", out)
        {
            self.settings_file = Some(file);
            self.settings =
                decode::file::<Settings>(file, &self.sources, out, &mut self.lost).unwrap_or_default();
        }
    }

    /// The inventory named on the command line, else the settings' own; a site without any has no hosts.
    fn read_inventory(&mut self, named: &[PathBuf], out: &mut Vec<Diagnostic>) {
        let paths = if named.is_empty() { self.own_inventory(out) } else { named.to_vec() };
        let before = self.sources.len();
        self.inventory = Inventory::load(&paths, &mut self.sources, out);
        self.inventory_files = self.sources.ids().skip(before).collect();
    }

    /// What the settings name. Only the default may be absent.
    fn own_inventory(&self, out: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for named in &self.settings.inventory {
            let path = self.root.join(&named.value);
            if path.exists() {
                paths.push(path.strip_prefix(".").map(Path::to_owned).unwrap_or(path));
            } else if named.span != Span::default() {
                let message = format!("there is no inventory `{}`", named.value.display());
                out.push(Diagnostic::error("missing-file", named.span, message));
            }
        }
        paths
    }

    fn read_playbooks(&mut self, out: &mut Vec<Diagnostic>) {
        let files = files_below(&self.root.join("playbooks"), 1);
        for path in
            files.iter().filter(|path| path.extension().is_some_and(|ext| ext == "yml" || ext == "yaml"))
        {
            let Some(file) = self.read_file(&format!("playbooks/{}", path.display()), out) else { continue };
            let Some(playbook) = decode::file::<Playbook>(file, &self.sources, out, &mut self.lost) else {
                continue;
            };
            match self.playbooks.get(&playbook.service.value) {
                Some(_) => self.doubles.push(playbook),
                None => {
                    self.playbooks.insert(playbook.service.value.clone(), playbook);
                }
            }
        }
    }

    fn read_templates(&mut self, out: &mut Vec<Diagnostic>) {
        for path in files_below(&self.root.join("templates"), 8) {
            let name = path.display().to_string();
            // `copy` takes files from here too: one that is no text is not a template, and no mistake.
            if std::fs::read(self.root.join("templates").join(&path))
                .is_ok_and(|bytes| std::str::from_utf8(&bytes).is_ok())
                && let Some(file) = self.read_file(&format!("templates/{name}"), out)
            {
                self.templates.insert(name, file);
            }
        }
    }

    fn read_extra_vars(&mut self, words: &[String], out: &mut Vec<Diagnostic>) {
        for word in words {
            match super::extra_vars::parse(word, &mut self.sources) {
                Ok(vars) => self.extra_vars.extend(vars),
                Err(diagnostic) => out.push(*diagnostic),
            }
        }
    }

    /// Reads one file of the site into its sources.
    fn read_file(&mut self, name: &str, out: &mut Vec<Diagnostic>) -> Option<FileId> {
        let path = self.root.join(name);
        let path = path.strip_prefix(".").unwrap_or(&path);
        match std::fs::read_to_string(path) {
            Ok(text) => Some(self.sources.add(path, text)),
            Err(error) => {
                out.push(unreadable(path, &error));
                None
            }
        }
    }
}

/// A file that is there but cannot be read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::unplaced("unreadable", format!("{}: {error}", path.display()))
}

/// Paths of the files below `folder`, sorted, hidden ones and editors' backups left out; none if there is no folder.
fn files_below(folder: &Path, depth: u32) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let path = entry.path();
        if text.starts_with('.') || text.ends_with('~') {
            continue;
        }
        if path.is_file() {
            found.push(PathBuf::from(name));
        } else if depth > 1 && path.is_dir() {
            found.extend(files_below(&path, depth - 1).into_iter().map(|inner| Path::new(&name).join(inner)));
        }
    }
    found.sort();
    found
}
