//! Runs that do not go well: what is taken back, in which order, and what is left for a person.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::event::{EventKind, RunEnd, StepResult};
use super::super::rig::{Ran, Rig, plan, sets, step, web};
use super::super::{Fault, Inject, Moment};
use super::{commit, gives_up, hopeful, switchover, without_undo};
use crate::plan::table::{Row, ServiceState, Table};
use crate::plan::{Plan, PlanStep, StepRef, Work};
use crate::site::id::Epoch;
use crate::site::playbook::EvidenceKind::{LinkSilent, Released};
use crate::site::playbook::IfUnreachable;
use crate::store::Store;

/// The world before a switchover: h1 serves.
fn serving() -> Rig {
    let rig = Rig::new();
    rig.world.state().set.extend(["h1:address".to_owned(), "h1:process".to_owned()]);
    rig
}

/// Who serves: exactly one of the two hosts must.
fn holders(rig: &Rig) -> Vec<&'static str> {
    let h1 = rig.world.is_set("h1:address") && rig.world.is_set("h1:process");
    let h2 = rig.world.is_set("h2:awake") && rig.world.is_set("h2:held");
    [h1.then_some("h1"), h2.then_some("h2")].into_iter().flatten().collect()
}

fn at(step: &str, when: Moment, fault: Fault) -> Inject {
    Inject { step: StepRef(format!("web/{step}")), when, fault }
}

#[tokio::test(start_paused = true)]
async fn undo_is_the_reverse_and_only_of_what_acted() {
    let rig = Rig::new();
    rig.world.state().set.insert("h1:had".to_owned());
    let steps = vec![
        sets("h1", "had"),
        sets("h1", "a").needs(&["h1/had"]),
        sets("h2", "b").needs(&["h1/a"]),
        sets("h3", "c").needs(&["h2/b"]),
        step("h3", "fails", "set half\nexit 4", "unset half").needs(&["h3/c"]),
        sets("h1", "never").needs(&["h3/fails"]),
    ];
    let ran = rig.run(&plan(steps, None)).await;
    assert_eq!(ran.ending.end, RunEnd::Undone { because: "web/h3/fails: exit 4".to_owned() });
    assert_eq!(ran.undone(), ["web/h3/fails", "web/h3/c", "web/h2/b", "web/h1/a"]);
    assert_eq!(ran.result("web/h1/never"), StepResult::NotReached);
    assert_eq!(rig.world.state().set.iter().collect::<Vec<_>>(), ["h1:had"]);
    assert_eq!(ran.ending.end.exit_code(), 2);
    assert_eq!(ran.ending.recap.iter().map(|line| line.undone).sum::<u32>(), 4);
}

