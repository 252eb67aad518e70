//! Lists of the reference that are written by hand have what the code has: probes and their arguments, modules, filters,
//! paths of the status page, variables of the environment.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::Value;

use reveille::site::schema;

use super::page::{Page, pages};

fn reference(page: &str) -> String {
    Page::read(format!("book/src/reference/{page}.md").into()).text
}

/// Everything in some source files that a pattern's first group finds.
fn in_source(files: &[&str], pattern: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).expect("a pattern of ours");
    let texts: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let found: BTreeSet<String> = texts
        .iter()
        .flat_map(|text| pattern.captures_iter(text.split("#[cfg(test)]").next().unwrap_or_default()))
        .map(|found| found[1].to_owned())
        .collect();
    assert!(!found.is_empty(), "{files:?} have nothing like {pattern}");
    found
}

fn hold(page: &str, names: impl IntoIterator<Item = String>) {
    let text = reference(page);
    let is_named =
        |name: &String| text.split('`').skip(1).step_by(2).any(|code| code.starts_with(name.as_str()));
    let missing: Vec<String> = names.into_iter().filter(|name| !is_named(name)).collect();
    assert!(missing.is_empty(), "{page}.md does not name {missing:?}");
}

#[test]
fn every_probe_has_its_row_with_its_arguments() {
    let schema = schema::playbook_schema();
    let page = reference("modules/probe");
    let kinds = schema["definitions"]["ProbeSpec"]["oneOf"].as_array().unwrap();
    assert!(kinds.len() > 5);
    for (name, node) in kinds.iter().flat_map(|kind| kind["properties"].as_object().unwrap()) {
        let head = format!("| `{name}` |");
        let row =
            page.lines().find(|line| line.starts_with(&head)).unwrap_or_else(|| panic!("no row {head}"));
        let arguments = arguments(node, &schema);
        assert!(!arguments.is_empty(), "{name} has no arguments");
        let missing: Vec<_> = arguments.iter().filter(|key| !row.contains(&format!("`{key}`"))).collect();
        assert!(missing.is_empty(), "probe.md: {name} lacks {missing:?}");
    }
}

/// The keys of a mapping, wherever a reference or a choice hides it.
fn arguments(node: &Value, root: &Value) -> BTreeSet<String> {
    let target = node["$ref"].as_str().and_then(|path| root.pointer(path.strip_prefix('#')?));
    let own = node["properties"].as_object().into_iter().flat_map(|keys| keys.keys().cloned());
    let choices = node["anyOf"].as_array().into_iter().flatten().chain(target);
    own.chain(choices.flat_map(|node| arguments(node, root))).collect()
}

#[test]
fn every_module_is_in_the_overview() {
    let schema = schema::playbook_schema();
    let overview = reference("modules");
    for entry in fs::read_dir("book/src/reference/modules").unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            schema["definitions"]["Step"]["properties"][module].is_object(),
            "there is no module {module}"
        );
        assert!(
            overview.contains(&format!("| [{module}](modules/{module}.md) |")),
            "modules.md lacks {module}"
        );
    }
}

#[test]
fn every_filter_is_in_the_reference() {
    hold(
        "templates",
        in_source(&["src/template/filter.rs", "src/template/shell.rs"], r#"add_filter\("(\w+)""#),
    );
}

#[test]
fn every_path_of_the_status_page_is_in_the_reference() {
    hold("status-page", in_source(&["src/web/documents.rs", "src/web/server.rs"], r#"\(?"(/[a-z.]*)""#));
}

#[test]
fn what_programs_are_told_is_in_the_reference() {
    hold("notices", in_source(&["src/notice/message.rs", "src/watch/hook.rs"], r#""(REVEILLE_[A-Z]+)""#));
}

/// Versioned formats are promises, so each is in the book. The lab's own state is none.
#[test]
fn every_format_is_in_the_reference() {
    let files = sources(Path::new("src"));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let book: String = pages().into_iter().map(|page| page.text).collect();
    let schemas = in_source(&files, r#""(reveille\.[a-z-]+/\d+)""#);
    assert!(schemas.len() > 15, "{schemas:?}");
    let missing: Vec<_> = schemas.iter().filter(|schema| !book.contains(&format!("`{schema}`"))).collect();
    assert_eq!(missing, ["reveille.lab-state/1"], "not in the book");
}

fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path.to_str().unwrap().to_owned());
        }
    }
    found
}
