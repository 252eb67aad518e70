//! Every page of ours, as the program writes it, held to one law: [`law`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod law;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use reveille::lab::Cut;
use serde_json::Value;

use crate::whatif::Paper;
use crate::world::World;

#[track_caller]
fn holds(page: &str, words: &[&str]) {
    assert!(page.starts_with("<!doctype html>"), "{page:.200}");
    assert_eq!(law::broken(page), Vec::<String>::new());
    for word in words {
        assert!(page.contains(word), "{word}");
    }
}

/// All steps of a plan are described, and drawn; all its lines too.
#[track_caller]
fn shows_all(page: &str, plan: &Value) {
    let steps = plan["steps"].as_array().unwrap();
    let of = |step: &Value, key: &str| step[key].as_array().cloned().unwrap_or_default();
    let mut lines = 0;
    for (at, step) in steps.iter().enumerate() {
        lines += of(step, "needs").len();
        lines += of(step, "any_of").iter().map(|one| of(one, "steps").len()).sum::<usize>();
        let number = at + 1;
        assert!(page.contains(&format!("id=\"step-{number}\"")), "{step}");
        assert!(page.contains(&format!("class=\"step\" href=\"#step-{number}\"")), "{step}");
    }
    assert_eq!(page.matches("<path class=\"line ").count() - page.matches("d=\"M0 0H24\"").count(), lines);
}

#[test]
fn the_page_of_a_plan() {
    let paper = Paper::new();
    for (services, words) in [
        (&["web1"][..], ["Plan: failover of web1", "h1 → h2", "sleeping copy", "At most"]),
        (
            &["web1", "web2", "web3"],
            ["of web1, web2, web3", "web3 wake.resume", "The secondary of web2", "✓ chosen"],
        ),
    ] {
        let asked = |format| [&["plan", "failover", "--format", format], services].concat();
        let page = paper.says(&asked("html"), 0);
        holds(&page, &words);
        let plan: Value = serde_json::from_str(&paper.says(&asked("json"), 0)).unwrap();
        shows_all(&page, &plan);
        let svg = paper.says(&asked("svg"), 0);
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.contains("role=\"img\""));
        assert!(
            !svg.replace("http://www.w3.org/2000/svg", "").contains("http:") || svg.contains("GET http:")
        );
    }
}

#[test]
fn a_kept_plan_is_shown_with_what_it_was_made_from() {
    let paper = Paper::new();
    paper.says(&["plan", "failover", "web1", "-o", "plan.json"], 0);
    let show = |format| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reveille"));
        let output =
            command.args(["show", "--format", format]).arg(paper.root().join("plan.json")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let kept: Value =
        serde_json::from_str(&std::fs::read_to_string(paper.root().join("plan.json")).unwrap()).unwrap();
    let page = show("html");
    let seal = kept["seal"].as_str().unwrap();
    holds(
        &page,
        &[seal, kept["plan"]["hash"].as_str().unwrap(), "playbooks/web1.yml", "What hosts said", "h20"],
    );
    shows_all(&page, &kept["plan"]);
    assert!(page.contains(kept["made"]["who"].as_str().unwrap()));
    assert_eq!(show("html"), page, "the same plan, the same page");
    assert!(show("svg").starts_with("<svg "));
}

/// A secret that is written otherwise in HTML, and one that is cut where a picture has no room.
#[test]
fn no_secret_is_on_a_page() {
    let paper = Paper::new();
    let word = "<&' a word that goes on and on and is much too long for a picture";
    let playbook = std::fs::read_to_string(paper.root().join("playbooks/web1.yml")).unwrap();
    let with = playbook.replacen(
        "prepare:\n",
        "secrets: { word: { env: WORD } }\nprepare:\n  - { id: word, command: [echo, \"{{ word }}\"] }\n",
        1,
    );
    std::fs::write(paper.root().join("playbooks/web1.yml"), with).unwrap();
    for format in ["html", "svg", "dot", "text"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reveille"));
        command.current_dir(paper.root()).env("WORD", word);
        let output = command
            .args(["plan", "deploy", "web1", "--facts", "facts.json", "--format", format])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{format}: {:?}", output.stderr);
        // A graph for other programs has titles alone.
        assert!(format == "dot" || said.contains("***"), "{format}");
        assert!(!said.contains("a word that"), "{format}");
    }
}

const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/book/src/how-to/failover-web.svg");

/// `REVEILLE_UPDATE` draws it anew.
#[test]
fn the_picture_in_the_book_is_that_of_the_shipped_playbook() {
    let paper = Paper::new();
    let read = |file: &str| std::fs::read_to_string(paper.root().join(file)).unwrap();
    let playbook = read("playbooks/web1.yml").replace("service: web1", "service: web");
    let facts = read("facts.json").replace("\"web1\"", "\"web\"");
    std::fs::write(paper.root().join("playbooks/web1.yml"), playbook).unwrap();
    std::fs::write(paper.root().join("facts.json"), facts).unwrap();
    let svg = paper.says(&["plan", "failover", "web", "--format", "svg"], 0);
    if std::env::var_os("REVEILLE_UPDATE").is_some() {
        std::fs::write(PICTURE, &svg).unwrap();
    }
    let same = std::fs::read_to_string(PICTURE).is_ok_and(|drawn| drawn == svg);
    assert!(same, "{PICTURE} is not current: run with REVEILLE_UPDATE=1");
}

#[test]
fn the_report_of_drills() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let rounds = concat!(env!("CARGO_MANIFEST_DIR"), "/book/src/results/rounds.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_reveille"));
    let output = command.args(["drill", "report", rounds, "--html"]).arg(&page).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    holds(&std::fs::read_to_string(page).unwrap(), &["✓ met", "Method"]);
}

/// Asks a monitor for its page until it answers.
fn fetched(address: &str) -> String {
    for _ in 0..600 {
        if let Ok(mut stream) = TcpStream::connect(address) {
            let mut answer = String::new();
            let asked = write!(stream, "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            if asked.is_ok() && stream.read_to_string(&mut answer).is_ok() {
                return answer.split_once("\r\n\r\n").unwrap().1.to_owned();
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nobody answers at {address}");
}

#[test]
fn the_page_of_a_monitor_and_the_report_of_what_it_did() {
    let Some(world) = World::to_watch(3, |playbook| playbook) else { return };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut watching = world.watch(&["--listen", &address]);
    holds(&fetched(&address), &["Services", "Hosts", "web", "h1"]);
    world.lab.cut("h1", Cut::Carrier).unwrap();
    watching.wait("moved", &[("primary", "h2")]);
    holds(&fetched(&address), &["is host-down", "failover"]);
    drop(watching);
    let report = world.ok(&["report", "--format", "html"]).out;
    let words = [
        "Report: failover of web",
        "as the monitor saw it",
        "noticed: web on h1 is host-down",
        "link-silent",
        "protected",
    ];
    holds(&report, &words);
    let told: Value = serde_json::from_str(&world.ok(&["report", "--json"]).out).unwrap();
    for step in told["steps"].as_array().unwrap().iter().filter(|step| step["at_ms"].is_u64()) {
        let bar = step["step"].as_str().unwrap().rsplit('/').next().unwrap();
        assert!(report.contains(&format!(">{bar}</text>")), "{bar}");
        assert!(step["command"].is_string() || step["words"].is_string(), "{step}");
    }
}
