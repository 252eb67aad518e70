//! Shows results of drills: on the terminal, and in files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::args::Common;
use super::drill_args::{DrillReportArgs, ShownArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use crate::drill::{Document, Reference, Tables, csv, page, results, text};

/// Nothing is drilled: what was found before is shown.
pub fn run(common: &Common, args: &DrillReportArgs) -> Result<Exit, Failure> {
    let documents: Result<Vec<Document>> = args.files.iter().map(|file| Document::load(file)).collect();
    let merged = documents.and_then(Document::merge);
    let document = merged.map_err(|error| {
        Failure::new(Exit::Usage, error).hint("name what `reveille drill SERVICE -o FILE` wrote")
    })?;
    let reference = reference(&args.shown)?;
    write(&document, reference.as_ref(), &args.shown)?;
    if let Some(folder) = &args.book {
        for (name, text) in results::chapter(&document, reference.as_ref())? {
            put(&folder.join(name), &text)?;
        }
    }
    if !common.quiet {
        print(common, &document, reference.as_ref())?;
    }
    Ok(Exit::Done)
}

/// Somebody else's figures, if a file of them was named.
pub fn reference(shown: &ShownArgs) -> Result<Option<Reference>, Failure> {
    let loaded = shown.reference.as_deref().map(Reference::load).transpose();
    loaded.map_err(|error| {
        Failure::new(Exit::Usage, error).hint("the book says what such a file holds, under \"Rehearse\"")
    })
}

/// The files that were asked for.
pub fn write(document: &Document, reference: Option<&Reference>, shown: &ShownArgs) -> Result<()> {
    if let Some(file) = &shown.csv {
        put(file, &csv::csv(document))?;
    }
    if let Some(file) = &shown.html {
        put(file, &page::page(document, &Tables::of(document, reference)))?;
    }
    Ok(())
}

/// The tables, or the document.
pub fn print(common: &Common, document: &Document, reference: Option<&Reference>) -> Result<()> {
    if common.json {
        output::print(&document.to_json()?);
    } else {
        output::print(&text::text(document, &Tables::of(document, reference)));
    }
    Ok(())
}

fn put(file: &Path, text: &str) -> Result<()> {
    let write = || {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, text)
    };
    write().with_context(|| format!("failed to write {}", file.display()))
}
