//! Hosts: patterns that name none, variables of the inventory that cannot be meant, steps sent to nobody.

use std::collections::HashSet;

use super::pool::{Pool, PoolHost};
use super::{Subject, fences};
use crate::site::Site;
use crate::site::diagnostic::{Diagnostic, Severity};
use crate::site::id::HostName;
use crate::site::inventory::ConnectionDefaults;
use crate::site::playbook::Playbook;
use crate::site::token;
use crate::template::{self, Vars};

/// Where `delegate_to` may point beside the inventory's hosts.
const CONTROLLER: [&str; 2] = ["controller", "localhost"];

/// What the inventory says of reaching its hosts must be possible.
pub(super) fn check_inventory(site: &Site, out: &mut Vec<Diagnostic>) {
    if site.inventory.hosts().next().is_none() {
        out.push(
            Diagnostic {
                severity: Severity::Warning,
                ..Diagnostic::unplaced("no-hosts", "the inventory has no hosts")
            }
            .hint("write one, `inventory/hosts.yml`, or name one by `-i`"),
        );
    }
    let render = |text: &str, host: &_| {
        let vars = Vars::new(&site.host_vars(host)).with(&Vars::new(&site.extra_vars));
        let vars = vars.with_value("inventory_hostname", &host.to_string().into());
        template::render(text, &vars).map_err(|error| error.to_string())
    };
    let mut found = Vec::new();
    for host in site.inventory.hosts() {
        site.inventory.connection(host, &ConnectionDefaults::default(), &render, &mut found);
        let extras = site.inventory.extras(host, &mut found);
        fences::check_host(site, host, &extras.fence, &mut found);
    }
    // A group's variable is looked at once for each of its hosts.
    let mut seen = HashSet::new();
    let key = |diagnostic: &Diagnostic| {
        let unplaced = diagnostic.span.is_none().then(|| diagnostic.message.clone());
        (diagnostic.code, diagnostic.span, unplaced)
    };
    out.extend(found.into_iter().filter(|diagnostic| seen.insert(key(diagnostic))));
}

/// The playbook's hosts. A pattern that cannot be meant, or means nobody, is reported.
pub(super) fn pool(site: &Site, playbook: &Playbook, out: &mut Vec<Diagnostic>) -> Pool {
    let pattern = &playbook.hosts;
    if site.inventory.hosts().next().is_none() {
        return Pool::default();
    }
    match site.inventory.select(pattern) {
        Ok(hosts) if hosts.is_empty() => {
            let message = format!("`{}` names no host", pattern.value);
            out.push(Diagnostic::warning("empty-pool", pattern.span, message));
            Pool::default()
        }
        Ok(hosts) => {
            let host = |name| PoolHost {
                networks: site.inventory.extras(&name, &mut Vec::new()).networks,
                vars: site.inventory.vars_of(&name),
                name,
            };
            Pool { hosts: hosts.into_iter().map(host).collect() }
        }
        Err(error) => {
            out.push(error.into_diagnostic(token::inside(&site.sources, pattern.span, pattern)));
            Pool::default()
        }
    }
}

pub(super) fn check(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    let known: Vec<&str> = subject.site.inventory.hosts().map(HostName::as_str).collect();
    for (_, step) in subject.playbook.steps() {
        let Some(to) = &step.delegate_to else { continue };
        let fits = to.contains("{{") || CONTROLLER.contains(&to.as_str()) || known.contains(&to.as_str());
        if !fits && !known.is_empty() {
            let message = format!("there is no host `{}` in the inventory", to.value);
            let names = known.iter().chain(&CONTROLLER).copied();
            out.push(Diagnostic::error("unknown-host", to.span, message).did_you_mean(to, names));
        }
    }
}
