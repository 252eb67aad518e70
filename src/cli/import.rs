//! `reveille import`: a playbook of Ansible's as a phase of one of ours, on stdout; what could not be carried on stderr.

use std::path::Path;

use anyhow::Context;

use super::args::{Common, ImportArgs, ImportPhase};
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use crate::import::{self, Wanted};
use crate::site::diagnostic;
use crate::site::id::ServiceName;
use crate::site::playbook::Phase;
use crate::site::source::Sources;

pub fn run(common: &Common, args: &ImportArgs) -> Result<Exit, Failure> {
    let shown = args.file.display();
    let text = std::fs::read_to_string(&args.file)
        .with_context(|| format!("failed to read {shown}"))
        .map_err(|error| Failure::new(Exit::Usage, error).hint("name a playbook of Ansible's"))?;
    let service = args.service.clone().map_or_else(|| named_after(&args.file), Ok)?;
    let mut sources = Sources::default();
    let file = sources.add(&args.file, text);
    let wanted = Wanted { service, phase: args.phase.into() };
    let imported = import::import(&sources, file, &wanted).map_err(|wrong| {
        output::note(diagnostic::render(&wrong, &sources, output::color(common)).trim_end());
        Failure::words(Exit::InvalidSite, format!("{shown} cannot be imported"))
            .hint("`ansible-playbook --syntax-check` says more about a playbook of Ansible's")
    })?;
    output::print(&imported.playbook);
    if !common.quiet {
        for left in &imported.left {
            output::note(&format!("{}: {}", sources.place(left.span), left.words()));
        }
        output::note(&imported.summary());
    }
    Ok(if imported.left.is_empty() { Exit::Done } else { Exit::Undone })
}

/// `roles/my web/tasks.yml` is `tasks`.
fn named_after(file: &Path) -> Result<ServiceName, Failure> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    ServiceName::try_from(name.trim_matches('-')).map_err(|error| {
        Failure::new(Exit::Usage, error).hint("say what the service is called, by --service NAME")
    })
}

impl From<ImportPhase> for Phase {
    fn from(phase: ImportPhase) -> Self {
        match phase {
            ImportPhase::Prepare => Self::Prepare,
            ImportPhase::Sleep => Self::Sleep,
            ImportPhase::Wake => Self::Wake,
            ImportPhase::Ifconfig => Self::Ifconfig,
            ImportPhase::Teardown => Self::Teardown,
        }
    }
}
