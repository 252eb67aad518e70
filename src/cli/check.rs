//! `reveille check`: every mistake of the site's files, at once, without a connection.

use super::args::Common;
use super::exit::Exit;
use super::failure::Failure;
use super::{output, site};
use crate::site::diagnostic::{self, Severity};

pub fn run(common: &Common) -> Result<Exit, Failure> {
    let (site, diagnostics) = site::load(common)?;
    let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    if common.json {
        let document = diagnostic::document(&diagnostics, &site.sources);
        output::say(&serde_json::to_string_pretty(&document).map_err(Failure::internal)?);
    } else if failed || !common.quiet {
        output::note(&diagnostic::render_all(&diagnostics, &site.sources, output::color(common)));
    }
    Ok(if failed { Exit::InvalidSite } else { Exit::Done })
}
