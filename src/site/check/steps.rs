//! Steps that are named twice, named but not there, or waiting for each other.

use std::collections::HashMap;

use super::Subject;
use crate::site::diagnostic::{Diagnostic, nearest};
use crate::site::graph::{StepAt, Why};
use crate::site::id::StepId;
use crate::site::playbook::{Phase, Playbook};
use crate::site::source::Sp;

pub(super) fn check(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    doubles(subject.playbook, out);
    for (at, step) in subject.playbook.steps() {
        for (verb, references) in [("needs", &step.needs), ("waits for", &step.after)] {
            for reference in references {
                follow(subject, at, verb, reference, out);
            }
        }
    }
    cycles(subject, out);
}

fn doubles(playbook: &Playbook, out: &mut Vec<Diagnostic>) {
    for phase in Phase::ALL {
        let mut first = HashMap::new();
        for step in playbook.phase(phase) {
            if let Some(before) = first.get(&step.id.value) {
                let message = format!("step id `{}` stands twice in `{phase}`", step.id.value);
                out.push(
                    Diagnostic::error("duplicate-step", step.id.span, message).related(*before, "first here"),
                );
            } else {
                first.insert(&step.id.value, step.id.span);
            }
        }
    }
}

/// A reference must lead to a step that can run before this one.
fn follow(subject: &Subject<'_>, at: StepAt, verb: &str, to: &Sp<String>, out: &mut Vec<Diagnostic>) {
    let playbook = subject.playbook;
    let id = &at.of(playbook).id;
    match playbook.find_step(at.phase, to) {
        Some(target) if at.phase.comes_before(target.phase) => {
            let message = format!(
                "`{}` {verb} `{}`, but `{}` is over before `{}` begins",
                id.value, to.value, at.phase, target.phase
            );
            out.push(
                Diagnostic::error("later-phase", to.span, message)
                    .related(target.of(playbook).id.span, "a step of a later phase"),
            );
        }
        Some(_) => {}
        None if subject.is_lost(to.rsplit('.').next().unwrap_or(to)) => {}
        None => out.push(unknown(playbook, at.phase, verb, &id.value, to)),
    }
}

fn unknown(playbook: &Playbook, phase: Phase, verb: &str, id: &StepId, to: &Sp<String>) -> Diagnostic {
    let known: Vec<(String, StepAt)> =
        playbook.steps().map(|(at, _)| (called(playbook, at, at.phase == phase), at)).collect();
    let elsewhere = known.iter().find(|(name, _)| name.split_once('.').is_some_and(|(_, id)| id == to.value));
    let meant = match nearest(to, known.iter().map(|(name, _)| name.as_str())) {
        Some(name) => known.iter().find(|(known, _)| known == name),
        None => elsewhere,
    };
    let message = format!("`{}` {verb} `{}`, which is no step of {}", id, to.value, where_looked(phase, to));
    let diagnostic = Diagnostic::error("unknown-step", to.span, message);
    match meant {
        Some((name, at)) => diagnostic
            .related(at.of(playbook).id.span, "a step with a similar name")
            .hint(format!("did you mean `{name}`?")),
        None => diagnostic,
    }
}

/// A step's name: its id alone where the phase is plain.
fn called(playbook: &Playbook, at: StepAt, plain: bool) -> String {
    let id = &at.of(playbook).id.value;
    if plain { id.to_string() } else { format!("{}.{id}", at.phase) }
}

/// The phase in which a reference was looked up.
fn where_looked(phase: Phase, reference: &str) -> String {
    match reference.split_once('.') {
        Some((other, _)) if Phase::ALL.iter().any(|phase| phase.as_str() == other) => format!("`{other}`"),
        Some(_) => "any phase".to_owned(),
        None => format!("`{phase}`"),
    }
}

/// A cycle is shown whole: `a -> b -> a`, each arrow with the place that asks for it.
fn cycles(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    for links in subject.graph.cycles() {
        let Some((start, first)) = links.first() else { continue };
        let one_phase = links.iter().all(|(at, _)| at.phase == start.phase);
        let round = links.iter().map(|(at, _)| *at).chain([*start]);
        let names: Vec<String> = round.map(|at| called(subject.playbook, at, one_phase)).collect();
        let says = |i: usize, why: &Why| match why {
            Why::Needs => format!("{} needs {}", names[i], names[i + 1]),
            Why::After => format!("{} waits for {}", names[i], names[i + 1]),
            Why::Reads(variable) => format!("{} reads `{variable}` of {}", names[i], names[i + 1]),
        };
        let message = format!("steps wait for each other: {}", names.join(" -> "));
        let mut diagnostic = Diagnostic::error("cycle", first.span, message).label(says(0, &first.why));
        for (i, (_, edge)) in links.iter().enumerate().skip(1) {
            diagnostic = diagnostic.related(edge.span, says(i, &edge.why));
        }
        out.push(diagnostic);
    }
}
