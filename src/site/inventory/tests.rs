//! What an inventory written on the spot says, and how its mistakes are reported.

use std::path::PathBuf;

use super::*;
use crate::site::diagnostic::{Diagnostic, Severity, render};
use crate::site::id::HostName;
use crate::site::source::Sources;

/// An inventory read from files made for one test.
struct Loaded {
    inventory: Inventory,
    sources: Sources,
    diagnostics: Vec<Diagnostic>,
    folder: tempfile::TempDir,
}

fn load(files: &[(&str, &str)]) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let (mut sources, mut diagnostics) = (Sources::default(), Vec::new());
    let inventory = Inventory::load(&[folder.path().join(files[0].0)], &mut sources, &mut diagnostics);
    Loaded { inventory, sources, diagnostics, folder }
}

/// The same files once more, from the folder they are in.
fn load_folder(loaded: Loaded, name: &str) -> Loaded {
    let (mut sources, mut diagnostics) = (Sources::default(), Vec::new());
    let path = loaded.folder.path().join(name);
    let inventory = Inventory::load(&[path], &mut sources, &mut diagnostics);
    Loaded { inventory, sources, diagnostics, folder: loaded.folder }
}

fn load_one(text: &str) -> Loaded {
    load(&[("hosts.yml", text)])
}

impl Loaded {
    /// `error group-cycle 4:7`, one line for each diagnostic.
    fn problems(&self) -> Vec<String> {
        let line = |problem: &Diagnostic| {
            let word = if problem.severity == Severity::Error { "error" } else { "warning" };
            let place = problem.span.map(|span| self.sources.position(span));
            let place = place.map_or(String::new(), |(line, column)| format!(" {line}:{column}"));
            format!("{word} {}{place}", problem.code)
        };
        self.diagnostics.iter().map(line).collect()
    }

    /// What the first diagnostic points at.
    fn token(&self) -> &str {
        let span = self.diagnostics[0].span.unwrap();
        &self.sources.text(span.file)[span.start..span.end]
    }

    fn drawn(&self) -> String {
        let text: String =
            self.diagnostics.iter().map(|problem| render(problem, &self.sources, false)).collect();
        text.replace(&self.folder.path().display().to_string(), "")
    }
}

fn host(name: &str) -> HostName {
    name.try_into().unwrap()
}

fn plain(text: &str, _: &HostName) -> Result<String, String> {
    Err(format!("did not expect to render {text}"))
}

#[test]
fn every_mistake_of_a_file_is_reported_at_its_token() {
    let loaded = load_one(
        "web:\n  hosts: [a, b]\n  host:\n    h1:\n  vars:\n    x-y: 1\ndb:\n  hosts:\n    h[3:1]:\n    7:\n    bad name:\n    h2: 5\n  children:\n    web: [x]\nversion: 2\n",
    );
    assert_eq!(
        loaded.problems(),
        [
            "error inventory-structure 2:10",
            "warning unknown-key 3:3",
            "warning variable-name 6:5",
            "error host-range 9:6",
            "error inventory-name 10:5",
            "error host-name 11:5",
            "error inventory-structure 12:9",
            "error inventory-structure 14:10",
            "warning inventory-structure 15:10",
        ]
    );
    assert!(loaded.drawn().contains("did you mean `hosts`?"), "{}", loaded.drawn());
    assert_eq!(loaded.inventory.hosts().collect::<Vec<_>>(), [&host("h2")], "the rest is read all the same");
}

#[test]
fn a_circle_of_groups_is_printed_whole() {
    let loaded = load_one("a:\n  children:\n    b:\nb:\n  children:\n    c:\nc:\n  children:\n    a:\n");
    assert_eq!(loaded.problems(), ["error group-cycle 9:5"]);
    let drawn = loaded.drawn();
    for part in ["a → b → c → a", "`a` contains `b`", "`b` contains `c`", "`c` contains `a`"] {
        assert!(drawn.contains(part), "{part} is missing in\n{drawn}");
    }
    assert_eq!(load_one("a: {children: {a: }}\n").problems(), ["error group-cycle 1:16"]);
    assert_eq!(load_one("a: {children: {all: }}\n").problems(), ["error group-cycle 1:16"]);
}

