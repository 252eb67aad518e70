//! `reveille explain`: why a service was moved or not, what was seen by whom, and what would change it.

use std::fmt::Write;
use std::sync::Arc;

use serde::Serialize;

use super::args::{Common, ExplainArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::session::{self, Session};
use super::{output, watch};
use crate::monitor::view::{HostView, ServiceView, View};
use crate::monitor::{Config, Core, Now, Prospects, Remembered, Wishes};
use crate::plan::facts::SiteFacts;
use crate::plan::reconcile::reconcile;
use crate::plan::render::text::story;
use crate::plan::table::Table;
use crate::plan::{Operation, PlacementTable, PlanError, Request};
use crate::site::id::ServiceName;
use crate::watch::{Field, gateway};

/// A picture of a leading monitor that is older is not news.
const FRESH_MS: u64 = 5_000;

/// The version of the document.
const SCHEMA: &str = "reveille.explain/1";

/// Everything there is to say.
#[derive(Serialize)]
struct Explanation {
    schema: &'static str,
    /// Whether a monitor leads and its picture is shown, or this command looked.
    by_monitor: bool,
    at_ms: u64,
    /// This machine seems to be cut off.
    isolated: bool,
    service: ServiceView,
    /// Its primary, its secondary, and the rest of its pool.
    hosts: Vec<HostView>,
    /// What a monitor would do now.
    would: Option<Would>,
    /// If its primary failed now.
    prospects: Option<Prospects>,
    /// Who would take over, and who would protect it then; every candidate with its score or rejection.
    placement: Vec<PlacementTable>,
    /// Why there would be no plan.
    no_plan: Option<String>,
}

#[derive(Serialize)]
struct Would {
    operation: Operation,
    because: String,
}

pub async fn run(common: &Common, args: &ExplainArgs) -> Result<Exit, Failure> {
    let session = Session::open(common, std::slice::from_ref(&args.service))?;
    let picture = fresh_view(&session);
    let gateway = gateway();
    let wishes = Wishes { gateway: gateway.is_some(), hosts: session.hosts.clone(), ..Wishes::default() };
    let mut config = Config::of(&session.site, &wishes);
    config.services.retain(|name, _| *name == args.service);
    let field = Arc::new(watch::field(common, session, gateway));
    let explained = explain(&field, config, picture, &args.service).await;
    field.transport.close().await;
    let explained = explained?;
    if common.json {
        let text = serde_json::to_string_pretty(&explained).map_err(Failure::internal)?;
        output::say(&(field.redact)(&text));
    } else if !common.quiet {
        output::print(&(field.redact)(&words(&explained)));
    }
    Ok(Exit::Done)
}

/// What a leading monitor knows, if one wrote it down just now.
fn fresh_view(session: &Session) -> Option<View> {
    let text = std::fs::read_to_string(session.store.folder().join("view.json")).ok()?;
    let view: View = serde_json::from_str(&text).ok()?;
    (view.at_ms + FRESH_MS >= session::now_ms()).then_some(view)
}

async fn explain(
    field: &Arc<Field>,
    config: Config,
    picture: Option<View>,
    name: &ServiceName,
) -> Result<Explanation, Failure> {
    let by_monitor = picture.is_some();
    let (view, core, acts, table, facts) = if let Some(view) = picture {
        let facts = field.gather().await;
        let table = reconcile(&field.table().await.map_err(Failure::internal)?, &facts);
        let now = Now { mono_ms: 0, wall_ms: session::now_ms() };
        let core = Core::new(config, table.clone(), Some(&Remembered::default()), now);
        (view, core, Vec::new(), table, facts)
    } else {
        let peek = field.peek(config).await.map_err(Failure::internal)?;
        (peek.core.view(), peek.core, peek.acts, peek.table, peek.facts)
    };
    let absent = || {
        Failure::words(Exit::Usage, format!("the monitor does not watch {name}"))
            .hint(format!("start one that does: `reveille watch {name}`"))
    };
    let service = view.services.into_iter().find(|service| service.service == *name).ok_or_else(absent)?;
    let (placement, no_plan) = candidates(field, &table, &facts, name);
    Ok(Explanation {
        schema: SCHEMA,
        by_monitor,
        at_ms: view.at_ms,
        isolated: view.isolated,
        service,
        hosts: view.hosts.into_iter().filter(|host| field.hosts.contains(&host.host)).collect(),
        would: acts.first().map(|act| Would { operation: act.operation, because: act.because.clone() }),
        prospects: core.prospects(name),
        placement,
        no_plan,
    })
}

/// The choices of a failover that is only planned.
fn candidates(
    field: &Field,
    table: &Table,
    facts: &SiteFacts,
    name: &ServiceName,
) -> (Vec<PlacementTable>, Option<String>) {
    let planner = field.planner(table, facts, Request::bare(Operation::Failover, name.clone()));
    match planner.plan() {
        Ok(plan) => (plan.services.into_iter().flat_map(|service| service.placement).collect(), None),
        Err(PlanError::NoCandidate { service, role, table }) => {
            let tables = table.map(|table| *table).into_iter().collect();
            (tables, Some(PlanError::NoCandidate { service, role, table: None }.to_string()))
        }
        Err(error) => (Vec::new(), Some(error.to_string())),
    }
}

fn words(explained: &Explanation) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = state(&mut text, explained);
    let _ = doing(&mut text, explained);
    let _ = foreseen(&mut text, explained);
    text
}

