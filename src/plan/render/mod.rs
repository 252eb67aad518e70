//! A plan for people and for other programs to draw: text, DOT, Mermaid, SVG, a page. JSON is the plan itself.

pub mod graph;
#[cfg(test)]
mod made_up;
pub mod page;
pub mod picture;
pub mod text;

use std::collections::HashMap;

use super::{Plan, StepRef, timing};

/// How many steps, at least, lie before each step: steps of equal depth may run side by side.
pub(super) fn depths(plan: &Plan) -> HashMap<&StepRef, usize> {
    let mut depths: HashMap<&StepRef, usize> = HashMap::new();
    for step in &plan.steps {
        let before = timing::predecessors(step).filter_map(|before| depths.get(before)).max();
        let depth = before.map_or(0, |deepest| deepest + 1);
        depths.insert(&step.id, depth);
    }
    depths
}
