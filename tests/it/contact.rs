//! The first minutes with reveille: `init`, the program without a command, its help.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use clap::error::ErrorKind;
use reveille::cli::{EXAMPLES, GROUPS, command};
use reveille::lab::Cut;

use crate::lab::TestLab;
use crate::world::World;

fn reveille(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reveille"));
    command.current_dir(folder).args(args).stdin(Stdio::null());
    for variable in ["REVEILLE_SITE", "REVEILLE_INVENTORY", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_new_site_is_clean() {
    for name in ["hello", "wiki", "a", "my.app-2"] {
        let folder = tempfile::tempdir().unwrap();
        let said = reveille(folder.path(), &["init", "mysite", "--service", name]);
        assert_eq!(said.status.code(), Some(0), "{said:?}");
        assert!(text(&said.stderr).contains("reveille check"), "it says what to do next");
        let site = folder.path().join("mysite");
        let said = reveille(&site, &["check"]);
        assert_eq!(text(&said.stderr).trim(), "0 errors, 0 warnings", "{name}");
        let playbook = fs::read_to_string(site.join(format!("playbooks/{name}.yml"))).unwrap();
        assert!(
            playbook.starts_with("# yaml-language-server: $schema=../schema/playbook.json\n"),
            "{playbook}"
        );
        assert!(playbook.contains(&format!("service: {name}\n")));
    }
}

/// Editors look for the schema where the first line says it is.
#[test]
fn a_new_site_brings_its_schemas() {
    let folder = tempfile::tempdir().unwrap();
    reveille(folder.path(), &["init"]);
    for (file, kind) in [
        ("playbooks/hello.yml", "playbook"),
        ("inventory/hosts.yml", "inventory"),
        ("reveille.yml", "settings"),
    ] {
        let path = folder.path().join(file);
        let first = fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
        let schema = first.strip_prefix("# yaml-language-server: $schema=").unwrap();
        let named = fs::read_to_string(path.parent().unwrap().join(schema)).unwrap();
        assert_eq!(named, text(&reveille(folder.path(), &["schema", kind]).stdout));
    }
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reveille.yml"), "forks: 3\n").unwrap();
    let said = reveille(folder.path(), &["init"]);
    let err = text(&said.stderr);
    assert_eq!(said.status.code(), Some(64));
    assert!(err.contains("./reveille.yml is there already; nothing was written\nhint: "), "{err}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(folder.path().join("reveille.yml")).unwrap(), "forks: 3\n");
    let said = reveille(folder.path(), &["init", "other", "--service", "true"]);
    assert_eq!(said.status.code(), Some(64), "a playbook cannot say `service: true`");
}

/// What `init` wrote, deployed, failed over and taken away as it is; only the lab's network is another one.
#[test]
fn a_new_site_works_in_a_lab() {
    let Some(mut world) = TestLab::up(3).map(World::on) else { return };
    for file in ["playbooks/web.yml", "reveille.yml"] {
        fs::remove_file(world.root().join(file)).unwrap();
    }
    let said = reveille(world.root(), &["init"]);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let playbook = world.read("playbooks/hello.yml");
    let net = world.address.rsplit_once('.').unwrap().0.to_owned();
    world.write("playbooks/hello.yml", &playbook.replace("10.83.0.", &format!("{net}.")));
    world.address = format!("{net}.90");
    let page =
        |world: &World| world.client(&["curl", "-sf", "-m", "1", &format!("http://{}:8090/", world.address)]);
    let doctor = world.ok(&["doctor"]);
    assert!(doctor.out.contains("no errors"), "{}", doctor.out);
    world.ok(&["deploy", "hello"]);
    world.unchanged(&["deploy", "hello"]);
    world.is_protected_on("h1");
    assert_eq!(page(&world).as_deref(), Some("hello on h1\n"));
    world.lab.cut("h1", Cut::Carrier).unwrap();
    world.ok(&["failover", "hello"]);
    assert_eq!(page(&world).as_deref(), Some("hello on h2\n"));
    world.lab.heal("h1").unwrap();
    world.ok(&["reprotect", "hello"]);
    world.is_protected_on("h2");
    world.ok(&["teardown", "hello", "--yes"]);
    assert_eq!((world.holders(), page(&world)), (vec![], None));
}

#[test]
fn without_a_command_it_says_what_to_do_next() {
    let folder = tempfile::tempdir().unwrap();
    let next = |code| {
        let said = reveille(folder.path(), &[]);
        assert_eq!(said.status.code(), Some(code), "{said:?}");
        text(&said.stdout)
    };
    let said = reveille(Path::new("/"), &[]);
    assert_eq!(said.status.code(), Some(64));
    assert!(text(&said.stdout).contains("next:\n  reveille init DIR"), "{said:?}");
    reveille(folder.path(), &["init"]);
    let said = next(0);
    assert!(said.starts_with("site .: hello not deployed\nnext:\n  reveille doctor"), "{said}");
    assert!(said.contains("\n  reveille plan deploy hello ") && said.contains("\n  reveille deploy hello "));
    assert!(!folder.path().join(".reveille").exists(), "nothing is written");
    let playbook = folder.path().join("playbooks/hello.yml");
    fs::write(&playbook, fs::read_to_string(&playbook).unwrap().replace("wake:", "woke:")).unwrap();
    let said = next(0);
    assert!(said.contains("one mistake in its files\nnext:\n  reveille check"), "{said}");
    let said = reveille(folder.path(), &["--site", "nowhere"]);
    assert_eq!(said.status.code(), Some(5));
}

/// Every command's path and itself.
fn commands() -> Vec<(String, clap::Command)> {
    fn below(path: &str, command: &clap::Command, found: &mut Vec<(String, clap::Command)>) {
        found.push((path.to_owned(), command.clone()));
        for one in command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help") {
            below(format!("{path} {}", one.get_name()).trim_start(), one, found);
        }
    }
    let mut root = command().term_width(80);
    root.build();
    let mut found = Vec::new();
    below("", &root, &mut found);
    found
}

#[test]
fn every_command_is_in_one_group() {
    let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let mut all: Vec<String> = commands()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| !path.is_empty() && !path.contains(' '))
        .collect();
    grouped.sort_unstable();
    all.sort_unstable();
    assert_eq!(grouped, all);
}

#[test]
fn every_example_can_be_typed() {
    let known: Vec<String> = commands().into_iter().map(|(path, _)| path).collect();
    for (path, examples) in EXAMPLES {
        assert!(known.iter().any(|one| one == path), "no command `{path}`");
        for (line, _) in *examples {
            let words = shlex::split(line).unwrap();
            let words = words.iter().skip_while(|word| word.contains('='));
            let typed = words.take_while(|word| *word != "|" && !word.starts_with('>'));
            let words: Vec<String> = typed.cloned().collect();
            assert!(words[1..].join(" ").contains(path), "`{line}` is no example of `{path}`");
            if let Err(error) = command().try_get_matches_from(words) {
                assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{line}: {error}");
            }
        }
    }
    let without: Vec<_> = known.iter().filter(|path| !EXAMPLES.iter().any(|(of, _)| of == path)).collect();
    assert!(without.is_empty(), "no example for {without:?}");
}

#[test]
fn help_fits_a_terminal_of_80_columns() {
    for (path, mut command) in commands() {
        for help in [command.render_help(), command.render_long_help()] {
            let help = help.to_string();
            // The usage is one line, however long: clap does not break it.
            let lines = help.lines().filter(|line| !line.starts_with("Usage: "));
            let wide: Vec<&str> = lines.filter(|line| line.chars().count() > 80).collect();
            assert!(wide.is_empty(), "`reveille {path}`: {wide:#?}");
        }
        let short = command.render_help().to_string().lines().count();
        assert!(short <= if path.is_empty() { 60 } else { 40 }, "`reveille {path} -h` has {short} lines");
    }
}

#[test]
fn a_slip_is_answered_with_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    for (args, words) in [
        (vec!["depoy", "web"], "'deploy'"),
        (vec!["failover", "web", "--t", "h1"], "'--to"),
        (vec!["plan", "deploi", "web"], "'deploy'"),
    ] {
        let said = reveille(folder.path(), &args);
        let err = text(&said.stderr);
        assert_eq!(said.status.code(), Some(64), "{err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
}
