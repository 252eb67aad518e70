//! What a reviewer finds on the page.

use super::*;
use crate::plan::render::made_up;

#[test]
fn everything_a_reviewer_asks_is_there() {
    let page = page(&made_up::plan(), None);
    for told in [
        "Plan: failover of web",
        "h1 → h2",
        "h2 wakes the sleeping copy",
        "h1 gives the service up",
        "do &#39;process httpd awake&#39; &lt;&amp;1",
        "undo &amp; done",
        "✗ no undo",
        "✓ chosen",
        "is being left by this plan",
        "load <b>-0.5</b>",
        "h1 &lt;said&gt; so",
        "accepts, best first: released, fenced",
        "Left out",
        "1m30s, if every step of the longest path",
        "What stays as it is when all else is taken back",
        "the end, good or bad, of",
        "0123456789abcdef",
    ] {
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn what_is_hidden_stays_hidden_and_nothing_of_others_is_markup() {
    let page = page(&made_up::plan(), None);
    assert!(!page.contains("do &#39;secret words"), "no_log");
    for foreign in ["<said>", "<is silent>"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn each_step_is_described_where_the_picture_leads() {
    let plan = made_up::plan();
    let page = page(&plan, None);
    for number in 1..=plan.steps.len() {
        assert_eq!(page.matches(&format!(" id=\"step-{number}\"")).count(), 1, "{number}");
    }
}
