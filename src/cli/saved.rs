//! Plans that are kept: `plan -o FILE` writes one, `show FILE` prints it, `apply FILE` does it, once, or says what is not as
//! it was.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::{ApplyArgs, Common, RunArgs, ShowArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::operation::{self, Prepared};
use super::session::{self, Session};
use super::{connect, output, plan, run};
use crate::engine::record::Record;
use crate::plan::Request;
pub use crate::plan::saved::SavedPlan;
use crate::plan::saved::{Asked, Change, Inputs, Made, SCHEMA, Unreadable};
use crate::plan::timing::hex;
use crate::site::id::RunId;
use crate::store::{Store, journal};

/// What stands for a secret in text.
const HIDDEN: &str = "***";

pub fn show(common: &Common, args: &ShowArgs) -> Result<Exit, Failure> {
    let saved = load(&args.file)?;
    output::note(&line(&saved));
    output::print(&plan::text(common, &saved.plan, Some(&saved), args.format)?);
    Ok(Exit::Done)
}

pub async fn apply(common: &Common, args: &ApplyArgs) -> Result<Exit, Failure> {
    let saved = load(&args.file)?;
    let common = as_asked(common, &saved)?;
    let mut session = Session::open(&common, &saved.asked.request.services)?;
    let ended = applied(&common, &mut session, &saved, args).await;
    session.close().await;
    ended
}

async fn applied(
    common: &Common,
    session: &mut Session,
    saved: &SavedPlan,
    args: &ApplyArgs,
) -> Result<Exit, Failure> {
    let request = &saved.asked.request;
    if !args.check {
        session.lock().await?;
    }
    session.no_open_run(&request.services)?;
    if let Some(run) = applied_by(session, saved)? {
        return Err(Failure::words(Exit::Refused, format!("it was applied already, by run {run}"))
            .hint("a kept plan is good for once; make a new one with `reveille plan`"));
    }
    let mut prepared = operation::prepared(session, request).await.map_err(no_more)?;
    let now = keep(common, session, request, &prepared, Some(&saved.inputs.salt))?;
    refuse(&saved.changes(&now))?;
    // What is done is what was approved, and why it was chosen is what was approved too.
    prepared.plan.hash.clone_from(&saved.plan.hash);
    for (service, approved) in prepared.plan.services.iter_mut().zip(&saved.plan.services) {
        service.placement.clone_from(&approved.placement);
    }
    if args.check {
        output::note("nothing has changed: it would be applied");
        return Ok(Exit::Done);
    }
    operation::confirm(&prepared.plan, args.yes)?;
    if !common.quiet && !common.json {
        output::note(&line(saved));
    }
    let as_run = RunArgs { diff: args.diff, ..RunArgs::of_all(request.services.clone()) };
    let Prepared { plan, table, .. } = &prepared;
    let outcome = run::run(common, session, plan, table, &as_run, request).await?;
    Ok(Exit::from(&outcome.end))
}

/// The command line as it was when the plan was made, where nothing else is said now.
fn as_asked(common: &Common, saved: &SavedPlan) -> Result<Common, Failure> {
    let Asked { inventory, extra_vars, .. } = &saved.asked;
    let mut common = common.clone();
    if common.inventory.is_empty() {
        common.inventory.clone_from(inventory);
    }
    if common.extra_vars.is_empty() {
        if extra_vars.iter().any(|vars| vars.contains(HIDDEN)) {
            return Err(Failure::words(Exit::Usage, "a variable of -e holds a secret, which is not kept")
                .hint("say the same -e once more"));
        }
        common.extra_vars.clone_from(extra_vars);
    }
    Ok(common)
}

