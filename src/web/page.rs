//! The status page as HTML: one file that asks for nothing from anywhere else. The server writes every word of it; the
//! script in it only fetches the changing part again and puts it in place, so that without it the page is complete too.

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::shown::Shown;
use crate::monitor::Told;
use crate::monitor::view::{HostView, ServiceView};
use crate::page::Esc;
use crate::plan::table::{Role, ServiceState};
use crate::report::board::{Board, Grade};
use crate::report::watch::table::deed;
use crate::report::watch::words;
use crate::report::words::span;
use crate::site::id::HostName;

const FRAME: &str = include_str!("page/page.html");
const STYLE: &str = concat!(include_str!("../page/look.css"), include_str!("page/page.css"));
const SCRIPT: &str = include_str!("page/page.js");

/// Happenings on the page.
const HAPPENINGS: usize = 100;

/// The load per CPU at which a bar is full; half of it is a CPU's worth.
const FULL_LOAD: f64 = 2.0;

/// Where there is nothing to say.
const NONE: &str = "–";

/// What a browser may do with the page: run and show what is in it, and ask this server again.
pub(super) fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
        format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash(STYLE),
            hash(SCRIPT)
        )
    });
    &POLICY
}

/// The whole page.
pub(super) fn page(shown: &Shown) -> String {
    let (title, main) = (Esc(title(shown)).to_string(), main(shown));
    let parts =
        [("{title}", title.as_str()), ("{style}", STYLE), ("{main}", main.as_str()), ("{script}", SCRIPT)];
    let mut page = String::with_capacity(FRAME.len() + STYLE.len() + SCRIPT.len() + main.len());
    let mut rest = FRAME;
    // Each part once, in the order of the frame: what is put in is never looked at again.
    for (mark, part) in parts {
        let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
        page.push_str(before);
        page.push_str(part);
        rest = after;
    }
    page + rest
}

/// The part that changes.
pub(super) fn main(shown: &Shown) -> String {
    let mut html = String::new();
    // Writing to a String cannot fail.
    let _ = write!(html, "<main id=\"main\" data-title=\"{}\">", Esc(title(shown)));
    header(&mut html, shown);
    services(&mut html, shown);
    hosts(&mut html, &shown.board);
    happenings(&mut html, shown);
    html.push_str("</main>\n");
    html
}

fn title(shown: &Shown) -> String {
    format!("{} · {}", headline(&shown.board).1, shown.site)
}

/// The worst of it in a few words.
fn headline(board: &Board) -> (Grade, String) {
    let Some(view) = &board.view else { return (Grade::Doubtful, "Looking for the first time".to_owned()) };
    if view.isolated {
        return (Grade::Bad, "This monitor is cut off: nothing is moved".to_owned());
    }
    let deployed = || view.services.iter().filter(|service| service.state != ServiceState::Absent);
    let in_state = |state| deployed().filter(|service| service.state == state).count();
    let all = deployed().count();
    let of_all = |count: usize, what: &str| {
        let be = if count == 1 { "is" } else { "are" };
        format!("{count} of {all} {} {be} {what}", if all == 1 { "service" } else { "services" })
    };
    for (state, grade, what) in [
        (ServiceState::Down, Grade::Bad, "down"),
        (ServiceState::Stuck, Grade::Bad, "stuck: a person is needed"),
        (ServiceState::Moving, Grade::Doubtful, "being moved"),
        (ServiceState::Unprotected, Grade::Doubtful, "up, but unprotected"),
    ] {
        if in_state(state) > 0 {
            return (grade, of_all(in_state(state), what));
        }
    }
    match all {
        0 => (Grade::Well, "No service is deployed".to_owned()),
        1 => (Grade::Well, "The service is protected".to_owned()),
        _ => (Grade::Well, format!("All {all} services are protected")),
    }
}

fn header(html: &mut String, shown: &Shown) {
    let (grade, words) = headline(&shown.board);
    let _ = write!(
        html,
        "<header><p class=\"site\">reveille · {}</p><h1 class=\"{}\" role=\"status\" aria-live=\"polite\">{}{}</h1>",
        Esc(&shown.site),
        class(grade),
        sign(grade),
        Esc(words)
    );
    html.push_str("<p class=\"facts\">");
    if let Some(view) = &shown.board.view {
        let _ = write!(html, "<span>As of {}</span>", time(view.at_ms, shown));
        if view.grace_ms > 0 {
            let _ = write!(html, "<span>It only looks for another {}</span>", span(view.grace_ms));
        }
    }
    if let Some((monitor, us)) = &shown.board.monitor {
        let us = if *us { "This monitor leads" } else { "This monitor stands by; leader" };
        let _ = write!(html, "<span>{us}: {}</span>", Esc(&monitor.leader));
    }
    html.push_str("</p></header>\n");
}

