//! Holds the code to its layers: which room may name which, what the pure zone must not touch, and which crates stay
//! in one room. The rooms are described in ARCHITECTURE.md; a new arrow is a decision, to be made here and there.

#![expect(clippy::unwrap_used, reason = "a failed preparation is a failed test")]

#[path = "layers/paths.rs"]
mod paths;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use paths::{Named, paths, test_modules};

/// A room of `src/` and what it may name, from the left to the right.
struct Room {
    name: &'static str,
    /// Rooms, or paths within them.
    may_name: &'static [&'static str],
    purity: Purity,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purity {
    /// Text in, text out.
    Pure,
    /// Pure but for a user's files, and the programs it gets secrets from.
    Files,
    /// May wait, connect and know the time.
    Free,
}

const ROOMS: [Room; 21] = [
    // What pages share, whoever makes them.
    Room { name: "page", may_name: &[], purity: Purity::Pure },
    Room { name: "template", may_name: &[], purity: Purity::Pure },
    Room { name: "site", may_name: &["template"], purity: Purity::Files },
    Room { name: "import", may_name: &["site", "template"], purity: Purity::Pure },
    Room { name: "module", may_name: &["site", "template"], purity: Purity::Pure },
    Room { name: "plan", may_name: &["page", "site", "template", "module"], purity: Purity::Pure },
    Room { name: "doctor", may_name: &["site", "module", "plan"], purity: Purity::Pure },
    // What a monitor concludes and does is decided here, and can be decided again from a recording.
    Room { name: "monitor", may_name: &["site", "module", "plan"], purity: Purity::Pure },
    Room { name: "transport", may_name: &["site::id", "site::secret::Secret"], purity: Purity::Free },
    Room { name: "store", may_name: &["site::id", "plan::table"], purity: Purity::Free },
    Room {
        name: "probe",
        may_name: &["module::Probe", "module::Outcome", "module::probe", "module::dns"],
        purity: Purity::Free,
    },
    Room {
        name: "fence",
        may_name: &["module::fence", "probe::Group", "site::id", "site::inventory"],
        purity: Purity::Free,
    },
    Room {
        name: "engine",
        may_name: &["site", "template", "module", "plan", "transport", "store"],
        purity: Purity::Free,
    },
    Room {
        name: "watch",
        may_name: &[
            "site",
            "module",
            "plan",
            "monitor",
            "transport",
            "store",
            "probe",
            "engine",
            "notice::program",
        ],
        purity: Purity::Free,
    },
    // What a run looks like is decided from its events alone, so that every report can be made from a journal too, whose
    // first record is the plan; what a monitor looks like, from what it tells and from its pictures.
    Room {
        name: "report",
        may_name: &[
            "page",
            "engine::event",
            "engine::account",
            "monitor::Told",
            "monitor::Happening",
            "monitor::Gravity",
            "monitor::view",
            "plan::Plan",
            "plan::PlanStep",
            "plan::ServicePlan",
            "plan::PlacementTable",
            "plan::StepRef",
            "plan::Operation",
            "plan::render",
            "plan::status",
            "plan::table",
            "site::id",
        ],
        purity: Purity::Free,
    },
    Room {
        name: "notice",
        may_name: &[
            "site::notice",
            "site::source",
            "site::id",
            "template",
            "monitor::Told",
            "monitor::Happening",
            "monitor::Gravity",
            "probe::Group",
            "report::watch",
        ],
        purity: Purity::Free,
    },
    Room {
        name: "web",
        may_name: &[
            "page",
            "report",
            "monitor::Told",
            "monitor::view",
            "plan::status",
            "plan::table",
            "site::id",
            "site::address",
        ],
        purity: Purity::Free,
    },
    // Rehearsal hosts are not to know what is rehearsed on them.
    Room { name: "lab", may_name: &["site::id", "module::dns"], purity: Purity::Free },
    // A world of its own, in which all of these are put through what they are there for.
    Room {
        name: "sim",
        may_name: &["site", "module", "plan", "monitor", "transport", "store", "engine"],
        purity: Purity::Free,
    },
    // It drives the program from outside, as a person would, and reads what the program says.
    Room {
        name: "drill",
        may_name: &["site", "plan", "monitor", "engine::event", "watch::Line", "lab", "page"],
        purity: Purity::Free,
    },
    Room {
        name: "cli",
        may_name: &[
            "site",
            "template",
            "import",
            "module",
            "plan",
            "doctor",
            "monitor",
            "transport",
            "store",
            "probe",
            "fence",
            "engine",
            "watch",
            "report",
            "notice",
            "web",
            "lab",
            "sim",
            "drill",
        ],
        purity: Purity::Free,
    },
];

