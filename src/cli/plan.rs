//! `reveille plan`, and `-C` anywhere: exactly what a run would do, and nothing done.

use super::args::{Common, PlanArgs, PlanFormat, RunArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::operation::{self, Prepared};
use super::session::Session;
use super::{facts, output, saved};
use crate::plan::render::text::Detail;
use crate::plan::saved::SavedPlan;
use crate::plan::{Operation, Plan, Request, render, timing};

pub async fn run(common: &Common, args: &PlanArgs) -> Result<Exit, Failure> {
    let old = args.diff.as_deref().map(saved::load).transpose()?;
    let session = Session::open(common, &args.services)?;
    let shown = planned(common, &session, args, old.as_ref()).await;
    session.close().await;
    shown
}

async fn planned(
    common: &Common,
    session: &Session,
    args: &PlanArgs,
    old: Option<&saved::SavedPlan>,
) -> Result<Exit, Failure> {
    let wanted = RunArgs { to: args.to.clone(), ..RunArgs::of_all(args.services.clone()) };
    let request = operation::request(common, session, args.operation, &wanted)?;
    let prepared = match &args.facts {
        Some(file) => operation::planned(session, &request, facts::load(file)?)?,
        None => operation::prepared(session, &request).await?,
    };
    if let Some(old) = old {
        let now = saved::keep(common, session, &request, &prepared, Some(&old.inputs.salt))?;
        return Ok(saved::differ(common, old, &now));
    }
    let kept = match &args.output {
        Some(file) => {
            let kept = saved::keep(common, session, &request, &prepared, None)?;
            saved::write(file, session, &kept)?;
            Some(kept)
        }
        None => None,
    };
    print(common, session, &prepared.plan, kept.as_ref(), args.format)?;
    Ok(if args.detailed_exitcode && is_change(&prepared.plan) { Exit::Undone } else { Exit::Done })
}

/// Makes the plan and prints it.
pub async fn show(
    common: &Common,
    session: &Session,
    operation: Operation,
    args: &RunArgs,
) -> Result<Exit, Failure> {
    let request: Request = operation::request(common, session, operation, args)?;
    let Prepared { plan, .. } = operation::prepared(session, &request).await?;
    print(common, session, &plan, None, PlanFormat::default())?;
    Ok(Exit::Done)
}

fn print(
    common: &Common,
    session: &Session,
    plan: &Plan,
    kept: Option<&SavedPlan>,
    format: PlanFormat,
) -> Result<(), Failure> {
    // Before it is written out: part of a secret, or one that is escaped, could not be told from other words.
    let plan = session.redact_plan(plan)?;
    output::print(&session.redact(&text(common, &plan, kept, format)?));
    Ok(())
}

fn is_change(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| step.skip.is_none() && timing::changes(step))
}

/// A plan in one of its forms; with what it was made from, if that was kept.
pub fn text(
    common: &Common,
    plan: &Plan,
    kept: Option<&SavedPlan>,
    format: PlanFormat,
) -> Result<String, Failure> {
    let format = if common.json { PlanFormat::Json } else { format };
    Ok(match format {
        PlanFormat::Text => {
            render::text::render(plan, if common.verbose > 0 { Detail::Full } else { Detail::Normal })
        }
        PlanFormat::Json => serde_json::to_string_pretty(plan).map_err(Failure::internal)? + "\n",
        PlanFormat::Dot => render::graph::dot(plan),
        PlanFormat::Mermaid => render::graph::mermaid(plan),
        PlanFormat::Svg => render::picture::svg(plan, render::picture::Place::File),
        PlanFormat::Html => render::page::page(plan, kept),
    })
}
