//! Sessions in the documents are real: each page's `console` blocks are run one after the other by one shell, in a copy of
//! the shipped site, and every line printed in the page must be said again. With `REVEILLE_UPDATE` what was said is
//! written into the page.
//!
//! A file that a page shows, fenced as `yaml,file=PATH`, is put there before the next command; `add=PATH` puts the block at
//! the end of what is there.
//!
//! A line `$ command` is run (`> ` continues it) and must end with 0; what follows is its output, both streams. Times,
//! loads, names of runs and hashes may differ; so may the order of lines, since hosts work side by side. Lines that begin
//! with `. ` (what was skipped or given up) depend on who was quicker, and may be missing.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;

use super::examples::copy;
use super::page::{Block, Page, pages};
use crate::lab::unused_names;

/// Where the documents say the site is, and its lab.
const SITE: &str = "/root/reveille";
const LAB: &str = "/run/reveille-lab";
const NET: &str = "10.83.0.";

/// Where a site of one's own lies, in the documents.
const OWN_SITE: &str = "/etc/reveille";

/// A command of a session and the output printed below it.
struct Turn {
    /// Shell text that writes the files which the page shows before it.
    files: String,
    command: String,
    output: String,
    /// `page.md:12`, the block's.
    place: String,
}

#[test]
fn sessions_without_hosts_are_real() {
    for page in chosen() {
        let stage = Stage::new();
        play(&page, "console,site", &stage);
    }
}

#[test]
fn sessions_in_a_lab_are_real() {
    let missing = reveille::lab::missing(reveille::lab::Kind::Light);
    if !missing.is_empty() {
        eprintln!("skipped: {}", missing.join("; "));
        return;
    }
    for page in chosen() {
        let stage = Stage::new();
        play(&page, "console,lab", &stage);
    }
}

/// All pages; for whoever writes one, `REVEILLE_PAGE=how-to/cron` names it alone.
fn chosen() -> Vec<Page> {
    let wanted = std::env::var("REVEILLE_PAGE").unwrap_or_default();
    pages().into_iter().filter(|page| page.path.to_string_lossy().contains(&wanted)).collect()
}

fn play(page: &Page, kind: &str, stage: &Stage) {
    let turns = session(page, kind);
    if turns.is_empty() {
        return;
    }
    let said = stage.run(&turns);
    if std::env::var_os("REVEILLE_UPDATE").is_some() {
        return update(page, kind, &turns, &said);
    }
    for (turn, (code, said)) in turns.iter().zip(&said) {
        let Turn { command, output, place, .. } = turn;
        assert_eq!(*code, 0, "{place}: $ {command}\n{said}");
        let said_lines: Vec<String> = said.lines().map(vague).collect();
        for line in output.lines().filter(|line| !line.trim().is_empty() && !line.starts_with(". ")) {
            assert!(
                said_lines.contains(&vague(line)),
                "{place}: $ {command}\n  the page says: {line}\n  the program says:\n{said}"
            );
        }
    }
}

/// The commands of a page, each with the files that stand before it.
fn session(page: &Page, kind: &str) -> Vec<Turn> {
    let mut session: Vec<Turn> = Vec::new();
    let mut files = String::new();
    for block in page.all_blocks() {
        files.extend(writing(&block));
        if block.kind == kind {
            let mut turns = turns(&block);
            turns[0].files = std::mem::take(&mut files);
            session.extend(turns);
        }
    }
    assert!(session.is_empty() || files.is_empty(), "{}: nothing is done with a file", page.path.display());
    session
}

/// What writes a block to the path that its fence names, if it names one.
fn writing(block: &Block) -> Option<String> {
    let (_, place) = block.kind.split_once(',')?;
    let (redirect, path) = match place.split_once('=')? {
        ("file", path) => (">", path),
        ("add", path) => (">>", path),
        _ => return None,
    };
    Some(format!("mkdir -p \"$(dirname {path})\" && cat {redirect}{path} <<'RV_END'\n{}RV_END\n", block.text))
}

/// Takes a block apart.
fn turns(block: &Block) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), line.strip_prefix("> "), turns.last_mut()) {
            (Some(command), ..) => turns.push(Turn {
                files: String::new(),
                command: command.to_owned(),
                output: String::new(),
                place: block.place.clone(),
            }),
            (None, Some(more), Some(turn)) if turn.output.is_empty() => turn.command.extend(["\n", more]),
            (None, _, Some(turn)) => turn.output.extend([line, "\n"]),
            (None, _, None) => panic!("{}: the block does not begin with `$ `", block.place),
        }
    }
    turns
}

