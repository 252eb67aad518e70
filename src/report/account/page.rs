//! The story of one run as one page: who, why, when; a timeline; what was known, done, taken back. It can be read without
//! the tool, and asks for nothing from anywhere. Pure.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::timeline::{self, Part};
use super::{at, name};
use crate::engine::account::{Account, OfStep, Undo};
use crate::engine::event::{RunEnd, StepResult};
use crate::monitor::{Gravity, Told};
use crate::page::{DOCUMENT, Esc, Frame, code, folded, list, section, table};
use crate::report::watch::words as watch_words;
use crate::report::words;
use crate::site::id::HostName;

const STYLE: &str = include_str!("page.css");

/// The whole page; `happenings` as [`super::belonging`] chose them.
pub fn page(account: &Account, happenings: &[Told], zone: &TimeZone) -> String {
    let began = account.began.parse::<Timestamp>().unwrap_or_default().as_millisecond();
    let mut main = String::new();
    header(&mut main, account, zone);
    section(&mut main, "time", "Timeline", |html| timelines(html, account, began, happenings));
    section(&mut main, "happened", "What happened around it", |html| happened(html, happenings, zone));
    section(&mut main, "services", "Services", |html| services(html, account, happenings));
    section(&mut main, "evidence", "Evidence that the old primary no longer acts", |html| {
        evidence(html, account);
    });
    section(&mut main, "committed", "Committed", |html| commits(html, account));
    section(&mut main, "steps", "Steps", |html| steps(html, account));
    section(&mut main, "undone", "Taken back", |html| {
        account.undo.iter().for_each(|undo| taken_back(html, undo));
    });
    section(&mut main, "recap", "Recap", |html| recap(html, account));
    footer(&mut main, account);
    let style = format!("{DOCUMENT}\n{}\n{STYLE}", timeline::STYLE);
    Frame { title: &format!("{} · reveille", title(account)), style: &style, main: &main }.text()
}

fn title(account: &Account) -> String {
    let services: Vec<&str> = account.services.iter().map(|one| one.service.as_str()).collect();
    format!("{} of {}", account.operation.as_str(), services.join(", "))
}

fn header(html: &mut String, account: &Account, zone: &TimeZone) {
    let (class, badge) = match &account.end {
        Some(RunEnd::Done) => ("badge", "✓ done"),
        Some(RunEnd::Stuck { .. }) => ("badge bad", "✖ stuck"),
        Some(RunEnd::Undone { .. }) => ("badge doubtful", "▲ undone"),
        Some(_) => ("badge doubtful", "▲ stopped"),
        None => ("badge doubtful", "▲ no end"),
    };
    let end = account.end.as_ref().map_or("cut short, or not over yet".to_owned(), words::end);
    let origin = &account.origin;
    let began = account.began.parse::<Timestamp>().unwrap_or_default();
    let wall = began.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f %Z").to_string();
    // Writing to a String cannot fail.
    let _ = write!(
        html,
        "<header>\n<p class=\"site\">reveille run</p>\n<h1>Report: {}</h1>\n\
         <p><span class=\"{class}\">{badge}</span> {}</p>\n",
        Esc(title(account)),
        Esc(end)
    );
    let rows = [
        ("Run", code(&account.run)),
        ("Began", format!("<time datetime=\"{}\">{}</time>", Esc(&account.began), Esc(wall))),
        ("Took", words::duration(account.took_ms)),
        ("By", Esc(format_args!("{} on {}", origin.who, origin.host)).to_string()),
        ("Asked", code(origin.argv.join(" "))),
        ("Plan hash", code(&account.plan_hash)),
    ];
    list(html, &rows);
    if !account.manual.is_empty() {
        html.push_str("<div class=\"by-hand\">\n<p><b>✖ To be done by hand</b></p>\n");
        for command in &account.manual {
            let place = command.host.as_ref().map_or("here".to_owned(), |host| format!("on {host}"));
            folded(html, &format!("{place}: {}", command.why), &command.command);
        }
        html.push_str("</div>\n");
    }
    html.push_str("</header>\n");
}

fn timelines(html: &mut String, account: &Account, began_ms: i64, happenings: &[Told]) {
    for (part, words) in [(Part::Outage, "The outage, drawn larger"), (Part::Whole, "The whole run")] {
        if let Some(svg) = timeline::svg(account, began_ms, happenings, part) {
            let _ = write!(
                html,
                "<h3>{words}</h3>\n<div class=\"wide timelines\" tabindex=\"0\" role=\"region\" aria-label=\"{words}\">\n{svg}</div>\n"
            );
        }
    }
}

fn happened(html: &mut String, happenings: &[Told], zone: &TimeZone) {
    let rows: Vec<Vec<String>> = happenings
        .iter()
        .map(|told| {
            let gravity = told.what.gravity();
            let word = watch_words::gravity(gravity);
            let badge = match gravity {
                Gravity::Alarm => format!("<span class=\"badge bad\">✖ {word}</span>"),
                Gravity::Warning => format!("<span class=\"badge doubtful\">▲ {word}</span>"),
                Gravity::Info | Gravity::Notice => word.to_owned(),
            };
            let (at, what) = (watch_words::date_time(told.at_ms, zone), Esc(&told.what).to_string());
            vec![format!("<time datetime=\"{}\">{at}</time>", watch_words::instant(told.at_ms)), badge, what]
        })
        .collect();
    table(html, "What the monitor told", &["When", "Gravity", "What"], &rows);
}

