//! The five operations: plan, ask if a person should be asked, run, and go on with the next host if one fails.

use std::collections::{BTreeMap, BTreeSet};

use super::args::{Common, RunArgs};
use super::exit::Exit;
use super::facts::KeptFacts;
use super::failure::Failure;
use super::run;
use super::session::{self, Session};
use super::{output, plan};
use crate::doctor::Needs;
use crate::engine::next_attempt;
use crate::plan::facts::{HostFacts, SiteFacts};
use crate::plan::table::Table;
use crate::plan::{Operation, Plan, PlanError, Request, ServicePlan, render};

pub async fn run(common: &Common, operation: Operation, args: &RunArgs) -> Result<Exit, Failure> {
    let mut session = Session::open(common, &args.services)?;
    let ended = if args.check {
        plan::show(common, &session, operation, args).await
    } else {
        acting(common, &mut session, operation, args).await
    };
    session.close().await;
    ended
}

async fn acting(
    common: &Common,
    session: &mut Session,
    operation: Operation,
    args: &RunArgs,
) -> Result<Exit, Failure> {
    session.lock().await?;
    session.no_open_run(&args.services)?;
    let request = request(common, session, operation, args)?;
    attempts(common, session, request, args).await
}

/// Runs the operation; a host that fails is left out and the next one is tried.
pub async fn attempts(
    common: &Common,
    session: &Session,
    mut request: Request,
    args: &RunArgs,
) -> Result<Exit, Failure> {
    let mut first: Option<Exit> = None;
    loop {
        let Prepared { plan, table, .. } = match prepared(session, &request).await {
            Ok(prepared) => prepared,
            // There was a way, it failed, and there is no other: what failed is what counts.
            Err(failure) => match first {
                Some(exit) => {
                    output::note(&format!("warning: {}", failure.error));
                    return Ok(exit);
                }
                None => return already_there(failure, common),
            },
        };
        if first.is_none() {
            confirm(&plan, args.yes)?;
        }
        if !common.quiet && !common.json {
            output::note(&render::text::summary(&plan));
        }
        let outcome = run::run(common, session, &plan, &table, args, &request).await?;
        match next_attempt(&mut request, &plan, &outcome.end, outcome.moved) {
            Some(words) => output::note(&format!("warning: {words}")),
            // An attempt that works makes up for earlier ones that were taken back.
            None => return Ok(Exit::from(&outcome.end)),
        }
        first.get_or_insert(Exit::from(&outcome.end));
    }
}

pub fn request(
    common: &Common,
    session: &Session,
    operation: Operation,
    args: &RunArgs,
) -> Result<Request, Failure> {
    let limit = match &common.limit {
        None => None,
        Some(pattern) => Some(
            session.site.inventory.select(pattern).map_err(|error| session::no_pattern(pattern, error))?,
        ),
    };
    Ok(Request {
        operation,
        services: args.services.clone(),
        to: args.to.clone(),
        limit,
        tags: common.tags.clone(),
        user: common.user.clone(),
        escalate: common.become_root,
        tried: BTreeMap::new(),
        leases: BTreeMap::new(),
        excluded: BTreeMap::new(),
        lighter_than: None,
        dark: BTreeSet::new(),
    })
}

/// Everything fresh.
pub struct Prepared {
    pub facts: SiteFacts,
    /// As stored, corrected by the facts.
    pub table: Table,
    pub plan: Plan,
}

/// Asks the hosts, and plans.
pub async fn prepared(session: &Session, request: &Request) -> Result<Prepared, Failure> {
    let waits = session.waits(request.operation, &request.services, request.to.as_ref()).await?;
    let facts = session.gather(waits, programs(session, request)).await;
    let table = session.table(&facts).await?;
    from_facts(session, request, facts, table)
}

/// Plans on what was known once.
pub fn planned(session: &Session, request: &Request, kept: KeptFacts) -> Result<Prepared, Failure> {
    from_facts(session, request, kept.hosts, kept.table)
}

fn from_facts(
    session: &Session,
    request: &Request,
    facts: SiteFacts,
    table: Table,
) -> Result<Prepared, Failure> {
    let planner = session.planner(&table, &facts, request.clone());
    let mut plan = planner.plan().map_err(|error| placed(session, error))?;
    plan.hash = crate::plan::timing::hash(&plan, &|text| session.redact(text));
    Ok(Prepared { facts, table, plan })
}

/// Programs that a host must have to be chosen: those that the steps of a service run on every host of its pool, and
/// do not bring themselves.
pub fn programs(session: &Session, request: &Request) -> Vec<String> {
    let (table, facts) = (Table::default(), SiteFacts::new());
    let planner = session.planner(&table, &facts, request.clone());
    let mut wanted = BTreeSet::new();
    for service in &request.services {
        let Some(playbook) = session.site.playbooks.get(service) else { continue };
        let each = session.site.pool(playbook).into_iter().map(|host| {
            let needs = Needs::of(&planner, std::slice::from_ref(service), &host, &HostFacts::default());
            needs.programs.into_keys().collect::<BTreeSet<_>>()
        });
        wanted.extend(each.reduce(|all, one| &all & &one).unwrap_or_default());
    }
    wanted.into_iter().collect()
}

/// A rendering mistake points at its place in the site's files.
fn placed(session: &Session, error: PlanError) -> Failure {
    let place = match &error {
        PlanError::Render { place, .. } => Some(session.site.sources.place(*place)),
        _ => None,
    };
    let mut failure = Failure::from(error);
    failure.error = anyhow::anyhow!(session.redact(&failure.error.to_string()));
    match place {
        Some(place) => failure.hint(format!("written at {place}")),
        None => failure,
    }
}

/// `switchover` to where the service is already is done, not failed.
fn already_there(failure: Failure, common: &Common) -> Result<Exit, Failure> {
    if failure.exit != Exit::Done {
        return Err(failure);
    }
    if !common.quiet {
        output::note(&failure.error.to_string());
    }
    Ok(Exit::Done)
}

/// Asks before something that looks like a mistake; without anybody to ask it refuses.
pub fn confirm(plan: &Plan, yes: bool) -> Result<(), Failure> {
    let Some(question) = plan.services.iter().find_map(|service| question(plan.operation, service)) else {
        return Ok(());
    };
    match if yes { Some(true) } else { output::ask(&question) } {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::words(Exit::Usage, "not confirmed; nothing was done")
            .hint("`-C` shows what would be done; --yes asks nothing")),
        None => Err(Failure::words(Exit::Usage, format!("{question} There is nobody to ask"))
            .hint("say so with --yes")),
    }
}

fn question(operation: Operation, service: &ServicePlan) -> Option<String> {
    let primary = service.from.as_ref().filter(|_| service.serving)?;
    let name = &service.service;
    match operation {
        Operation::Teardown => Some(format!("{name} serves on {primary}: take it off all hosts?")),
        Operation::Failover => {
            Some(format!("{primary} answers and {name} runs there: fail over all the same?"))
        }
        Operation::Deploy | Operation::Switchover | Operation::Reprotect | Operation::DrillWake => None,
    }
}
