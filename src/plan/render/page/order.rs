//! What happens, as one would tell it: the stages of each service in the order in which they can begin. Pure.

use std::fmt::Write;

use super::link;
use crate::page::Esc;
use crate::plan::render::{depths, text};
use crate::plan::{Plan, PlanStep, Stage, Work};

pub(super) fn order(html: &mut String, plan: &Plan) {
    let chapters = chapters(plan);
    if chapters.is_empty() {
        return;
    }
    html.push_str("<ol>\n");
    for steps in &chapters {
        chapter(html, plan, steps);
    }
    html.push_str("</ol>\n");
}

/// Steps of one service, stage and host, in the order in which the first of each can begin.
fn chapters(plan: &Plan) -> Vec<Vec<&PlanStep>> {
    let depths = depths(plan);
    let mut steps: Vec<&PlanStep> = plan.steps.iter().filter(|step| step.skip.is_none()).collect();
    steps.sort_by_key(|step| depths.get(&step.id).copied().unwrap_or(0));
    let mut chapters: Vec<Vec<&PlanStep>> = Vec::new();
    for step in steps {
        let same = |other: &PlanStep| {
            (&other.service, other.stage, &other.host) == (&step.service, step.stage, &step.host)
                // What is written into the table on the way is told where it is written.
                && !matches!(step.work, Work::Commit(_))
        };
        match chapters.iter_mut().find(|chapter| chapter.iter().any(|other| same(other))) {
            Some(chapter) => chapter.push(step),
            None => chapters.push(vec![step]),
        }
    }
    chapters
}

fn chapter(html: &mut String, plan: &Plan, steps: &[&PlanStep]) {
    let Some(first) = steps.first() else { return };
    let service = if plan.services.len() > 1 { format!("{}: ", first.service) } else { String::new() };
    let _ = write!(html, "<li><b>{}{}</b>", Esc(service), Esc(heading(first)));
    html.push_str("<ul>");
    for step in steps {
        let _ = write!(html, "<li>{} <small>{}</small></li>", Esc(text::what(step)), link(plan, &step.id));
    }
    html.push_str("</ul></li>\n");
}

fn heading(step: &PlanStep) -> String {
    let host = text::place(step);
    match step.stage {
        Stage::Quarantine => format!("{host} is cleaned of what it has no right to hold"),
        Stage::Prepare => format!("{host} is prepared"),
        Stage::Sleep => format!("{host} gets a sleeping copy"),
        Stage::Release => format!("{host} gives the service up"),
        Stage::Evidence if step.host.is_none() => {
            "It must be known that the old primary no longer acts".to_owned()
        }
        Stage::Evidence => format!("{host} looks for evidence that the old primary no longer acts"),
        Stage::Wake => format!("{host} wakes the sleeping copy"),
        Stage::Ifconfig => format!("{host} takes the service's address"),
        Stage::Prove if step.host.is_none() => "The service is looked at as a client does".to_owned(),
        Stage::Prove => format!("The service is looked at from {host}"),
        Stage::Commit if step.host.is_none() => "The scheduling table is written".to_owned(),
        Stage::Commit => format!("{host} settles in its role"),
        Stage::Teardown => format!("{host} lets go of the service"),
    }
}