fn services(html: &mut String, account: &Account, happenings: &[Told]) {
    let outages = timeline::outages(account, happenings);
    let row = |one: &crate::engine::account::OfService| {
        let out = outages.iter().find(|outage| *outage.service == one.service);
        vec![
            Esc(&one.service).to_string(),
            Esc(format_args!("{} → {}", name(one.from.as_ref()), name(one.to.as_ref()))).to_string(),
            Esc(name(one.secondary.as_ref())).to_string(),
            format!("{} → {}", one.epoch_before, one.epoch),
            out.map_or("–".to_owned(), |outage| Esc(outage.words()).to_string()),
            Esc(one.notes.join("; ")).to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = account.services.iter().map(row).collect();
    let heads = ["Service", "Primary", "Copy planned on", "Epoch", "A client was without it", "Notes"];
    table(html, "What the plan meant", &heads, &rows);
}

fn evidence(html: &mut String, account: &Account) {
    let rows: Vec<Vec<String>> = account
        .evidence
        .iter()
        .map(|one| {
            let words = Esc(&one.words).to_string();
            vec![at(one.at_ms), Esc(&one.service).to_string(), one.kind.as_str().to_owned(), words]
        })
        .collect();
    table(html, "What was obtained", &["When", "Service", "Evidence", "In words"], &rows);
}

fn commits(html: &mut String, account: &Account) {
    let rows: Vec<Vec<String>> = account
        .commits
        .iter()
        .map(|one| {
            let host = |host: &Option<HostName>| Esc(name(host.as_ref())).to_string();
            let row = &one.row;
            vec![
                at(one.at_ms),
                Esc(&one.service).to_string(),
                row.state.to_string(),
                host(&row.primary),
                host(&row.secondary),
                row.epoch.to_string(),
            ]
        })
        .collect();
    let heads = ["When", "Service", "State", "Primary", "Secondary", "Epoch"];
    table(html, "The scheduling table, as it was written", &heads, &rows);
}

fn steps(html: &mut String, account: &Account) {
    let (ran, not): (Vec<&OfStep>, Vec<&OfStep>) =
        account.steps.iter().partition(|step| step.at_ms.is_some());
    let ran: Vec<Vec<String>> = ran.into_iter().map(step).collect();
    table(html, "In the order they began", &["Step", "When", "Took", "Where", "Result", "What"], &ran);
    let not: Vec<Vec<String>> = not.into_iter().map(|step| vec![code(&step.step), result(step)]).collect();
    table(html, "Not run", &["Step", "Why"], &not);
}

fn step(step: &OfStep) -> Vec<String> {
    let mut what = format!("<p>{}</p>", Esc(&step.words));
    if let Some(command) = &step.command {
        folded(&mut what, "Commands", command);
    }
    if let Some(undo) = &step.undo {
        folded(&mut what, "Undo", undo);
    }
    vec![
        code(&step.step),
        step.at_ms.map_or(String::new(), at),
        words::duration(step.took_ms),
        step.host.as_ref().map_or("here".to_owned(), |host| Esc(host).to_string()),
        result(step),
        what,
    ]
}

fn result(step: &OfStep) -> String {
    let (word, sign) = step.result.map_or(("UNKNOWN", '?'), |result| words::result(result, step.advisory));
    let class = match step.result {
        Some(StepResult::Failed | StepResult::TimedOut) if !step.advisory => " class=\"badge bad\"",
        Some(StepResult::Unknown | StepResult::Unreachable) | None => " class=\"badge doubtful\"",
        _ => "",
    };
    let again = if step.attempts > 1 { format!(", attempt {}", step.attempts) } else { String::new() };
    let detail = if step.detail.is_empty() || step.detail == "cancelled" {
        String::new()
    } else {
        format!(" <small>{}</small>", Esc(&step.detail))
    };
    format!("<span{class}>{} {word}{again}</span>{detail}", Esc(sign))
}

fn taken_back(html: &mut String, undo: &Undo) {
    let rows: Vec<Vec<String>> = undo
        .steps
        .iter()
        .map(|undone| {
            let word = match undone.ok {
                Some(true) => "undone",
                Some(false) => "<span class=\"badge bad\">✖ UNDO FAILED</span>",
                None => "not tried",
            };
            let took = undone.at_ms.map(|_| words::duration(undone.took_ms)).unwrap_or_default();
            let detail = Esc(&undone.detail).to_string();
            vec![code(&undone.step), undone.at_ms.map_or(String::new(), at), took, word.to_owned(), detail]
        })
        .collect();
    let _ = writeln!(
        html,
        "<p>{} at {}, because {}.</p>",
        Esc(&undo.service),
        at(undo.at_ms),
        Esc(&undo.because)
    );
    let name = format!("Of {}, the last first", undo.service);
    table(html, &name, &["Step", "When", "Took", "Result", "Detail"], &rows);
}

fn recap(html: &mut String, account: &Account) {
    let rows: Vec<Vec<String>> = account
        .recap
        .iter()
        .map(|host| {
            let counts = [host.ok, host.changed, host.unreachable, host.failed, host.skipped, host.undone];
            let counts = counts.iter().map(ToString::to_string);
            std::iter::once(Esc(&host.host).to_string()).chain(counts).collect()
        })
        .collect();
    let heads = ["Host", "ok", "changed", "unreachable", "failed", "skipped", "undone"];
    table(html, "Steps by host and result", &heads, &rows);
}

fn footer(html: &mut String, account: &Account) {
    let _ = writeln!(
        html,
        "<footer><p>Made from the run's journal; times are seconds since the run began. <code>reveille audit verify</code> proves \
         that the journal is as it was written. Format {}.</p></footer>",
        account.schema
    );
}

#[cfg(test)]
mod tests;
