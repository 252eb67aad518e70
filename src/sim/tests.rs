//! Seeds in bulk, one rule broken on purpose, and the same story twice.

use super::*;

const SEARCH: Search = Search { faults: 6, broken: None };

#[test]
fn nothing_goes_wrong_that_must_not() {
    let mut sites = Sites::default();
    for seed in 0..100 {
        if let Some(found) = SEARCH.seek(seed, &mut sites).unwrap() {
            panic!("seed {seed}: {}\n{}{}", found.told.wrong.unwrap(), found.history, found.told.story.join("\n"));
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
