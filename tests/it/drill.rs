//! Drills for real: a lab of their own, a monitor, a failure, a client. Needs root, as the lab does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use reveille::drill::{Document, Reference, results};
use reveille::lab::Kind;

/// `reveille drill …` on the shipped site, in a lab of its own.
fn drill(args: &[&str]) -> Option<Output> {
    let missing = reveille::lab::missing(Kind::Light);
    if !missing.is_empty() {
        eprintln!("skipped: {}", missing.join("; "));
        return None;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_reveille"));
    command.args(["--site", env!("CARGO_MANIFEST_DIR"), "drill"]).args(args);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output)
}

#[test]
fn a_cut_host_is_measured_and_a_drill_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.json");
    let file = file.to_str().unwrap();
    let args = ["web", "--fault", "cut", "--intervals", "1", "--rounds", "2", "--seed", "5", "-o", file];
    let Some(output) = drill(&[&args[..], &["--quick", "--json"]].concat()) else { return };
    let document = Document::parse(&String::from_utf8(output.stdout).unwrap()).unwrap();
    assert_eq!(document, Document::load(Path::new(file)).unwrap());
    assert_eq!((document.seed, document.rounds.len()), (Some(5), 2));
    for round in &document.rounds {
        let [deterministic, migration, response] =
            [round.deterministic_s, round.migration_s, round.response_s].map(Option::unwrap);
        assert!((deterministic + migration - response).abs() < 1e-3, "{round:?}");
        assert!(deterministic > 0.0 && migration > 0.0 && response < 20.0, "{round:?}");
        assert!(round.outage_ms.unwrap() <= (response + 1.0) * 1000.0, "{round:?}");
        assert!(round.to.as_ref().is_some_and(|to| *to != round.from), "{round:?}");
        assert!(round.because.as_ref().unwrap().starts_with("host-down"), "{round:?}");
    }
    // One failure in each half of the interval.
    let [first, second] = [0, 1].map(|number: usize| document.rounds[number].phase < 0.5);
    assert_ne!(first, second, "{document:?}");
    goes_on(folder.path(), file, &args, &document);
}

/// A round is taken away; the same command makes it again, and no other.
fn goes_on(folder: &Path, file: &str, args: &[&str], whole: &Document) {
    let mut part = whole.clone();
    part.rounds.remove(0);
    part.save(Path::new(file)).unwrap();
    let page = folder.join("page.html");
    drill(&[args, &["--html", page.to_str().unwrap()]].concat()).unwrap();
    let again = Document::load(Path::new(file)).unwrap();
    assert_eq!(again.rounds[0], whole.rounds[1]);
    assert_eq!((again.rounds.len(), again.rounds[1].round), (2, 1));
    assert!(fs::read_to_string(page).unwrap().contains("Table 1."));
}

#[test]
fn an_overloaded_host_is_left_while_it_answers() {
    let args = ["web", "--fault", "overload", "--intervals", "1", "--rounds", "1", "--quick", "--json"];
    let Some(output) = drill(&args) else { return };
    let document = Document::parse(&String::from_utf8(output.stdout).unwrap()).unwrap();
    let round = &document.rounds[0];
    assert_eq!(round.how, "301 more processes named apache2 (rule `procs`)");
    assert!(round.because.as_ref().unwrap().starts_with("overloaded: procs"), "{round:?}");
    assert!(
        round.outage_ms.unwrap() < round.response_s.unwrap() * 1000.0,
        "it answered meanwhile: {round:?}"
    );
}

/// A round of each fault, one after the other in one lab: a monitor sees it and another host serves.
fn is_taken_over_after(service: &str, faults: &str) {
    let args = [service, "--fault", faults, "--intervals", "1", "--rounds", "1", "--json"];
    let Some(output) = drill(&args) else { return };
    let document = Document::parse(&String::from_utf8(output.stdout).unwrap()).unwrap();
    assert_eq!(document.rounds.len(), faults.split(',').count());
    for round in &document.rounds {
        assert!(round.response_s.is_some_and(|time| time < 20.0), "{round:?}");
        assert!(round.to.as_ref().is_some_and(|to| *to != round.from), "{round:?}");
    }
}

#[test]
fn web_is_taken_over_after_any_fault() {
    is_taken_over_after("web", "kill,freeze,crash");
}

#[test]
fn mail_is_taken_over_after_any_fault() {
    is_taken_over_after("mail", "cut,crash,overload,kill,freeze");
}

#[test]
fn dns_is_taken_over_after_any_fault() {
    is_taken_over_after("dns", "cut,crash,overload,kill,freeze");
}

#[test]
fn the_monitor_is_taken_over_after_any_fault() {
    is_taken_over_after("monitor", "cut,crash,overload,kill,freeze");
}

/// The pages of the book are what its rounds render to; `make tables` writes both.
#[test]
fn the_results_in_the_book_are_those_of_its_rounds() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/book/src/results"));
    let Ok(document) = Document::load(&folder.join(results::ROUNDS)) else {
        assert!(!folder.exists(), "results without rounds");
        return;
    };
    let reference = Reference::load(&folder.join("reference.yml")).ok();
    for (name, text) in results::chapter(&document, reference.as_ref()).unwrap() {
        let kept = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(kept == text, "{name} is not what rounds.json renders to: `make tables` writes it");
    }
}
