//! `reveille report RUN`: the story of one run, from its journal and the site's history.

use serde::Serialize;

use jiff::tz::TimeZone;

use super::args::{Common, ReportArgs, ReportFormat};
use super::exit::Exit;
use super::failure::Failure;
use super::{output, session, site, watch_reports};
use crate::engine::account::Account;
use crate::engine::record::Story;
use crate::plan::Plan;
use crate::report::account;
use crate::report::watch::Line;
use crate::site::id::RunId;
use crate::store::{FileStore, Store, journal};

/// The account and what happened around it.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    account: &'a Account,
    happenings: Vec<Line<'a>>,
}

pub fn run(common: &Common, args: &ReportArgs) -> Result<Exit, Failure> {
    let site = site::valid(common)?;
    let store = session::store(&site)?;
    let Told { account, .. } = told(&store, args.run.as_deref())?;
    let happenings = account::belonging(&account, watch_reports::told(&store.history(), usize::MAX));
    match if common.json { ReportFormat::Json } else { args.format } {
        ReportFormat::Json => {
            let happenings = happenings.iter().map(Line::of).collect();
            let document = Document { account: &account, happenings };
            output::say(&serde_json::to_string_pretty(&document).map_err(Failure::internal)?);
        }
        ReportFormat::Text => output::print(&account::text(&account, &happenings, &TimeZone::system())),
        ReportFormat::Html => {
            output::print(&account::page::page(&account, &happenings, &TimeZone::system()));
        }
    }
    Ok(Exit::Done)
}

/// What a run's journal tells.
pub struct Told {
    pub account: Account,
    pub plan: Plan,
}

/// The account of the run that is meant; see [`named`].
pub fn told(store: &FileStore, name: Option<&str>) -> Result<Told, Failure> {
    let run = named(store, name)?;
    let text = store.journal(&run).map_err(Failure::internal)?;
    let records = journal::read(&text).map_err(Failure::internal)?.records;
    let read = Account::of(&records).zip(Story::of(&records));
    let (account, Story { plan, .. }) = read.ok_or_else(|| {
        Failure::words(Exit::Internal, format!("the journal of {run} does not begin as one"))
            .hint("`reveille audit verify` says whether it was changed")
    })?;
    Ok(Told { account, plan })
}

/// The run that is meant: by its name, by the beginning or end of it, or else the last one.
fn named(store: &FileStore, text: Option<&str>) -> Result<RunId, Failure> {
    let mut runs: Vec<RunId> = store.runs().map_err(Failure::internal)?;
    runs.sort();
    let Some(text) = text else {
        return runs.pop().ok_or_else(|| {
            Failure::words(Exit::Usage, "there was no run yet")
                .hint("an operation is one: `reveille deploy SERVICE`")
        });
    };
    let fits = |run: &&RunId| run.as_str().starts_with(text) || run.as_str().ends_with(text);
    match runs.iter().filter(fits).collect::<Vec<_>>()[..] {
        [] => Err(Failure::words(Exit::Usage, format!("there is no run `{text}`"))
            .hint("`reveille report` tells the last one; `reveille history --json` names them")),
        [run] => Ok(run.clone()),
        ref several => {
            Err(Failure::words(Exit::Usage, format!("`{text}` may be any of {} runs", several.len()))
                .hint("write more of its name"))
        }
    }
}
