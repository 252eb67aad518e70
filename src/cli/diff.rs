//! `reveille diff RUN1 RUN2`: two runs side by side, from their journals.

use super::args::{Common, DiffArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::{output, report, session, site};
use crate::report::compare::{Comparison, Side};

pub fn run(common: &Common, args: &DiffArgs) -> Result<Exit, Failure> {
    let store = session::store(&site::valid(common)?)?;
    let one = report::told(&store, Some(&args.first))?;
    let other = report::told(&store, args.second.as_deref())?;
    let [first, second] = [&one, &other].map(|told| Side { account: &told.account, plan: &told.plan });
    let comparison = Comparison::of(first, second);
    if common.json {
        output::say(&serde_json::to_string(&comparison).map_err(Failure::internal)?);
        return Ok(Exit::Done);
    }
    output::print(&comparison.text());
    if comparison.is_same() && !common.quiet {
        output::note("both did the same");
    }
    Ok(Exit::Done)
}
