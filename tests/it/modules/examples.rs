//! The examples in `book/src/reference/modules/`: each does what it says, does nothing the second time, and is taken
//! back whole.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use indexmap::IndexMap;
use reveille::module::{Compiled, Context, Script, compile};
use reveille::plan::Probe;
use reveille::site::action::{Action, ProbeSpec};
use reveille::site::decode::{self, Lost};
use reveille::site::diagnostic;
use reveille::site::id::{Epoch, ServiceName};
use reveille::site::playbook::{Step, Undo};
use reveille::site::source::{Sources, Sp};
use reveille::template::{Vars, render, render_shell};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{assemble, feed, root};

/// What is on the host before: nothing of the real one is touched.
const HOST: &str = r"
mount -t tmpfs tmpfs /srv && mount -t tmpfs tmpfs /run && mkdir -p /run/etc /run/work /srv/www /run/rv || exit 99
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work overlay /etc || exit 99
ip link add eth0 type veth peer name eth1 && ip link set eth0 up && ip link set eth1 up && ip link set lo up || exit 99
ip addr add 10.83.0.2/24 dev eth0 && ip addr add 10.83.0.90/32 dev eth0 || exit 99
echo front >/srv/www/index.html; echo old >/srv/www/default.html
";

/// One act of the play: `look`, `act`, `undo`, and its exit code.
type Cue = (String, i32);

#[test]
fn every_documented_step_acts_once_and_can_be_taken_back() {
    if !root() {
        return;
    }
    for page in pages() {
        for step in steps(&page) {
            match compiled(&step.action, "10.83.0.80") {
                Compiled::Script(script) => rehearse(&page, &step, &script),
                Compiled::Probe(_) => {}
            }
        }
    }
}

#[test]
fn every_module_page_has_an_example_of_its_module() {
    for page in pages() {
        let name = page.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(Action::NAMES.contains(&name.as_str()), "{}", page.display());
        let steps = steps(&page);
        assert!(!steps.is_empty(), "{} has no example", page.display());
        assert!(steps.iter().all(|step| step.action.name() == name), "{}", page.display());
    }
}

#[tokio::test]
async fn the_documented_probes_ask_what_they_say() {
    let server = super::probe::Server::start("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nI am web").await;
    for step in steps(Path::new("book/src/reference/modules/probe.md")) {
        let Compiled::Probe(probe) = compiled(&step.action, &server.address) else { panic!("not a probe") };
        let outcome = reveille::probe::ask(&probe).await;
        assert!(outcome.is_ok(), "{}: {outcome:?}", step.id.as_str());
        assert!(matches!(probe, Probe::Http { .. }));
    }
}

/// look (needs action), act, look (nothing to do), undo, look (as at first).
fn rehearse(page: &Path, step: &Step, script: &Script) {
    let undo = match &step.undo {
        Undo::Action(action) => match compiled(action, "10.83.0.80") {
            Compiled::Script(undo) => Some(undo.act),
            Compiled::Probe(_) => None,
        },
        _ => script.undo.clone(),
    };
    let waits = !script.changes;
    let first = if waits { 0 } else { 10 };
    let mut cues = vec![("act", &script.act, 0)];
    if let Some(look) = &script.look {
        cues.insert(0, ("look", look, first));
        cues.push(("second look", look, 0));
        if let Some(undo) = &undo {
            cues.push(("undo", undo, 0));
            cues.push(("look after undo", look, first));
        }
    }
    assert!(waits || undo.is_some(), "{}: no undo", step.id.as_str());
    let expected: Vec<Cue> = cues.iter().map(|(name, _, code)| ((*name).to_owned(), *code)).collect();
    let (found, log) = play(script, cues.iter().map(|(name, text, _)| (*name, text.as_str())));
    assert_eq!(found, expected, "{}: {}\n{script:#?}\n{log}", page.display(), step.id.as_str());
}

/// Runs the texts one after the other on one made-up host; each one's exit code, and all they said.
fn play<'a>(script: &Script, cues: impl Iterator<Item = (&'a str, &'a str)>) -> (Vec<Cue>, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut driver = HOST.to_owned();
    for (index, (name, text)) in cues.enumerate() {
        let file = folder.path().join(index.to_string());
        std::fs::write(&file, assemble(&script.library, Path::new("/run/rv"), text)).unwrap();
        let _ = writeln!(driver, "sh {} >&2; echo \"{name}=$?\"", file.display());
    }
    let said = feed(Command::new("unshare").args(["-mn", "sh"]), &driver);
    let codes = String::from_utf8(said.stdout).unwrap();
    let cue = |line: &str| {
        let (name, code) = line.rsplit_once('=').unwrap();
        (name.to_owned(), code.parse().unwrap())
    };
    (codes.lines().map(cue).collect(), String::from_utf8_lossy(&said.stderr).into_owned())
}

fn pages() -> Vec<PathBuf> {
    let folder = std::fs::read_dir("book/src/reference/modules").unwrap();
    let mut pages: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    let mut others = vec!["process.md", "unit.md"];
    if !Path::new("/usr/lib/ocf/resource.d/heartbeat").exists() {
        eprintln!("skipped: no resource-agents here");
        others.push("ocf.md");
    }
    pages.retain(|page| !others.iter().any(|other| page.ends_with(other)));
    pages
}

/// The steps in the ```` ```yaml,step ```` blocks of a page.
fn steps(page: &Path) -> Vec<Step> {
    let text = std::fs::read_to_string(page).unwrap();
    let blocks = text.split("```yaml,step\n").skip(1);
    blocks.flat_map(|block| decoded::<Vec<Step>>(page, block.split("```").next().unwrap())).collect()
}

fn decoded<T: DeserializeOwned + JsonSchema>(page: &Path, yaml: &str) -> T {
    let mut sources = Sources::default();
    let file = sources.add(page, yaml);
    let mut found = Vec::new();
    let value = decode::file(file, &sources, &mut found, &mut Lost::default());
    assert!(found.is_empty(), "{}", diagnostic::render_all(&found, &sources, false));
    value.unwrap()
}

fn compiled(action: &Action, address: &str) -> Compiled {
    let vars = serde_json::json!({ "service": "web", "docroot": "/srv/www", "address": address });
    let vars = Vars::new(vars.as_object().unwrap());
    let page: ProbeSpec = decoded(Path::new("probes.yml"), "http: { url: 'http://{{ address }}/' }");
    let probes =
        IndexMap::from([("page".to_owned(), Sp::new(page, reveille::site::source::Span::default()))]);
    let context = Context {
        service: &ServiceName::try_from("web").unwrap(),
        epoch: Epoch(4),
        addresses: &["10.83.0.80/24".parse().unwrap()],
        device: None,
        timeout_ms: 30_000,
        environment: &[],
        probes: &probes,
        render: &|text| render(text, &vars).map_err(|error| error.to_string()),
        render_shell: &|text| render_shell(text, &vars).map_err(|error| error.to_string()),
        template: &|name| Ok(format!("# {name}\nDocumentRoot /srv/www\n")),
        file: &|name| Err(format!("no file {name}")),
    };
    compile(action, &context).unwrap()
}
