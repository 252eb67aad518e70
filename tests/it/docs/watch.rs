//! What the book says of watching: its verdict table is the core's, its unit file the one that is shipped.

use std::fmt::Write;
use std::fs;

use reveille::monitor::verdict::{TABLE, as_text};

use super::page::{Page, pages};

#[test]
fn the_verdicts_are_those_of_the_core() {
    for page in pages() {
        page.hold("verdicts", |_| format!("```text\n{}```", as_text().replace(" \n", "\n")));
    }
    let page = Page::read("book/src/how-to/watch.md".into());
    for row in TABLE {
        assert!(page.text.contains(row.because), "{}", row.because);
        assert!(page.text.contains(&format!("| `{}` |", row.verdict.as_str())), "{}", row.verdict.as_str());
    }
}

#[test]
fn files_in_the_book_are_those_that_are_shipped() {
    for page in pages() {
        page.hold("file", |path| {
            let mut block = "```ini\n".to_owned();
            write!(block, "{}```", fs::read_to_string(path).unwrap()).unwrap();
            block
        });
    }
}

/// systemd's own opinion of the unit, where it can be asked.
#[test]
fn the_unit_file_is_one() {
    let unit = fs::read_to_string("book/src/how-to/reveille.service").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("reveille.service");
    fs::write(&copy, unit.replace("/usr/local/bin/reveille", "/bin/true")).unwrap();
    let Ok(said) = std::process::Command::new("systemd-analyze").arg("verify").arg(&copy).output() else {
        eprintln!("skipped: there is no systemd-analyze");
        return;
    };
    let words = String::from_utf8_lossy(&said.stderr);
    for complaint in ["Unknown key", "Unknown section", "Failed to parse", "Invalid"] {
        assert!(!words.contains(complaint), "{words}");
    }
}
