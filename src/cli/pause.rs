//! `reveille pause`, `resume` and `ack`: a person's word to the monitor, left in the table. None of them needs the lease,
//! so they work while a monitor runs.

use super::args::{AckArgs, Common, PauseArgs, ResumeArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::{output, session, site};
use crate::plan::policy::BadScope;
use crate::plan::table::{Pause, Scope};
use crate::site::Site;
use crate::store::update;

pub async fn pause(common: &Common, args: &PauseArgs) -> Result<Exit, Failure> {
    let site = site::valid(common)?;
    let now_ms = session::now_ms();
    let until = |span: crate::site::quantity::TimeSpan| {
        now_ms.saturating_add(u64::try_from(span.0.as_millis()).unwrap_or(u64::MAX))
    };
    let pause = Pause {
        scope: scope(&site, args.name.as_deref())?,
        until_ms: args.duration.map(until),
        because: args.because.clone(),
        by: session::origin().who,
        since_ms: now_ms,
    };
    let change = |table: &mut crate::plan::table::Table| {
        table.prune(now_ms);
        table.pause(pause.clone());
    };
    update(&session::store(&site)?, change).await.map_err(Failure::internal)?;
    if !common.quiet {
        output::note(&format!("{pause}; nothing of it is moved by itself, and it is still watched"));
    }
    Ok(Exit::Done)
}

pub async fn resume(common: &Common, args: &ResumeArgs) -> Result<Exit, Failure> {
    let site = site::valid(common)?;
    let scope = scope(&site, args.name.as_deref())?;
    let now_ms = session::now_ms();
    let change = |table: &mut crate::plan::table::Table| {
        table.prune(now_ms);
        (table.resume(&scope), table.pauses.clone())
    };
    let (ended, others) = update(&session::store(&site)?, change).await.map_err(Failure::internal)?;
    if !common.quiet {
        output::note(&match ended {
            Some(_) => format!("{scope} is not paused any more"),
            None => format!("{scope} was not paused"),
        });
        for pause in others {
            output::note(&format!("note: {pause}"));
        }
    }
    Ok(Exit::Done)
}

pub async fn ack(common: &Common, args: &AckArgs) -> Result<Exit, Failure> {
    let site = site::valid(common)?;
    session::known(&site, &args.service)?;
    let change = |table: &mut crate::plan::table::Table| table.acknowledge(&args.service);
    let forgotten = update(&session::store(&site)?, change).await.map_err(Failure::internal)?;
    if !common.quiet {
        let service = &args.service;
        output::note(&match forgotten {
            None => format!("{service}: there was nothing to acknowledge"),
            Some(memory) => match memory.latched {
                Some(latch) => {
                    format!("{service} may be taken over again; what failed was: {}", latch.because)
                }
                None => format!("{service}: hold-down and budget begin anew"),
            },
        });
    }
    Ok(Exit::Done)
}

/// The whole site if nothing is named.
fn scope(site: &Site, name: Option<&str>) -> Result<Scope, Failure> {
    let Some(name) = name else { return Ok(Scope::Site) };
    Scope::named(name, site.playbooks.keys(), site.inventory.hosts()).map_err(|bad| {
        let hint = match &bad {
            BadScope::Ambiguous { .. } => format!("write `service:{name}` or `host:{name}`"),
            BadScope::Unknown { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            BadScope::Unknown { .. } => "without a name it is the whole site".to_owned(),
        };
        Failure::new(Exit::Usage, bad).hint(hint)
    })
}
