//! `reveille explain SERVICE --at TIME | --run RUN`: the same question for a time that has gone by, from what was written
//! down then. Connects to nothing.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::args::{Common, ExplainArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::{output, report, session, site, watch_reports};
use crate::report::past::{Decision, Past, began_ms};
use crate::site::id::ServiceName;
use crate::store::{FileStore, Store, begun};

pub fn run(common: &Common, args: &ExplainArgs) -> Result<Exit, Failure> {
    let site = site::valid(common)?;
    let known = site.playbooks.contains_key(&args.service);
    let store = session::store(&site)?;
    let at_ms = match &args.run {
        Some(run) => began(&store, run, &args.service)?,
        None => moment(args.at.as_deref().unwrap_or_default())?,
    };
    let runs = until(&store, at_ms, &args.service)?;
    if !known && runs.is_empty() {
        return Err(Failure::words(
            Exit::Usage,
            format!("there is no service `{}`, and no run was about it", args.service),
        )
        .hint("`reveille status` names the services"));
    }
    let history = watch_reports::told(&store.history(), usize::MAX);
    let past = Past::of(args.service.clone(), at_ms, &history, runs);
    if common.json {
        output::say(&serde_json::to_string_pretty(&past.document()).map_err(Failure::internal)?);
    } else if !common.quiet {
        output::print(&past.text(&TimeZone::system()));
    }
    Ok(Exit::Done)
}

/// When the run began, if it was about the service.
fn began(store: &FileStore, run: &str, service: &ServiceName) -> Result<u64, Failure> {
    let asked = decision(store, run, service)?.ok_or_else(|| {
        Failure::words(Exit::Usage, format!("run {run} was not about {service}"))
            .hint(format!("`reveille report {run}` tells what it was about"))
    })?;
    Ok(began_ms(&asked.account))
}

/// The run, if it was about the service.
fn decision(store: &FileStore, run: &str, service: &ServiceName) -> Result<Option<Decision>, Failure> {
    let told = report::told(store, Some(run))?;
    let concerns = told.account.services.iter().any(|one| one.service == *service);
    Ok(concerns.then(|| Decision::of(told.account, told.plan, service)))
}

/// Runs of the service that had begun by then, newest first, back to one that had written its row. A journal that cannot be
/// read is another's matter.
fn until(store: &FileStore, at_ms: u64, service: &ServiceName) -> Result<Vec<Decision>, Failure> {
    let mut found = Vec::new();
    for run in store.runs().map_err(Failure::internal)?.iter().rev() {
        let begun = begun(run).and_then(|begun| u64::try_from(begun.as_millisecond()).ok());
        if begun.is_none_or(|begun| begun > at_ms) {
            continue;
        }
        let Some(decision) = decision(store, run.as_str(), service).ok().flatten() else { continue };
        let is_enough = decision.row(service, at_ms).is_some();
        found.push(decision);
        if is_enough {
            break;
        }
    }
    Ok(found)
}

/// A time in RFC 3339, or as the clock on the wall here shows it, with the date or without (today's).
fn moment(text: &str) -> Result<u64, Failure> {
    let here = |time: DateTime| time.to_zoned(TimeZone::system()).ok().map(|zoned| zoned.timestamp());
    let now = Zoned::now();
    let instant = text.parse::<Timestamp>().ok();
    let wall = || text.parse::<DateTime>().ok().and_then(here);
    let today = || text.parse::<Time>().ok().and_then(|time| here(now.date().to_datetime(time)));
    let instant = instant.or_else(wall).or_else(today);
    let words = || {
        Failure::words(Exit::Usage, format!("`{text}` is no time")).hint("as in 2026-11-23T03:12:00 or 03:12")
    };
    let instant = instant.ok_or_else(words)?;
    if instant > now.timestamp() {
        return Err(Failure::words(Exit::Usage, format!("{text} has not come yet")).hint(
            "`reveille explain SERVICE` tells what would be done now; give the date if it was not today",
        ));
    }
    u64::try_from(instant.as_millisecond()).map_err(Failure::internal)
}
