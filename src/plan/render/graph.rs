//! A plan as a graph in the languages of Graphviz and Mermaid.

use std::fmt::Write;

use super::text;
use crate::plan::{LinkKind, Plan, PlanStep, Work};

/// The DOT language of Graphviz: one cluster per host.
pub fn dot(plan: &Plan) -> String {
    let mut out =
        String::from("digraph plan {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (at, (host, steps)) in lanes(plan).iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_{at} {{\n    label={};", quoted(host));
        for step in steps {
            let shape = if matches!(step.work, Work::Join) { ", shape=diamond" } else { "" };
            let _ = writeln!(out, "    {} [label={}{shape}];", quoted(&step.id.0), quoted(&label(step)));
        }
        out.push_str("  }\n");
    }
    for (from, to, style) in edges(plan) {
        let style = match style {
            Edge::Success => "",
            Edge::End => " [style=dashed]",
            Edge::Alternative => " [style=dotted]",
        };
        let _ = writeln!(out, "  {} -> {}{style};", quoted(from), quoted(to));
    }
    out.push_str("}\n");
    out
}

/// A Mermaid flow chart: one subgraph per host.
pub fn mermaid(plan: &Plan) -> String {
    let mut out = String::from("flowchart LR\n");
    let number = |id: &str| plan.steps.iter().position(|step| step.id.0 == id).unwrap_or_default();
    for (host, steps) in lanes(plan) {
        let _ = writeln!(out, "  subgraph {}", quoted(&host));
        for step in steps {
            let text = label(step).replace('"', "#quot;");
            let (open, close) = if matches!(step.work, Work::Join) { ("{", "}") } else { ("[", "]") };
            let _ = writeln!(out, "    s{}{open}\"{text}\"{close}", number(&step.id.0));
        }
        out.push_str("  end\n");
    }
    for (from, to, style) in edges(plan) {
        let arrow = match style {
            Edge::Success => "-->",
            Edge::End | Edge::Alternative => "-.->",
        };
        let _ = writeln!(out, "  s{} {arrow} s{}", number(from), number(to));
    }
    out
}

/// How a step waits for another.
pub(super) enum Edge {
    Success,
    End,
    Alternative,
}

/// Every line of the graph: from which step to which, and how the second waits for the first.
pub(super) fn edges(plan: &Plan) -> impl Iterator<Item = (&str, &str, Edge)> {
    plan.steps.iter().flat_map(|step| {
        let needs = step.needs.iter().map(|link| {
            let kind = if link.kind == LinkKind::Success { Edge::Success } else { Edge::End };
            (link.step.0.as_str(), step.id.0.as_str(), kind)
        });
        let alternatives = step.any_of.iter().flat_map(|alternative| &alternative.steps);
        needs.chain(alternatives.map(|from| (from.0.as_str(), step.id.0.as_str(), Edge::Alternative)))
    })
}

/// Hosts with their steps, in the order in which they first act.
pub(super) fn lanes(plan: &Plan) -> Vec<(String, Vec<&PlanStep>)> {
    let mut lanes: Vec<(String, Vec<&PlanStep>)> = Vec::new();
    for step in &plan.steps {
        let name = text::place(step);
        match lanes.iter_mut().find(|(host, _)| host == name) {
            Some((_, steps)) => steps.push(step),
            None => lanes.push((name.to_owned(), vec![step])),
        }
    }
    lanes
}

fn label(step: &PlanStep) -> String {
    format!("{}.{}", step.stage.as_str(), step.title)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
