//! `reveille audit`: every record of every journal is as it was written and none is missing; old journals are moved away
//! without breaking that proof.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::args::{Common, RotateArgs, VerifyArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::{output, session, site};
use crate::engine::record::{Record, Story};
use crate::plan::table::Table;
use crate::site::id::RunId;
use crate::store::journal::chain::{self, Gap};
use crate::store::journal::{self, Proven};
use crate::store::{Archive, FileStore, Moved, Store, begun};

/// The version of the document.
const SCHEMA: &str = "reveille.audit/1";

/// What an audit found.
#[derive(Debug, Serialize)]
struct Audit {
    schema: &'static str,
    journals: Vec<Proof>,
    /// How many were moved away, by the store's list.
    moved: usize,
    /// What is wrong with no single journal: one that should be there and is not.
    missing: Vec<String>,
    /// Of the last record of the newest journal: written down elsewhere, it proves later that nothing was taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    seal: Option<String>,
}

/// One journal, proven or not.
#[derive(Debug, Serialize)]
struct Proof {
    journal: String,
    records: usize,
    /// The last line was being written when its writer died; what it was is not known.
    torn: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<Broken>,
}

#[derive(Debug, Serialize)]
struct Broken {
    /// From 0; absent where the journal is whole and its place among the others is not proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
    because: String,
}

/// A journal as it was read.
struct Looked {
    name: String,
    records: usize,
    proven: Result<Proven, journal::Broken>,
}

pub async fn verify(common: &Common, args: &VerifyArgs) -> Result<Exit, Failure> {
    let audit = if args.paths.is_empty() {
        let store = session::store(&site::valid(common)?)?;
        let table = store.load().await.map_err(Failure::internal)?;
        of_store(&store, &table, args.seal.as_deref())?
    } else {
        of_paths(&args.paths, args.seal.as_deref())?
    };
    let broken = audit.journals.iter().filter(|proof| proof.broken.is_some()).count() + audit.missing.len();
    if common.json {
        output::say(&serde_json::to_string(&audit).map_err(Failure::internal)?);
    } else {
        tell(common, &audit, broken);
    }
    Ok(if broken == 0 { Exit::Done } else { Exit::Stuck })
}

fn tell(common: &Common, audit: &Audit, broken: usize) {
    audit
        .journals
        .iter()
        .filter(|proof| proof.torn || proof.broken.is_some())
        .for_each(|proof| output::say(&line(proof)));
    audit.missing.iter().for_each(|words| output::say(words));
    if broken > 0 || common.quiet {
        return;
    }
    let records: usize = audit.journals.iter().map(|proof| proof.records).sum();
    let moved = if audit.moved == 0 { String::new() } else { format!("; {} moved away", audit.moved) };
    output::say(&format!(
        "{} journals, {records} records: as they were written, none missing{moved}",
        audit.journals.len()
    ));
    if let Some(seal) = &audit.seal {
        output::note(&format!("the last seal is {seal}"));
    }
}

/// The site's own journals: none may be missing.
fn of_store(store: &FileStore, table: &Table, seal: Option<&str>) -> Result<Audit, Failure> {
    let looked = look(&journals(store.journals()).map_err(Failure::internal)?)?;
    let (moved, mut missing) = match store.archive().moved() {
        Ok(moved) => (moved, Vec::new()),
        Err(error) => (Vec::new(), vec![format!("{}: {error}", store.archive().list().display())]),
    };
    let rows = table.services.iter().filter_map(|(service, row)| Some((service, row.last_run.as_ref()?)));
    let gone = rows.filter(|(_, run)| {
        !looked.iter().any(|one| one.name == run.as_str()) && !moved.iter().any(|one| one.run == **run)
    });
    missing.extend(
        gone.map(|(service, run)| format!("the journal of {run}, the last run of {service}, is missing")),
    );
    Ok(audit(looked, &Archive::elsewhere(&moved), moved.len(), missing, seal))
}

/// Journals somewhere else, proven as far as they are there.
fn of_paths(paths: &[PathBuf], seal: Option<&str>) -> Result<Audit, Failure> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(
            journals(path)
                .with_context(|| format!("failed to read {}", path.display()))
                .map_err(|error| Failure::new(Exit::Usage, error))?,
        );
    }
    let looked = look(&files)?;
    // What came before the oldest of them lies elsewhere.
    let oldest = looked.iter().find_map(|one| one.proven.as_ref().ok()?.before.clone());
    let elsewhere = oldest.map(|before| (before.run, vec![before.seal])).into_iter().collect();
    Ok(audit(looked, &elsewhere, 0, Vec::new(), seal))
}

/// The journals of a folder, by name, or the one file.
fn journals(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files: Vec<PathBuf> =
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "jsonl"));
    files.sort();
    Ok(files)
}

fn look(files: &[PathBuf]) -> Result<Vec<Looked>, Failure> {
    let one = |file: &PathBuf| {
        let read = fs::read(file).with_context(|| format!("failed to read {}", file.display()));
        let bytes = read.map_err(|error| Failure::new(Exit::Usage, error))?;
        // A byte that is no text is one that was changed.
        let text = String::from_utf8_lossy(&bytes);
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Looked { name, records: text.matches('\n').count(), proven: journal::verify(&text) })
    };
    files.iter().map(one).collect()
}

