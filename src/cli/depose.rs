//! `reveille depose`: ends the lease of the monitor that leads, for whoever knows better than its silence: a playbook that
//! moves the monitor itself, or a person before a monitor that hangs.

use jiff::Timestamp;

use super::args::{Common, DeposeArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::{output, session, site};
use crate::monitor::Happening;
use crate::store::{Holder, Store};

pub async fn run(common: &Common, args: &DeposeArgs) -> Result<Exit, Failure> {
    let store = session::store(&site::valid(common)?)?;
    let here = session::holder().host;
    // A command ends by itself, and is not to be left half done.
    let who = |holder: &Holder| holder.monitor && !(args.elsewhere && holder.host == here);
    let deposed = store.depose(&who).await.map_err(Failure::internal)?;
    let Some(holder) = deposed else {
        if !common.quiet {
            output::note("no monitor leads that could be deposed");
        }
        return Ok(Exit::Done);
    };
    let happening = Happening::Deposed {
        leader: holder.name(),
        by: session::origin().who,
        because: args.because.clone(),
    };
    if let Err(error) = store.history().append(Timestamp::now(), &happening) {
        output::note(&format!("warning: the history does not know of it: {error}"));
    }
    if !common.quiet {
        output::note(&happening.to_string());
    }
    Ok(Exit::Done)
}
