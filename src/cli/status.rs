//! `reveille status`: services and hosts, by the table, the hosts and a client's view.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::{Table as Grid, presets};

use super::args::Common;
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use super::session::{self, Session, Waits};
use crate::engine::recover::{self, OpenRun};
use crate::module::Outcome;
use crate::plan::facts::SiteFacts;
use crate::plan::status::{Interrupted, MonitorStatus, Observed, OpenRunState, OpenRunStatus, Status};
use crate::plan::table::{Role, Table};
use crate::plan::{Operation, Request};
use crate::probe;
use crate::site::address::ServiceAddress;
use crate::site::id::{HostName, ServiceName};
use crate::store::Store;

pub async fn run(common: &Common) -> Result<Exit, Failure> {
    let session = Session::open(common, &[])?;
    let status = observe(&session).await;
    session.close().await;
    let status = status?;
    if common.json {
        output::say(&serde_json::to_string_pretty(&status).map_err(Failure::internal)?);
    } else if !common.quiet {
        output::print(&table(&status));
    }
    Ok(Exit::Done)
}

/// Asks hosts and probes, and puts the answers beside the table.
pub async fn observe(session: &Session) -> Result<Status, Failure> {
    let (facts, held) = tokio::join!(session.gather(Waits::default(), Vec::new()), session.store.holder());
    let held = held.map_err(Failure::internal)?.filter(|held| held.fresh);
    let table = session.table(&facts).await?;
    let answers = probe_all(session, &table, &facts).await;
    let open = recover::open_runs(&session.store).map_err(Failure::internal)?;
    let runs: Vec<OpenRunStatus> = open.iter().map(|open| open_run(open, held.is_some())).collect();
    let services: BTreeMap<ServiceName, Vec<ServiceAddress>> = session
        .site
        .playbooks
        .iter()
        .map(|(name, book)| (name.clone(), book.addresses.iter().map(|address| address.value).collect()))
        .collect();
    let leader = held.map(|held| held.holder).filter(|holder| holder.monitor);
    Ok(Observed {
        services: &services,
        hosts: &session.hosts,
        table: &table,
        facts: &facts,
        answers: &answers,
        runs: &runs,
        monitor: leader.map(|holder| MonitorStatus { leader: holder.host, since: holder.since }),
        now_ms: session::now_ms(),
    }
    .status())
}

fn open_run(open: &OpenRun, somebody_acts: bool) -> OpenRunStatus {
    let state = match (open.was_cut_short(), somebody_acts) {
        (false, _) => OpenRunState::WorkLeft,
        (true, false) => OpenRunState::CutShort,
        (true, true) if open.story.end.is_some() => OpenRunState::CutShort,
        (true, true) => OpenRunState::UnderWay,
    };
    let run = Interrupted {
        run: open.run.clone(),
        operation: open.plan.operation.as_str().to_owned(),
        services: open.services.iter().cloned().collect(),
    };
    OpenRunStatus { run, state }
}

/// A client's view of every service that should be up: all its probes, side by side.
async fn probe_all(session: &Session, table: &Table, facts: &SiteFacts) -> BTreeMap<ServiceName, Outcome> {
    let looks = session.site.playbooks.keys().filter_map(|service| {
        let primary = table.services.get(service)?.primary.clone()?;
        Some(probe_service(session, table, facts, service, primary))
    });
    let answers = futures_util::future::join_all(looks).await;
    answers.into_iter().flatten().collect()
}

async fn probe_service(
    session: &Session,
    table: &Table,
    facts: &SiteFacts,
    service: &ServiceName,
    primary: HostName,
) -> Option<(ServiceName, Outcome)> {
    let request = Request::bare(Operation::Deploy, service.clone());
    let planner = session.planner(table, facts, request);
    let probes = planner.probes(service, &primary).ok().filter(|probes| !probes.is_empty())?;
    let outcomes = futures_util::future::join_all(probes.iter().map(probe::ask)).await;
    let worst = outcomes.into_iter().min_by_key(|outcome| match outcome {
        Outcome::Impossible { .. } => 1,
        Outcome::Warned { .. } => 2,
        Outcome::Answered { .. } => 3,
        _ => 0,
    })?;
    Some((service.clone(), worst))
}

/// Two tables, and what a person should know below them.
fn table(status: &Status) -> String {
    let dash = |host: &Option<HostName>| host.as_ref().map_or("-".to_owned(), ToString::to_string);
    let mut services = grid(&["SERVICE", "STATE", "VERDICT", "PRIMARY", "SECONDARY", "EPOCH", "ADDRESSES"]);
    for service in &status.services {
        let addresses: Vec<_> = service.addresses.iter().map(|address| address.ip().to_string()).collect();
        services.add_row([
            service.service.to_string(),
            service.state.to_string(),
            service.verdict.as_str().to_owned(),
            dash(&service.primary),
            dash(&service.secondary),
            service.epoch.to_string(),
            addresses.join(" "),
        ]);
    }
    let mut hosts = grid(&["HOST", "VERDICT", "LOAD/CPU", "ROLES"]);
    for host in &status.hosts {
        let role = |role: Role| if role == Role::Primary { "primary of" } else { "secondary of" };
        let roles: Vec<_> =
            host.roles.iter().map(|held| format!("{} {}", role(held.role), held.service)).collect();
        hosts.add_row([
            host.host.to_string(),
            host.verdict.as_str().to_owned(),
            host.load_per_cpu.map_or("-".to_owned(), |load| format!("{load:.2}")),
            roles.join(", "),
        ]);
    }
    let mut text = format!("{services}\n\n{hosts}\n");
    for note in status.services.iter().flat_map(|service| &service.notes) {
        let _ = writeln!(text, "note: {note}");
    }
    for pause in &status.pauses {
        let _ = writeln!(text, "note: {pause}");
    }
    for OpenRunStatus { run: Interrupted { run, operation, .. }, state } in &status.runs {
        let _ = match state {
            OpenRunState::UnderWay => writeln!(text, "run {run} ({operation}) is under way"),
            OpenRunState::CutShort => writeln!(
                text,
                "run {run} ({operation}) was cut short: `reveille recover` finishes it or takes it back"
            ),
            OpenRunState::WorkLeft => {
                writeln!(text, "run {run} ({operation}) ended with work left for a person")
            }
        };
    }
    text
}

fn grid(header: &[&str]) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    grid.set_header(header.to_vec());
    grid
}