#[tokio::test(start_paused = true)]
async fn independent_undos_go_side_by_side() {
    let rig = Rig::new();
    let slow = |host| step(host, "a", "say x", "sleep 1000");
    let fails = step("h3", "fails", "exit 1", "").needs(&["h1/a", "h2/a"]);
    let start = Instant::now();
    let ran = rig.run(&plan(vec![slow("h1"), slow("h2"), fails], None)).await;
    assert!(matches!(ran.ending.end, RunEnd::Undone { .. }));
    assert_eq!(start.elapsed().as_millis(), 1000);
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_fails_holds_back_what_is_below_it_and_leaves_commands() {
    let rig = Rig::new();
    let steps = vec![
        sets("h1", "a"),
        PlanStep { run_as: Some("root".to_owned()), ..step("h2", "b", "set b", "exit 7").needs(&["h1/a"]) },
        sets("h3", "beside"),
        step("h2", "fails", "exit 1", "").needs(&["h2/b", "h3/beside"]),
    ];
    let ran = rig.run(&plan(steps, None)).await;
    assert_eq!(ran.ending.end, RunEnd::Stuck { because: "web/h2/fails: exit 1".to_owned() });
    assert_eq!(ran.ending.end.exit_code(), 3);
    assert_eq!(ran.undone(), ["web/h3/beside"]);
    assert!(rig.world.is_set("h1:a"), "its undo had to wait for one that failed");
    let manual: Vec<_> =
        ran.ending.manual.iter().map(|it| (it.host.as_ref().unwrap().as_str(), it.why.as_str())).collect();
    assert_eq!(manual[0], ("h2", "undo of web/h2/b: exit 7"));
    assert_eq!(manual[1].0, "h1");
    assert!(manual[1].1.contains("held back"));
    assert!(ran.ending.manual[0].command.starts_with("sudo sh <<'END'\nRV_RUN="));
    assert!(ran.ending.manual[1].command.contains("\nunset a\n"));
    assert!(rig.story().left);
}

#[tokio::test(start_paused = true)]
async fn a_late_step_is_stopped_and_its_batch_with_it() {
    let rig = Rig::new();
    let steps = vec![
        PlanStep { timeout_ms: 1000, ..step("h1", "a", "sleep 900", "") },
        PlanStep { timeout_ms: 500, ..step("h1", "b", "sleep 600", "say undone").needs(&["h1/a"]) },
        step("h1", "c", "say never", "").needs(&["h1/b"]),
    ];
    let start = Instant::now();
    let ran = rig.run(&plan(steps, None)).await;
    assert_eq!(ran.result("web/h1/a"), StepResult::Changed);
    assert_eq!(ran.result("web/h1/b"), StepResult::TimedOut);
    assert_eq!(ran.result("web/h1/c"), StepResult::NotReached);
    assert_eq!(start.elapsed().as_millis(), 1400);
    assert_eq!(ran.undone(), ["web/h1/b"]);
    assert_eq!(rig.world.state().killed, 1);
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_in_a_batch_is_tried_even_if_the_first_fails() {
    let rig = Rig::new();
    let steps = vec![
        hopeful(step("h1", "a", "exit 1", "")),
        step("h1", "b", "say b", "").after(&["h1/a"]),
        hopeful(step("h1", "c", "say c", "").needs(&["h1/a"])),
    ];
    let ran = rig.run(&plan(steps, None)).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert_eq!(rig.world.log(), ["h1:exit 1", "h1:say b"]);
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_host_ends_the_run_before_anything_moved() {
    let rig = Rig::new();
    rig.world.state().unreachable.insert("h1".to_owned());
    let ran = rig.run(&plan(vec![sets("h1", "a"), sets("h2", "b").needs(&["h1/a"])], None)).await;
    assert_eq!(ran.ending.end.exit_code(), 4);
    assert_eq!(ran.result("web/h1/a"), StepResult::Unreachable);
    assert_eq!(ran.ending.recap[0].unreachable, 1);
}

#[tokio::test(start_paused = true)]
async fn each_policy_for_an_unreachable_host() {
    let rig = Rig::new();
    rig.world.state().unreachable.insert("h1".to_owned());
    let policy = |name: &str, if_unreachable| PlanStep { if_unreachable, ..sets("h1", name) };
    let steps = vec![
        policy("on", IfUnreachable::Continue),
        sets("h2", "goes-on").needs(&["h1/on"]),
        policy("out", IfUnreachable::Skip),
        sets("h2", "left-out").needs(&["h1/out"]),
    ];
    let ran = rig.run(&plan(steps, None)).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert_eq!(ran.result("web/h2/goes-on"), StepResult::Changed);
    assert_eq!(ran.result("web/h2/left-out"), StepResult::Skipped);
}

fn failover(link_silent: &str) -> Plan {
    plan(
        vec![
            hopeful(gives_up("address")),
            hopeful(step("h2", "silent", link_silent, "")),
            step("-", "evidence", "", "")
                .work(Work::Join)
                .any(Released, &["h1/address"])
                .any(LinkSilent, &["h2/silent"]),
            sets("h2", "awake"),
            sets("h2", "held").needs(&["-/evidence", "h2/awake"]),
            step("-", "commit", "", "").work(commit()).needs(&["h2/held"]),
        ],
        Some("-/commit"),
    )
}

#[tokio::test(start_paused = true)]
async fn evidence_may_come_from_the_link_when_the_old_primary_is_dead() {
    let rig = Rig::new();
    rig.world.state().unreachable.insert("h1".to_owned());
    let ran = rig.run(&failover("say nobody")).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    let named = |event: &super::super::event::Event| {
        matches!(event.kind, EventKind::Evidence { kind: LinkSilent, .. })
    };
    assert!(ran.events.iter().any(named));
}

#[tokio::test(start_paused = true)]
async fn a_dead_old_primary_is_not_in_the_way_of_taking_back() {
    let rig = Rig::new();
    let mut release = hopeful(step("h1", "address", "lose", "set address"));
    release.timeout_ms = 1000;
    let dies = step("h2", "dies", "sleep 100\nexit 1", "").after(&["h1/address"]);
    let plan = plan(vec![release, sets("h2", "awake"), dies.needs(&["h2/awake"])], None);
    let (ran, ()) = tokio::join!(rig.run(&plan), async {
        sleep(Duration::from_millis(50)).await;
        rig.world.state().unreachable.insert("h1".to_owned());
    });
    assert_eq!(ran.result("web/h1/address"), StepResult::Unknown);
    assert!(matches!(ran.ending.end, RunEnd::Undone { .. }), "{:?}", ran.ending);
    assert_eq!(ran.undone(), ["web/h2/awake"]);
}

#[tokio::test(start_paused = true)]
async fn without_evidence_nothing_moves_and_the_woken_copy_sleeps_again() {
    let rig = Rig::new();
    rig.world.state().unreachable.insert("h1".to_owned());
    let ran = rig.run(&failover("exit 1")).await;
    assert_eq!(ran.ending.end, RunEnd::EvidenceMissing { service: web() });
    assert_eq!(ran.ending.end.exit_code(), 9);
    assert!(!rig.world.is_set("h2:awake") && !rig.world.is_set("h2:held"));
    assert_eq!(ran.undone(), ["web/h2/awake"]);
}

#[tokio::test(start_paused = true)]
async fn a_newer_epoch_on_a_host_stops_the_run_and_nothing_is_taken_back() {
    let rig = Rig::new();
    rig.world.state().newer.insert("h2".to_owned(), 9);
    let ran = rig.run(&plan(vec![sets("h1", "a"), sets("h2", "b").needs(&["h1/a"])], None)).await;
    let host = super::super::rig::host("h2");
    assert_eq!(ran.ending.end, RunEnd::Stale { host, found: Epoch(9) });
    assert!(rig.world.is_set("h1:a"), "the other controller may count on it");
}

#[tokio::test(start_paused = true)]
async fn only_a_look_turns_unknown_into_done() {
    let rig = Rig::new();
    let lost = |name: &str, act: &str| {
        let mut step = sets("h1", name);
        if let Work::Script(script) = &mut step.work {
            script.act = act.to_owned();
        }
        step
    };
    let done = lost("done", "set done\nlose");
    let ran = rig.run(&plan(vec![done, sets("h1", "next").needs(&["h1/done"])], None)).await;
    assert_eq!(ran.result("web/h1/done"), StepResult::Changed);
    let log = rig.world.log();
    assert_eq!(log.iter().filter(|word| *word == "h1:set done").count(), 1, "no blind second try: {log:?}");

    let rig = Rig::new();
    let ran = rig.run(&plan(vec![lost("not", "lose")], None)).await;
    assert_eq!(ran.result("web/h1/not"), StepResult::Unknown);
    assert!(matches!(ran.ending.end, RunEnd::Undone { .. }), "what may have run is taken back");
    assert_eq!(ran.undone(), ["web/h1/not"]);

    let rig = Rig::new();
    let ran = rig.run(&plan(vec![step("h1", "blind", "lose", "")], None)).await;
    assert_eq!(ran.result("web/h1/blind"), StepResult::Unknown);
    assert_eq!(rig.world.state().jobs, 1);
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_dies_is_a_failed_step() {
    let rig = Rig::new();
    let ran = rig.run(&plan(vec![step("h1", "a", "die", "")], None)).await;
    assert_eq!(ran.result("web/h1/a"), StepResult::Failed);
}

#[tokio::test(start_paused = true)]
async fn past_the_point_of_no_return_the_rest_is_left_and_not_taken_back() {
    let rig = serving().injecting(at("h3/asleep", Moment::Before, Fault::Failed));
    let ran = rig.run(&switchover()).await;
    assert_eq!(ran.ending.end, RunEnd::Stuck { because: "web/h3/asleep: injected".to_owned() });
    assert_eq!(holders(&rig), ["h2"]);
    assert_eq!(ran.ending.manual[0].command, "reveille reprotect web");
    assert_eq!(ran.undone(), [] as [String; 0]);
    let table = rig.store.load().await.unwrap();
    assert_eq!(table.services[&web()].state, ServiceState::Unprotected, "it serves; it is not stuck");
}

#[tokio::test(start_paused = true)]
async fn one_service_that_fails_does_not_pull_down_another() {
    let rig = Rig::new();
    let mut other = sets("h2", "mail");
    other.service = "mail".try_into().unwrap();
    let slow = step("h1", "a", "sleep 100\nexit 1", "");
    let mut after = step("h2", "b", "sleep 500\nset b", "");
    after.service = other.service.clone();
    after.needs = other.clone().needs(&["h2/mail"]).needs;
    let ran = rig.run(&plan(vec![slow, other, after], None)).await;
    assert!(matches!(ran.ending.end, RunEnd::Undone { .. }));
    assert!(rig.world.is_set("h2:mail") && rig.world.is_set("h2:b"));
}

/// Whatever fails, wherever: the service is served by exactly one host, or a person is told what to do.
#[tokio::test(start_paused = true)]
async fn a_fault_at_any_step_ends_done_undone_or_stuck_with_commands() {
    let faults = [Fault::Failed, Fault::Unreachable, Fault::Timeout, Fault::Unknown];
    for step in &switchover().steps {
        for when in [Moment::Before, Moment::After] {
            for fault in faults {
                let rig = serving().injecting(Inject { step: step.id.clone(), when, fault });
                let ran = rig.run(&switchover()).await;
                let what = format!("{} {when:?} {fault:?}: {:?}", step.id, ran.ending.end);
                check(&rig, &ran, &what);
            }
        }
    }
}

fn check(rig: &Rig, ran: &Ran, what: &str) {
    match &ran.ending.end {
        RunEnd::Done => assert_eq!(holders(rig), ["h2"], "{what}"),
        RunEnd::Undone { .. } | RunEnd::Unreachable { .. } | RunEnd::EvidenceMissing { .. } => {
            assert_eq!(holders(rig), ["h1"], "{what}");
            assert!(ran.ending.manual.is_empty(), "{what}");
        }
        RunEnd::Stuck { .. } => {
            assert!(!ran.ending.manual.is_empty(), "{what}");
            assert!(holders(rig).len() <= 1, "{what}");
        }
        other => panic!("{what}: {other:?}"),
    }
    let heads = switchover().steps;
    for step in heads {
        ran.result(&step.id.0);
    }
    let story = rig.story();
    assert_eq!(story.end.as_ref(), Some(&ran.ending.end), "{what}");
}

#[tokio::test(start_paused = true)]
async fn the_table_is_put_back_but_the_epoch_stays() {
    let rig = Rig::new();
    let row = Row {
        primary: Some(super::super::rig::host("h1")),
        secondary: None,
        epoch: Epoch(1),
        state: ServiceState::Protected,
        last_run: None,
    };
    let table = Table { services: [(web(), row.clone())].into(), ..Table::default() };
    rig.store.commit(0, table).await.unwrap();
    let steps = vec![
        step("-", "intent", "", "").work(commit()),
        step("h1", "fails", "exit 1", "").needs(&["-/intent"]),
    ];
    let ran = rig.run(&plan(steps, None)).await;
    assert!(matches!(ran.ending.end, RunEnd::Undone { .. }));
    let now = rig.store.load().await.unwrap().services[&web()].clone();
    assert_eq!(now, Row { epoch: Epoch(2), last_run: Some(rig.options.run.clone()), ..row });
}

#[tokio::test(start_paused = true)]
async fn the_first_signal_drains_and_takes_back() {
    let rig = Rig::new();
    let steps = vec![step("h1", "a", "sleep 1000\nset a", "unset a"), sets("h2", "b").needs(&["h1/a"])];
    let plan = plan(steps, None);
    let (ran, ()) = tokio::join!(rig.run(&plan), async {
        sleep(Duration::from_millis(500)).await;
        rig.interrupt.raise(2);
    });
    assert_eq!(ran.ending.end, RunEnd::Interrupted { signal: 2 });
    assert_eq!(ran.ending.end.exit_code(), 130);
    assert_eq!(ran.result("web/h1/a"), StepResult::Changed);
    assert_eq!(ran.result("web/h2/b"), StepResult::NotReached);
    assert!(rig.world.state().set.is_empty());
}

#[tokio::test(start_paused = true)]
async fn after_the_point_of_no_return_a_signal_lets_it_finish() {
    let rig = Rig::new();
    let steps = vec![
        step("-", "commit", "", "").work(commit()),
        step("h3", "a", "sleep 1000", "").needs(&["-/commit"]),
        sets("h3", "b").needs(&["h3/a"]),
    ];
    let plan = plan(steps, Some("-/commit"));
    let (ran, ()) = tokio::join!(rig.run(&plan), async {
        sleep(Duration::from_millis(500)).await;
        rig.interrupt.raise(15);
    });
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert!(rig.world.is_set("h3:b"));
}

#[tokio::test(start_paused = true)]
async fn the_second_signal_stops_everything_at_once() {
    let rig = Rig::new();
    let plan = plan(vec![sets("h1", "a"), step("h2", "b", "sleep 5000", "").needs(&["h1/a"])], None);
    let start = Instant::now();
    let (ran, ()) = tokio::join!(rig.run(&plan), async {
        sleep(Duration::from_millis(500)).await;
        rig.interrupt.raise(2);
        sleep(Duration::from_millis(100)).await;
        rig.interrupt.raise(2);
    });
    assert_eq!(start.elapsed().as_millis(), 600);
    assert_eq!(ran.ending.end, RunEnd::Interrupted { signal: 2 });
    assert_eq!(rig.world.state().killed, 1);
    assert!(ran.ending.manual.iter().any(|it| it.command.contains("unset a")), "{:?}", ran.ending.manual);
    assert!(rig.story().left, "recover has work to do");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_taken_back_is_said() {
    let rig = Rig::new();
    let steps = vec![
        step("h1", "a", "say x", ""),
        without_undo(step("h1", "b", "say y", "")),
        step("h1", "fails", "exit 1", "").needs(&["h1/a", "h1/b"]),
    ];
    let ran = rig.run(&plan(steps, None)).await;
    assert!(matches!(ran.ending.end, RunEnd::Undone { .. }));
    let notices: Vec<&str> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Notice { text, .. } if text.contains("no undo") => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert!(notices.iter().any(|text| text.starts_with("web/h1/a ")), "{notices:?}");
    assert!(!notices.iter().any(|text| text.starts_with("web/h1/b ")), "undo: none is said on purpose");
}
