//! Inventories compared with what Ansible made of them: one folder each, expectations written by the real
//! `ansible-inventory` (`tests/fixtures/inventory/regenerate`).

use std::path::{Path, PathBuf};

use reveille::site::inventory::Inventory;
use reveille::site::source::Sources;

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inventory");
    let entries = root.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
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
