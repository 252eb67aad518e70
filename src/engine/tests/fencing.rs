//! Evidence that costs something: a fence is begun only when nothing quicker came, never stopped, and a lease is waited for.

use std::time::Duration;

use tokio::time::sleep;

use super::super::event::{EventKind, RunEnd, StepResult};
use super::super::record::{Record, Story};
use super::super::recover::still_serves;
use super::super::rig::{Ran, Rig, host, plan, sets, step, web};
use super::super::script::Reach;
use super::{commit, gives_up, hopeful};
use crate::module::fence::{Device, Fence};
use crate::plan::{Operation, Plan, PlanStep, StepRef, Wait, Work};
use crate::site::inventory::{Confirms, FenceAction};
use crate::site::playbook::EvidenceKind::{self, Fenced, LeaseExpired, LinkSilent, Released};
use crate::store::Store;

fn waits(name: &str, at_most_ms: u64, or_end_of: &[&str]) -> PlanStep {
    let or_end_of = or_end_of.iter().map(|step| StepRef(format!("web/{step}"))).collect();
    let wait = step("-", name, "", "").work(Work::Wait(Wait { at_most_ms, or_end_of }));
    PlanStep { optional: true, ..hopeful(wait) }
}

fn fences(takes_ms: u64) -> PlanStep {
    let device = Device {
        agent: "fence_x".to_owned(),
        action: FenceAction::Off,
        options: [("takes".to_owned(), takes_ms.to_string())].into(),
        confirms: Confirms::Power,
        status: true,
        timeout_ms: 60_000,
    };
    hopeful(step("-", "fence", "", "")).work(Work::Fence(Fence { host: host("h1"), devices: vec![device] }))
}

/// h1 is left; it releases, or the link is silent, or it is fenced.
fn failover(release: &str, link_silent: &str) -> Plan {
    let release = PlanStep { optional: true, ..hopeful(step("h1", "address", release, "")) };
    plan(
        vec![
            release,
            hopeful(step("h2", "silent", link_silent, "")),
            waits("patience", 1000, &["h1/address"]),
            fences(2000).after(&["h2/silent", "-/patience"]),
            step("-", "evidence", "", "")
                .work(Work::Join)
                .any(Released, &["h1/address"])
                .any(LinkSilent, &["h2/silent"])
                .any(Fenced, &["-/fence"]),
            sets("h2", "held").needs(&["-/evidence"]),
            step("-", "commit", "", "").work(commit()).needs(&["h2/held"]),
        ],
        Some("-/commit"),
    )
}

fn evidence(ran: &Ran) -> Option<(EvidenceKind, String)> {
    ran.events.iter().find_map(|event| match &event.kind {
        EventKind::Evidence { kind, words, .. } => Some((*kind, words.clone())),
        _ => None,
    })
}

fn fenced(rig: &Rig) -> usize {
    rig.world.log().iter().filter(|word| *word == "h1:fence").count()
}

