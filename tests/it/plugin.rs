//! Monitoring plugins, Debian's own, as probes of a service on real hosts: what each of their answers comes to, and that a
//! plugin that cannot say anything moves nothing.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::watch::eager;
use crate::world::World;

const CHECK_HTTP: &str = "/usr/lib/nagios/plugins/check_http";

/// `web` on three hosts with a plugin as its only probe.
fn world() -> Option<World> {
    if !Path::new(CHECK_HTTP).exists() {
        eprintln!("skipped: no monitoring-plugins-basic here");
        return None;
    }
    let world = World::new(3)?;
    asked_by(&world, &[CHECK_HTTP, "-H", "{{ address }}", "-u", "/healthz", "-s", "ok"], "");
    world.ok(&["deploy", "web", "--to", "h1"]);
    Some(world)
}

/// Rewrites the playbook: its probe is this plugin.
fn asked_by(world: &World, argv: &[&str], more: &str) {
    let playbook = world.read("playbooks/web.yml");
    let argv = serde_json::to_string(argv).unwrap();
    let probe = format!("  page: {{ plugin: {{ argv: {argv}, timeout: 1500ms{more} }} }}");
    let is_probe = |line: &str| line.trim_start().starts_with("page:");
    let lines: Vec<&str> =
        playbook.lines().map(|line| if is_probe(line) { probe.as_str() } else { line }).collect();
    world.write("playbooks/web.yml", &eager(&(lines.join("\n") + "\n")));
}

/// The service's state and verdict, and what there is to say of it.
fn row(world: &World) -> (String, String, String) {
    let web = world.web();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let notes = web["notes"].as_array().into_iter().flatten().map(text);
    (text(&web["state"]), text(&web["verdict"]), notes.collect::<Vec<_>>().join("; "))
}

#[test]
fn a_plugins_answers_are_taken_as_the_book_says() {
    let Some(world) = world() else { return };
    let check = |more: &[&str]| {
        let argv = [&[CHECK_HTTP, "-H", "{{ address }}", "-u", "/healthz", "-s", "ok"], more].concat();
        argv.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let asked = |argv: Vec<String>, more: &str| {
        asked_by(&world, &argv.iter().map(String::as_str).collect::<Vec<_>>(), more);
        row(&world)
    };
    let (state, verdict, notes) = asked(check(&[]), "");
    assert_eq!((state.as_str(), verdict.as_str(), notes.as_str()), ("protected", "ok", ""));

    // Any answer takes longer than a microsecond: a warning.
    let (state, verdict, notes) = asked(check(&["-w", "0.000001"]), "");
    assert_eq!((state.as_str(), verdict.as_str()), ("protected", "ok"));
    assert!(notes.starts_with("web answers with a warning: HTTP WARNING: HTTP/1.1 200 OK"), "{notes}");
    assert!(!notes.contains('|'), "the numbers are not for people: {notes}");
    let (state, verdict, _) = asked(check(&["-w", "0.000001"]), ", fail_on: warning");
    assert_eq!((state.as_str(), verdict.as_str()), ("down", "service-down"));

    let (state, verdict, _) = asked(check(&["-s", "something else"]), "");
    assert_eq!((state.as_str(), verdict.as_str()), ("down", "service-down"), "critical");

    let (state, verdict, notes) = asked(check(&["--nonsense"]), "");
    assert_eq!((state.as_str(), verdict.as_str()), ("protected", "unknown"), "unknown: {notes}");
    assert!(notes.starts_with("web could not be asked: "), "{notes}");

    let missing = [&check(&[])[1..], &[]].concat();
    let missing = [vec!["/usr/lib/nagios/plugins/check_nothing".to_owned()], missing].concat();
    let (_, verdict, notes) = asked(missing, "");
    assert_eq!(verdict, "unknown");
    assert!(notes.contains("check_nothing: No such file"), "{notes}");
    let doctor = world.run(&["doctor", "web"]);
    assert!(
        doctor.out.contains("the controller has no `/usr/lib/nagios/plugins/check_nothing`"),
        "{doctor:?}"
    );
    assert!(doctor.out.contains("monitoring-plugins-basic"), "{doctor:?}");

    let (_, verdict, _) = asked(["sleep", "614"].map(str::to_owned).to_vec(), "");
    assert_eq!(verdict, "service-down", "no answer within its time");
    let left = std::process::Command::new("pgrep").args(["-fx", "sleep 614"]).output().unwrap();
    assert!(!left.status.success(), "a plugin that hangs is ended");
}

#[test]
fn a_plugin_that_cannot_say_moves_nothing() {
    let Some(world) = world() else { return };
    asked_by(&world, &[CHECK_HTTP, "--nonsense"], "");
    let mut watching = world.watch(&[]);
    let told = watching.wait("service-verdict", &[("verdict", "unknown")]);
    assert!(told["because"].as_str().unwrap().starts_with("its check could not be made: page: "), "{told}");
    let later = watching.listen(Duration::from_secs(4));
    let moves: Vec<&Value> = later.iter().filter(|told| told["happening"] == "began").collect();
    assert!(moves.is_empty(), "{moves:#?}");
    assert_eq!(watching.stop(), 0);
    assert_eq!((world.served_by().as_deref(), world.holders()), (Some("h1"), vec!["h1".to_owned()]));
}
