//! The page of JSON documents names every kind of event, happening and journal record, and every field of each, as the
//! code has them. Read from the source, since fields have no other list.

use std::collections::BTreeMap;
use std::fs;

use super::page::Page;

/// What a table of the page lists, by the head of its first column, and the type it must be like.
const TABLES: [(&str, &str, &str); 3] = [
    ("| `event` | fields |", "src/engine/event.rs", "EventKind"),
    ("| `happening` | fields |", "src/monitor/happening.rs", "Happening"),
    ("| `kind` | fields |", "src/engine/record.rs", "Record"),
];

/// Sentences that list words, by their beginning.
const LISTS: [(&str, &str, &str); 2] = [
    ("`result` is ", "src/engine/event.rs", "StepResult"),
    ("`end.as` is ", "src/engine/event.rs", "RunEnd"),
];

#[test]
fn every_event_and_its_fields_are_in_the_book() {
    let page = Page::read("book/src/reference/formats.md".into());
    for (head, file, name) in TABLES {
        let rows = rows(&page.text, head);
        let variants = variants(file, name);
        assert!(variants.len() > 5, "{file}: {name} was not understood");
        let (named, real): (Vec<_>, Vec<_>) = (rows.keys().collect(), variants.keys().collect());
        assert_eq!(named, real, "{head} against {name} of {file}");
        for (kind, fields) in variants {
            let missing: Vec<_> = fields.iter().filter(|field| !names(&rows[&kind], field)).collect();
            assert!(missing.is_empty(), "{head} {kind}: {missing:?} are not named");
        }
    }
}

#[test]
fn every_result_and_end_is_in_the_book() {
    let page = Page::read("book/src/reference/formats.md".into());
    for (begin, file, name) in LISTS {
        let line =
            page.text.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("{begin}"));
        let missing: Vec<_> = variants(file, name).into_keys().filter(|word| !names(line, word)).collect();
        assert!(missing.is_empty(), "{begin}: {missing:?} are not named");
    }
}

/// Whether a text has `WORD` between backquotes; `WORD[]` and `.WORD` are fields as well.
fn names(text: &str, word: &str) -> bool {
    let mut quoted = text.split('`').skip(1).step_by(2);
    quoted.any(|one| one.trim_start_matches('.').trim_end_matches("[]") == word)
}

/// A table's first column and the rest of each row.
fn rows(text: &str, head: &str) -> BTreeMap<String, String> {
    let (_, below) = text.split_once(head).unwrap_or_else(|| panic!("there is no table {head}"));
    let table = below.lines().skip(2).take_while(|line| line.starts_with('|'));
    table
        .map(|row| {
            let (first, rest) = row.trim_start_matches("| ").split_once(" | ").unwrap();
            (first.trim_matches('`').to_owned(), rest.to_owned())
        })
        .collect()
}

/// The variants of an enum with their named fields, as serde writes them (`rename_all = "kebab-case"`). The source is as
/// rustfmt leaves it: a variant has four spaces before it, a field of one eight, or both are on one line.
fn variants(file: &str, name: &str) -> BTreeMap<String, Vec<String>> {
    let source = fs::read_to_string(file).unwrap();
    let (before, body) =
        source.split_once(&format!("enum {name} {{\n")).unwrap_or_else(|| panic!("{file}: no {name}"));
    assert!(
        before.rsplit("#[serde(").next().unwrap().starts_with("rename_all = \"kebab-case\""),
        "{file}: {name}"
    );
    let mut variants: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut latest = String::new();
    for line in body.lines().take_while(|line| *line != "}") {
        let text = line.trim_start();
        let field = |text: &str| Some(text.split_once(": ")?.0.to_owned());
        match line.len() - text.len() {
            4 if text.starts_with(char::is_uppercase) => {
                latest = kebab(text.split([' ', ',', '(']).next().unwrap_or_default());
                let inline = text.split_once("{ ").and_then(|(_, rest)| rest.split_once(" }"));
                let fields = inline.into_iter().flat_map(|(fields, _)| fields.split(", ")).filter_map(field);
                variants.insert(latest.clone(), fields.collect());
            }
            8 if text.starts_with(char::is_lowercase) => {
                variants.get_mut(&latest).unwrap().extend(field(text));
            }
            _ => {}
        }
    }
    variants
}

fn kebab(variant: &str) -> String {
    let mut name = String::new();
    for c in variant.chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}
