//! A plan as one page, for whoever approves it: what is asked, what happens, why there, every command and its undo. It can
//! be read without the tool, and asks for nothing from anywhere. Pure.

mod choice;
mod evidence;
mod inputs;
mod limits;
mod order;
mod steps;

use std::fmt::Write;

use super::{picture, text};
use crate::page::{DOCUMENT, Esc, Frame, code, list, section};
use crate::plan::saved::SavedPlan;
use crate::plan::{Plan, ServicePlan, StepRef};
use crate::site::id::HostName;

const STYLE: &str = include_str!("page.css");

/// The whole page; `kept` is what the plan was made from, if that was kept.
pub fn page(plan: &Plan, kept: Option<&SavedPlan>) -> String {
    let mut main = String::new();
    header(&mut main, plan, kept);
    section(&mut main, "services", "What it comes to", |html| {
        plan.services.iter().for_each(|service| self::service(html, plan, service));
    });
    section(&mut main, "order", "What happens, in order", |html| order::order(html, plan));
    section(&mut main, "graph", "The graph", |html| graph(html, plan));
    section(&mut main, "evidence", "What must be known of the old primary", |html| {
        evidence::evidence(html, plan);
    });
    section(&mut main, "placement", "Why these hosts", |html| choice::choice(html, plan));
    section(&mut main, "limits", "How long it takes at worst", |html| limits::worst_case(html, plan));
    section(&mut main, "undo", "What can be taken back", |html| limits::undo(html, plan));
    section(&mut main, "steps", "Every step, host by host", |html| steps::steps(html, plan));
    if let Some(kept) = kept {
        section(&mut main, "inputs", "What it was made from", |html| inputs::inputs(html, kept));
    }
    section(&mut main, "functions", "Shell functions the commands call", |html| steps::functions(html, plan));
    footer(&mut main, kept);
    let style = format!("{DOCUMENT}\n{}\n{STYLE}", picture::STYLE);
    Frame { title: &format!("{} · reveille", title(plan)), style: &style, main: &main }.text()
}

fn title(plan: &Plan) -> String {
    let services: Vec<&str> = plan.services.iter().map(|one| one.service.as_str()).collect();
    format!("{} of {}", plan.operation.as_str(), services.join(", "))
}

fn header(html: &mut String, plan: &Plan, kept: Option<&SavedPlan>) {
    // Writing to a String cannot fail.
    let _ = write!(
        html,
        "<header>\n<p class=\"site\">reveille plan</p>\n<h1>Plan: {}</h1>\n<p class=\"facts\">{}</p>\n",
        Esc(title(plan)),
        Esc(text::last_line(plan).trim_start_matches("Plan: ").split(" [").next().unwrap_or_default())
    );
    let mut rows = Vec::new();
    if let Some(kept) = kept {
        let made = &kept.made;
        rows.push(("Asked", code(made.argv.join(" "))));
        rows.push(("By", Esc(format_args!("{} on {}", made.who, made.host)).to_string()));
        rows.push(("Kept at", format!("<time datetime=\"{0}\">{0}</time>", Esc(&made.at))));
        rows.push(("Made by", Esc(format_args!("reveille {}", made.version)).to_string()));
        rows.push(("Seal", code(&kept.seal)));
    }
    rows.push(("Plan hash", code(&plan.hash)));
    list(html, &rows);
    if kept.is_some() {
        html.push_str(
            "<p class=\"soft\"><code>reveille apply FILE</code> does exactly this, once, or refuses and says what is not as it \
             was. The first characters of seal and hash are printed by <code>reveille show FILE</code>: they name the file this \
             page was made from.</p>\n",
        );
    }
    html.push_str("</header>\n");
}

fn service(html: &mut String, plan: &Plan, service: &ServicePlan) {
    let host = |host: &Option<HostName>| host.as_ref().map_or("nobody".to_owned(), ToString::to_string);
    let changes = |was: String, is: String| if was == is { is } else { format!("{was} → {is}") };
    let addresses: Vec<String> = service.addresses.iter().map(ToString::to_string).collect();
    let mut rows = vec![
        ("Primary", Esc(changes(host(&service.from), host(&service.to))).to_string()),
        ("Secondary, in the end", Esc(host(&service.secondary)).to_string()),
        ("Epoch", changes(service.epoch_before.to_string(), service.epoch.to_string())),
    ];
    if !addresses.is_empty() {
        rows.push(("Addresses", Esc(addresses.join(", ")).to_string()));
    }
    if let Some(step) = &service.point_of_no_return {
        let words = "Until then all is taken back if anything fails; after it the plan is finished forward.";
        rows.push(("Point of no return", format!("{} <small>{words}</small>", link(plan, step))));
    }
    rows.extend(service.notes.iter().map(|note| ("Note", Esc(note).to_string())));
    let _ = writeln!(html, "<h3>{}</h3>", Esc(&service.service));
    list(html, &rows);
}

fn graph(html: &mut String, plan: &Plan) {
    let _ = write!(
        html,
        "<p><a class=\"skip\" href=\"#steps\">Skip the picture, to the steps</a>Each step leads to its commands. A pale line only \
         repeats what others say.</p>\n\
         <div class=\"wide drawing\" tabindex=\"0\" role=\"region\" aria-labelledby=\"graph\">\n{}</div>\n",
        picture::svg(plan, picture::Place::Page)
    );
}

fn footer(html: &mut String, kept: Option<&SavedPlan>) {
    let version = kept.map_or(env!("CARGO_PKG_VERSION"), |kept| kept.made.version.as_str());
    let _ = writeln!(
        html,
        "<footer><p>This page is a picture of a plan, and nothing is run from it. Plan format {}, reveille {}.</p></footer>",
        crate::plan::SCHEMA,
        Esc(version)
    );
}

/// A step's name, which leads to where it is described.
fn link(plan: &Plan, step: &StepRef) -> String {
    match plan.steps.iter().position(|one| one.id == *step) {
        Some(at) => format!("<a href=\"#step-{}\"><code>{}</code></a>", at + 1, Esc(step)),
        None => code(step),
    }
}

#[cfg(test)]
mod tests;