#[test]
fn encrypted_values_are_refused() {
    let loaded = load(&[
        (
            "inventory/hosts.yml",
            "all:\n  hosts:\n    h1:\n      pw: !vault |\n        $ANSIBLE_VAULT;1.1;AES256\n        6162\n",
        ),
        ("inventory/group_vars/all.yml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n"),
    ]);
    assert_eq!(loaded.problems(), ["error vault 5:9", "error vault 1:1"]);
    assert!(loaded.drawn().contains("`pw` is encrypted"), "{}", loaded.drawn());
    assert!(loaded.drawn().contains("`secrets:`"), "{}", loaded.drawn());
    assert!(loaded.inventory.vars_of(&host("h1")).is_empty());
}

#[test]
fn what_is_not_read_is_named_and_the_rest_is_read() {
    let loaded = load(&[
        ("i/a.yml", "web: {hosts: {h1: }}\n"),
        ("i/b.toml", "[web.hosts]\nh2 = {}\n"),
        ("i/c.yml", "a: [\n"),
    ]);
    let folder = [loaded.folder.path().join("i"), PathBuf::from("/nowhere/at/all")];
    let (mut sources, mut diagnostics) = (Sources::default(), Vec::new());
    let inventory = Inventory::load(&folder, &mut sources, &mut diagnostics);
    let codes: Vec<_> = diagnostics.iter().map(|problem| (problem.severity, problem.code)).collect();
    assert_eq!(
        codes,
        [
            (Severity::Error, "inventory-form"),
            (Severity::Error, "yaml-syntax"),
            (Severity::Error, "unreadable")
        ]
    );
    assert_eq!(inventory.select("web").unwrap(), [host("h1")]);
    let drawn: String = diagnostics.iter().map(|problem| render(problem, &sources, false)).collect();
    assert!(drawn.contains("/nowhere/at/all"), "{drawn}");
}

#[test]
fn whole_encrypted_files_are_refused_in_every_form() {
    for name in ["hosts", "hosts.ini", "hosts.yml"] {
        let loaded = load(&[(name, "$ANSIBLE_VAULT;1.1;AES256\n6162\n")]);
        assert_eq!(loaded.problems(), ["error vault 1:1"], "{name}");
        assert!(loaded.drawn().contains("this file is encrypted"), "{}", loaded.drawn());
    }
}

#[test]
fn every_mistake_of_an_ini_file_is_reported_at_its_token() {
    let loaded = load(&[(
        "hosts",
        "h0\n[web]\nh1 a=1 oops\nh2 b='open\nh[3:1]\nbad/name\nh3: \n[web :vars]\nskipped\n[web:var]\nskipped\n[web:vars]\nnothing\nx-y=1\nansible_group_priority=high\n[wbe:vars]\nz=1\n[all:children]\nweb extra\nnone\n[web:children]\nall\n",
    )]);
    assert_eq!(
        loaded.problems(),
        [
            "error ini-variable 3:8",
            "error ini-quote 4:6",
            "error host-range 5:2",
            "error host-name 6:1",
            "error host-name 7:1",
            "error ini-section 8:1",
            "error ini-section 10:6",
            "error ini-variable 13:1",
            "warning variable-name 14:1",
            "error inventory-value 15:24",
            "error ini-section 19:1",
            "error group-cycle 22:1",
            "error ini-group 16:2",
            "error ini-group 20:1",
        ]
    );
    let drawn = loaded.drawn();
    for part in ["did you mean `vars`?", "did you mean `web`?", "declare it: `[none]`", "a port is missing"] {
        assert!(drawn.contains(part), "{part} is missing in\n{drawn}");
    }
}

#[test]
fn a_file_that_is_no_inventory_is_reported_once() {
    let loaded = load(&[("i/fetch.sh", "#!/bin/sh\nset -eu\nif true; then\n  echo 'x\nfi\n")]);
    let loaded = load_folder(loaded, "i");
    assert_eq!(loaded.problems(), ["error ini-variable 2:5"]);
    let loaded = load(&[("hosts", "h1 x-y=1\nh2\n")]);
    assert_eq!(loaded.problems(), ["warning variable-name 1:4"]);
    assert_eq!(loaded.inventory.select("all").unwrap(), [host("h1"), host("h2")]);
}

