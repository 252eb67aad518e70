//! The choices of hosts that one operation makes, with their score tables, in the order they were made.

use std::collections::BTreeMap;

use super::compose::Composer;
use super::placement::{self, Answer, Question, Wish};
use super::scope;
use super::table::Role;
use super::{PlacementTable, PlanError, Rejection};
use crate::site::id::HostName;

pub(super) struct Choice {
    pub tables: Vec<PlacementTable>,
    pub notes: Vec<String>,
}

impl Choice {
    pub fn new(_: &Composer<'_>) -> Self {
        Self { tables: Vec::new(), notes: Vec::new() }
    }

    /// The next primary: where the user says, else the sleeping copy if it is ready, else the best of the pool.
    pub fn primary(
        &mut self,
        composer: &Composer<'_>,
        out: &BTreeMap<HostName, Rejection>,
    ) -> Result<HostName, PlanError> {
        let asleep = composer.row().and_then(|row| row.secondary).filter(|host| composer.is_ready(host));
        let mut out = rejected(composer, out, composer.request_to());
        busier(composer, &mut out);
        self.ask(composer, Role::Primary, &out, asleep.as_ref())
            .ok_or_else(|| self.nobody(composer, Role::Primary))
    }

    /// The next secondary, if any host is fit.
    pub fn secondary(
        &mut self,
        composer: &Composer<'_>,
        primary: &HostName,
        out: &BTreeMap<HostName, Rejection>,
    ) -> Option<HostName> {
        let mut out = rejected(composer, out, None);
        let service = composer.service().clone();
        out.insert(primary.clone(), Rejection::Busy { role: Role::Primary, service });
        let holder = composer.row().and_then(|row| row.secondary).filter(|host| host != primary);
        // Moving a sleeping copy that is fine would cost its protection for nothing.
        let ready = holder.filter(|host| composer.is_ready(host));
        let chosen = self.ask(composer, Role::Secondary, &out, ready.as_ref());
        if chosen.is_none() {
            self.notes.push("no host is fit to be its secondary: unprotected".to_owned());
        }
        chosen
    }

    /// The error that says why nobody was chosen.
    pub fn nobody(&self, composer: &Composer<'_>, role: Role) -> PlanError {
        let table = self.tables.iter().rev().find(|table| table.role == role).cloned();
        PlanError::NoCandidate { service: composer.service().clone(), role, table: table.map(Box::new) }
    }

    fn ask(
        &mut self,
        composer: &Composer<'_>,
        role: Role,
        out: &BTreeMap<HostName, Rejection>,
        holder: Option<&HostName>,
    ) -> Option<HostName> {
        let placement = &composer.playbook.placement;
        let require: Vec<String> = placement.require.iter().map(|sp| sp.value.clone()).collect();
        let prefer: Vec<Wish> = placement
            .prefer
            .iter()
            .map(|wish| Wish {
                when: wish.value.when.as_ref().map(|sp| sp.value.clone()),
                value: wish.value.value.as_ref().map(|sp| sp.value.clone()),
                weight: wish.value.weight.value,
            })
            .collect();
        let evaluate = |host: &HostName, expression: &str| -> Result<Answer, String> {
            scope::judge(composer, host, expression)
        };
        let roles = placement::roles_held(&composer.assigned, composer.service());
        let table = placement::choose(&Question {
            role,
            service: composer.service(),
            pool: &composer.pool,
            facts: composer.planner.facts,
            excluded: out,
            roles: &roles,
            holder,
            weight: &|host| composer.planner.extras(host).weight,
            require: &require,
            prefer: &prefer,
            runs: &|host, program| composer.planner.runs(composer.service(), host, program),
            evaluate: &evaluate,
        });
        let chosen = table.chosen.clone();
        self.tables.push(table);
        chosen
    }
}

/// Rejections that hold whatever the role: asked for elsewhere, limited, not pool, tried, dead.
fn rejected(
    composer: &Composer<'_>,
    out: &BTreeMap<HostName, Rejection>,
    only: Option<&HostName>,
) -> BTreeMap<HostName, Rejection> {
    let request = &composer.planner.request;
    let mut all = out.clone();
    for host in &composer.pool {
        let rejection = if let Some(detail) = request.tried.get(host) {
            Rejection::Tried { detail: detail.clone() }
        } else if let Some(because) = request.excluded.get(host) {
            Rejection::Excluded { because: because.clone() }
        } else if composer.planner.table.confirmed_dead.contains_key(host) {
            Rejection::ConfirmedDead
        } else if request.limit.as_ref().is_some_and(|limit| !limit.contains(host)) {
            Rejection::Limited
        } else if !composer.planner.in_pool(host) {
            Rejection::NotPool
        } else if only.is_some_and(|only| only != host) {
            Rejection::NotAsked
        } else {
            continue;
        };
        all.entry(host.clone()).or_insert(rejection);
    }
    all
}

/// Hosts with more load than the request allows.
fn busier(composer: &Composer<'_>, out: &mut BTreeMap<HostName, Rejection>) {
    let Some(limit) = composer.planner.request.lighter_than else { return };
    for host in &composer.pool {
        if let Some(facts) = composer.facts(host)
            && facts.load_per_cpu > limit
        {
            let rejection = Rejection::Busier { load_per_cpu: facts.load_per_cpu, limit };
            out.entry(host.clone()).or_insert(rejection);
        }
    }
}
