//! How long a plan takes at worst, step by step of its longest path; and what of it cannot be taken back. Pure.

use std::fmt::Write;

use super::link;
use crate::page::{Esc, table};
use crate::plan::render::text;
use crate::plan::{Plan, PlanStep, timing};

pub(super) fn worst_case(html: &mut String, plan: &Plan) {
    let path = timing::longest_path(&plan.steps);
    let mut sum = 0_u64;
    let mut rows = Vec::new();
    for step in path.into_iter().filter(|step| timing::longest_ms(step) > 0) {
        sum = sum.saturating_add(timing::longest_ms(step));
        rows.push(vec![
            link(plan, &step.id),
            attempts(step),
            text::span(timing::longest_ms(step)),
            text::span(sum),
        ]);
    }
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(
        html,
        "<p>{}, if every step of the longest path uses up its time. All other steps go on beside these.</p>",
        text::span(plan.worst_case_ms)
    );
    table(html, "The longest path", &["Step", "Its time", "At most", "Together"], &rows);
}

/// `2 attempts of 5s, 1s between`.
pub(super) fn attempts(step: &PlanStep) -> String {
    let timeout = text::span(step.timeout_ms);
    match step.attempts.retries {
        0 => format!("1 attempt of {timeout}"),
        retries => {
            let delay = text::span(step.attempts.delay_ms);
            format!("{} attempts of {timeout}, {delay} between", retries + 1)
        }
    }
}

pub(super) fn undo(html: &mut String, plan: &Plan) {
    let coverage = plan.undo_coverage;
    if coverage.changing == 0 {
        return;
    }
    let _ = writeln!(
        html,
        "<p>{} of the {} steps that change something can be taken back, the last one first. This is done by itself if a step \
         fails before the point of no return.</p>",
        coverage.undoable, coverage.changing
    );
    let left =
        |step: &&PlanStep| step.skip.is_none() && timing::changes(step) && !timing::can_be_undone(step);
    let rows: Vec<Vec<String>> = plan
        .steps
        .iter()
        .filter(left)
        .map(|step| vec![link(plan, &step.id), Esc(text::what(step)).to_string()])
        .collect();
    table(html, "What stays as it is when all else is taken back", &["Step", "What it does"], &rows);
}
