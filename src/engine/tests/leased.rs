//! A run whose lease is lost stops where it is and leaves the rest to whoever has the lease now. Runs that were cut short
//! are found side by side. What others write to the table meanwhile is kept.

use std::time::Duration;

use tokio::time::Instant;

use super::super::Interrupt;
use super::super::event::{RunEnd, StepResult};
use super::super::recover::open_runs;
use super::super::rig::{Ran, Rig, plan, sets, step};
use super::{commit, switchover};
use crate::plan::table::{Pause, Scope};
use crate::plan::{Plan, PlanStep, StepRef};
use crate::store::{Holder, MemStore, Store, update};

const TTL: Duration = Duration::from_secs(3);

/// Runs the plan under a lease that nobody renews.
async fn run_unrenewed(rig: &mut Rig, plan: &Plan) -> Ran {
    let lease = MemStore::default().acquire(Holder::default(), TTL).await.unwrap();
    rig.interrupt = Interrupt::under(lease);
    rig.run(plan).await
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_stops_everything_and_takes_nothing_back() {
    let mut rig = Rig::new();
    let steps = vec![sets("h1", "a"), step("h2", "b", "sleep 9000\nset b", "").needs(&["h1/a"])];
    let start = Instant::now();
    let ran = run_unrenewed(&mut rig, &plan(steps, None)).await;
    assert_eq!(start.elapsed().as_millis(), TTL.as_millis());
    assert!(matches!(&ran.ending.end, RunEnd::LeaseLost { .. }), "{:?}", ran.ending);
    assert_eq!((ran.ending.end.exit_code(), ran.ending.manual.len()), (7, 0));
    assert_eq!(rig.world.state().killed, 1);
    assert_eq!(ran.result("web/h2/b"), StepResult::Cancelled);
    assert!(rig.world.is_set("h1:a"), "it is the next holder's to take back");
    let open = open_runs(&rig.store).unwrap();
    assert!(open.len() == 1 && open[0].was_cut_short(), "{open:?}");
    assert_eq!(rig.store.load().await.unwrap().revision, 0);
}

#[tokio::test(start_paused = true)]
async fn past_the_point_of_no_return_it_stops_as_well() {
    let mut rig = Rig::new();
    let steps = vec![
        step("-", "commit", "", "").work(commit()),
        step("h3", "a", "sleep 9000", "").needs(&["-/commit"]),
        sets("h3", "b").needs(&["h3/a"]),
    ];
    let ran = run_unrenewed(&mut rig, &plan(steps, Some("-/commit"))).await;
    assert!(matches!(&ran.ending.end, RunEnd::LeaseLost { .. }), "{:?}", ran.ending);
    assert!(!rig.world.is_set("h3:b"));
    assert!(rig.story().left);
}

#[tokio::test(start_paused = true)]
async fn an_unwinding_stops_as_well() {
    let mut rig = Rig::new();
    let steps = vec![
        step("h1", "a", "set a", "sleep 9000\nunset a"),
        step("h1", "fails", "exit 1", "").needs(&["h1/a"]),
    ];
    let ran = run_unrenewed(&mut rig, &plan(steps, None)).await;
    assert!(matches!(&ran.ending.end, RunEnd::LeaseLost { .. }), "{:?}", ran.ending);
    assert!(rig.story().left);
    assert_eq!(rig.store.load().await.unwrap().revision, 0, "the table is not ours to write any more");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_under_a_lease_that_was_lost() {
    let mut rig = Rig::new();
    let store = MemStore::default();
    let lease = store.acquire(Holder::default(), TTL).await.unwrap();
    tokio::time::sleep(TTL).await;
    rig.interrupt = Interrupt::under(lease);
    let ran = rig.run(&switchover()).await;
    assert!(matches!(&ran.ending.end, RunEnd::LeaseLost { .. }), "{:?}", ran.ending);
    assert_eq!(rig.world.state().jobs, 0);
    assert_eq!(open_runs(&rig.store).unwrap(), [], "there is nothing to recover");
}

/// The same step of another service.
fn of(service: &str, step: PlanStep) -> PlanStep {
    let id = StepRef(step.id.0.replacen("web", service, 1));
    PlanStep { service: service.try_into().unwrap(), id, ..step }
}

#[tokio::test(start_paused = true)]
async fn runs_of_different_services_that_were_cut_short_are_all_found() {
    let mut rig = Rig::new();
    let mail = "mail".try_into().unwrap();
    let both = vec![sets("h1", "a"), of("mail", sets("h1", "b"))];
    for (run, steps) in
        [("r1", both), ("r2", vec![sets("h1", "a")]), ("r3", vec![of("dns", sets("h1", "c"))])]
    {
        rig.options.run = run.try_into().unwrap();
        let _ = rig.run(&plan(steps, None)).await;
        if run != "r3" {
            let path = rig.store.journal_path(&rig.options.run);
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, text.split_inclusive('\n').take(2).collect::<String>()).unwrap();
        }
    }
    let open = open_runs(&rig.store).unwrap();
    let runs: Vec<&str> = open.iter().map(|open| open.run.as_str()).collect();
    assert_eq!(runs, ["r2", "r1"], "newest first, and not what ended");
    assert_eq!(open[1].services, [Clone::clone(&mail)].into(), "r2 has seen to web since");
    assert!(open[1].touches(&[mail]) && !open[1].touches(&["web".try_into().unwrap()]));
    assert!(open[0].touches(&[]));
}

#[tokio::test(start_paused = true)]
async fn commits_of_several_runs_and_a_pause_do_not_undo_each_other() {
    let first = Rig::new();
    let run = |service: &'static str, name: &str| {
        let mut options = first.options.clone();
        options.run = name.try_into().unwrap();
        let plan = plan(vec![of(service, step("-", "commit", "", "").work(commit()))], None);
        let first = &first;
        async move {
            let (sink, _events) = tokio::sync::mpsc::unbounded_channel();
            super::super::run(&plan, first.tools(), &options, sink, &first.interrupt).await.unwrap()
        }
    };
    let pause = |n: u64| Pause {
        scope: Scope::Service(format!("s{n}").try_into().unwrap()),
        until_ms: Some(n),
        because: String::new(),
        by: String::new(),
        since_ms: 0,
    };
    let pauses = async {
        for n in 0..20 {
            update(&first.store, |table| table.pause(pause(n))).await.unwrap();
        }
    };
    let (one, two, three, ()) = tokio::join!(run("web", "r1"), run("mail", "r2"), run("dns", "r3"), pauses);
    assert_eq!([one.end, two.end, three.end], [RunEnd::Done, RunEnd::Done, RunEnd::Done]);
    let table = first.store.load().await.unwrap();
    assert_eq!((table.services.len(), table.pauses.len(), table.revision), (3, 20, 23));
}
