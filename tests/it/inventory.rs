//! Inventories compared with what Ansible made of them: one folder each, expectations written by the real
//! `ansible-inventory` (`tests/fixtures/inventory/regenerate`).

use std::path::{Path, PathBuf};

use reveille::site::inventory::Inventory;
use reveille::site::source::Sources;

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inventory");
    let entries = root.read_dir().expect("the fixtures are part of the repository");
    let mut folders: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn load(folder: &Path) -> Inventory {
    let names = match std::fs::read_to_string(folder.join("sources")) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(_) if folder.join("inventory").is_dir() => vec!["inventory".to_owned()],
        Err(_) => vec!["hosts.yml".to_owned()],
    };
    let paths: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    Inventory::load(&paths, &mut Sources::default(), &mut Vec::new())
}

#[test]
fn lists_equal_those_of_ansible() {
    let folders = fixtures();
    assert!(folders.len() >= 12, "found only {folders:?}");
    for folder in folders {
        let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
        let actual = load(&folder).to_ansible_list();
        assert!(actual == expected, "{}: got\n{actual:#}\nexpected\n{expected:#}", folder.display());
    }
}

#[test]
fn graphs_equal_those_of_ansible() {
    for folder in fixtures() {
        let expected = std::fs::read_to_string(folder.join("expected.graph")).unwrap();
        assert_eq!(load(&folder).graph("all").unwrap(), expected, "{}", folder.display());
    }
}

/// Ansible lists in the order of the pattern, we in that of the inventory: only the sets are compared.
#[test]
fn patterns_choose_what_they_choose_in_ansible() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inventory/17-patterns");
    let inventory = load(&folder);
    let order: Vec<_> = inventory.hosts().cloned().collect();
    for line in std::fs::read_to_string(folder.join("expected.patterns")).unwrap().lines() {
        let (pattern, expected) = line.split_once(" =>").unwrap();
        let chosen = inventory.select(pattern).unwrap();
        let places: Vec<_> = chosen.iter().map(|host| order.iter().position(|other| other == host)).collect();
        assert!(places.is_sorted(), "{pattern}: {chosen:?} is not in inventory order");
        let mut names: Vec<_> = chosen.iter().map(ToString::to_string).collect();
        names.sort();
        assert_eq!(names.join(" "), expected.trim(), "{pattern}");
    }
}
