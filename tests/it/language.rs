//! A playbook as written and as read: values, their places, and the order they ask for.

use std::path::Path;

use reveille::plan::facts::HostFacts;
use reveille::site::Site;
use reveille::site::action::{Action, ProbeArgs, ProbeSpec, ProcessState, Ready};
use reveille::site::graph::{PhaseGraph, Why};
use reveille::site::id::ServiceName;
use reveille::site::load::LoadOptions;
use reveille::site::playbook::{Phase, Playbook, Undo};
use reveille::site::quantity::TimeSpan;
use reveille::site::source::Sources;
use reveille::site::{check, decode};

fn read(text: &str) -> (Playbook, Sources) {
    let mut sources = Sources::default();
    let file = sources.add("a.yml", text);
    let mut found = Vec::new();
    let playbook = decode::file(file, &sources, &mut found, &mut decode::Lost::default());
    assert!(found.is_empty(), "{found:?}");
    (playbook.expect("a playbook without mistakes"), sources)
}

#[test]
fn the_shipped_site_has_no_mistakes() {
    let (site, mut found) = Site::load(Path::new("."), &LoadOptions::default());
    found.extend(check::check(&site));
    // Its hosts come with the lab, or are the user's own.
    found.retain(|one| one.code != "no-hosts");
    assert!(found.is_empty(), "{found:?}");
    let web = &site.playbooks[&ServiceName::try_from("web").unwrap()];
    assert!(web.phase(Phase::Prepare).len() > 2);
}

#[test]
fn the_example_of_the_design_is_read_whole() {
    let (web, sources) = read(include_str!("../fixtures/check/00-clean/playbooks/web.yml"));
    assert_eq!(web.addresses[0].to_string(), "10.83.0.80/24");
    assert_eq!(web.detection.timeout.value, TimeSpan::from_millis(500));
    assert_eq!(web.overload["slow"].rounds, 3);
    assert!((web.placement.prefer[1].weight.value - 5.0).abs() < f64::EPSILON);
    let ProbeSpec::Http(page) = &web.probes["page"].value else { panic!("an http probe") };
    assert_eq!(sources.place(page.url.span).split_once(':').unwrap().1, "10:24");
    let syntax = &web.prepare[2];
    assert_eq!(syntax.needs.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["docs", "site"]);
    assert_eq!(syntax.changed_when.as_ref().unwrap().as_str(), "false");
    let Action::Process(start) = &web.sleep[0].action.value else { panic!("a process") };
    assert_eq!(start.state, ProcessState::Asleep);
    assert!(matches!(start.ready.as_ref().unwrap().value, Ready::Tcp(80)));
    assert!(
        matches!(&web.ifconfig[1].action.value, Action::Probe(ProbeArgs::Named(name)) if name.value == "page")
    );
}

#[test]
fn short_and_long_forms_mean_the_same() {
    let (playbook, sources) = read(
        "service: s\nhosts: all\nwake:
  - { id: a, command: [sleep, 5, 1.10, true, 'x'], undo: none }
  - { id: b, command: { argv: [ls], chdir: /tmp }, undo: { shell: rm x }, tags: slow, needs: a }
  - { id: c, shell: echo, when: true, become: true, environment: { N: 1.50 } }
  - { id: d, shell: { cmd: echo, creates: /x }, tags: [a, b], vars: { v: { w: [1] } } }
  - { id: e, probe: { http: 'http://x/' }, timeout: 1m 30s }
  - { id: f, sysctl: { name: net.ipv4.ip_nonlocal_bind, value: 1 } }
",
    );
    let texts =
        |of: &[reveille::site::source::Sp<String>]| of.iter().map(|t| t.value.clone()).collect::<Vec<_>>();
    let action = |i: usize| &playbook.wake[i].action.value;
    let Action::Command(command) = action(0) else { panic!("a command") };
    assert_eq!(texts(&command.argv), ["sleep", "5", "1.10", "true", "x"], "numbers keep their spelling");
    assert!(matches!(playbook.wake[0].undo, Undo::Nothing));
    let Action::Command(command) = action(1) else { panic!("a command") };
    assert_eq!(command.guard.chdir.as_ref().unwrap().value, "/tmp");
    assert_eq!(
        (texts(&playbook.wake[1].needs), texts(&playbook.wake[1].tags)),
        (vec!["a".into()], vec!["slow".into()])
    );
    let Undo::Action(undo) = &playbook.wake[1].undo else { panic!("an undo") };
    assert_eq!(sources.place(undo.span), "a.yml:5:58");
    assert!(matches!(&undo.value, Action::Shell(args) if args.cmd.value == "rm x"));
    assert_eq!(playbook.wake[2].when.as_ref().unwrap().as_str(), "true");
    assert_eq!(playbook.wake[2].environment["N"].value, "1.50");
    assert_eq!(playbook.wake[2].become_root, Some(true));
    assert_eq!(playbook.wake[3].vars["v"].value["w"][0], 1);
    let Action::Probe(ProbeArgs::Inline(probe)) = action(4) else { panic!("a probe") };
    assert!(matches!(probe.as_ref(), ProbeSpec::Http(http) if http.status == 200));
    assert_eq!(playbook.wake[4].timeout.as_ref().unwrap().value, TimeSpan::from_secs(90));
    assert_eq!(
        sources.place(playbook.wake[4].action.span),
        "a.yml:8:14",
        "an action stands at its module's key"
    );
    let Action::Sysctl(sysctl) = action(5) else { panic!("a sysctl") };
    assert_eq!(sysctl.value.0, "1");
}