fn state(text: &mut String, explained: &Explanation) -> std::fmt::Result {
    let Explanation { service, .. } = explained;
    let dash = |host: &Option<crate::site::id::HostName>| {
        host.as_ref().map_or("none".to_owned(), ToString::to_string)
    };
    writeln!(
        text,
        "{} is {}; {}: {}",
        service.service,
        service.state,
        service.verdict.as_str(),
        service.because
    )?;
    writeln!(
        text,
        "primary {}, secondary {}, epoch {}",
        dash(&service.primary),
        dash(&service.secondary),
        service.epoch
    )?;
    if let Some(lack) = &service.lack {
        writeln!(text, "it is not protected: {lack}")?;
    }
    if let Some(paused) = &service.paused {
        writeln!(text, "paused {paused}")?;
    }
    if explained.isolated {
        writeln!(text, "this machine seems to be cut off: nothing is concluded of others")?;
    }
    let by = if explained.by_monitor {
        "by the leading monitor"
    } else {
        "by a look of this command; no monitor leads"
    };
    writeln!(text, "\nseen {by}")?;
    for line in &service.observed {
        writeln!(text, "  {line}")?;
    }
    for (rule, value) in &service.gauges {
        writeln!(text, "  overload rule {rule}: {value:.2}")?;
    }
    for host in &explained.hosts {
        let load = host.load_per_cpu.map_or(String::new(), |load| format!(", load {load:.2} per CPU"));
        writeln!(text, "  {} is {}: {}{load}", host.host, host.verdict.as_str(), host.because)?;
    }
    Ok(())
}

/// What is done about it, and what not.
fn doing(text: &mut String, explained: &Explanation) -> std::fmt::Result {
    let service = &explained.service;
    if let Some(operation) = service.acting.filter(|_| explained.by_monitor) {
        return writeln!(text, "\na {} is under way", operation.as_str());
    }
    if let Some(would) = &explained.would {
        return writeln!(
            text,
            "\na monitor would begin a {} now: {}",
            would.operation.as_str(),
            would.because
        );
    }
    let Some(held) = &service.held else { return writeln!(text, "\nnothing is to be done") };
    writeln!(text, "\nno {} although it should be, because", held.operation.as_str())?;
    for blocker in &held.blockers {
        writeln!(text, "  {blocker}")?;
        writeln!(text, "    what ends it: {}", blocker.way_out(service.service.as_str()))?;
    }
    Ok(())
}

fn foreseen(text: &mut String, explained: &Explanation) -> std::fmt::Result {
    let service = &explained.service;
    let Some(prospects) = &explained.prospects else { return Ok(()) };
    writeln!(text, "\nif its primary failed now")?;
    for blocker in &prospects.against {
        writeln!(text, "  it would be held: {}", blocker.in_full(&service.service))?;
    }
    if prospects.plan_only {
        writeln!(text, "  its plan would only be written down (`mode: plan-only`)")?;
    }
    writeln!(text, "  {} of {} takeovers within a day are used", prospects.takeovers, prospects.max_per_day)?;
    for way in &prospects.evidence {
        let can = if way.possible { "evidence" } else { "no evidence" };
        writeln!(text, "  {can} `{}`: {}", way.evidence.as_str(), way.words)?;
    }
    if let Some(why) = &explained.no_plan {
        writeln!(text, "  there would be no plan: {why}")?;
    }
    for table in &explained.placement {
        let chosen = table.chosen.as_ref().map_or("nobody".to_owned(), ToString::to_string);
        writeln!(text, "  next {}: {chosen}", table.role)?;
        for candidate in &table.candidates {
            writeln!(text, "    {}: {}", candidate.host, story(candidate))?;
        }
    }
    Ok(())
}
