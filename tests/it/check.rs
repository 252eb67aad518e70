//! What `reveille check` says about sites full of mistakes. Each folder of `tests/fixtures/check/` is a small site;
//! its `expected.snap` is what is printed, and so is also the list of what the user is promised.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use regex::Regex;
use reveille::site::diagnostic::Diagnostic;
use reveille::site::load::LoadOptions;
use reveille::site::{Site, check, diagnostic};

fn fixtures() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir("tests/fixtures/check")
        .expect("tests run in the repository")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

/// Everything that is wrong with a site.
fn mistakes(folder: &Path) -> (Site, Vec<Diagnostic>) {
    let (site, mut found) = Site::load(folder, &LoadOptions::default());
    found.extend(check::check(&site));
    diagnostic::sort(&mut found, &site.sources);
    (site, found)
}

/// As `reveille check` prints it.
fn report(folder: &Path) -> String {
    let (site, found) = mistakes(folder);
    diagnostic::render_all(&found, &site.sources, false).replace(&format!("{}/", folder.display()), "")
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

#[test]
fn twelve_mistakes_in_four_files_are_twelve_diagnostics() {
    let folder = Path::new("tests/fixtures/check/12-twelve");
    let (site, found) = mistakes(folder);
    let said: Vec<String> = found
        .iter()
        .map(|one| {
            let span = one.span.unwrap();
            let place = site.sources.place(span);
            let token = &site.sources.text(span.file)[span.start..span.end];
            let place = place.strip_prefix("tests/fixtures/check/12-twelve/").unwrap();
            format!("{place} {} {token}", one.code)
        })
        .collect();
    assert_eq!(
        said,
        [
            "inventory/hosts.yml:4:50 inventory-value 22x",
            "playbooks/web.yml:3:13 address-outside 10.84.0.80/24",
            "playbooks/web.yml:10:14 wrong-type 30",
            "playbooks/web.yml:12:5 unknown-key neds",
            "playbooks/web.yml:13:64 wrong-type 0644",
            "playbooks/web.yml:15:19 unknown-step sit",
            "playbooks/web.yml:16:42 undefined-variable docrot",
            "playbooks/web.yml:19:13 cycle warm",
            "playbooks/web.yml:29:41 unknown-probe pgae",
            "reveille.yml:2:1 unknown-key tiemout",
            "reveille.yml:3:8 wrong-type many",
            "templates/site.conf.j2:3:11 undefined-variable adress",
        ]
    );
}

#[test]
fn programs_get_the_same_mistakes_with_their_places() {
    let (site, found) = mistakes(Path::new("tests/fixtures/check/12-twelve"));
    let document = diagnostic::document(&found, &site.sources);
    assert_eq!(document["schema"], "reveille.check/1");
    assert_eq!(document["error_count"], 12);
    let cycle = &document["diagnostics"][7];
    assert_eq!(cycle["code"], "cycle");
    assert_eq!(cycle["range"]["line"], 19);
    assert_eq!(cycle["range"]["column"], 13);
    assert_eq!(cycle["range"]["end_column"], 17);
    assert_eq!(cycle["range"]["snippet"], "    needs: [warm]");
    assert_eq!(cycle["related"][0]["range"]["line"], 22);
}

/// The codes are promised to stay; each is shown at least once.
#[test]
fn every_code_has_a_fixture() {
    let mut sources = Vec::new();
    let mut open = vec![PathBuf::from("src/site")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with("inventory") => {}
                true => open.push(path),
                false => sources.push(std::fs::read_to_string(path).unwrap()),
            }
        }
    }
    let written = Regex::new(r#"Diagnostic::(?:error|warning|unplaced)\(\s*"([a-z-]+)""#).unwrap();
    let codes: BTreeSet<&str> = sources
        .iter()
        .flat_map(|text| written.captures_iter(text))
        .map(|found| found.get(1).unwrap().as_str())
        .filter(|code| !["extra-vars", "unreadable", "invalid-value"].contains(code))
        .collect();
    let shown: String = fixtures()
        .iter()
        .map(|folder| std::fs::read_to_string(folder.join("expected.snap")).unwrap())
        .collect();
    let unseen: Vec<_> = codes.iter().filter(|code| !shown.contains(&format!("[{code}]"))).collect();
    assert!(codes.len() > 20, "the codes were not found in the sources: {codes:?}");
    assert!(unseen.is_empty(), "no fixture shows {unseen:?}");
}

/// What is on the command line has no file, and still says what is wrong.
#[test]
fn extra_variables_are_checked_too() {
    let options = LoadOptions {
        extra_vars: ["docroot", "a=1 b='two words'", "{c: [1, 2]}", "@/no/such/file"]
            .map(str::to_owned)
            .to_vec(),
        ..LoadOptions::default()
    };
    let (site, found) = Site::load(Path::new("tests/fixtures/check/00-clean"), &options);
    let messages: Vec<&str> = found.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].contains("-e docroot"));
    assert!(messages[1].contains("/no/such/file"));
    assert_eq!(site.extra_vars["b"], "two words");
    assert_eq!(site.extra_vars["c"][1], 2);
}

const PLAYBOOK: &str = include_str!("../fixtures/check/00-clean/playbooks/web.yml");

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// No text, however broken, ends in anything but diagnostics at places that exist.
    #[test]
    fn any_damage_is_reported_and_never_a_panic(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..24, "[\\[\\]{}:\\-#\"'&*!|>%@`é\t\n a-z0-9]{0,6}"), 1..6),
    ) {
        let mut text = PLAYBOOK.to_owned();
        for (at, cut, insert) in damage {
            let start = text.floor_char_boundary(at.index(text.len()));
            let end = text.ceil_char_boundary((start + cut).min(text.len()));
            text.replace_range(start..end, &insert);
        }
        let site = tempfile::tempdir().unwrap();
        std::fs::create_dir(site.path().join("playbooks")).unwrap();
        std::fs::write(site.path().join("playbooks/web.yml"), &text).unwrap();
        let (site, found) = mistakes(site.path());
        for one in &found {
            if let Some(span) = one.span {
                prop_assert!(span.start <= span.end && span.end <= site.sources.text(span.file).len());
            }
        }
        diagnostic::render_all(&found, &site.sources, true);
    }
}

/// The whole program: nothing on stdout but data, exit 5, and no colour where nobody looks.
#[test]
fn the_program_refuses_a_site_with_mistakes() {
    let check = |site: &str, flags: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_reveille"))
            .arg("check")
            .args(flags)
            .current_dir(Path::new("tests/fixtures/check").join(site))
            .output()
            .unwrap()
    };
    let bad = check("12-twelve", &[]);
    assert_eq!((bad.status.code(), bad.stdout.len()), (Some(5), 0));
    let said = String::from_utf8(bad.stderr).unwrap();
    assert!(said.contains("--> playbooks/web.yml:15:19") && said.contains("12 errors, 0 warnings"), "{said}");
    let document: serde_json::Value =
        serde_json::from_slice(&check("12-twelve", &["--json"]).stdout).unwrap();
    assert_eq!(document["diagnostics"].as_array().unwrap().len(), 12);
    let good = check("00-clean", &["-q"]);
    assert_eq!((good.status.code(), good.stdout.len(), good.stderr.len()), (Some(0), 0, 0));
}
