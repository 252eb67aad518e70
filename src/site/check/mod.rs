//! Looks for mistakes that only show when a site's parts are held together: names that lead nowhere, steps without
//! an order, addresses on no network. Called by `reveille check` and before every plan; connects to nothing.
//!
//! Each file is one family of mistakes. What could not be read was reported by [`super::decode`] already, and
//! whoever looks for a name asks [`super::decode::Lost`] before blaming its reader.

mod addresses;
mod conflicts;
mod fences;
mod files;
mod hosts;
mod names;
mod notices;
mod policy;
mod pool;
mod prudence;
mod scope;
mod services;
mod steps;
mod texts;

use self::pool::Pool;
pub use self::scope::FACTS;
use super::Site;
use super::diagnostic::Diagnostic;
use super::graph::PhaseGraph;
use super::playbook::Playbook;
use super::source::Span;

/// One playbook with all that is needed to judge it.
struct Subject<'a> {
    site: &'a Site,
    playbook: &'a Playbook,
    graph: PhaseGraph,
    pool: Pool,
}

/// Every mistake of a site, beyond those that were found while it was read; sorted, each once.
pub fn check(site: &Site) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    services::check(site, &mut out);
    names::check_settings(site, &mut out);
    texts::check_settings(site, &mut out);
    notices::check_settings(site, &mut out);
    prudence::check_settings(&site.settings, &mut out);
    hosts::check_inventory(site, &mut out);
    for playbook in site.all_playbooks() {
        let pool = hosts::pool(site, playbook, &mut out);
        let subject = Subject { site, playbook, graph: PhaseGraph::of(site, playbook), pool };
        for family in [
            names::check,
            steps::check,
            conflicts::check,
            files::check,
            texts::check,
            hosts::check,
            addresses::check,
            policy::check,
            fences::check,
            prudence::check,
        ] {
            family(&subject, &mut out);
        }
    }
    super::diagnostic::sort(&mut out, &site.sources);
    let mut seen: Vec<(Option<Span>, String)> = Vec::new();
    out.retain(|diagnostic| {
        let key = (diagnostic.span, diagnostic.message.clone());
        let new = !seen.contains(&key);
        seen.push(key);
        new
    });
    out
}

impl Subject<'_> {
    /// Whether `name` stood in a part of this playbook that could not be read: then nobody is blamed for it.
    fn is_lost(&self, name: &str) -> bool {
        self.site.lost.has(self.playbook.service.span.file, name)
    }

    /// Whether any part of this playbook could not be read: then nothing can be said to be missing from it.
    fn is_partial(&self) -> bool {
        self.site.lost.any(self.playbook.service.span.file)
    }
}