fn services(html: &mut String, shown: &Shown) {
    let heads = ["Service", "State", "Primary", "Secondary", "Epoch", "Answers in", "Out for", "Last"];
    open_table(html, "services", "Services", &heads);
    for service in shown.board.services() {
        service_row(html, service, shown);
    }
    html.push_str("</tbody></table></div></section>\n");
}

fn open_table(html: &mut String, id: &str, caption: &str, heads: &[&str]) {
    let heads: Vec<String> = heads.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect();
    let _ = write!(
        html,
        "<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{caption}</h2>\
         <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{id}\"><table class=\"{id}\">\
         <thead><tr>{}</tr></thead><tbody>",
        heads.concat()
    );
}

fn service_row(html: &mut String, service: &ServiceView, shown: &Shown) {
    let grade = Grade::of_service(service);
    let addresses = shown.addresses.get(&service.service).into_iter().flatten();
    let addresses: Vec<String> = addresses.map(|address| address.ip().to_string()).collect();
    let state =
        service.acting.map_or(service.state.to_string(), |acting| format!("{} under way", acting.as_str()));
    let _ = write!(
        html,
        "<tr data-key=\"service {0}\" class=\"{1}\"><th scope=\"row\">{0}<small>{2}</small></th>\
         <td data-head=\"State\"><div><span class=\"badge {1}\">{3}{4}</span>",
        Esc(&service.service),
        class(grade),
        Esc(addresses.join(" ")),
        sign(grade),
        Esc(state)
    );
    for stands in stands_still(service) {
        let _ = write!(html, "<small class=\"still\">{}</small>", Esc(stands));
    }
    why(html, service);
    html.push_str("</div></td>");
    cell(html, "Primary", &host(service.primary.as_ref()));
    cell(html, "Secondary", &host(service.secondary.as_ref()));
    cell(html, "Epoch", &service.epoch.to_string());
    cell(html, "Answers in", &service.latency_us.map_or(NONE.to_owned(), latency));
    cell(
        html,
        "Out for",
        &service.outage_ms.map_or(NONE.to_owned(), |out| format!("<b class=\"bad\">{}</b>", span(out))),
    );
    cell(html, "Last", &last(service, shown));
    html.push_str("</tr>\n");
}

/// Why nothing is done about it, where somebody may wonder.
fn stands_still(service: &ServiceView) -> impl Iterator<Item = String> {
    let paused = service.paused.iter().map(|pause| format!("paused {pause}"));
    let held = service.held.iter().map(|held| format!("no {}: see below", held.operation.as_str()));
    paused.chain(held)
}

/// What is concluded, who observed what, and what stands in the way: closed unless opened.
fn why(html: &mut String, service: &ServiceView) {
    let _ = write!(
        html,
        "<details><summary>{} for {}</summary><p>{}</p>",
        service.verdict.as_str(),
        span(service.for_ms),
        Esc(&service.because)
    );
    list(html, &service.observed);
    if let Some(held) = &service.held {
        let _ = write!(html, "<p>No {}:</p>", held.operation.as_str());
        let name = service.service.as_str();
        let blockers = held.blockers.iter().map(|one| format!("{one} ({})", one.way_out(name)));
        list(html, &blockers.collect::<Vec<_>>());
    }
    let lack = service.lack.iter().map(|lack| format!("unprotected: {lack}"));
    let gauges = service.gauges.iter().map(|(rule, value)| format!("{rule}: {value:.2}"));
    list(html, &lack.chain(gauges).collect::<Vec<_>>());
    html.push_str("</details>");
}

fn list(html: &mut String, items: &[String]) {
    if items.is_empty() {
        return;
    }
    html.push_str("<ul>");
    for item in items {
        let _ = write!(html, "<li>{}</li>", Esc(item));
    }
    html.push_str("</ul>");
}

fn last(service: &ServiceView, shown: &Shown) -> String {
    let told = shown.board.last.get(&service.service);
    let done = told.and_then(|told| Some(format!("{} {}", time(told.at_ms, shown), Esc(deed(&told.what)?))));
    done.unwrap_or_else(|| NONE.to_owned())
}

fn hosts(html: &mut String, board: &Board) {
    open_table(html, "hosts", "Hosts", &["Host", "Verdict", "Load per CPU", "Memory", "Roles"]);
    for host in board.hosts() {
        host_row(html, host, board);
    }
    html.push_str("</tbody></table></div></section>\n");
}