/// What nothing pure may name. `now` alone: whatever the type, it asks a clock.
const IMPURE: [&str; 12] = [
    "tokio",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os::unix::net",
    "rand",
    "tracing",
    "std::hash::RandomState",
];
const PRINTING: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
/// What `site` alone may name: it reads a user's files, and runs (not longer than it should) the programs that a user
/// keeps secrets in.
const FILES: [&str; 5] = ["std::fs", "std::process", "std::thread", "std::env", "rustix"];

/// Crates with one owner: whoever wants what they do asks that room.
const OWNED: [(&str, &[&str]); 10] = [
    ("minijinja", &["template"]),
    ("annotate_snippets", &["site"]),
    ("openssh", &["transport"]),
    ("reqwest", &["probe", "notice"]),
    ("rustls", &["probe", "notice"]),
    ("surge_ping", &["probe"]),
    ("hyper", &["web"]),
    ("indicatif", &["report"]),
    ("comfy_table", &["cli", "plan"]),
    ("proptest", &["sim"]),
];

/// A file of `src/`, as far as these tests look at it.
struct File {
    path: PathBuf,
    /// `["plan", "render", "text"]`.
    module: Vec<String>,
    names: Vec<Named>,
    /// The `//!` lines on top.
    purpose: String,
}

#[test]
fn arrows_between_rooms_point_one_way() {
    report(files().iter().flat_map(|file| {
        let Some(room) = room(file) else { return Vec::new() };
        let foreign = file
            .names
            .iter()
            .filter_map(|named| named.path.strip_prefix(&["crate".to_owned()][..]).zip(Some(named)));
        let wrong = foreign.filter(|(path, _)| !may_name(room, path));
        wrong
            .map(|(path, named)| file.at(named, &format!("`{}` names `{}`", room.name, path.join("::"))))
            .collect()
    }));
}