#[test]
fn nothing_is_a_boolean_that_does_not_look_like_one() {
    let (playbook, _) = read("service: no\nhosts: on\nvars: { a: yes, b: 0x10, c: 1e3, d: true, e: ~ }\n");
    let vars: Vec<_> = playbook.vars.values().map(|value| value.value.clone()).collect();
    assert_eq!(playbook.service.as_str(), "no");
    assert_eq!(serde_json::Value::from(vars), serde_json::json!(["yes", 16, 1000.0, true, null]));
}

#[test]
fn merge_keys_and_aliases_are_no_repetitions() {
    let (playbook, _) = read(
        "service: s\nhosts: all\nprepare:
  - &base { id: a, retries: 2, command: [x] }
  - { <<: *base, id: b, retries: 3 }
",
    );
    assert_eq!(playbook.prepare[1].id.as_str(), "b");
    assert_eq!(playbook.prepare[1].retries, 3);
    assert!(matches!(&playbook.prepare[1].action.value, Action::Command(args) if args.argv[0].value == "x"));
}

#[test]
fn the_graph_says_who_waits_for_whom_and_why() {
    let (playbook, sources) = read(
        "service: s\nhosts: all\nprepare:
  - { id: a, command: [x], register: seen }
  - { id: b, command: [x, '{{ seen.stdout }}'], after: c }
  - { id: c, command: [x], needs: a }
  - { id: d, command: [x] }
wake:
  - { id: e, command: [x], needs: prepare.d, when: seen.rc == 0 }
",
    );
    let mut site = Site::default();
    site.sources = sources;
    let graph = PhaseGraph::of(&site, &playbook);
    let at = |phase, id: &str| playbook.find_step(phase, id).unwrap();
    let waits = |phase, id: &str| {
        let mut found: Vec<_> = graph
            .waits_for(at(phase, id))
            .map(|(step, edge)| (step.of(&playbook).id.to_string(), edge.why.clone()))
            .collect();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    };
    assert_eq!(
        waits(Phase::Prepare, "b"),
        [("a".into(), Why::Reads("seen".into())), ("c".into(), Why::After)]
    );
    assert_eq!(waits(Phase::Wake, "e"), [("a".into(), Why::Reads("seen".into())), ("d".into(), Why::Needs)]);
    assert!(graph.ordered(at(Phase::Prepare, "a"), at(Phase::Prepare, "b")));
    assert!(!graph.ordered(at(Phase::Prepare, "d"), at(Phase::Prepare, "b")));
}

#[test]
fn checks_know_the_facts_that_placement_gives() {
    let facts = serde_json::to_value(HostFacts::default()).unwrap();
    let mut keys: Vec<&str> = facts.as_object().unwrap().keys().map(String::as_str).collect();
    let mut known = check::FACTS.to_vec();
    keys.sort_unstable();
    known.sort_unstable();
    assert_eq!(keys, known);
}
