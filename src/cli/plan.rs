//! `reveille plan`, and `-C` anywhere: exactly what a run would do, and nothing done.

use std::path::PathBuf;

use super::args::{Common, PlanArgs, PlanFormat, RunArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::session::Session;
use super::{operation, output};
use crate::plan::render::text::Detail;
use crate::plan::{Operation, Plan, render, timing};

/// How a plan is shown, and what its exit code says.
#[derive(Debug, Default)]
pub struct Shape {
    pub format: PlanFormat,
    pub output: Option<PathBuf>,
    pub detailed_exitcode: bool,
}

pub async fn run(common: &Common, args: &PlanArgs) -> Result<Exit, Failure> {
    let session = Session::open(common, &args.run.services)?;
    let shape =
        Shape { format: args.format, output: args.output.clone(), detailed_exitcode: args.detailed_exitcode };
    let shown = show(common, &session, args.operation, &args.run, &shape).await;
    session.close().await;
    shown
}

/// Makes the plan and prints it.
pub async fn show(
    common: &Common,
    session: &Session,
    operation: Operation,
    args: &RunArgs,
    shape: &Shape,
) -> Result<Exit, Failure> {
    let request = operation::request(common, session, operation, args)?;
    let (plan, _) = operation::prepared(session, &request).await?;
    let text = session.redact(&text(common, &plan, shape.format)?);
    match &shape.output {
        None => output::print(&text),
        Some(path) => std::fs::write(path, text).map_err(|error| {
            Failure::internal(
                anyhow::Error::new(error).context(format!("failed to write {}", path.display())),
            )
        })?,
    }
    let changes = plan.steps.iter().any(|step| step.skip.is_none() && timing::changes(step));
    Ok(if shape.detailed_exitcode && changes { Exit::Undone } else { Exit::Done })
}

fn text(common: &Common, plan: &Plan, format: PlanFormat) -> Result<String, Failure> {
    let format = if common.json { PlanFormat::Json } else { format };
    Ok(match format {
        PlanFormat::Text => {
            render::text::render(plan, if common.verbose > 0 { Detail::Full } else { Detail::Normal })
        }
        PlanFormat::Json => serde_json::to_string_pretty(plan).map_err(Failure::internal)? + "\n",
        PlanFormat::Dot => render::graph::dot(plan),
        PlanFormat::Mermaid => render::graph::mermaid(plan),
    })
}