#[test]
fn an_explanation_names_the_winner_and_every_loser() {
    let loaded = load(&[
        ("hosts.yml", "all:\n  vars: {x: 1}\nweb:\n  hosts:\n    h1:\n      x: 3\n  vars: {x: 2}\n"),
        ("host_vars/h1.yml", "x: {deep: 4}\n"),
        ("group_vars/web.yml", "x: file\n"),
    ]);
    let candidates = loaded.inventory.explain(&host("h1"), "x");
    let text = explanation(&host("h1"), "x", &candidates, &loaded.sources);
    let text = text.replace(&format!("{}/", loaded.folder.path().display()), "");
    let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        words,
        [
            vec!["h1.x", "=", "{\"deep\":4}"],
            vec!["→", "host", "h1", "host_vars/h1.yml:1:4", "{\"deep\":4}"],
            vec!["host", "h1", "hosts.yml:6:10", "3"],
            vec!["group", "web", "group_vars/web.yml:1:4", "\"file\""],
            vec!["group", "web", "hosts.yml:7:13", "2"],
            vec!["group", "all", "hosts.yml:2:13", "1"],
        ]
    );
    assert_eq!(explanation(&host("h1"), "y", &[], &loaded.sources), "h1.y is not set\n");
}

#[test]
fn playbook_and_extra_variables_go_on_top() {
    let loaded = load_one("all: {vars: {a: group, b: group, c: group, d: group}, hosts: {h1: {b: host}}}\n");
    let over = load_one("all: {vars: {c: over, d: over}, hosts: {x: {d: extra}}}\n").inventory;
    let [playbook, extra] = ["c", "d"].map(|_| over.vars_of(&host("x")));
    let name = host("h1");
    let mut layers = loaded.inventory.layers(&name);
    layers.push(Layer { level: Level::Playbook, owner: "web", vars: &playbook });
    layers.push(Layer { level: Level::Extra, owner: "-e", vars: &extra });
    let merged = merge(layers.clone());
    let values: Vec<_> = merged.iter().map(|(name, value)| format!("{name}={}", value.value)).collect();
    assert_eq!(values, ["a=\"group\"", "b=\"host\"", "c=\"over\"", "d=\"extra\""]);
    let levels: Vec<_> = candidates(layers, "d").iter().map(|candidate| candidate.level).collect();
    assert_eq!(levels, [Level::Extra, Level::Playbook, Level::Group]);
}

#[test]
fn patterns_that_name_nothing_say_which_part() {
    let inventory = load_one("web: {hosts: {h1: , h2: , h3: }}\ndb: {hosts: {d1: }}\n").inventory;
    let error = |pattern: &str| {
        let error = inventory.select(pattern).unwrap_err();
        (pattern[error.range].to_owned(), error.message, error.hint)
    };
    let unknown = |name: &str| format!("no host or group is called `{name}`");
    assert_eq!(error("web:!h9"), ("h9".into(), unknown("h9"), Some("did you mean `h1`?".into())));
    assert_eq!(error("db, &wbe").0, "wbe");
    assert_eq!(error("web[7]").0, "[7]");
    assert_eq!(error("web:~(").0, "(");
    assert_eq!(error("web:~*").0, "~*");
    assert_eq!(error("x*").1, "`x*` matches no host and no group");
    assert_eq!(error("h[1:4]"), ("h[1:4]".into(), unknown("h4"), Some("did you mean `h1`?".into())));
    assert_eq!(error("web[1").0, "[1");
    assert_eq!(error(" ").1, "an empty pattern chooses no host");
    assert!(inventory.select("web:!x*").is_ok(), "excluding what is not there is no mistake");
}

#[test]
fn ranges_of_hosts_and_regular_expressions_with_colons_are_understood() {
    let inventory = load_one("web: {hosts: {h1: , h2: , h3: }}\ndb: {hosts: {d1: }}\n").inventory;
    let names = |pattern: &str| {
        let hosts = inventory.select(pattern).unwrap();
        hosts.iter().map(HostName::as_str).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("h[2:3]"), "h2 h3");
    assert_eq!(names("h[1-2],d1"), "h1 h2 d1");
    assert_eq!(names("~(?:web|d)"), "h1 h2 h3 d1");
    assert_eq!(names("d1,h2"), "h2 d1");
}

