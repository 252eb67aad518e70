//! `reveille confirm-dead HOST --because …`: a person's word, kept until a failover has used it.

use std::collections::BTreeSet;

use super::args::{Common, ConfirmDeadArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use super::session::{self, Session, Waits};
use crate::plan::table::Confirmation;
use crate::store::update;

pub async fn run(common: &Common, args: &ConfirmDeadArgs) -> Result<Exit, Failure> {
    let mut session = Session::open(common, &[])?;
    if session.site.inventory.host(&args.host).is_none() {
        return Err(session::no_host(&session.site, &args.host));
    }
    session.hosts.retain(|host| *host == args.host);
    let waits = Waits { must: BTreeSet::from([args.host.clone()]), ..Waits::default() };
    let facts = session.gather(waits, Vec::new()).await;
    let store = session.store.clone();
    session.close().await;
    if facts.get(&args.host).is_some_and(Result::is_ok) {
        return Err(Failure::words(Exit::Usage, format!("{} answers: it is not dead", args.host))
            .hint("a host that answers gives its services up by itself: use `failover` or `switchover`"));
    }
    let word = Confirmation {
        by: session::origin().who,
        because: args.because.clone(),
        at: jiff::Timestamp::now().to_string(),
    };
    update(&store, |table| table.confirmed_dead.insert(args.host.clone(), word.clone()))
        .await
        .map_err(Failure::internal)?;
    if !common.quiet {
        output::note(&format!("{} is held for dead; the next failover from it uses this once", args.host));
    }
    Ok(Exit::Done)
}
