//! Links within the repository lead somewhere, and the book's table of contents names every page.

use std::path::{Path, PathBuf};

use super::page::{Page, pages};

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let folder = page.path.parent().unwrap().to_owned();
        for link in links(&page.text) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { page.path.clone() } else { folder.join(path) };
            if !target.exists() || !has_anchor(&target, anchor) {
                broken.push(format!("{}: {link}", page.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let summary = Page::read("book/src/SUMMARY.md".into());
    let listed: Vec<PathBuf> =
        links(&summary.text).iter().map(|link| Path::new("book/src").join(link)).collect();
    let in_book = |page: &Page| page.path.starts_with("book/src") && page.path != summary.path;
    let missing: Vec<_> = pages()
        .into_iter()
        .filter(|page| in_book(page) && !listed.contains(&page.path))
        .map(|page| page.path)
        .collect();
    assert!(missing.is_empty(), "not in SUMMARY.md: {missing:?}");
}

/// Targets of `[…](TARGET)` that are no addresses.
fn links(text: &str) -> Vec<String> {
    let outside: String = text.split("```").step_by(2).collect();
    let targets = outside.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    targets.filter(|target| !target.contains("://")).collect()
}

fn has_anchor(page: &Path, anchor: &str) -> bool {
    if anchor.is_empty() {
        return true;
    }
    let text = Page::read(page.to_owned()).text;
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| slug(line.trim_start_matches('#').trim())).any(|slug| slug == anchor)
}

/// A heading's id, as mdBook and GitHub make it.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}