#[tokio::test(start_paused = true)]
async fn a_host_is_fenced_when_it_neither_releases_nor_is_silent() {
    let rig = Rig::new();
    let ran = rig.run(&failover("sleep 20000", "sleep 200\nexit 1")).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert_eq!(evidence(&ran), Some((Fenced, "fenced h1 with ***".to_owned())), "by the device that did it");
    assert_eq!(ran.result("web/-/fence"), StepResult::Changed);
    assert_eq!(rig.world.when("h1:fence"), 1000, "a release that hangs is not waited for any longer");
    assert_eq!(rig.world.when("h2:set held"), 3000);
    let journal = rig.journal();
    let at = |wanted: fn(&Record) -> bool| journal.iter().position(|sealed| wanted(&sealed.record)).unwrap();
    let intent =
        at(|record| matches!(record, Record::StepIntent { steps } if steps[0].step.0 == "web/-/fence"));
    let outcome = at(
        |record| matches!(record, Record::StepOutcome { step, acted: true, .. } if step.0 == "web/-/fence"),
    );
    let named = at(|record| matches!(record, Record::Evidence { evidence: Fenced, .. }));
    assert!(intent < outcome && outcome < named);
    assert!(!rig.store.journal(&rig.options.run).unwrap().contains("s3cret"));
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_at_once_is_not_waited_for() {
    let rig = Rig::new();
    rig.world.state().unreachable.insert("h1".to_owned());
    let ran = rig.run(&failover("say never", "exit 1")).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert_eq!(rig.world.when("h1:fence"), 50);
}

#[tokio::test(start_paused = true)]
async fn no_host_is_fenced_for_which_there_is_quicker_evidence() {
    for (release, silent, kind) in [
        ("sleep 500", "sleep 200\nexit 1", Released),
        ("sleep 20000", "sleep 200", LinkSilent),
        ("exit 1", "say nobody", LinkSilent),
    ] {
        let rig = Rig::new();
        let ran = rig.run(&failover(release, silent)).await;
        assert_eq!(ran.ending.end, RunEnd::Done);
        assert_eq!(evidence(&ran).map(|(kind, _)| kind), Some(kind));
        assert_eq!((fenced(&rig), ran.result("web/-/fence")), (0, StepResult::Skipped), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_was_begun_is_not_stopped_by_better_news() {
    let rig = Rig::new();
    let ran = rig.run(&failover("sleep 1500", "exit 1")).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert_eq!(evidence(&ran).map(|(kind, _)| kind), Some(Released));
    assert_eq!(ran.result("web/-/fence"), StepResult::Changed);
    assert!(rig.world.when("h2:set held") < 2000, "nobody waits for it, though");
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_fails_is_no_evidence() {
    let rig = Rig::new();
    rig.world.state().set.insert("fence:broken".to_owned());
    let ran = rig.run(&failover("exit 1", "exit 1")).await;
    assert_eq!(ran.ending.end, RunEnd::EvidenceMissing { service: web() });
    assert_eq!(ran.result("web/-/fence"), StepResult::Failed);
    assert!(!rig.world.is_set("h2:held"));
}

#[tokio::test(start_paused = true)]
async fn one_signal_lets_a_fence_end_and_two_stop_it() {
    for signals in [1, 2] {
        let rig = Rig::new();
        let plan = failover("exit 1", "exit 1");
        let (ran, ()) = tokio::join!(rig.run(&plan), async {
            for _ in 0..signals {
                sleep(Duration::from_millis(300)).await;
                rig.interrupt.raise(2);
            }
        });
        assert_eq!(ran.ending.end, RunEnd::Interrupted { signal: 2 });
        let result = if signals == 1 { StepResult::Changed } else { StepResult::Unknown };
        assert_eq!(ran.result("web/-/fence"), result);
        assert!(!rig.world.is_set("h2:held"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_fences_nobody() {
    let mut rig = Rig::new();
    rig.options.reach = Reach::Look;
    let ran = rig.run(&failover("exit 1", "exit 1")).await;
    assert_eq!(ran.result("web/-/fence"), StepResult::Skipped);
    assert_eq!(fenced(&rig), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_about_to_run_out_is_waited_for() {
    let plan = |silent: &str| {
        plan(
            vec![
                hopeful(step("h2", "silent", silent, "")),
                waits("lease", 4000, &[]),
                fences(100).after(&["h2/silent", "-/lease"]),
                step("-", "evidence", "", "")
                    .work(Work::Join)
                    .any(LinkSilent, &["h2/silent"])
                    .any(LeaseExpired, &["-/lease"])
                    .any(Fenced, &["-/fence"]),
                sets("h2", "held").needs(&["-/evidence"]),
                step("-", "commit", "", "").work(commit()).needs(&["h2/held"]),
                gives_up("rest").needs(&["-/commit"]),
            ],
            Some("-/commit"),
        )
    };
    let rig = Rig::new();
    let ran = rig.run(&plan("exit 1")).await;
    assert_eq!(evidence(&ran).map(|(kind, _)| kind), Some(LeaseExpired));
    assert_eq!((rig.world.when("h2:set held"), fenced(&rig)), (4000, 0));
    let rig = Rig::new();
    let start = tokio::time::Instant::now();
    let ran = rig.run(&plan("say nobody")).await;
    assert_eq!(ran.result("web/-/lease"), StepResult::Skipped);
    assert!(start.elapsed() < Duration::from_secs(1), "no longer than its evidence");
}

#[tokio::test(start_paused = true)]
async fn a_monitor_asks_the_device_about_a_fence_that_was_only_begun() {
    let rig = Rig::new();
    let plan = Plan { operation: Operation::Failover, ..failover("exit 1", "exit 1") };
    assert_eq!(rig.run(&plan).await.ending.end, RunEnd::Done);
    let journal = rig.journal();
    let serves = async |of: &dyn Fn(&Record) -> bool| {
        let cut = journal.iter().position(|sealed| of(&sealed.record)).unwrap() + 1;
        let story = Story::of(&journal[..cut]).unwrap();
        still_serves(&story, &web(), &rig, std::future::ready(true)).await
    };
    let intent =
        |record: &Record| matches!(record, Record::StepIntent { steps } if steps[0].step.0 == "web/-/fence");
    let outcome =
        |record: &Record| matches!(record, Record::StepOutcome { step, .. } if step.0 == "web/-/fence");
    assert!(serves(&intent).await, "its host is on, and it answers");
    assert!(!serves(&outcome).await, "its host is fenced, whatever answers");
    rig.world.state().set.insert("fence:off".to_owned());
    assert!(!serves(&intent).await);
}
