//! `reveille import`: each folder of `tests/import/` is a playbook as people write them, with the site that what is made
//! of it goes to; `expected.snap` is what is printed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::docs::copy;

fn cases() -> Vec<PathBuf> {
    let folders = fs::read_dir("tests/import").unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = folders.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn reveille(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reveille"));
    command.current_dir(folder).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_playbook_is_carried_as_far_as_it_can_be() {
    assert!(cases().len() >= 7);
    for folder in cases() {
        let said = reveille(&folder, &["import", "playbook.yml", "--service", "app"]);
        let (out, err) = (text(&said.stdout), text(&said.stderr));
        let code = said.status.code().unwrap();
        assert_eq!(code, if err.contains("not carried: ") { 2 } else { 0 }, "{}: {err}", folder.display());
        insta::with_settings!({
            snapshot_path => Path::new("../..").join(&folder),
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!("expected", format!("{out}\n== stderr, exit {code}\n{err}"));
        });
        passes_check(&folder, &out);
    }
}

/// What was printed is a good playbook of a site that has its files and variables.
fn passes_check(folder: &Path, playbook: &str) {
    let site = tempfile::tempdir().unwrap();
    if folder.join("site").is_dir() {
        copy(&folder.join("site"), site.path());
    }
    let write = |name: &str, text: &str| {
        let path = site.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("playbooks/app.yml", playbook);
    write("inventory/hosts.yml", HOSTS);
    let said = reveille(site.path(), &["check"]);
    let err = text(&said.stderr);
    assert_eq!(err.trim(), "0 errors, 0 warnings", "{}:\n{playbook}", folder.display());
}

const HOSTS: &str = "\
all:
  hosts: { 'h[1:3]': { ansible_host: 10.83.0.1 } }
  children:
    webservers: { hosts: { 'h[1:3]': {} } }
    web: { hosts: { 'h[1:3]': {} } }
    storage: { hosts: { 'h[1:3]': {} } }
    app: { hosts: { 'h[1:3]': {} } }
    db: { hosts: { 'h[1:3]': {} } }
    old: { hosts: {} }
";

/// Whatever the phase, the steps are the same, one behind the other.
#[test]
fn a_phase_can_be_chosen() {
    let folder = Path::new("tests/import/07-tasks");
    for phase in ["prepare", "sleep", "wake", "ifconfig", "teardown"] {
        let said = reveille(folder, &["import", "playbook.yml", "--phase", phase, "--service", "app"]);
        let out = text(&said.stdout);
        assert!(out.contains(&format!("\n{phase}:\n  - id: ")), "{out}");
        assert_eq!(out.matches("    needs: [").count(), 2, "{out}");
        passes_check(folder, &out);
    }
}

#[test]
fn the_service_is_named_after_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("my web.yml"), "- hosts: all\n  tasks: []\n").unwrap();
    let said = reveille(folder.path(), &["import", "my web.yml"]);
    assert!(text(&said.stdout).contains("\nservice: my-web\nhosts: all\n"), "{said:?}");
    assert_eq!(said.status.code(), Some(0));
}

#[test]
fn what_is_no_playbook_is_refused_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content, code, words) in [
        ("map.yml", "hosts: all\n", 5, "map.yml:1:1"),
        ("broken.yml", "- hosts: [all\n", 5, "broken.yml:"),
        ("empty.yml", "", 5, "this is nothing"),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
        let said = reveille(folder.path(), &["import", name]);
        let err = text(&said.stderr);
        assert_eq!(said.status.code(), Some(code), "{err}");
        assert!(err.contains(words) && err.contains("hint: "), "{name}: {err}");
        assert!(said.stdout.is_empty());
    }
    let said = reveille(folder.path(), &["import", "absent.yml"]);
    assert_eq!(said.status.code(), Some(64));
    assert!(text(&said.stderr).contains("absent.yml"));
}
