//! Whole runs against made-up hosts, in paused time.

use super::event::{EventKind, RunEnd, StepResult};
use super::rig::{Rig, plan, sets, step};

#[tokio::test(start_paused = true)]
async fn a_chain_on_one_host_is_one_program_and_each_step_reports() {
    let rig = Rig::new();
    let chain = vec![
        sets("h1", "a"),
        sets("h1", "b").needs(&["h1/a"]),
        step("h1", "c", "say hi", "").needs(&["h1/b"]),
    ];
    let ran = rig.run(&plan(chain.clone(), None)).await;
    assert_eq!(ran.ending.end, RunEnd::Done);
    assert_eq!(rig.world.state().jobs, 1);
    assert_eq!(rig.world.log(), ["h1:has a", "h1:set a", "h1:has b", "h1:set b", "h1:say hi"]);
    for step in ["web/h1/a", "web/h1/b", "web/h1/c"] {
        assert_eq!(ran.result(step), StepResult::Changed);
    }
    assert_eq!((ran.ending.recap[0].ok, ran.ending.recap[0].changed), (3, 3));
    let indexes: Vec<u64> = ran.events.iter().map(|event| event.index).collect();
    assert!(indexes.windows(2).all(|pair| pair[1] == pair[0] + 1 || pair[1] == pair[0]), "{indexes:?}");
    assert!(matches!(ran.events.last().unwrap().kind, EventKind::RunEnded { .. }));
    assert!(rig.story().end.is_some());
}
