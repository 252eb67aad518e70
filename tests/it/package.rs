//! The Debian package: what it lists is there, and what it brings can be used. The package itself is made where `make deb`
//! was run once, since its tool takes long to build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TOOL: &str = "target/tools/bin/cargo-deb";

/// Source and place of each file of the package, as Cargo.toml lists them.
fn assets() -> Vec<(String, String)> {
    let text = fs::read_to_string("Cargo.toml").unwrap();
    let list = text.split_once("\nassets = [\n").unwrap().1.split_once("\n]").unwrap().0;
    let row = regex::Regex::new(r#"^\s*\["([^"]+)", "([^"]+)", "(?:644|755)"\],$"#).unwrap();
    let parts = |line: &str| {
        let found = row.captures(line).unwrap_or_else(|| panic!("no asset: {line}"));
        (found[1].to_owned(), found[2].to_owned())
    };
    list.lines().map(parts).collect()
}

fn run(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

#[track_caller]
fn ok(program: &str, args: &[&str]) -> String {
    let said = run(program, args);
    let words = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{program} {args:?}: {words}{}", String::from_utf8_lossy(&said.stderr));
    words
}

#[test]
fn what_the_package_lists_is_there() {
    let script = fs::read_to_string("tests/deb.sh").unwrap();
    let assets = assets();
    assert!(assets.len() > 10);
    for (from, _) in assets {
        match from.strip_prefix("target/deb/") {
            None => assert!(Path::new(&from).is_file(), "{from}"),
            Some(made) => {
                let named = ["completions/", "man/"].iter().any(|folder| made.starts_with(folder));
                assert!(named || script.contains(&format!("$made/{made}\"")), "tests/deb.sh makes no {made}");
            }
        }
    }
}

/// Shells read what is printed for them, and the pages are there for each command.
#[test]
fn completions_and_pages_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let reveille = env!("CARGO_BIN_EXE_reveille");
    for shell in ["bash", "zsh", "fish"] {
        let script = ok(reveille, &["completions", shell]);
        assert!(script.contains("switchover") && script.contains("confirm-dead"), "{shell}");
        let path = folder.path().join(shell);
        fs::write(&path, script).unwrap();
        if Command::new(shell).arg("--version").output().is_ok() {
            ok(shell, &["-n", path.to_str().unwrap()]);
        }
    }
    let pages = folder.path().join("man");
    ok(reveille, &["man", pages.to_str().unwrap()]);
    for page in ["reveille.1", "reveille-deploy.1", "reveille-lab-up.1"] {
        let text = fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.contains(".SH NAME") && text.contains("Examples:"), "{page}");
    }
}

#[test]
fn the_package_can_be_installed() {
    let missing =
        [TOOL, "/usr/bin/dpkg-deb", "/usr/bin/strip"].into_iter().find(|tool| !Path::new(tool).exists());
    if let Some(missing) = missing.or((!is_root()).then_some("root")) {
        eprintln!("skipped: no {missing} (`make deb` installs cargo-deb)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    ok("tests/deb.sh", &[env!("CARGO_BIN_EXE_reveille"), folder.path().to_str().unwrap(), "--fast"]);
    let package = only_package(folder.path());
    let package = package.to_str().unwrap();
    let fields = ok("dpkg-deb", &["--field", package, "Package", "Depends", "Section"]);
    assert!(fields.contains("Package: reveille") && fields.contains("openssh-client"), "{fields}");
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("var/lib/dpkg/info")).unwrap();
    fs::create_dir_all(root.join("var/lib/dpkg/updates")).unwrap();
    fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    // A scratch root has no other packages.
    let at = format!("--root={}", root.display());
    ok("dpkg", &[&at, "--force-depends", "--force-script-chrootless", "--install", package]);
    for (from, to) in assets() {
        let path = root.join(&to);
        let there =
            if to.ends_with('/') { fs::read_dir(&path).unwrap().count() > 40 } else { path.is_file() };
        assert!(there, "{from} is not at {to}");
    }
    assert!(root.join("usr/share/doc/reveille/copyright").is_file());
    let program = root.join("usr/bin/reveille");
    assert!(ok(program.to_str().unwrap(), &["--version"]).starts_with("reveille "));
    unit_is_one(&root, &program);
    ok("dpkg", &[&at, "--force-script-chrootless", "--remove", "reveille"]);
    assert!(!program.exists());
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn only_package(folder: &Path) -> PathBuf {
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_some_and(|ext| ext == "deb")).expect("a package was made")
}

/// systemd's own opinion, of the unit where it would be installed.
fn unit_is_one(root: &Path, program: &Path) {
    let unit = fs::read_to_string(root.join("usr/lib/systemd/system/reveille.service")).unwrap();
    assert!(unit.contains("\nExecStart=/usr/bin/reveille watch\n"), "{unit}");
    let copy = root.join("reveille.service");
    fs::write(&copy, unit.replace("/usr/bin/reveille", program.to_str().unwrap())).unwrap();
    let Ok(said) = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&copy).output() else {
        eprintln!("skipped: no systemd-analyze");
        return;
    };
    let words = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && !words.contains("reveille.service:"), "{words}");
}
