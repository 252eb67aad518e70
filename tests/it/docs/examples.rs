//! Playbooks, settings and inventories in the documents pass `check`.

use std::fs;
use std::path::Path;

use reveille::site::load::LoadOptions;
use reveille::site::{Site, check, diagnostic};

use super::page::{Block, pages};

const HOSTS: &str = "workstations: { hosts: { 'h[1:4]': { ansible_host: 10.83.0.1, rack: r1 } } }\n";

/// Where a block of each kind goes in the site it is checked in.
const PLACES: [(&str, &str); 3] = [
    ("yaml,playbook", "playbooks/example.yml"),
    ("yaml,settings", "reveille.yml"),
    ("yaml,inventory", "inventory/hosts.yml"),
];

#[test]
fn the_examples_pass_check() {
    let mut seen = 0;
    for page in pages() {
        for (kind, place) in PLACES {
            for block in page.blocks(kind) {
                let found = check_alone(&block, place);
                assert!(found.is_empty(), "{}:\n{found}", block.place);
                seen += 1;
            }
        }
    }
    assert!(seen > 5, "the examples are gone");
}

/// What `reveille check` says of a site with this block in it; nothing if all is well.
fn check_alone(block: &Block, place: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    copy(Path::new("templates"), &folder.path().join("templates"));
    write("inventory/hosts.yml", HOSTS);
    write("reveille.yml", "");
    if place == "reveille.yml" {
        copy(Path::new("playbooks"), &folder.path().join("playbooks"));
    }
    write(place, &block.text);
    let (site, mut found) = Site::load(folder.path(), &LoadOptions::default());
    found.extend(check::check(&site));
    diagnostic::sort(&mut found, &site.sources);
    diagnostic::render_all(&found, &site.sources, false)
        .trim_start_matches("0 errors, 0 warnings\n")
        .to_owned()
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The README shows a part of the shipped playbook, the pages of services parts of theirs, and not other ones.
#[test]
fn excerpts_are_of_shipped_playbooks() {
    let folders = fs::read_dir("examples").unwrap().map(|entry| entry.unwrap().path().join("playbooks"));
    let shipped: Vec<String> = folders
        .chain([Path::new("playbooks").to_owned()])
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let excerpts: Vec<Block> = pages().iter().flat_map(|page| page.blocks("yaml,excerpt")).collect();
    assert!(excerpts.iter().any(|excerpt| excerpt.place.starts_with("README.md")));
    for Block { text, place, .. } in excerpts {
        let parts: Vec<&str> = text.split("# …\n").map(|part| part.trim_matches('\n')).collect();
        let of_one = shipped.iter().any(|playbook| parts.iter().all(|part| playbook.contains(part)));
        assert!(of_one, "{place}: in no shipped playbook:\n{text}");
    }
}
