//! `reveille inventory`: what the inventory says, and where it says it.

use super::args::{Common, InventoryArgs, InventoryFormat};
use super::exit::Exit;
use super::failure::Failure;
use super::{output, session, site};
use crate::site::Site;
use crate::site::diagnostic::{self, Severity};
use crate::site::id::HostName;
use crate::site::inventory::{AnsibleVersion, explanation};

pub fn run(common: &Common, args: &InventoryArgs) -> Result<Exit, Failure> {
    let (site, diagnostics) = site::load_inventory(common)?;
    let broken: Vec<_> = diagnostics
        .into_iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .filter(|diagnostic| diagnostic.span.is_some_and(|span| site.is_inventory(span.file)))
        .collect();
    if !broken.is_empty() {
        output::note(diagnostic::render_all(&broken, &site.sources, output::color(common)).trim_end());
        return Ok(Exit::InvalidSite);
    }
    if args.list {
        output::say(&list(&site, args.format)?);
    } else if let Some(host) = &args.host {
        known(&site, host)?;
        output::say(&vars(&site, host, args.format)?);
    } else if args.graph {
        output::print(&site.inventory.graph("all").unwrap_or_default());
    } else if let Some(path) = &args.explain {
        let (host, variable) = split(path)?;
        known(&site, &host)?;
        let candidates = site.explain(&host, variable);
        if candidates.is_empty() {
            return Err(Failure::words(Exit::Usage, format!("{host} has no variable `{variable}`"))
                .hint("`reveille inventory --list` shows every variable of every host"));
        }
        output::print(&explanation(&host, variable, &candidates, &site.sources));
    }
    Ok(Exit::Done)
}

fn list(site: &Site, format: InventoryFormat) -> Result<String, Failure> {
    match ansible(format) {
        Some(version) => Ok(site.inventory.as_ansible_lists(version)),
        None => pretty(&site.inventory.to_ansible_list()),
    }
}

fn vars(site: &Site, host: &HostName, format: InventoryFormat) -> Result<String, Failure> {
    match ansible(format) {
        Some(_) => Ok(site.inventory.as_ansible_tells(host)),
        None => pretty(&site.inventory.listed_vars(host)),
    }
}

fn ansible(format: InventoryFormat) -> Option<AnsibleVersion> {
    match format {
        InventoryFormat::Json => None,
        InventoryFormat::Ansible => Some(AnsibleVersion::Current),
        InventoryFormat::Ansible218 => Some(AnsibleVersion::Before2_19),
    }
}

fn pretty(value: &serde_json::Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(Failure::internal)
}

fn known(site: &Site, host: &HostName) -> Result<(), Failure> {
    site.inventory.host(host).map(|_| ()).ok_or_else(|| session::no_host(site, host))
}

/// `h1.example.org.rack`: host names may hold dots, variable names may not.
fn split(path: &str) -> Result<(HostName, &str), Failure> {
    let usage = || {
        Failure::words(Exit::Usage, format!("`{path}` is not HOST.VARIABLE"))
            .hint("write a host and a variable of it, as in `h1.ansible_host`")
    };
    let (host, variable) = path.rsplit_once('.').ok_or_else(usage)?;
    Ok((HostName::try_from(host).map_err(|_| usage())?, variable))
}
