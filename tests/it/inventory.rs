//! Inventories compared with what Ansible made of them: one folder each, expectations written by the real
//! `ansible-inventory` (`tests/fixtures/inventory/regenerate`, `tests/inventories/regenerate`); those of
//! `tests/inventories` also with what it says now, where it is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use reveille::site::inventory::Inventory;
use reveille::site::source::Sources;

fn fixtures() -> Vec<PathBuf> {
    folders("tests/fixtures/inventory")
}

fn folders(root: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
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

/// `-i` and what it is given, for each source of an inventory in `tests/inventories`.
fn sources(folder: &Path) -> Vec<String> {
    let names: Vec<String> = match std::fs::read_to_string(folder.join("sources")) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(_) if folder.join("inventory").is_dir() => vec!["inventory".to_owned()],
        Err(_) => {
            let names =
                folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.filter(|name| name.starts_with("hosts")).collect()
        }
    };
    names.into_iter().flat_map(|name| ["-i".to_owned(), name]).collect()
}

/// `reveille inventory` in a folder that is no site.
fn inventory(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reveille"));
    command.current_dir(folder).arg("inventory").args(args).args(sources(folder));
    command.arg("--site").arg(folder).env_remove("REVEILLE_INVENTORY").output().unwrap()
}

#[test]
fn lists_are_those_of_ansible_byte_for_byte() {
    let folders = folders("tests/inventories");
    assert!(folders.len() >= 12, "found only {folders:?}");
    for folder in folders {
        let output = inventory(&folder, &["--list", "--format", "ansible"]);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
        assert!(out == expected, "{}: got\n{out}{err}\nexpected\n{expected}", folder.display());
    }
}

#[test]
fn ansible_up_to_2_18_named_no_profile() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventories/12-priorities");
    let output = inventory(&folder, &["--list", "--format", "ansible-2.18"]);
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let profile = ",\n        \"profile\": \"inventory_legacy\"";
    assert!(expected.contains(profile));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected.replace(profile, ""));
}

/// The `ansible-inventory` that `make test` installs, else the system's; or why it cannot be compared with.
fn ansible() -> Result<PathBuf, String> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/ansible/bin/ansible-inventory");
    let program = if ours.exists() { ours } else { "ansible-inventory".into() };
    let output = Command::new(&program).arg("--version").output();
    let output = output.map_err(|_| "there is no ansible-inventory; `tests/ansible.sh` installs it")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let minor = || text.split_once("[core 2.")?.1.split(['.', ']']).next()?.parse::<u32>().ok();
    match minor() {
        Some(19..) => Ok(program),
        _ => Err(format!("inventories are read as by core 2.19, and this is another: {text:.40}")),
    }
}

#[test]
fn lists_are_those_of_the_ansible_installed_here() {
    let program = match ansible() {
        Ok(program) => program,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    for folder in folders("tests/inventories") {
        let mut theirs = Command::new(&program);
        theirs.current_dir(&folder).args(sources(&folder)).arg("--list");
        let theirs = theirs.env_remove("ANSIBLE_CONFIG").env_remove("ANSIBLE_INVENTORY").output().unwrap();
        let ours = inventory(&folder, &["--list", "--format", "ansible"]);
        let [theirs, ours] =
            [theirs, ours].map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        assert!(theirs.starts_with('{'), "{}: {theirs}", folder.display());
        assert!(ours == theirs, "{}: got\n{ours}\nexpected\n{theirs}", folder.display());
    }
}

/// A folder with one executable inventory, and what `--list` says of it.
fn script(text: &str) -> (i32, String, String) {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hosts.sh");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let output = inventory(folder.path(), &["--list"]);
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_program_that_fails_or_prints_rubbish_is_named_with_what_it_said() {
    let (code, out, err) = script("#!/bin/sh\necho 'no credentials for the cloud' >&2\nexit 3\n");
    assert_eq!((code, out.as_str()), (5, ""));
    for part in ["hosts.sh:1:1", "`hosts.sh --list` failed: exit status 3", "no credentials for the cloud"] {
        assert!(err.contains(part), "{part} is missing in\n{err}");
    }
    let (code, _, err) = script("#!/bin/sh\necho '{'\necho '  \"web\": [h1}'\necho careful >&2\n");
    assert_eq!(code, 5);
    for part in ["is not JSON", "hosts.sh --list:2:11", "careful"] {
        assert!(err.contains(part), "{part} is missing in\n{err}");
    }
    let (code, _, err) = script("#!/bin/sh\necho '{\"web\": {\"hosts\": [1], \"vars\": 7}}'\n");
    assert_eq!(code, 5);
    assert!(err.contains("are names, not a number") && err.contains("`vars` of group `web`"), "{err}");
    let (code, _, err) = script("#!/no/such/interpreter\n");
    assert_eq!(code, 5);
    assert!(err.contains("cannot run"), "{err}");
    let (code, _, err) = script(
        "#!/bin/sh\ncase $1 in --list) echo '{\"web\": [\"h1\", \"h2\"]}';; *) echo $2 is unknown >&2; exit 1;; esac\n",
    );
    assert_eq!(code, 5);
    assert_eq!(err.matches("failed").count(), 1, "one that failed is not asked again: {err}");
    assert!(err.contains("h1 is unknown"), "{err}");
}

#[test]
fn a_program_that_hangs_is_ended_with_all_it_started() {
    let started = Instant::now();
    let (code, _, err) = script("#!/bin/sh\necho asking the cloud >&2\nsleep 600 & sleep 600\n");
    assert_eq!(code, 5);
    assert!(err.contains("did not end within 30 s") && err.contains("asking the cloud"), "{err}");
    assert!(started.elapsed() < Duration::from_mins(1), "took {:?}", started.elapsed());
}

#[test]
fn an_explanation_points_into_ini_files_and_what_programs_print() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventories");
    let said = |folder: &str, variable: &str| {
        let output = inventory(&root.join(folder), &["--explain", variable]);
        let text = String::from_utf8(output.stdout).unwrap();
        let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        words.collect::<Vec<_>>()
    };
    assert_eq!(
        said("11-ini-and-vars", "web2.tier"),
        [
            "web2.tier = \"host_file\"",
            "→ host web2 host_vars/web2.yml:1:7 \"host_file\"",
            "host web2 production:3:11 \"line\"",
            "group web group_vars/web.yml:1:7 \"file\"",
            "group web production:6:6 \"section\"",
        ]
    );
    let program = said("08-script", "i-0c3.size");
    assert_eq!(program[0], "i-0c3.size = 9");
    assert!(program[1].contains("group tag_db cloud.py --list:1:"), "{program:?}");
}

#[test]
fn an_inventory_needs_no_site_around_it_and_one_host_can_be_asked_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventories/12-priorities/hosts.ini");
    let nowhere = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_reveille"));
    command.current_dir(nowhere.path()).arg("inventory").arg("-i").arg(root);
    let output = command.args(["--host", "h", "--format", "ansible"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "{\n    \"x\": \"a\",\n    \"y\": \"b\"\n}\n");
}