#[test]
fn connection_variables_become_a_connection() {
    let loaded = load_one(
        "all:\n  vars:\n    ansible_user: admin\n    ansible_become: yes\n    ansible_ssh_common_args: -o 'ProxyJump=a b'\n  hosts:\n    h1:22:\n      ansible_host: \"10.0.0.{{ n }}\"\n      ansible_port: \"2222\"\n      ansible_ssh_extra_args: -v\n      ansible_ssh_private_key_file: ~/key\n      n: 7\n    h2: {ansible_connection: local, ansible_become: no}\n",
    );
    let render = |text: &str, host: &HostName| Ok(text.replace("{{ n }}", &host.as_str()[1..]));
    let mut problems = Vec::new();
    let defaults = ConnectionDefaults { user: Some("me".into()), escalate: true, ..Default::default() };
    let connection = loaded.inventory.connection(&host("h1"), &defaults, &render, &mut problems);
    let expected = Connection {
        kind: ConnectionKind::Ssh,
        address: "10.0.0.1".into(),
        port: Some(2222),
        user: Some("admin".into()),
        private_key_file: Some("~/key".into()),
        ssh_args: vec!["-o".into(), "ProxyJump=a b".into(), "-v".into()],
        escalation: Some(Become { user: "root".into() }),
    };
    assert_eq!(connection, expected);
    let local = loaded.inventory.connection(&host("h2"), &defaults, &plain, &mut problems);
    assert_eq!((local.kind, local.escalation), (ConnectionKind::Local, None));
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
fn connections_that_cannot_be_made_are_reported() {
    let loaded = load_one(
        "all:\n  hosts:\n    h1:\n      ansible_port: 70000\n      ansible_connection: winrm\n      ansible_become_method: su\n      ansible_become: maybe\n      ansible_host: [1]\n      ansible_user: '{{ x }}'\n      ansible_password: x\n      ansible_ssh_common_args: \"'\"\n",
    );
    let mut problems = Vec::new();
    let defaults = ConnectionDefaults::default();
    let connection = loaded.inventory.connection(&host("h1"), &defaults, &plain, &mut problems);
    assert_eq!((connection.address.as_str(), connection.port), ("h1", None));
    let mut lines: Vec<_> = problems.iter().map(|p| loaded.sources.position(p.span.unwrap()).0).collect();
    lines.sort_unstable();
    assert_eq!(lines, [4, 5, 6, 7, 8, 9, 10, 11]);
}

#[test]
fn extras_are_typed_and_typos_found() {
    let loaded = load_one(
        "all:\n  hosts:\n    h1: {reveille_networks: [10.1.0.0/16], reveille_pool: no, reveille_device: eth1}\n    h2: {reveille_netwoks: [], reveille_weight: heavy}\n",
    );
    let mut problems = Vec::new();
    let extras = loaded.inventory.extras(&host("h1"), &mut problems);
    assert_eq!(extras.networks, ["10.1.0.0/16".parse().unwrap()]);
    assert_eq!((extras.pool, extras.device.as_deref()), (false, Some("eth1")));
    assert!(problems.is_empty());
    assert_eq!(loaded.inventory.extras(&host("h2"), &mut problems), HostExtras::default());
    assert_eq!(problems[0].hint.as_deref(), Some("did you mean `reveille_networks`?"));
    assert_eq!(problems.len(), 2);
}

#[test]
fn a_name_read_as_a_number_asks_for_quotes() {
    let loaded = load_one("web:\n  hosts:\n    0644:\n    \"0645\":\n");
    assert_eq!(loaded.token(), "0644");
    assert_eq!(loaded.diagnostics[0].hint.as_deref(), Some("quote it: \"0644\""));
    assert_eq!(loaded.inventory.select("all").unwrap(), [host("0645")]);
}

#[test]
fn the_listing_shows_addresses_and_groups() {
    let text =
        "web: {hosts: {h1: {ansible_host: 10.0.0.1, ansible_port: 22}, long-name: }}\nold: {hosts: {h1: }}\n";
    let listing = load_one(text).inventory.listing();
    assert_eq!(
        listing,
        "HOST       ADDRESS      GROUPS\nh1         10.0.0.1:22  old web\nlong-name  long-name    web\n"
    );
}

/// Thousands of hosts must not be felt; the limit is generous because this is a debug build on a busy machine.
#[test]
fn two_thousand_hosts_load_quickly() {
    use std::fmt::Write;
    let mut text = String::from("all:\n  children:\n");
    for group in 0..50 {
        let _ = writeln!(text, "    g{group}:\n      vars: {{a: {group}, mode: 0644}}\n      hosts:");
        for host in 0..40 {
            let _ = writeln!(
                text,
                "        g{group}-h{host}:\n          ansible_host: 10.0.{group}.{host}\n          up: yes"
            );
        }
    }
    let started = std::time::Instant::now();
    let loaded = load_one(&text);
    assert!(loaded.diagnostics.is_empty());
    let list = loaded.inventory.to_ansible_list();
    assert_eq!(list["_meta"]["hostvars"].as_object().unwrap().len(), 2000);
    assert_eq!(loaded.inventory.select("g1*:!g1").unwrap().len(), 400);
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "took {:?}", started.elapsed());
}