fn host_row(html: &mut String, host: &HostView, board: &Board) {
    let grade = Grade::of_host(host);
    let _ = write!(
        html,
        "<tr data-key=\"host {0}\" class=\"{1}\"><th scope=\"row\">{0}</th>\
         <td data-head=\"Verdict\"><div><span class=\"badge {1}\">{2}{3}</span><small>for {4}</small></div></td>",
        Esc(&host.host),
        class(grade),
        sign(grade),
        host.verdict.as_str(),
        span(host.for_ms)
    );
    cell(html, "Load per CPU", &host.load_per_cpu.map_or(NONE.to_owned(), load));
    cell(html, "Memory", &memory(host).unwrap_or_else(|| NONE.to_owned()));
    let roles: Vec<String> = board
        .roles(&host.host)
        .iter()
        .map(|held| {
            let class = if held.role == Role::Primary { "primary" } else { "secondary" };
            format!("<span class=\"role {class}\">{} <small>{}</small></span>", Esc(&held.service), held.role)
        })
        .collect();
    let because =
        if grade == Grade::Well { String::new() } else { format!("<small>{}</small>", Esc(&host.because)) };
    let none = if roles.is_empty() && because.is_empty() { NONE } else { "" };
    cell(html, "Roles", &format!("{}{because}{none}", roles.join(" ")));
    html.push_str("</tr>\n");
}

fn happenings(html: &mut String, shown: &Shown) {
    html.push_str("<section aria-labelledby=\"happened\"><h2 id=\"happened\">What happened</h2>");
    if shown.board.tail.is_empty() {
        html.push_str("<p>Nothing yet.</p>");
    }
    html.push_str("<ol class=\"happenings\" role=\"log\" aria-live=\"polite\" aria-relevant=\"additions\">");
    let all = shown.board.tally.happenings;
    for (back, told) in shown.board.tail.iter().rev().take(HAPPENINGS).enumerate() {
        happening(html, told, all.wrapping_sub(back as u64), shown);
    }
    html.push_str("</ol></section>\n");
}

fn happening(html: &mut String, told: &Told, number: u64, shown: &Shown) {
    let gravity = told.what.gravity();
    let word = words::gravity(gravity);
    let _ = writeln!(
        html,
        "<li data-key=\"happening {number}\" class=\"{}\">{} <b class=\"gravity\">{}{word}</b> <span>{}</span></li>",
        word.to_lowercase(),
        time(told.at_ms, shown),
        sign(Grade::of_gravity(gravity)),
        Esc(&told.what)
    );
}

fn cell(html: &mut String, head: &str, value: &str) {
    let class = if value == NONE { " class=\"none\"" } else { "" };
    let _ = write!(html, "<td data-head=\"{head}\"{class}><div>{value}</div></td>");
}

fn host(host: Option<&HostName>) -> String {
    host.map_or(NONE.to_owned(), |host| Esc(host).to_string())
}

fn latency(us: u64) -> String {
    if us < 10_000 { format!("{}.{} ms", us / 1000, us % 1000 / 100) } else { span(us / 1000) }
}

/// A bar with a mark at one CPU's worth.
fn load(load: f64) -> String {
    format!("{}<span>{load:.2}</span>", bar(load / FULL_LOAD, load >= 1.0, true))
}

fn memory(host: &HostView) -> Option<String> {
    let (available, total) = (host.mem_available?, host.mem_total.filter(|total| *total > 0)?);
    #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
    let used = 1.0 - available.min(total) as f64 / total as f64;
    Some(format!("{}<span>{:.0} %</span>", bar(used, used > 0.9, false), used * 100.0))
}

fn bar(share: f64, high: bool, mark: bool) -> String {
    let mark = if mark { "<rect class=\"mark\" x=\"49.5\" width=\"1\" height=\"8\"/>" } else { "" };
    format!(
        "<svg class=\"bar{}\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"fill\" width=\"{:.1}\" height=\"8\"/>{mark}</svg>",
        if high { " high" } else { "" },
        share.clamp(0.0, 1.0) * 100.0
    )
}

fn time(at_ms: u64, shown: &Shown) -> String {
    let now = shown.board.view.as_ref().map_or(at_ms, |view| view.at_ms);
    format!("<time datetime=\"{}\">{}</time>", words::instant(at_ms), words::moment(at_ms, now, &shown.zone))
}

fn class(grade: Grade) -> &'static str {
    match grade {
        Grade::Well => "well",
        Grade::Doubtful => "doubtful",
        Grade::Bad => "bad",
    }
}

/// A shape for whoever sees no colour; a screen reader has the words.
fn sign(grade: Grade) -> &'static str {
    match grade {
        Grade::Well => "",
        Grade::Doubtful => "<i aria-hidden=\"true\">▲</i> ",
        Grade::Bad => "<i aria-hidden=\"true\">✖</i> ",
    }
}
