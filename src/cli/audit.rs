//! `reveille audit verify`: every record of every journal is as it was written, and none is missing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::args::{Common, VerifyArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::{output, session, site};
use crate::store::journal;

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
    /// From 0.
    record: u64,
    because: String,
}

pub fn verify(common: &Common, args: &VerifyArgs) -> Result<Exit, Failure> {
    let paths = match &args.paths[..] {
        [] => vec![session::store(&site::valid(common)?)?.journals().to_owned()],
        paths => paths.to_vec(),
    };
    let mut files = Vec::new();
    for path in &paths {
        files.extend(journals(path).with_context(|| format!("failed to read {}", path.display()))?);
    }
    let proofs: Vec<Proof> = files.iter().map(|file| proof(file)).collect::<Result<_, _>>()?;
    let broken = proofs.iter().filter(|proof| proof.broken.is_some()).count();
    if common.json {
        let document = serde_json::json!({ "schema": "reveille.audit/1", "journals": proofs });
        output::say(&document.to_string());
    } else {
        proofs
            .iter()
            .filter(|proof| proof.torn || proof.broken.is_some())
            .for_each(|proof| output::say(&line(proof)));
        let records: usize = proofs.iter().map(|proof| proof.records).sum();
        if broken == 0 && !common.quiet {
            output::say(&format!("{} journals, {records} records: as they were written", proofs.len()));
        }
    }
    Ok(if broken == 0 { Exit::Done } else { Exit::Stuck })
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

fn proof(file: &Path) -> Result<Proof, Failure> {
    let read = fs::read(file).with_context(|| format!("failed to read {}", file.display()))?;
    // A byte that is no text is one that was changed.
    let text = String::from_utf8_lossy(&read);
    let journal = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let whole = text.matches('\n').count();
    Ok(match journal::verify(&text) {
        Ok(torn) => Proof { journal, records: whole, torn, broken: None },
        Err(journal::Broken { seq, reason }) => {
            let broken = Some(Broken { record: seq, because: reason });
            Proof { journal, records: whole, torn: false, broken }
        }
    })
}

fn line(proof: &Proof) -> String {
    match &proof.broken {
        Some(Broken { record, because }) => format!("{}: record {record}: {because}", proof.journal),
        None => format!("{}: its last line was being written when its writer died", proof.journal),
    }
}
