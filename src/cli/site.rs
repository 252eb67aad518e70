//! Loads the site a command works on, or says everything that is wrong with it.

use std::path::{Path, PathBuf};

use super::args::Common;
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use crate::site::Site;
use crate::site::diagnostic::{self, Diagnostic, Severity};
use crate::site::load::LoadOptions;

/// The site's folder: `--site`, or the nearest one from the working directory upwards.
pub fn root(common: &Common) -> Result<PathBuf, Failure> {
    if let Some(root) = &common.site {
        let is_there = root.is_dir();
        return is_there.then(|| root.clone()).ok_or_else(|| {
            Failure::words(Exit::InvalidSite, format!("there is no folder {}", root.display()))
                .hint(format!("`reveille init {}` makes a site there", root.display()))
        });
    }
    let here = std::env::current_dir().map_err(Failure::internal)?;
    let found = Site::find(&here).ok_or_else(|| {
        Failure::words(Exit::InvalidSite, format!("there is no site in {} or above", here.display()))
            .hint("a site is a folder with a reveille.yml or a playbooks/: `reveille init` makes one, --site names one")
    })?;
    // Paths in messages read best from where the user stands.
    Ok(if found == here { PathBuf::from(".") } else { found })
}

/// Reads the site and everything that is wrong with it.
pub fn load(common: &Common) -> Result<(Site, Vec<Diagnostic>), Failure> {
    let options = LoadOptions { inventory: common.inventory.clone(), extra_vars: common.extra_vars.clone() };
    let (site, mut diagnostics) = Site::load(&root(common)?, &options);
    diagnostics.extend(crate::site::check::check(&site));
    diagnostic::sort(&mut diagnostics, &site.sources);
    Ok((site, diagnostics))
}

/// Like [`load`], but an inventory named with `-i` needs no site around it.
pub fn load_inventory(common: &Common) -> Result<(Site, Vec<Diagnostic>), Failure> {
    let here = std::env::current_dir().map_err(Failure::internal)?;
    if common.inventory.is_empty() || common.site.is_some() || Site::find(&here).is_some() {
        return load(common);
    }
    let options = LoadOptions { inventory: common.inventory.clone(), extra_vars: common.extra_vars.clone() };
    let (site, mut diagnostics) = Site::load_inventory(&options);
    diagnostic::sort(&mut diagnostics, &site.sources);
    Ok((site, diagnostics))
}

/// The site, if nothing is wrong with it; else all its mistakes are printed.
pub fn valid(common: &Common) -> Result<Site, Failure> {
    let (site, diagnostics) = load(common)?;
    let errors: Vec<_> =
        diagnostics.into_iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect();
    if errors.is_empty() {
        return Ok(site);
    }
    output::note(diagnostic::render_all(&errors, &site.sources, output::color(common)).trim_end());
    Err(Failure::words(Exit::InvalidSite, format!("{} is not valid: {}", shown(&site.root), errors.len()))
        .hint("`reveille check` lists every mistake"))
}

fn shown(root: &Path) -> String {
    if root == Path::new(".") { "the site".to_owned() } else { format!("site {}", root.display()) }
}
