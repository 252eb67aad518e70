//! What `reveille check` says about sites full of mistakes. Each folder of `tests/fixtures/check/` is a small site;
//! its `expected.snap` is what is printed, and so is also the list of what the user is promised.

use std::path::{Path, PathBuf};

use reveille::site::load::LoadOptions;
use reveille::site::{Site, check, diagnostic};

fn fixtures() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir("tests/fixtures/check")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

/// Everything that is wrong with a site, as `reveille check` prints it.
fn report(folder: &Path) -> String {
    let (site, mut found) = Site::load(folder, &LoadOptions::default());
    found.extend(check::check(&site));
    diagnostic::sort(&mut found, &site.sources);
    let text = diagnostic::render_all(&found, &site.sources, false);
    text.replace(&format!("{}/", folder.display()), "")
}

#[test]
fn every_fixture_is_reported_as_expected() {
    for folder in fixtures() {
        insta::with_settings!({
            snapshot_path => Path::new("../..").join(&folder),
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!("expected", report(&folder));
        });
    }
}
