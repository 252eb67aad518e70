//! Every step, host by host: what it waits for, its exact commands, its undo, its limits. Pure.

use std::fmt::Write;

use super::limits::attempts;
use super::link;
use crate::module::{Library, Script};
use crate::page::{Esc, block, code, folded, list};
use crate::plan::render::{graph, text};
use crate::plan::{LinkKind, Plan, PlanStep, UndoWork, Work, timing};
use crate::site::playbook::IfUnreachable;

pub(super) fn steps(html: &mut String, plan: &Plan) {
    for (host, steps) in graph::lanes(plan) {
        let _ = writeln!(html, "<h3>{}</h3>", Esc(host));
        for one in steps {
            step(html, plan, one);
        }
    }
}

fn step(html: &mut String, plan: &Plan, step: &PlanStep) {
    let number = plan.steps.iter().position(|one| one.id == step.id).unwrap_or(0) + 1;
    let service = if plan.services.len() > 1 { format!("{} ", step.service) } else { String::new() };
    let _ = write!(
        html,
        "<article class=\"step\" id=\"step-{number}\" aria-labelledby=\"name-{number}\" tabindex=\"-1\">\n\
         <h4 id=\"name-{number}\">{number}. {}{}</h4>\n<p>{}</p>\n",
        Esc(service),
        Esc(text::short(&step.id)),
        Esc(text::what(step))
    );
    if step.no_log {
        html.push_str("<p class=\"soft\">Its commands are not shown: <code>no_log</code>.</p>\n");
    } else {
        commands(html, step);
    }
    list(html, &conditions(plan, step));
    html.push_str("</article>\n");
}

fn commands(html: &mut String, step: &PlanStep) {
    match &step.work {
        Work::Script(script) => of_script(html, script),
        Work::Fence(fence) => {
            for device in &fence.devices {
                let options = format!("action={}\n{}", device.action.as_str(), device.shown());
                block(html, &format!("Run here: {}, told on its standard input", device.agent), &options);
            }
        }
        Work::Probe(probe) => {
            let shown = serde_json::to_string_pretty(probe).unwrap_or_default();
            folded(html, "Asked from here", &shown);
        }
        Work::Late { .. } | Work::Wait(_) | Work::Join | Work::Commit(_) => {}
    }
    match (&step.undo, &step.work) {
        (UndoWork::Script(undo), _) => block(html, "Undo, as the playbook says", &undo.act),
        (UndoWork::Derived, Work::Script(Script { undo: Some(undo), .. })) => block(html, "Undo", undo),
        _ if step.skip.is_none() && timing::changes(step) => {
            html.push_str("<p><span class=\"badge doubtful\">✗ no undo</span></p>\n");
        }
        _ => {}
    }
}

fn of_script(html: &mut String, script: &Script) {
    if !script.act.trim().is_empty() {
        block(html, "Run", &script.act);
    }
    if let Some(look) = &script.look {
        folded(html, "Looked at first: if all is so already, nothing is run", look);
    }
}

fn conditions(plan: &Plan, step: &PlanStep) -> Vec<(&'static str, String)> {
    let mut rows = vec![("Step", code(&step.id)), ("Module", code(&step.module))];
    if let Some(skip) = &step.skip {
        rows.push(("Left out", Esc(skip).to_string()));
    }
    let waits: Vec<String> = step
        .needs
        .iter()
        .map(|one| match one.kind {
            LinkKind::Success => link(plan, &one.step),
            LinkKind::End => format!("the end, good or bad, of {}", link(plan, &one.step)),
        })
        .collect();
    if !waits.is_empty() {
        rows.push(("After", waits.join(", ")));
    }
    if !step.any_of.is_empty() {
        let one_of: Vec<String> =
            step.any_of.iter().map(|one| format!("{}: {}", one.evidence.as_str(), Esc(&one.words))).collect();
        rows.push(("Needs one of", one_of.join("; ")));
    }
    if timing::longest_ms(step) > 0 {
        let most = text::span(timing::longest_ms(step));
        rows.push(("Takes at most", format!("{most} <small>{}</small>", attempts(step))));
    }
    rows.extend(guards(step));
    rows.extend(manners(step));
    rows
}

fn guards(step: &PlanStep) -> impl Iterator<Item = (&'static str, String)> {
    let guards = &step.guards;
    let all = [
        ("Only when", &guards.when),
        ("Tried until", &guards.until),
        ("Failed when", &guards.failed_when),
        ("Changed when", &guards.changed_when),
    ];
    all.into_iter().filter_map(|(words, guard)| Some((words, code(&guard.as_ref()?.expression))))
}

/// How it behaves where not all goes well.
fn manners(step: &PlanStep) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    match step.if_unreachable {
        IfUnreachable::Fail => {}
        IfUnreachable::Skip => rows.push(("If unreachable", "it is skipped".to_owned())),
        IfUnreachable::Continue => rows.push(("If unreachable", "the plan goes on".to_owned())),
    }
    if step.advisory {
        rows.push(("If it fails", "the plan goes on: its answer is used".to_owned()));
    }
    if let Some(user) = &step.run_as {
        rows.push(("Runs as", code(user)));
    }
    if let Some(variable) = &step.register {
        rows.push(("Result is kept as", code(variable)));
    }
    rows
}

/// The functions behind the commands, folded: they are the same in every plan of one version.
pub(super) fn functions(html: &mut String, plan: &Plan) {
    let scripts = plan.steps.iter().filter(|step| !step.no_log).filter_map(|step| match &step.work {
        Work::Script(script) => Some(&script.library),
        _ => None,
    });
    let mut used: Vec<Library> = scripts.flatten().copied().collect();
    used.sort_unstable();
    used.dedup();
    for library in used {
        folded(html, &format!("{library:?}"), library.text());
    }
}