#[test]
fn the_pure_zone_is_pure() {
    report(files().iter().flat_map(|file| {
        let purity = if file.says_it_is_pure() {
            Purity::Pure
        } else {
            room(file).map_or(Purity::Free, |room| room.purity)
        };
        let wrong = file.names.iter().filter_map(|named| Some((named, impurity(&named.path, purity)?)));
        wrong
            .map(|(named, what)| file.at(named, &format!("{what} where nothing but text goes in and out")))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn crates_stay_with_their_owners() {
    report(files().iter().flat_map(|file| {
        let here = file.module.first().map_or("", String::as_str);
        let wrong = file.names.iter().filter(|named| {
            OWNED.iter().any(|(name, owners)| {
                named.path.len() > 1 && named.path[0] == *name && !owners.contains(&here)
            })
        });
        wrong
            .map(|named| file.at(named, &format!("`{}` belongs to another room", named.path[0])))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn every_file_says_what_it_is_for() {
    report(
        files()
            .iter()
            .filter(|file| file.purpose.is_empty())
            .map(|file| format!("{}:1: it does not open with `//!`", file.path.display())),
    );
}

#[test]
fn every_room_has_a_row_and_a_line_in_the_architecture() {
    let rooms: BTreeSet<String> = files().iter().filter_map(|file| file.module.first().cloned()).collect();
    let rows: BTreeSet<String> = ROOMS.iter().map(|room| room.name.to_owned()).collect();
    assert_eq!(rooms, rows, "the rooms of src/ and the rows of this test");
    let text = fs::read_to_string("ARCHITECTURE.md").unwrap();
    let missing = rows.iter().filter(|room| !text.contains(&format!("src/{room}")));
    report(missing.map(|room| format!("ARCHITECTURE.md does not show src/{room}")));
}

#[test]
fn the_reader_sees_what_it_should() {
    let source = r#"
//! crate::comment
use crate::site::{self, id::{HostName, Epoch as E}, inventory::*};
use super::other::Thing;
const TEXT: &str = "crate::string"; const RAW: &str = r"crate::raw"; const C: char = '"';
fn f<'a>(x: &'a str) -> crate::plan::Plan { std::fs::read(x); println!("{}", 1 != 2); self::near() }
mod inner { use super::super::super::far::Away; }
#[cfg(test)]
mod tests { use crate::cli; }
#[cfg(test)]
mod elsewhere;
"#;
    let found: Vec<String> = paths(source, &["plan".into(), "render".into()])
        .into_iter()
        .filter(|named| named.path.len() > 1 || named.path[0].ends_with('!'))
        .map(|named| format!("{} {}", named.line, named.path.join("::")))
        .collect();
    let expected = [
        "3 crate::site",
        "3 crate::site::id::HostName",
        "3 crate::site::id::Epoch",
        "3 crate::site::inventory::*",
        "4 crate::plan::other::Thing",
        "6 crate::plan::Plan",
        "6 std::fs::read",
        "6 println!",
        "6 crate::plan::render::near",
        "7 crate::far::Away",
    ];
    assert_eq!(found, expected);
    assert_eq!(test_modules(source), ["elsewhere"]);
}

#[test]
fn the_rules_can_be_broken() {
    let words = |path: &str| -> Vec<String> { path.split("::").map(str::to_owned).collect() };
    let plan = ROOMS.iter().find(|room| room.name == "plan").unwrap();
    assert!(!may_name(plan, &words("engine::event")) && may_name(plan, &words("module::Script")));
    let report = ROOMS.iter().find(|room| room.name == "report").unwrap();
    assert!(!may_name(report, &words("engine::run")) && !may_name(report, &words("engine")));
    for path in [
        "tokio::spawn",
        "std::time",
        "std::time::*",
        "Instant::now",
        "println!",
        "std::fs",
        "jiff::Timestamp::now",
    ] {
        assert!(impurity(&words(path), Purity::Pure).is_some(), "{path}");
    }
    assert_eq!(impurity(&words("std::fs::read"), Purity::Files), None);
    assert_eq!(impurity(&words("std::time::Duration"), Purity::Pure), None);
}

/// Whether a room may name this path below `crate`.
fn may_name(room: &Room, path: &[String]) -> bool {
    let within = |allowed: &str| {
        allowed.split("::").zip(path).filter(|(a, b)| a == b).count() == allowed.split("::").count()
    };
    path.is_empty() || path[0] == room.name || room.may_name.iter().any(|allowed| within(allowed))
}

/// What is wrong with naming this path where such purity is asked for.
fn impurity(path: &[String], purity: Purity) -> Option<String> {
    let name = path.join("::");
    // `use std::time;` would let the clock in under a name that is not looked for.
    let reaches = |banned: &&str| {
        let glob = name.strip_suffix("::*").unwrap_or(&name);
        name == **banned
            || name.starts_with(&format!("{banned}::"))
            || banned.starts_with(&format!("{glob}::")) && path.len() > 1
    };
    let banned = match purity {
        Purity::Free => return None,
        Purity::Files => IMPURE.iter().chain(&PRINTING).find(|banned| reaches(banned)),
        Purity::Pure => IMPURE.iter().chain(&PRINTING).chain(&FILES).find(|banned| reaches(banned)),
    };
    let asks_a_clock = path.len() > 1 && path.last().is_some_and(|last| last == "now");
    (banned.is_some() || asks_a_clock).then(|| format!("`{name}`"))
}

fn room(file: &File) -> Option<&'static Room> {
    ROOMS.iter().find(|room| file.module.first().is_some_and(|first| first == room.name))
}

impl File {
    fn read(path: &Path) -> Self {
        let source = fs::read_to_string(path).unwrap();
        let module = module_of(path);
        let purpose =
            source.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n");
        Self { names: paths(&source, &module), path: path.to_owned(), module, purpose }
    }

    fn at(&self, named: &Named, words: &str) -> String {
        format!("{}:{}: {words}", self.path.display(), named.line)
    }

    /// Files outside the pure zone that promise to keep its rules.
    fn says_it_is_pure(&self) -> bool {
        let mut words = self.purpose.split(|c: char| !c.is_alphanumeric());
        words.any(|word| word == "Pure")
    }
}

/// `src/plan/render/mod.rs` is `plan::render`; `src/main.rs` and `src/lib.rs` are the root.
fn module_of(path: &Path) -> Vec<String> {
    let below = path.strip_prefix("src").unwrap().with_extension("");
    let words = below.iter().map(|word| word.to_str().unwrap().to_owned());
    words.filter(|word| !["mod", "main", "lib"].contains(&word.as_str())).collect()
}

/// Every source file but those that only tests use.
fn files() -> Vec<File> {
    let mut all = Vec::new();
    walk(Path::new("src"), &mut all);
    all.sort();
    assert!(all.len() > 100, "the sources are elsewhere");
    let tests: BTreeSet<Vec<String>> = all.iter().flat_map(|path| tests_of(path)).collect();
    all.iter().filter(|path| !tests.contains(&module_of(path))).map(|path| File::read(path)).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that `path` declares for tests alone.
fn tests_of(path: &Path) -> Vec<Vec<String>> {
    let names = test_modules(&fs::read_to_string(path).unwrap());
    names.into_iter().map(|name| module_of(path).into_iter().chain([name]).collect()).collect()
}

/// Fails with every finding on a line of its own.
fn report(findings: impl IntoIterator<Item = String>) {
    let findings: Vec<String> = findings.into_iter().collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}
