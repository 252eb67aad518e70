//! The book as mdBook makes it: it is made without a warning, and every link of every page of it leads to a page, and to
//! a place in that page. `make test` installs mdBook; without it this is skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

const MDBOOK: &str = "target/tools/bin/mdbook";

#[test]
fn the_built_book_has_no_dead_link() {
    if !Path::new(MDBOOK).exists() {
        eprintln!("skipped: `make book` installs {MDBOOK}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let said = Command::new(MDBOOK).args(["build", "book", "-d"]).arg(folder.path()).output().unwrap();
    let words = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && !words.contains("WARN") && !words.contains("ERROR"), "{words}");

    let pages = pages(folder.path());
    assert!(pages.len() > 50, "only {} pages were made", pages.len());
    let ids: BTreeMap<&PathBuf, BTreeSet<String>> =
        pages.iter().map(|(path, html)| (path, found(html, r#"\bid="([^"]+)""#))).collect();
    let mut dead = Vec::new();
    for (path, html) in &pages {
        for link in found(html, r#"<a\b[^>]*\bhref="([^"]+)""#) {
            if link.contains(':') || link.starts_with("//") {
                continue;
            }
            let (to, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if to.is_empty() { path.clone() } else { path.parent().unwrap().join(to) };
            let Ok(target) = target.canonicalize() else {
                dead.push(format!("{}: {link}", path.display()));
                continue;
            };
            let known = ids.get(&target).is_none_or(|ids| anchor.is_empty() || ids.contains(anchor));
            if !known {
                dead.push(format!("{}: {link} (no such place)", path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

/// Every page by its path. The one for printing has all of them once more, with ids of its own.
fn pages(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut pages = BTreeMap::new();
    let mut folders = vec![folder.canonicalize().unwrap()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_page = path.extension().is_some_and(|end| end == "html");
            if path.is_dir() {
                folders.push(path);
            } else if is_page && !path.ends_with("print.html") {
                pages.insert(path.clone(), fs::read_to_string(path).unwrap());
            }
        }
    }
    pages
}

fn found(html: &str, pattern: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).expect("a pattern of ours");
    pattern.captures_iter(html).map(|found| found[1].replace("&amp;", "&")).collect()
}
