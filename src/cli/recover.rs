//! `reveille recover`: finishes or takes back a run that was cut short, service by service.

use std::collections::BTreeSet;

use super::args::{Common, RecoverArgs, RunArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::session::{Session, Waits};
use super::{operation, output, run};
use crate::engine::recover::{self, OpenRun, Recovery};
use crate::plan::{Operation, Request};
use crate::site::id::{HostName, ServiceName};

pub async fn run(common: &Common, args: &RecoverArgs) -> Result<Exit, Failure> {
    let mut session = Session::open(common, &[])?;
    let ended = match session.lock().await {
        Ok(()) => all(common, args, &session).await,
        Err(failure) => Err(failure),
    };
    session.close().await;
    ended
}

/// Each open run in the order they began, until one needs a person.
async fn all(common: &Common, args: &RecoverArgs, session: &Session) -> Result<Exit, Failure> {
    let open = recover::open_runs(&session.store).map_err(Failure::internal)?;
    if open.is_empty() && !common.quiet {
        output::note("no run was cut short: there is nothing to recover");
    }
    for open in open.iter().rev() {
        let exit = recover(common, args, session, open).await?;
        if exit != Exit::Done {
            return Ok(exit);
        }
    }
    Ok(Exit::Done)
}

async fn recover(
    common: &Common,
    args: &RecoverArgs,
    session: &Session,
    open: &OpenRun,
) -> Result<Exit, Failure> {
    let decisions: Vec<_> = open
        .services
        .iter()
        .map(|service| (service.clone(), recover::decide(&open.story, service, false)))
        .collect();
    if !common.quiet {
        output::note(&format!("run {} ({}) was cut short", open.run, open.plan.operation.as_str()));
        for (service, recovery) in &decisions {
            output::note(&format!("  {service}: {}", words(recovery)));
        }
    }
    if args.check {
        return Ok(Exit::Done);
    }
    let backward: BTreeSet<ServiceName> = decisions
        .iter()
        .filter(|(_, recovery)| matches!(recovery, Recovery::Unwind { .. }))
        .map(|(service, _)| service.clone())
        .collect();
    let mut exit = Exit::Done;
    if !backward.is_empty() {
        exit = take_back(common, session, open, &backward).await?;
    }
    for (service, recovery) in decisions {
        if let Recovery::Forward { operation, to, .. } = recovery {
            exit = finish(common, session, service, operation, to).await?;
            if exit != Exit::Done {
                return Ok(exit);
            }
        }
    }
    if exit == Exit::Done && backward.is_empty() {
        recover::close(&session.store, open, "finished by recover", session.redact_fn())
            .await
            .map_err(Failure::internal)?;
    }
    Ok(exit)
}

fn words(recovery: &Recovery) -> String {
    match recovery {
        Recovery::Nothing => "nothing was begun, or all was done".to_owned(),
        Recovery::Unwind { steps } => format!("taking back {} steps", steps.len()),
        Recovery::Forward { operation, to: Some(to), .. } => {
            format!("finishing {} to {to}", operation.as_str())
        }
        Recovery::Forward { operation, .. } => format!("finishing {}", operation.as_str()),
    }
}

/// What was begun is undone; that it could be is success.
async fn take_back(
    common: &Common,
    session: &Session,
    open: &OpenRun,
    services: &BTreeSet<ServiceName>,
) -> Result<Exit, Failure> {
    let end = run::unwind(common, session, open, services).await?;
    Ok(match Exit::from(&end) {
        Exit::Undone => Exit::Done,
        other => other,
    })
}

/// The same operation once more, from how things are now.
async fn finish(
    common: &Common,
    session: &Session,
    service: ServiceName,
    operation: Operation,
    to: Option<HostName>,
) -> Result<Exit, Failure> {
    let facts = session.gather(Waits::default(), Vec::new()).await;
    let table = session.table(&facts).await?;
    let moved = table.services.get(&service).is_some_and(|row| row.primary.is_some() && row.primary == to);
    let mut request = Request::bare(operation, service.clone());
    match operation {
        // It has moved already: what is left is its protection.
        Operation::Failover | Operation::Switchover if moved => request.operation = Operation::Deploy,
        Operation::Failover | Operation::Switchover => request.to = to,
        Operation::Deploy | Operation::Reprotect | Operation::Teardown | Operation::DrillWake => {}
    }
    let args = RunArgs::of(service);
    operation::attempts(common, session, request, &args).await
}
