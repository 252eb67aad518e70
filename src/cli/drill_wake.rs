//! `reveille drill wake`: proves on the hosts that a sleeping copy wakes.

use super::args::{Common, RunArgs};
use super::drill_args::DrillWakeArgs;
use super::exit::Exit;
use super::failure::Failure;
use super::operation::{self, Prepared};
use super::session::{Session, Waits};
use super::{output, plan, run};
use crate::plan::facts::ProcessFact;
use crate::plan::table::Role;
use crate::plan::{Operation, Plan, Request, render};
use crate::site::id::{HostName, ServiceName};

pub async fn run(common: &Common, args: &DrillWakeArgs) -> Result<Exit, Failure> {
    let mut session = Session::open(common, std::slice::from_ref(&args.service))?;
    let ended = if args.check {
        plan::show(common, &session, Operation::DrillWake, &as_run(args)).await
    } else {
        wake(common, &mut session, args).await
    };
    session.close().await;
    ended
}

fn as_run(args: &DrillWakeArgs) -> RunArgs {
    RunArgs { inject: args.inject.clone(), ..RunArgs::of(args.service.clone()) }
}

async fn wake(common: &Common, session: &mut Session, args: &DrillWakeArgs) -> Result<Exit, Failure> {
    session.lock().await?;
    session.no_open_run(std::slice::from_ref(&args.service))?;
    let request = operation::request(common, session, Operation::DrillWake, &as_run(args))?;
    let Prepared { plan, table, .. } = operation::prepared(session, &request).await?;
    if !common.quiet && !common.json {
        output::note(&render::text::summary(&plan));
    }
    let outcome = run::run(common, session, &plan, &table, &as_run(args), &request).await?;
    let exit = Exit::from(&outcome.end);
    told(common, &plan, exit, outcome.woke_ms);
    if exit == Exit::Done {
        return Ok(exit);
    }
    back_to_sleep(common, session, &args.service, &plan, exit).await
}

fn told(common: &Common, plan: &Plan, exit: Exit, woke_ms: Option<u64>) {
    let Some(service) = plan.services.first() else { return };
    let woke = woke_ms.filter(|_| exit == Exit::Done);
    if common.json {
        let document = serde_json::json!({
            "schema": "reveille.drill/1", "drill": "wake", "service": service.service,
            "host": service.secondary, "woke": woke.is_some(), "wake_ms": woke,
        });
        return output::say(&document.to_string());
    }
    let (name, host) = (&service.service, service.secondary.as_ref().map_or("-", HostName::as_str));
    match woke {
        Some(ms) if !common.quiet => {
            output::say(&format!("{name}: the copy on {host} was awake within {ms} ms, and sleeps again"));
        }
        Some(_) => {}
        None => output::say(&format!(
            "{name}: the copy on {host} did not wake and go to sleep again as it should"
        )),
    }
}

/// A copy that failed its drill must not be left half awake: what could not be taken back is set up anew.
async fn back_to_sleep(
    common: &Common,
    session: &Session,
    service: &ServiceName,
    plan: &Plan,
    exit: Exit,
) -> Result<Exit, Failure> {
    let copy = plan.services.first().and_then(|planned| planned.secondary.clone());
    if !matches!(exit, Exit::Undone | Exit::Stuck) || sleeps(session, service, copy.as_ref()).await {
        return Ok(exit);
    }
    output::note(&format!("warning: the copy of {service} is not asleep: it is set up anew"));
    let request = Request::bare(Operation::Reprotect, service.clone());
    let again = operation::attempts(common, session, request, &RunArgs::of(service.clone())).await?;
    Ok(if again == Exit::Done { Exit::Undone } else { again })
}

async fn sleeps(session: &Session, service: &ServiceName, copy: Option<&HostName>) -> bool {
    let facts = session.gather(Waits::default(), Vec::new()).await;
    let host = copy.and_then(|copy| facts.get(copy)?.as_ref().ok());
    host.and_then(|facts| facts.services.get(service)).is_some_and(|trace| {
        trace.role == Some(Role::Secondary)
            && trace.processes.values().all(|process| *process == ProcessFact::Asleep)
    })
}
