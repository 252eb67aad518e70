//! The page of a run that was taken back.

use jiff::tz::TimeZone;
use serde_json::json;

use super::*;
use crate::engine::account::Commit;
use crate::plan::StepRef;
use crate::plan::table::{Row, ServiceState};
use crate::report::account::tests::account;
use crate::report::sample::{AT_MS, told};
use crate::site::id::Epoch;

fn at_begin(ms: i64, what: serde_json::Value) -> Told {
    Told { at_ms: AT_MS.saturating_add_signed(ms), ..told(what) }
}

fn verdict() -> Told {
    at_begin(
        -86,
        json!({ "happening": "service-verdict", "service": "web", "was": "ok", "verdict": "host-down",
                "because": "<nobody> answers", "host": null }),
    )
}

/// The made-up run, if it had ended well.
fn done() -> Account {
    let mut account = account();
    account.end = Some(RunEnd::Done);
    account.undo.clear();
    account.steps[1].result = Some(StepResult::Changed);
    let row = Row {
        primary: Some("h2".try_into().unwrap()),
        secondary: None,
        epoch: Epoch(2),
        state: ServiceState::Unprotected,
        last_run: None,
    };
    account.commits = vec![Commit { at_ms: 300, service: "web".try_into().unwrap(), row }];
    account
}

#[test]
fn a_run_that_was_taken_back_is_told_with_its_reason_and_its_undo() {
    let page = page(&account(), &[verdict()], &TimeZone::UTC);
    for told in [
        "undone: ifconfig.claim failed",
        "! FAILED",
        "undo of wake.resume",
        "&lt; undone, 41 ms",
        "web/-/commit.commit",
        "not reached",
        "noticed: web is host-down: &lt;nobody&gt; answers",
        "h2 heard nobody",
        "reveille watch",
    ] {
        assert!(page.contains(told), "{told}");
    }
    assert!(!page.contains("<nobody>"));
}

#[test]
fn an_outage_ends_where_the_new_primary_is_proven_and_begins_where_it_was_missed() {
    let moved = at_begin(
        400,
        json!({ "happening": "moved", "service": "web", "operation": "failover", "primary": "h2", "secondary": null,
                "outage_ms": 700, "run": null }),
    );
    let account = done();
    let history = [moved];
    let seen = timeline::outages(&account, &history);
    assert_eq!((seen[0].from_ms, seen[0].until_ms), (106 + 61 - 700, 106 + 61));
    let unseen = timeline::outages(&account, &[]);
    assert_eq!((unseen[0].from_ms, unseen[0].until_ms), (0, 167));
    assert_eq!(unseen[0].words(), "out for at least 167 ms: gone before the run began");
}

#[test]
fn what_was_given_up_and_is_not_back_is_out_until_the_end() {
    let mut account = account();
    account.end = Some(RunEnd::Stuck { because: String::new() });
    let given_up = OfStep {
        step: StepRef("web/h1/release.release".to_owned()),
        host: Some("h1".try_into().unwrap()),
        at_ms: Some(50),
        ..account.steps[0].clone()
    };
    account.steps.push(given_up);
    let out = timeline::outages(&account, &[]);
    assert_eq!((out[0].from_ms, out[0].until_ms), (50, 1412));
    assert!(out[0].words().contains("not back"));
}

#[test]
fn a_short_outage_in_a_long_run_is_drawn_larger() {
    let mut account = done();
    let drawn = |account: &Account| timeline::svg(account, 0, &[], Part::Outage);
    account.took_ms = 400;
    assert!(drawn(&account).is_none());
    account.took_ms = 60_000;
    let svg = drawn(&account).unwrap();
    assert!(svg.contains("Timeline of the outage") && !svg.contains("+10 s"), "{svg}");
}