fn audit(
    looked: Vec<Looked>,
    elsewhere: &chain::Elsewhere,
    moved: usize,
    mut missing: Vec<String>,
    noted: Option<&str>,
) -> Audit {
    let gaps = gaps(&looked, elsewhere);
    let is = |seal: &str| noted.is_none_or(|noted| seal == noted);
    let known = elsewhere.values().flatten().any(|seal| is(seal))
        || looked
            .iter()
            .filter_map(|one| one.proven.as_ref().ok())
            .flat_map(|proven| &proven.seals)
            .any(|seal| is(seal));
    if let (Some(noted), false) = (noted, known) {
        missing.push(format!("no record has the seal {noted}"));
    }
    let newest = looked.iter().rev().find_map(|one| one.proven.as_ref().ok()?.seals.last().cloned());
    let journals = looked.into_iter().map(|one| proof(one, &gaps)).collect();
    Audit { schema: SCHEMA, journals, moved, missing, seal: newest }
}

fn gaps(looked: &[Looked], elsewhere: &chain::Elsewhere) -> Vec<Gap> {
    let named = looked.iter().filter_map(|one| {
        let run = RunId::try_from(one.name.as_str()).ok()?;
        Some((run, one.proven.as_ref().ok().cloned()))
    });
    chain::gaps(&named.collect::<BTreeMap<_, _>>(), elsewhere)
}

fn proof(looked: Looked, gaps: &[Gap]) -> Proof {
    let Looked { name, records, proven } = looked;
    let (torn, broken) = match proven {
        Ok(proven) => {
            let gap = gaps.iter().find(|gap| gap.run.as_str() == name);
            (proven.torn, gap.map(|gap| Broken { record: None, because: gap.because.clone() }))
        }
        Err(journal::Broken { seq, reason }) => (false, Some(Broken { record: Some(seq), because: reason })),
    };
    Proof { journal: name, records, torn, broken }
}

fn line(proof: &Proof) -> String {
    match &proof.broken {
        Some(Broken { record: Some(record), because }) => {
            format!("{}: record {record}: {because}", proof.journal)
        }
        Some(Broken { record: None, because }) => format!("{}: {because}", proof.journal),
        None => format!("{}: its last line was being written when its writer died", proof.journal),
    }
}

/// Moves journals away that are older than `keep`, oldest first, once all of them are proven.
pub async fn rotate(common: &Common, args: &RotateArgs) -> Result<Exit, Failure> {
    let store = session::store(&site::valid(common)?)?;
    let table = store.load().await.map_err(Failure::internal)?;
    let proven = of_store(&store, &table, None)?;
    if !proven.missing.is_empty() || proven.journals.iter().any(|proof| proof.broken.is_some()) {
        return Err(Failure::words(Exit::Stuck, "nothing was moved: not every journal is as it was written")
            .hint("`reveille audit verify` names them"));
    }
    let until = jiff::Timestamp::now() - args.keep.0;
    let to = std::path::absolute(&args.to).map_err(Failure::internal)?;
    if !args.check {
        fs::create_dir_all(&to).with_context(|| format!("failed to make {}", to.display()))?;
    }
    let _held = store.hold_journals().map_err(Failure::internal)?;
    let old = old(&store, until)?;
    for moved in &old {
        let moved = Moved { to: to.clone(), ..moved.clone() };
        if !args.check {
            let path = store.journal_path(&moved.run);
            let kept = store.archive().keep(&path, &moved).await;
            kept.with_context(|| format!("failed to move {}", path.display())).map_err(Failure::internal)?;
        }
        if !common.quiet {
            output::say(moved.run.as_str());
        }
    }
    let words = if args.check { "would be moved" } else { "moved" };
    output::note(&format!("{} journals {words} to {}", old.len(), to.display()));
    Ok(Exit::Done)
}

/// Journals of runs that are over and began before `until`. The newest one stays, whatever its age: the next goes on from it.
fn old(store: &FileStore, until: jiff::Timestamp) -> Result<Vec<Moved>, Failure> {
    let mut runs = store.runs().map_err(Failure::internal)?;
    let read = |run: &RunId| store.journal(run).map_err(Failure::internal);
    let texts: Vec<String> = runs.iter().map(read).collect::<Result<_, _>>()?;
    let mut continued: BTreeMap<RunId, BTreeSet<String>> = BTreeMap::new();
    for before in texts.iter().filter_map(|text| journal::verify(text).ok()?.before) {
        continued.entry(before.run).or_default().insert(before.seal);
    }
    runs.pop();
    let is_old = |run: &RunId| begun(run).is_some_and(|begun| begun < until);
    let old = runs.iter().zip(&texts).filter(|(run, _)| is_old(run));
    Ok(old.filter_map(|(run, text)| moved(run, text, continued.remove(run).unwrap_or_default())).collect())
}

/// What must be known of a journal that is moved; `None` for a run that is not over.
fn moved(run: &RunId, text: &str, continued: BTreeSet<String>) -> Option<Moved> {
    let records = journal::read::<Record>(text).ok()?.records;
    let story = Story::of(&records).filter(|story| !story.is_open())?;
    Some(Moved {
        run: run.clone(),
        to: PathBuf::new(),
        records: records.len() as u64,
        seal: journal::last_seal(text),
        continued,
        plan: story.plan.hash,
    })
}
