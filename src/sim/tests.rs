//! Seeds in bulk, one rule broken on purpose, and the same story twice.

use super::*;

const SEARCH: Search = Search { faults: 6, broken: None };

#[test]
fn nothing_goes_wrong_that_must_not() {
    let mut sites = Sites::default();
    for seed in 0..100 {
        if let Some(found) = SEARCH.seek(seed, &mut sites).unwrap() {
            panic!(
                "seed {seed}: {}\n{}{}",
                found.told.wrong.unwrap(),
                found.history,
                found.told.story.join("\n")
            );
        }
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let mut sites = Sites::default();
    for seed in 0..5 {
        let (_, once) = SEARCH.tell(seed, &mut sites).unwrap();
        let (_, again) = SEARCH.tell(seed, &mut Sites::default()).unwrap();
        assert_eq!(once, again);
    }
}

#[test]
fn a_monitor_killed_at_any_record_leaves_nothing_half_done() {
    let mut sites = Sites::default();
    let faults = [
        Fault::Crash(Whom::Primary(0)),
        Fault::Unplug(Whom::Primary(0)),
        Fault::KillProgram(Whom::Primary(0), 0),
        Fault::Load(Whom::Primary(0)),
        Fault::Crash(Whom::Secondary(0)),
    ];
    for (data, fenced) in [(Data::SharedRead, 0), (Data::SharedWrite, 4)] {
        for fault in faults {
            let event = Event { at_ms: 0, for_ms: 20_000, fault };
            let shape = Shape { hosts: 4, services: vec![Kind { data, lease_s: None }], fenced };
            let history = History { shape, monitors: 1, seed: 7, events: vec![event], kill_after: None };
            let (records, wrong) = sweep(&history, &mut sites).unwrap();
            if let Some((record, told)) = wrong {
                let story = told.story.join("\n");
                panic!("{history}killed after record {record}: {}\n{story}", told.wrong.unwrap());
            }
            assert!(records > 8, "{history}only {records} records");
        }
    }
}
