//! Secrets that real programs keep, `age` and `pass`, fetched by `secrets: { … command: … }`: they arrive, and are
//! shown nowhere.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A site with one secret, which this command prints, in the variable of one step.
fn site(folder: &Path, argv: &[&str]) {
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("inventory/hosts.yml", "workstations: { hosts: { here: { ansible_connection: local } } }\n");
    let argv = serde_json::to_string(argv).unwrap();
    write("reveille.yml", &format!("secrets: {{ word: {{ command: {argv} }} }}\n"));
    write(
        "playbooks/web.yml",
        "service: web\nhosts: workstations\nprepare:\n  - id: tell\n    command: [test, \"{{ word }}\", =, open sesame]\n    \
         changed_when: false\n",
    );
}

/// Runs a program that must succeed.
#[track_caller]
fn ok(command: &mut Command) -> Output {
    let said = command.stdin(Stdio::null()).output().unwrap();
    assert!(said.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said.stderr));
    said
}

fn installed(program: &str) -> bool {
    let found = Command::new("sh").arg("-c").arg(format!("command -v {program}")).output().unwrap();
    if !found.status.success() {
        eprintln!("skipped: no {program} here");
    }
    found.status.success()
}

/// What a plan of the site says. The playbook itself holds the words that the secret consists of: where they are stars,
/// the secret has arrived.
#[track_caller]
fn planned(folder: &Path, home: &Path) -> String {
    let mut plan = Command::new(env!("CARGO_BIN_EXE_reveille"));
    plan.args(["plan", "deploy", "web", "-vv"]).current_dir(folder).env("HOME", home);
    let said = ok(&mut plan);
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(!text.contains("sesame"), "{text}");
    text
}

#[test]
fn age_keeps_one() {
    if !installed("age") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    site(folder.path(), &["age", "--decrypt", "-i", "key.txt", "secrets/word.age"]);
    fs::create_dir(folder.path().join("secrets")).unwrap();
    let script = "age-keygen -o key.txt 2>/dev/null && printf 'open sesame\\n' |
        age --encrypt -r \"$(age-keygen -y key.txt)\" -o secrets/word.age";
    ok(Command::new("sh").arg("-c").arg(script).current_dir(folder.path()));
    assert!(planned(folder.path(), folder.path()).contains("***"));

    fs::remove_file(folder.path().join("key.txt")).unwrap();
    let mut plan = Command::new(env!("CARGO_BIN_EXE_reveille"));
    let said = plan.args(["plan", "deploy", "web"]).current_dir(folder.path()).output().unwrap();
    let err = String::from_utf8_lossy(&said.stderr);
    assert!(!said.status.success());
    assert!(err.contains("`age` failed") && err.contains("key.txt"), "{err}");
}

#[test]
fn pass_keeps_one() {
    if !installed("pass") || !installed("gpg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    site(folder.path(), &["pass", "show", "site/word"]);
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    let script = "umask 077 && cd && gpg --batch --quiet --passphrase '' --quick-generate-key ops@example.org default default never &&
        pass init ops@example.org >/dev/null && printf 'open sesame\\n' | pass insert -e site/word >/dev/null";
    let mut made = Command::new("sh");
    ok(made.arg("-c").arg(script).env("HOME", &home).env_remove("GNUPGHOME"));
    let plan = planned(folder.path(), &home);
    // Its agent would keep the folder in use.
    let _ = Command::new("gpgconf").args(["--kill", "all"]).env("HOME", &home).status();
    assert!(plan.contains("***"), "{plan}");
}
