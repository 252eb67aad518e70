//! Links within the repository lead somewhere, the book's own stay within the book, and its table of contents names every
//! page once.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::page::{Page, pages};

const BOOK: &str = "book/src";

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in links(&page.text) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { page.path.clone() } else { beside(&page.path, path) };
            if !target.exists() || !has_anchor(&target, anchor) {
                broken.push(format!("{}: {link}", page.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// What a page of the book leads to is part of the book: anything else is not there when it is read elsewhere.
#[test]
fn the_book_leads_to_itself() {
    let mut outside = Vec::new();
    for page in pages().iter().filter(|page| page.path.starts_with(BOOK)) {
        let paths = links(&page.text).into_iter().filter(|link| !link.starts_with('#'));
        let away = paths.filter(|path| !beside(&page.path, path).starts_with(BOOK));
        outside.extend(away.map(|path| format!("{}: {path}", page.path.display())));
    }
    assert!(outside.is_empty(), "{outside:#?}");
}

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let summary = Page::read(Path::new(BOOK).join("SUMMARY.md"));
    let mut listed: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for link in links(&summary.text) {
        *listed.entry(beside(&summary.path, &link)).or_default() += 1;
    }
    let in_book = pages().into_iter().map(|page| page.path);
    let in_book = in_book.filter(|path| path.starts_with(BOOK) && *path != summary.path);
    let wrong: Vec<_> = in_book.filter(|path| listed.get(path) != Some(&1)).collect();
    assert!(wrong.is_empty(), "not in SUMMARY.md, or twice: {wrong:?}");
}

/// Files that the architecture names are there: `engine/gather.rs` below `src/`, `tests/it/lab.rs` as it stands.
#[test]
fn files_that_are_named_exist() {
    let page = Page::read("ARCHITECTURE.md".into());
    let outside_fences: String = page.text.split("```").step_by(2).collect();
    let words: Vec<&str> = outside_fences.split('`').skip(1).step_by(2).collect();
    let is_file = |word: &&&str| word.contains('/') && [".rs", ".sh"].iter().any(|end| word.ends_with(end));
    let named = words.iter().filter(is_file);
    let places = ["", "src/", "src/module/"];
    let gone: Vec<_> = named
        .filter(|word| !word.contains("NAME"))
        .filter(|word| !places.iter().any(|place| Path::new(&format!("{place}{word}")).exists()))
        .collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md names files that are gone: {gone:?}");
}

/// The lines of a text that are no code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_fence = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_fence ^= fence;
        !fence && !in_fence
    })
}

/// Targets of `[…](TARGET)` and `![…](TARGET)` that are no addresses.
fn links(text: &str) -> Vec<String> {
    let outside = |line: &str| -> String { line.split('`').step_by(2).collect::<Vec<_>>().join("`") };
    let lines: String = prose(text).map(|line| outside(line) + "\n").collect();
    let targets = lines.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    targets.filter(|target| !target.contains("://")).collect()
}

/// A link's path, seen from the folder of its page, with every `..` gone through.
fn beside(page: &Path, link: &str) -> PathBuf {
    let path = link.split('#').next().unwrap_or_default();
    let mut whole = PathBuf::new();
    for part in page.parent().into_iter().chain([Path::new(path)]).flat_map(Path::components) {
        match part {
            Component::ParentDir if whole.file_name().is_some() => {
                whole.pop();
            }
            part => whole.push(part),
        }
    }
    whole
}

fn has_anchor(page: &Path, anchor: &str) -> bool {
    anchor.is_empty() || anchors(&Page::read(page.to_owned()).text).iter().any(|one| one == anchor)
}

/// The ids of a page's headings. The second of one name has `-1` behind it.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let slug = slug(line.trim_start_matches('#').trim());
            let before = seen.entry(slug.clone()).or_default();
            *before += 1;
            if *before == 1 { slug } else { format!("{slug}-{}", *before - 1) }
        })
        .collect()
}

/// A heading's id, as mdBook and GitHub make it.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn what_is_looked_for_is_found() {
    let text = "# A `b`: c\n[x](../y.md#z) ![p](p.svg)\n```sh\n# no heading [n](n.md)\n```\n## Two\n## Two\n`[c](c.md)` [w](https://x)\n";
    assert_eq!(links(text), ["../y.md#z", "p.svg"]);
    assert_eq!(anchors(text), ["a-b-c", "two", "two-1"]);
    assert_eq!(beside(Path::new("book/src/how-to/a.md"), "../../../x.rs"), Path::new("x.rs"));
    assert_eq!(beside(Path::new("README.md"), "../x"), Path::new("../x"));
}
