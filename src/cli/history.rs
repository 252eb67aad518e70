//! `reveille history`: what happened at the site, by what its monitors told.

use std::io::stdout;

use jiff::tz::TimeZone;

use super::args::{Common, HistoryArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::{output, session, site, watch_reports};
use crate::report::watch::{WatchJson, WatchLines, WatchReport};

pub fn run(common: &Common, args: &HistoryArgs) -> Result<Exit, Failure> {
    let site = site::valid(common)?;
    let history = session::store(&site)?.history();
    let volume = watch_reports::volume(common);
    let mut report: Box<dyn WatchReport> = if common.json {
        Box::new(WatchJson::new(stdout(), volume))
    } else {
        let color = output::stdout_color(common) != anstream::ColorChoice::Never;
        Box::new(WatchLines::new(stdout(), volume, color, TimeZone::system()))
    };
    let all = watch_reports::told(&history, usize::MAX);
    let wanted = |told: &&crate::monitor::Told| {
        args.service.as_ref().is_none_or(|service| told.what.services().contains(&service))
    };
    let wanted: Vec<_> = all.iter().filter(wanted).collect();
    for told in wanted.iter().skip(wanted.len().saturating_sub(args.last)) {
        report.told(told);
    }
    Ok(Exit::Done)
}
