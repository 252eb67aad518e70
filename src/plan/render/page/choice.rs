//! Why these hosts: every candidate for every role, with its score or what speaks against it. Pure.

use std::fmt::Write;

use crate::page::{Esc, table};
use crate::plan::{Candidate, PlacementTable, Plan};

pub(super) fn choice(html: &mut String, plan: &Plan) {
    let made =
        plan.services.iter().flat_map(|service| service.placement.iter().map(move |one| (service, one)));
    let mut first = true;
    for (service, placement) in made {
        if first {
            html.push_str("<p>The highest score is chosen; among equals, the first of the inventory.</p>\n");
            first = false;
        }
        let name = format!("The {} of {}", placement.role, service.service);
        let rows: Vec<Vec<String>> = placement.candidates.iter().map(|one| row(placement, one)).collect();
        table(html, &name, &["Host", "Choice", "Score", "Made of, or what speaks against it"], &rows);
    }
}

fn row(placement: &PlacementTable, candidate: &Candidate) -> Vec<String> {
    let chosen = placement.chosen.as_ref() == Some(&candidate.host);
    let choice = match (chosen, &candidate.rejected) {
        (true, _) => "<span class=\"badge\">✓ chosen</span>",
        (false, Some(_)) => "<span class=\"badge bad\">✗ rejected</span>",
        (false, None) => "not best",
    };
    let score = candidate.score.map_or("–".to_owned(), |score| format!("{score:+}"));
    vec![Esc(&candidate.host).to_string(), choice.to_owned(), score, made_of(candidate)]
}

fn made_of(candidate: &Candidate) -> String {
    if let Some(rejection) = &candidate.rejected {
        return Esc(rejection).to_string();
    }
    let mut html = String::from("<ul class=\"parts\">");
    for (what, points) in &candidate.parts {
        let _ = write!(html, "<li>{} <b>{points:+}</b></li>", Esc(what));
    }
    html + "</ul>"
}