/// The run that did it, if one did.
fn applied_by(session: &Session, saved: &SavedPlan) -> Result<Option<RunId>, Failure> {
    let moved = session.store.archive().moved().map_err(Failure::internal)?;
    if let Some(moved) = moved.into_iter().find(|moved| moved.plan == saved.plan.hash) {
        return Ok(Some(moved.run));
    }
    for run in session.store.runs().map_err(Failure::internal)? {
        let text = session.store.journal(&run).map_err(Failure::internal)?;
        let first = text.lines().next().unwrap_or_default();
        // One that cannot be read is another's matter.
        let Ok(read) = journal::read::<Record>(&format!("{first}\n")) else { continue };
        if let Some(Record::RunStarted { plan, .. }) = read.records.first().map(|sealed| &sealed.record)
            && plan.hash == saved.plan.hash
        {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

fn no_more(failure: Failure) -> Failure {
    Failure {
        exit: Exit::Refused,
        error: failure.error.context("nothing like it could be planned now"),
        ..failure
    }
}

fn refuse(changes: &[Change]) -> Result<(), Failure> {
    if changes.is_empty() {
        return Ok(());
    }
    let changes: Vec<String> = changes.iter().map(|change| format!("\n  {change}")).collect();
    let words = format!("nothing was done: not all is as it was when the plan was kept:{}", changes.concat());
    Err(Failure::words(Exit::Refused, words).hint("make a new plan, and have that one approved"))
}

/// What would be done otherwise than by an old plan.
pub fn differ(common: &Common, old: &SavedPlan, now: &SavedPlan) -> Exit {
    let changes = old.changes(now);
    if common.json {
        let said: Vec<String> = changes.iter().map(ToString::to_string).collect();
        let worst = [old.plan.worst_case_ms, now.plan.worst_case_ms];
        output::say(
            &serde_json::json!({ "schema": "reveille.plan-diff/1", "changes": said, "worst_case_ms": worst })
                .to_string(),
        );
    } else {
        for change in &changes {
            output::say(&change.to_string());
        }
        let [was, is] =
            [old, now].map(|saved| crate::site::quantity::TimeSpan::from_millis(saved.plan.worst_case_ms));
        if was != is {
            output::say(&format!("worst case {is}, not {was}"));
        }
        if changes.is_empty() {
            output::note("the same plan");
        }
    }
    Exit::Done
}

/// Everything a plan was made from, beside it.
pub fn keep(
    common: &Common,
    session: &Session,
    request: &Request,
    prepared: &Prepared,
    salt: Option<&str>,
) -> Result<SavedPlan, Failure> {
    let salt = salt.map_or_else(random, |salt| Ok(salt.to_owned()))?;
    let mut inputs = Inputs::of(&session.site, &request.services, &session.hosts, &session.secrets, &salt);
    inputs.logins = session
        .hosts
        .iter()
        .map(|host| (host.clone(), connect::login(common, &session.site, host)))
        .collect();
    let origin = session::origin();
    let saved = SavedPlan {
        schema: SCHEMA.to_owned(),
        made: Made {
            at: jiff::Timestamp::now().to_string(),
            who: origin.who,
            host: origin.host,
            argv: origin.argv,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        asked: Asked {
            request: request.clone(),
            inventory: absolute(&common.inventory)?,
            extra_vars: common.extra_vars.clone(),
        },
        inputs,
        facts: prepared.facts.clone(),
        plan: prepared.plan.clone(),
        seal: String::new(),
    };
    // As it is read back: without secrets.
    let text = saved.to_text(|text| session.redact(text)).map_err(Failure::internal)?;
    SavedPlan::parse(&text).map_err(Failure::internal)
}

/// 128 bits, hexadecimal.
fn random() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    let read = fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.context("failed to read /dev/urandom")?;
    Ok(hex(&bytes))
}

fn absolute(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    paths.iter().map(|path| std::path::absolute(path).map_err(Failure::internal)).collect()
}

/// Writes it: whole or not at all, for its owner alone, since it tells much of a site.
pub fn write(file: &Path, session: &Session, saved: &SavedPlan) -> Result<(), Failure> {
    let text = saved.to_text(|text| session.redact(text)).map_err(Failure::internal)?;
    let written = || -> anyhow::Result<()> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut new, text.as_bytes())?;
        new.as_file().sync_all()?;
        new.persist(file)?;
        Ok(())
    };
    written().with_context(|| format!("failed to write {}", file.display())).map_err(Failure::internal)
}

/// Reads one.
///
/// # Errors
/// No such file, no plan, or edited since.
pub fn load(file: &Path) -> Result<SavedPlan, Failure> {
    let read = fs::read_to_string(file).with_context(|| format!("failed to read {}", file.display()));
    let text = read.map_err(|error| {
        Failure::new(Exit::Usage, error).hint("a plan is kept by `reveille plan OPERATION SERVICE -o FILE`")
    })?;
    SavedPlan::parse(&text).map_err(|error| {
        let exit = if matches!(error, Unreadable::Edited) { Exit::Refused } else { Exit::Usage };
        let failure = Failure::new(exit, anyhow::Error::new(error).context(file.display().to_string()));
        failure.hint("a plan is kept by `reveille plan OPERATION SERVICE -o FILE`")
    })
}

/// Whose plan it is.
fn line(saved: &SavedPlan) -> String {
    let Made { at, who, host, .. } = &saved.made;
    let seconds = at.split('.').next().unwrap_or(at);
    format!("kept by {who} on {host} at {}, seal {}", seconds.trim_end_matches('Z'), &saved.seal[..12])
}
