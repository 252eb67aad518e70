//! Runs that go well: order, parallelism, batches, retries, guards, registers, check mode.

use tokio::time::Instant;

use super::super::event::{EventKind, RunEnd, StepResult, Stream};
use super::super::rig::{Rig, guard, plan, script, sets, step};
use super::super::script::Reach;
use super::{commit, switchover};
use crate::module::{Library, Probe};
use crate::plan::table::ServiceState;
use crate::plan::{Attempts, Guards, PlanStep, Work};
use crate::site::id::Epoch;
use crate::site::playbook::{Backoff, EvidenceKind};
use crate::store::Store;

#[tokio::test(start_paused = true)]
async fn a_chain_on_one_host_is_one_program_and_each_step_reports() {
    let rig = Rig::new();
    let chain = vec![
        sets("h1", "a"),
        sets("h1", "b").needs(&["h1/a"]),
        step("h1", "c", "say hi", "").needs(&["h1/b"]),
    ];
    let ran = rig.run(&plan(chain, None)).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert_eq!(rig.world.state().jobs, 1);
    assert_eq!(rig.world.log(), ["h1:has a", "h1:set a", "h1:has b", "h1:set b", "h1:say hi"]);
    for step in ["web/h1/a", "web/h1/b", "web/h1/c"] {
        assert_eq!(ran.result(step), StepResult::Changed);
    }
    assert_eq!((ran.ending.recap[0].ok, ran.ending.recap[0].changed), (3, 3));
    let indexes: Vec<u64> = ran.events.iter().map(|event| event.index).collect();
    assert!(indexes.windows(2).all(|pair| pair[1] - pair[0] <= 1), "{indexes:?}");
    assert!(matches!(ran.events.last().unwrap().kind, EventKind::RunEnded { .. }));
    assert!(rig.story().end.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_second_run_changes_nothing() {
    let mut rig = Rig::new();
    let steps = vec![sets("h1", "a"), sets("h2", "b"), step("-", "commit", "", "").work(commit())];
    let _ = rig.run(&plan(steps.clone(), None)).await;
    rig.options.run = "again".try_into().unwrap();
    let ran = rig.run(&plan(steps, None)).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert!(ran.ending.recap.iter().all(|line| line.changed == 0 && line.ok == 1), "{:?}", ran.ending.recap);
    assert_eq!(rig.store.load().await.unwrap().revision, 1);
}

#[tokio::test(start_paused = true)]
async fn hosts_go_side_by_side_and_nobody_waits_at_a_barrier() {
    let rig = Rig::new();
    let slow = step("h1", "slow", "sleep 5000", "");
    let steps = vec![
        slow,
        step("h2", "a", "sleep 100", ""),
        step("h2", "b", "say b", "").needs(&["h2/a"]),
        step("h3", "c", "say c", "").needs(&["h2/a"]),
    ];
    let start = Instant::now();
    let ran = rig.run(&plan(steps, None)).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert_eq!(start.elapsed().as_millis(), 5000);
    // c is on another host than a, which is still in the pipe with b: its end is told while its batch goes on.
    assert_eq!((rig.world.when("h2:say b"), rig.world.when("h3:say c")), (100, 100));
}

#[tokio::test(start_paused = true)]
async fn forks_bound_the_hosts_worked_on_at_once() {
    let mut rig = Rig::new();
    rig.options.forks = 2;
    let steps = ["h1", "h2", "h3", "h4"].map(|host| step(host, "a", "sleep 1000", ""));
    let start = Instant::now();
    assert_eq!(rig.run(&plan(steps.to_vec(), None)).await.ending.end, RunEnd::Done);
    assert_eq!(start.elapsed().as_millis(), 2000);
}

#[tokio::test(start_paused = true)]
async fn independent_steps_of_one_host_go_side_by_side() {
    let rig = Rig::new();
    let steps = vec![step("h1", "a", "sleep 1000", ""), step("h1", "b", "sleep 1000", "")];
    let start = Instant::now();
    let _ = rig.run(&plan(steps, None)).await;
    assert_eq!((start.elapsed().as_millis(), rig.world.state().jobs), (1000, 2));
}

#[tokio::test(start_paused = true)]
async fn brief_steps_go_together_though_they_could_go_side_by_side() {
    let rig = Rig::new();
    let brief = |name: &str| {
        let mut step = sets("h1", name);
        if let Work::Script(script) = &mut step.work {
            script.library = vec![Library::File, Library::Undo];
        }
        step
    };
    let steps = vec![
        brief("a"),
        brief("b"),
        brief("c").needs(&["h1/a"]),
        step("h1", "d", "sleep 1000", "").needs(&["h1/c"]),
        step("h1", "e", "sleep 1000", "").needs(&["h1/b"]),
        brief("f").needs(&["h1/d"]),
    ];
    let start = Instant::now();
    let ran = rig.run(&plan(steps, None)).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    // a, b and c; then d with f, and e beside them.
    assert_eq!((start.elapsed().as_millis(), rig.world.state().jobs), (1000, 3));
}

#[tokio::test(start_paused = true)]
async fn retries_are_counted_after_the_first_and_delays_double() {
    let rig = Rig::new();
    let attempts = Attempts { retries: 3, delay_ms: 100, backoff: Backoff::Exponential };
    let steps = vec![PlanStep { attempts, ..step("h1", "a", "count n\nuntil-count n 4", "") }];
    let ran = rig.run(&plan(steps, None)).await;
    assert_eq!(ran.result("web/h1/a"), StepResult::Changed);
    let times: Vec<u128> =
        rig.world.state().log.iter().filter(|one| one.2 == "count n").map(|one| one.0).collect();
    assert_eq!(times, [0, 100, 300, 700]);
    let retries = ran.events.iter().filter(|event| matches!(event.kind, EventKind::StepRetry { of: 4, .. }));
    assert_eq!(retries.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn until_asks_the_result_itself() {
    let rig = Rig::new();
    let attempts = Attempts { retries: 2, delay_ms: 10, backoff: Backoff::Fixed };
    let guards = Guards { until: guard("r.attempts == 3"), ..Guards::default() };
    let patient =
        PlanStep { attempts, guards, register: Some("r".to_owned()), ..step("h1", "a", "say x", "") };
    let mut hopeless = PlanStep { id: crate::plan::StepRef("web/h1/b".to_owned()), ..patient.clone() };
    hopeless.guards.until = guard("r.stdout == 'y'");
    let ran = rig.run(&plan(vec![patient, hopeless], None)).await;
    assert_eq!(ran.result("web/h1/a"), StepResult::Changed);
    assert_eq!(ran.result("web/h1/b"), StepResult::Failed);
}

#[tokio::test(start_paused = true)]
async fn guards_read_what_others_registered() {
    let rig = Rig::new();
    let says = PlanStep { register: Some("r".to_owned()), ..step("h1", "says", "say 7\nerr oh", "") };
    let when = |name: &str, expression: &str| {
        let guards = Guards { when: guard(expression), ..Guards::default() };
        PlanStep { guards, ..step("h2", name, "say ran", "").needs(&["h1/says"]) }
    };
    let guards = Guards { changed_when: guard("false"), ..Guards::default() };
    let unchanged = PlanStep { guards, ..step("h2", "unchanged", "say x", "") };
    let guards = Guards { failed_when: guard("r.rc != 3"), ..Guards::default() };
    let expected = PlanStep { guards, register: Some("r".to_owned()), ..step("h3", "fine", "exit 3", "") };
    let ran = rig
        .run(&plan(
            vec![
                says,
                when("yes", "r.stdout == '7' and r.stderr_lines[0] == 'oh' and r.changed"),
                when("no", "r.rc != 0"),
                unchanged,
                expected,
            ],
            None,
        ))
        .await;
    assert_eq!(ran.ending.end, RunEnd::Done, "{:#?}", ran.events);
    assert_eq!(ran.result("web/h2/yes"), StepResult::Changed);
    assert_eq!(ran.result("web/h2/no"), StepResult::Skipped);
    assert_eq!(ran.result("web/h2/unchanged"), StepResult::Ok);
    assert_eq!(ran.result("web/h3/fine"), StepResult::Changed);
}

#[tokio::test(start_paused = true)]
async fn late_work_is_compiled_from_results_and_journaled_with_its_undo() {
    let rig = Rig::new();
    let says = PlanStep { register: Some("r".to_owned()), ..step("h1", "says", "say key", "") };
    let work = Work::Late { action: "shell".to_owned(), depends_on: vec!["r".to_owned()] };
    let late = step("h2", "late", "", "").work(work).needs(&["h1/says"]);
    let ran = rig.run(&plan(vec![says, late], None)).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert!(rig.world.is_set("h2:key"));
    let story = rig.story();
    let (step, (work, _)) = story.compiled.first().unwrap();
    assert_eq!(step.0, "web/h2/late");
    assert_eq!(*work, Work::Script(script("set key", "unset key")));
}

#[tokio::test(start_paused = true)]
async fn evidence_names_the_way_that_came_true_first_and_the_row_is_written() {
    let rig = Rig::new();
    let ran = rig.run(&switchover()).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    let kinds: Vec<EvidenceKind> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Evidence { kind, .. } => Some(*kind),
            _ => None,
        })
        .collect();
    assert_eq!(kinds.len(), 1);
    let table = rig.store.load().await.unwrap();
    let row = table.services.values().next().unwrap();
    assert_eq!((row.epoch, row.state), (Epoch(2), ServiceState::Unprotected));
    assert_eq!(row.last_run.as_ref(), Some(&rig.options.run));
    assert!(ran.events.iter().any(|event| matches!(event.kind, EventKind::Committed { .. })));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_optional_steps() {
    let rig = Rig::new();
    let lazy = PlanStep { optional: true, ..step("h1", "lazy", "sleep 9000\nset lazy", "") };
    let start = Instant::now();
    let ran = rig.run(&plan(vec![lazy, step("h2", "a", "sleep 100", "")], None)).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert_eq!(start.elapsed().as_millis(), 100);
    assert_eq!(ran.result("web/h1/lazy"), StepResult::Cancelled);
    assert_eq!(rig.world.state().killed, 1);
}

#[tokio::test(start_paused = true)]
async fn not_even_for_those_that_do_not_end_when_told_to() {
    let rig = Rig::new();
    rig.world.state().deaf.insert("h1".to_owned());
    let lazy = PlanStep { optional: true, ..step("h1", "lazy", "sleep 9000", "") };
    let start = Instant::now();
    let ran = rig.run(&plan(vec![lazy, step("h2", "a", "sleep 100", "")], None)).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert_eq!(start.elapsed().as_millis(), 400);
    assert_eq!(ran.result("web/h1/lazy"), StepResult::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn check_mode_looks_and_leaves_no_trace() {
    let mut rig = Rig::new();
    rig.options.reach = Reach::Look;
    rig.world.state().set.insert("h1:there".to_owned());
    let steps = vec![
        sets("h1", "there"),
        sets("h1", "missing").needs(&["h1/there"]),
        step("h1", "blind", "set blind", "").needs(&["h1/missing"]),
        step("-", "commit", "", "").work(commit()).needs(&["h1/blind"]),
    ];
    let ran = rig.run(&plan(steps, None)).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert_eq!(ran.result("web/h1/there"), StepResult::Ok);
    assert_eq!(ran.result("web/h1/missing"), StepResult::Changed);
    assert_eq!(ran.result("web/h1/blind"), StepResult::Skipped);
    assert_eq!(ran.result("web/-/commit"), StepResult::Skipped);
    assert_eq!(rig.world.log(), ["h1:has there", "h1:has missing"]);
    assert_eq!(rig.store.runs().unwrap(), []);
    assert_eq!(rig.store.load().await.unwrap().revision, 0);
    assert!(rig.folder().exists());
}

#[tokio::test(start_paused = true)]
async fn output_is_live_attributed_and_redacted() {
    let rig = Rig::new();
    let talks = step("h1", "talks", "say a s3cret\nerr loud", "");
    let hidden = PlanStep { no_log: true, ..step("h1", "hidden", "say x", "").needs(&["h1/talks"]) };
    let ran = rig.run(&plan(vec![talks, hidden], None)).await;
    let lines: Vec<_> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StepOutput { step, stream, line } => Some((step.0.as_str(), *stream, line.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(lines, [("web/h1/talks", Stream::Stdout, "a ***"), ("web/h1/talks", Stream::Stderr, "loud")]);
    let journal = std::fs::read_to_string(rig.store.journal_path(&rig.options.run)).unwrap();
    assert!(journal.contains("***") && !journal.contains("s3cret"));
}

#[tokio::test(start_paused = true)]
async fn probes_are_made_from_here() {
    let rig = Rig::new();
    let probe = |host: &str| Work::Probe(Probe::Tcp { host: host.to_owned(), port: 80, timeout_ms: 1 });
    let steps = vec![
        sets("h1", "up"),
        step("-", "up", "", "").work(probe("h1:up")).needs(&["h1/up"]),
        PlanStep { advisory: true, ..step("-", "down", "", "").work(probe("h2:up")) },
    ];
    let ran = rig.run(&plan(steps, None)).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert_eq!(ran.result("web/-/up"), StepResult::Ok);
    assert_eq!(ran.result("web/-/down"), StepResult::Failed);
}
