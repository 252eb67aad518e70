//! Closes a plan: puts its steps in order, adds up the worst case, counts what can be undone, and seals it.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};
use sha2::{Digest, Sha256};

use super::{
    Operation, Plan, PlanError, PlanStep, SCHEMA, ServicePlan, StepRef, UndoCoverage, UndoWork, Work,
};
use crate::site::playbook::Backoff;

pub(super) fn close(
    operation: Operation,
    services: Vec<ServicePlan>,
    steps: Vec<PlanStep>,
) -> Result<Plan, PlanError> {
    let steps = in_order(steps)?;
    let mut plan = Plan {
        schema: SCHEMA.to_owned(),
        operation,
        services,
        worst_case_ms: worst_case_ms(&steps),
        undo_coverage: undo_coverage(&steps),
        steps,
        hash: String::new(),
    };
    plan.hash = hash(&plan, &|text| text.to_owned());
    Ok(plan)
}

/// SHA-256 over the plan as JSON with an empty hash, after `redact`; hexadecimal.
pub fn hash(plan: &Plan, redact: &dyn Fn(&str) -> String) -> String {
    let bare = Plan { hash: String::new(), ..plan.clone() };
    let text = serde_json::to_string(&bare).unwrap_or_default();
    hex(&Sha256::digest(redact(&text)))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Steps sorted so that each stands after all it waits for; otherwise as they were added.
fn in_order(steps: Vec<PlanStep>) -> Result<Vec<PlanStep>, PlanError> {
    let mut graph = DiGraph::<usize, ()>::new();
    let nodes: HashMap<StepRef, NodeIndex> =
        steps.iter().enumerate().map(|(at, step)| (step.id.clone(), graph.add_node(at))).collect();
    // The sort visits later additions first: adding backwards keeps the written order among equals.
    for step in steps.iter().rev() {
        for before in predecessors(step) {
            if let Some(from) = nodes.get(before) {
                graph.add_edge(*from, nodes[&step.id], ());
            }
        }
    }
    let order = toposort(&graph, None).map_err(|cycle| {
        let at = graph[cycle.node_id()];
        PlanError::Cycle(steps[at].id.to_string())
    })?;
    let mut rank = vec![0; steps.len()];
    for (place, node) in order.iter().enumerate() {
        rank[graph[*node]] = place;
    }
    let mut ranked: Vec<_> = steps.into_iter().enumerate().collect();
    ranked.sort_by_key(|(at, _)| rank[*at]);
    Ok(ranked.into_iter().map(|(_, step)| step).collect())
}

/// Every step this one may wait for.
pub fn predecessors(step: &PlanStep) -> impl Iterator<Item = &StepRef> {
    let alternatives = step.any_of.iter().flat_map(|alternative| &alternative.steps);
    step.needs.iter().map(|link| &link.step).chain(alternatives)
}

/// The longest path in milliseconds, with every attempt and delay of every step used up.
fn worst_case_ms(steps: &[PlanStep]) -> u64 {
    longest_path(steps).into_iter().map(longest_ms).fold(0, u64::saturating_add)
}

/// The steps, one waiting for the other, that can take longest together.
pub fn longest_path(steps: &[PlanStep]) -> Vec<&PlanStep> {
    // By step: when it ends at the latest, and the step before it on its longest path.
    let mut ends: HashMap<&StepRef, (u64, Option<&StepRef>)> = HashMap::new();
    let mut last: Option<(u64, &StepRef)> = None;
    for step in steps {
        let known = predecessors(step).filter_map(|before| Some((ends.get(before)?.0, before)));
        let (start, before) =
            known.max_by_key(|(end, _)| *end).map_or((0, None), |(end, of)| (end, Some(of)));
        let end = start.saturating_add(longest_ms(step));
        ends.insert(&step.id, (end, before));
        if last.is_none_or(|(latest, _)| end > latest) {
            last = Some((end, &step.id));
        }
    }
    let mut on: HashSet<&StepRef> = HashSet::new();
    let mut at = last.map(|(_, step)| step);
    while let Some(step) = at {
        on.insert(step);
        at = ends.get(step).and_then(|(_, before)| *before);
    }
    steps.iter().filter(|step| on.contains(&step.id)).collect()
}

/// One step's own worst case in milliseconds.
pub fn longest_ms(step: &PlanStep) -> u64 {
    if step.skip.is_some() || matches!(step.work, Work::Join | Work::Commit(_)) {
        return 0;
    }
    let retries = u64::from(step.attempts.retries);
    let delays = match step.attempts.backoff {
        Backoff::Fixed => step.attempts.delay_ms.saturating_mul(retries),
        Backoff::Exponential => {
            let factor = 1_u64.checked_shl(step.attempts.retries).unwrap_or(u64::MAX).saturating_sub(1);
            step.attempts.delay_ms.saturating_mul(factor)
        }
    };
    step.timeout_ms.saturating_mul(retries + 1).saturating_add(delays)
}

fn undo_coverage(steps: &[PlanStep]) -> UndoCoverage {
    let changing: Vec<_> = steps.iter().filter(|step| step.skip.is_none() && changes(step)).collect();
    let undoable = changing.iter().filter(|step| can_be_undone(step)).count();
    UndoCoverage { undoable, changing: changing.len() }
}

/// Whether running the step can change a host.
pub fn changes(step: &PlanStep) -> bool {
    match &step.work {
        Work::Script(script) => script.changes,
        Work::Late { .. } | Work::Fence(_) => true,
        Work::Probe(_) | Work::Wait(_) | Work::Join | Work::Commit(_) => false,
    }
}

/// Whether the plan knows how to take the step back.
pub fn can_be_undone(step: &PlanStep) -> bool {
    match (&step.undo, &step.work) {
        (UndoWork::Script(_), _) => true,
        (UndoWork::Derived, Work::Script(script)) => script.undo.is_some(),
        _ => false,
    }
}