/// A line without what differs from run to run.
fn vague(line: &str) -> String {
    let words = [
        (r"\d{8}T\d{6}(\.\d+)?Z-[0-9a-f]{4}", "RUN"),
        (r#""(index|seq|at_ms|duration_ms)":\d+"#, "$1"),
        (r"\d{4}-\d\d-\d\d[T ][0-9:.]+Z?", "WHEN"),
        (r"\b\d+(\.\d+)? ?(ms|s)\b", "TIME"),
        (r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b", "MAC"),
        (r"\b[0-9a-f]{64}\b", "HASH"),
        (r"\[[0-9a-f]{12}\]", "[HASH]"),
        (r"\b\d+\.\d+\b", "NUMBER"),
        (r"unreachable=\d+", "unreachable=N"),
        (r"\s+", " "),
    ];
    words.iter().fold(line.trim().to_owned(), |line, (pattern, word)| {
        Regex::new(pattern).expect("a pattern of ours").replace_all(&line, *word).into_owned()
    })
}

/// A copy of the shipped site, on a network of its own.
struct Stage {
    site: tempfile::TempDir,
    lab: PathBuf,
    net: String,
}

impl Stage {
    fn new() -> Self {
        let site = tempfile::tempdir().unwrap();
        let (lab, subnet) = unused_names();
        let net = subnet.strip_suffix("0/24").expect("a /24").to_owned();
        for folder in ["playbooks", "templates"] {
            copy(Path::new(folder), &site.path().join(folder));
        }
        fs::create_dir(site.path().join("inventory")).unwrap();
        for file in ["reveille.yml", "inventory/hosts.yml"] {
            fs::copy(file, site.path().join(file)).unwrap();
        }
        for playbook in fs::read_dir(site.path().join("playbooks")).unwrap() {
            let file = playbook.unwrap().path();
            let text = fs::read_to_string(&file).unwrap();
            fs::write(file, text.replace(NET, &net)).unwrap();
        }
        Self { site, lab, net }
    }

    /// Each command's exit code and what it said, in the document's names.
    fn run(&self, turns: &[Turn]) -> Vec<(i32, String)> {
        let mut script = self.prelude();
        for turn in turns {
            let Turn { files, command, .. } = turn;
            let text = format!("{files}{command}\nrv_code=$?; echo; echo \"@@ $rv_code\"\n");
            script.push_str(&text.replace(NET, &self.net).replace(OWN_SITE, &self.own_site()));
        }
        let log = self.site.path().join(".said");
        let file = fs::File::create(&log).unwrap();
        // A session that waits for what never comes ends all the same.
        let mut shell = Command::new("timeout");
        shell.args(["240", "sh", "-c", &script]).current_dir(self.site.path()).env_remove("REVEILLE_UPDATE");
        shell.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        shell.status().unwrap();
        let said = self.in_the_pages_names(&fs::read_to_string(&log).unwrap());
        let mut results = Vec::new();
        let mut output = String::new();
        for line in said.lines() {
            match line.strip_prefix("@@ ") {
                Some(code) => results.push((code.parse().unwrap(), std::mem::take(&mut output))),
                None => output.extend([line, "\n"]),
            }
        }
        results
            .iter()
            .map(|(code, said)| (*code, said.strip_suffix('\n').unwrap_or(said).to_owned()))
            .collect()
    }

    /// `reveille` by its name, with the lab kept apart from others.
    fn prelude(&self) -> String {
        let programs = self.site.path().join(".bin");
        fs::create_dir(&programs).unwrap();
        let (real, lab, net) = (env!("CARGO_BIN_EXE_reveille"), self.lab.display(), &self.net);
        let wrapper = format!(
            "#!/bin/sh\n\
             [ \"$1\" = lab ] || exec {real} \"$@\"\n\
             shift\n\
             if [ \"$1\" = up ]; then shift; set -- up --subnet {net}0/24 \"$@\"; fi\n\
             exec {real} lab --dir {lab} \"$@\"\n"
        );
        let program = programs.join("reveille");
        fs::write(&program, wrapper).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        format!("PATH={}:$PATH\n", programs.display())
    }

    /// Nothing is written to this machine's `/etc`.
    fn own_site(&self) -> String {
        self.site.path().join(".own").to_str().expect("a temporary folder's name is text").to_owned()
    }

    fn in_the_pages_names(&self, said: &str) -> String {
        let site = self.site.path().to_str().expect("a temporary folder's name is text");
        said.replace(&self.own_site(), OWN_SITE)
            .replace(site, SITE)
            .replace(self.lab.to_str().expect("of ASCII"), LAB)
            .replace(&self.net, NET)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A session that failed half way leaves its lab.
        let _ = reveille::lab::Lab::down(&self.lab);
    }
}

/// Writes what was said into the page.
fn update(page: &Page, kind: &str, turns: &[Turn], said: &[(i32, String)]) {
    let mut text = page.text.clone();
    let mut all = turns.iter().zip(said);
    for block in page.blocks(kind) {
        let mut wanted = String::new();
        for _ in self::turns(&block) {
            let (turn, (code, said)) = all.next().expect("one for each turn");
            assert_eq!(*code, 0, "{}: $ {}\n{said}", turn.place, turn.command);
            let lines = said.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
            let _ = write!(wanted, "$ {}\n{}", turn.command.replace('\n', "\n> "), lines.trim_matches('\n'));
            wanted = wanted.trim_end_matches('\n').to_owned() + "\n";
        }
        text = text.replacen(&format!("```{kind}\n{}```", block.text), &format!("```{kind}\n{wanted}```"), 1);
    }
    fs::write(&page.path, text).unwrap();
}
