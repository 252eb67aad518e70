//! Seeds in bulk, one rule broken on purpose, and the same story twice.

use super::*;

const SEARCH: Search = Search { faults: 6, broken: None };

#[test]
fn nothing_goes_wrong_that_must_not() {
    if let Some(found) = hunt(SEARCH, 0..200, 2, &|_| ()).unwrap() {
        let (wrong, story) = (found.told.wrong.unwrap(), found.told.story.join("\n"));
        panic!("seed {}: {wrong}\n{}{story}", found.seed, found.history);
    }
}

#[test]
fn a_takeover_without_evidence_is_noticed_soon_and_told_shortly() {
    let search = Search { broken: Some(Broken::Evidence), ..SEARCH };
    let found = hunt(search, 0..1000, 2, &|_| ()).unwrap().expect("it is noticed");
    assert!(found.seed < 50, "it took {} seeds", found.seed);
    let wrong = found.told.wrong.as_deref().unwrap();
    assert!(wrong.contains("writes and is awake on h1 and h2") || wrong.contains("answers for"), "{wrong}");
    // One fault is enough, and the rest was left out.
    assert_eq!(found.history.events.len(), 1, "{}", found.history);
    assert_eq!((found.history.shape.hosts, found.history.shape.services.len()), (3, 1));
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
    let (crash, dies) = (Fault::Crash(Whom::Primary(0)), Fault::KillProgram(Whom::Primary(0), 0));
    for (data, fenced, faults) in
        [(Data::SharedRead, 0, [crash, Fault::Load(Whom::Primary(0))]), (Data::SharedWrite, 4, [crash, dies])]
    {
        for fault in faults {
            let event = Event { at_ms: 0, for_ms: 20_000, fault };
            let shape = Shape { hosts: 4, services: vec![Kind { data, lease_s: None }], fenced };
            let history = History { shape, monitors: 1, seed: 7, events: vec![event], kill_after: None };
            let (records, wrong) = sweep(&history, &mut sites).unwrap();
            if let Some((record, told)) = wrong {
                let story = told.story.join("\n");
                panic!("{history}killed after record {record}: {}\n{story}", told.wrong.unwrap());
            }
            assert!(records > 12, "{history}only {records} records");
        }
    }
}
