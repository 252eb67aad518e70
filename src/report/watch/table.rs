//! The live table as text: services, hosts, what happened last, fitted to a screen. Called by [`super::live`]. Pure.

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;

use super::words;
use crate::monitor::view::{HostView, ServiceView};
use crate::monitor::{Happening, Told};
use crate::plan::status::HostRole;
use crate::plan::table::Role;
use crate::report::board::{Board, Grade};
use crate::report::watch::grid::{Align, Cell, Column, Grid, clip};
use crate::report::words::span;
use crate::site::id::HostName;

/// Happenings shown at most.
const HAPPENINGS: usize = 8;

/// How a picture is to look.
#[derive(Clone, Debug)]
pub struct Look {
    pub color: bool,
    pub zone: TimeZone,
}

/// The whole picture in at most `width` columns and `height` lines.
pub fn picture(board: &Board, look: &Look, width: usize, height: usize) -> Vec<String> {
    let Some(view) = &board.view else {
        return vec![clip("looking at everything for the first time", width)];
    };
    let mut lines = vec![title(board, look, width)];
    let happenings = board.tail.len().min(HAPPENINGS).min((height / 3).max(1));
    // Three gaps, two headers.
    let room = height.saturating_sub(1 + 3 + 2 + happenings);
    let (services, hosts) = share(room, view.services.len(), view.hosts.len());
    let last = board.tail.iter().skip(board.tail.len() - happenings);
    let parts = [
        services_grid(board, look).fit(width, services, look.color),
        hosts_grid(board).fit(width, hosts, look.color),
        last.map(|told| happening(told, look, width)).collect(),
    ];
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        lines.push(String::new());
        lines.extend(part);
    }
    lines.truncate(height);
    lines
}

/// How many rows each of two tables gets. Services come first; hosts keep a quarter.
fn share(room: usize, services: usize, hosts: usize) -> (usize, usize) {
    let least = hosts.min(room / 4);
    let services = services.min(room - least);
    (services, hosts.min(room - services))
}

fn title(board: &Board, look: &Look, width: usize) -> String {
    let time = board.view.as_ref().map(|view| words::time(view.at_ms, &look.zone));
    let states = counted(board.services().iter().map(|service| service.state.to_string()));
    let hosts = counted(board.hosts().iter().map(|host| host.verdict.as_str().to_owned()));
    let parts = ["reveille".to_owned()].into_iter().chain(time).chain(bounds(board));
    let parts = parts.chain([format!("services: {states}"), format!("hosts: {hosts}")]);
    let leads =
        board.monitor.iter().filter(|(_, us)| *us).map(|(monitor, _)| format!("leads: {}", monitor.leader));
    let parts = parts.chain(leads);
    paint(look.color, Style::new().bold(), &clip(&parts.collect::<Vec<_>>().join("  "), width))
}

/// Why this monitor would not act now.
fn bounds(board: &Board) -> Vec<String> {
    let view = board.view.as_ref();
    let isolated = view.filter(|view| view.isolated).map(|_| "ISOLATED: nothing is moved".to_owned());
    let grace = view.map_or(0, |view| view.grace_ms);
    let looking = (grace > 0).then(|| format!("only looking for another {}", span(grace)));
    let leader = board.monitor.as_ref().filter(|(_, us)| !us);
    let standing_by = leader.map(|(monitor, _)| format!("STANDING BY: {} leads", monitor.leader));
    [isolated, looking, standing_by].into_iter().flatten().collect()
}

/// `3 protected, 1 down`, in the order of first appearance.
fn counted(words: impl Iterator<Item = String>) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for word in words {
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let counts: Vec<String> = counts.into_iter().map(|(word, count)| format!("{count} {word}")).collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}

fn services_grid(board: &Board, look: &Look) -> Grid {
    let columns = vec![
        Column::new("", 0),
        Column::new("SERVICE", 0),
        Column::new("STATE", 0),
        Column::new("VERDICT", 0),
        Column::new("PRIMARY", 0),
        Column::new("SECONDARY", 0),
        Column::new("EPOCH", 2).to(Align::Right),
        Column::new("OUT", 0).to(Align::Right),
        Column::new("LAST", 3).give_way(14),
    ];
    let rows = board.services().iter().map(|service| {
        let grade = Grade::of_service(service);
        (grade, service_row(service, grade, board, look))
    });
    Grid { columns, rows: rows.collect() }
}

fn service_row(service: &ServiceView, grade: Grade, board: &Board, look: &Look) -> Vec<Cell> {
    let name = |host: &Option<HostName>| Cell::plain(host.as_ref().map_or("-", HostName::as_str));
    let state = service.acting.map_or(service.state.to_string(), |acting| acting.as_str().to_owned());
    vec![
        Cell::styled(grade.sign(), of(grade)),
        Cell::plain(service.service.as_str()),
        Cell::styled(state, of(grade)),
        Cell::styled(service.verdict.as_str(), of(grade)),
        name(&service.primary),
        name(&service.secondary),
        Cell::plain(service.epoch.to_string()),
        Cell::styled(service.outage_ms.map_or(String::new(), span), of(Grade::Bad)),
        Cell::plain(last(service, board, look)),
    ]
}

/// What matters now about a service, or else what was done last.
fn last(service: &ServiceView, board: &Board, look: &Look) -> String {
    if let Some(pause) = &service.paused {
        return format!("paused {pause}");
    }
    if let Some(held) = &service.held {
        let reasons: Vec<String> = held.blockers.iter().map(ToString::to_string).collect();
        return format!("no {}: {}", held.operation.as_str(), reasons.join("; "));
    }
    let done = board
        .last
        .get(&service.service)
        .and_then(|told| Some(format!("{} {}", words::time(told.at_ms, &look.zone), deed(&told.what)?)));
    done.or_else(|| service.lack.clone()).unwrap_or_default()
}

/// A deed in a few words, beside the name of its service.
pub fn deed(what: &Happening) -> Option<String> {
    Some(match what {
        Happening::Began { operation, .. } => format!("{} begins", operation.as_str()),
        Happening::Moved { operation, primary, outage_ms, .. } => {
            let to = primary.as_ref().map_or(String::new(), |to| format!(" to {to}"));
            let out = outage_ms.map_or(String::new(), |out| format!(", out for {}", span(out)));
            format!("{}{to} done{out}", operation.as_str())
        }
        Happening::Failed { operation, because, .. } => format!("{} FAILED: {because}", operation.as_str()),
        Happening::Planned { operation, file, .. } => format!("{} planned: {file}", operation.as_str()),
        Happening::Held { operation, because, .. } => {
            format!("no {}: {}", operation.as_str(), because.join("; "))
        }
        Happening::Stray { host, holds, .. } => format!("{holds} found on {host}"),
        Happening::Cleaned { host, held, .. } => format!("{held} taken off {host}"),
        _ => return None,
    })
}

fn hosts_grid(board: &Board) -> Grid {
    let columns = vec![
        Column::new("", 0),
        Column::new("HOST", 0),
        Column::new("VERDICT", 0),
        Column::new("LOAD/CPU", 0),
        Column::new("MEMORY", 1).to(Align::Right),
        Column::new("FOR", 2).to(Align::Right),
        Column::new("ROLES", 0).give_way(24),
    ];
    let rows = board.hosts().iter().map(|host| {
        let grade = Grade::of_host(host);
        (grade, host_row(host, grade, board))
    });
    Grid { columns, rows: rows.collect() }
}

fn host_row(host: &HostView, grade: Grade, board: &Board) -> Vec<Cell> {
    let roles = board.roles(&host.host);
    vec![
        Cell::styled(grade.sign(), of(grade)),
        Cell::plain(host.host.as_str()),
        Cell::styled(host.verdict.as_str(), of(grade)),
        Cell::plain(host.load_per_cpu.map_or("-".to_owned(), bar)),
        Cell::plain(memory(host).unwrap_or_else(|| "-".to_owned())),
        Cell::plain(span(host.for_ms)),
        Cell::plain(if roles.is_empty() && grade != Grade::Well {
            host.because.clone()
        } else {
            said(&roles)
        }),
    ]
}

/// `primary of web, mail; secondary of dns`.
fn said(roles: &[HostRole]) -> String {
    let of = |role: Role| {
        let held = roles.iter().filter(|held| held.role == role).map(|held| held.service.as_str());
        let held: Vec<&str> = held.collect();
        (!held.is_empty()).then(|| format!("{role} of {}", held.join(", ")))
    };
    [of(Role::Primary), of(Role::Secondary)].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The share of memory in use.
fn memory(host: &HostView) -> Option<String> {
    let (available, total) = (host.mem_available?, host.mem_total.filter(|total| *total > 0)?);
    let used = u128::from(total.saturating_sub(available)) * 100 / u128::from(total);
    Some(format!("{used} %"))
}

/// `0.31 #---`: full at four runnable processes per CPU.
fn bar(load: f64) -> String {
    let signs: String =
        [0.25, 1.25, 2.25, 3.25].map(|above| if load > above { '#' } else { '-' }).into_iter().collect();
    format!("{load:5.2} {signs}")
}

fn happening(told: &Told, look: &Look, width: usize) -> String {
    let gravity = told.what.gravity();
    let time = words::time(told.at_ms, &look.zone);
    let word = format!("{:7}", words::gravity(gravity));
    let left = width.saturating_sub(time.len() + word.len() + 2);
    let text = clip(&told.what.to_string().replace('\n', "; "), left);
    clip_whole(format!("{time} {} {text}", paint(look.color, words::style(gravity), &word)), width)
}

/// A line whose coloured word may itself be too long for the narrowest of screens.
fn clip_whole(line: String, width: usize) -> String {
    if width < 18 { clip(&anstream::adapter::strip_str(&line).to_string(), width) } else { line }
}

fn of(grade: Grade) -> Style {
    match grade {
        Grade::Well => Style::new(),
        Grade::Doubtful => AnsiColor::Yellow.on_default(),
        Grade::Bad => AnsiColor::Red.on_default().bold(),
    }
}

pub(super) fn paint(color: bool, style: Style, text: &str) -> String {
    if color && !style.is_plain() {
        format!("{}{text}{}", style.render(), style.render_reset())
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::report::sample;

    fn look(color: bool) -> Look {
        Look { color, zone: TimeZone::UTC }
    }

    #[test]
    fn all_there_is_to_know_has_its_place() {
        let expected = "\
reveille  07:05:03  services: 1 down, 1 protected, 1 unprotected  hosts: 1 host-down, 1 ok, 1 overloaded  leads: root on h4

    SERVICE  STATE        VERDICT    PRIMARY  SECONDARY  EPOCH    OUT  LAST
!!  web      down         host-down  h1       h2             4  1.2 s  no failover: another run has it in hand
!   mail     protected    ok         h3       h2             4         paused by root: new switch
!   dns      unprotected  ok         h2       -              4         no host is fit

    HOST  VERDICT     LOAD/CPU    MEMORY     FOR  ROLES
!!  h1    host-down   -             75 %  90 min  primary of web
    h2    ok           0.31 #---    75 %  90 min  primary of dns; secondary of web, mail
!   h3    overloaded   4.20 ####    75 %  90 min  primary of mail

07:05:03 info    root on h4 leads, term 3
07:05:03 notice  mail: failover done, it serves on h3, a copy sleeps on h2, out for 612 ms
07:05:03 notice  this monitor was held up for 700 ms: it looks again before it believes anything
07:05:03 ALARM   web on h1 is host-down: neither the service nor its host answers anybody
07:05:03 ALARM   failover of web failed: a <b>step</b> failed";
        assert_eq!(picture(&sample::board(), &look(false), 130, 40).join("\n"), expected);
    }

    #[test]
    fn colours_say_nothing_that_words_do_not() {
        let coloured = picture(&sample::board(), &look(true), 130, 40).join("\n");
        let plain = picture(&sample::board(), &look(false), 130, 40).join("\n");
        assert_ne!(coloured, plain);
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    }

    #[test]
    fn it_fits_every_screen() {
        let mut board = sample::board();
        board.view(&sample::with(60));
        for width in 40..140 {
            for height in [1, 4, 10, 24, 50] {
                let lines = picture(&board, &look(false), width, height);
                assert!(lines.len() <= height, "{} lines of {height}", lines.len());
                let widest = lines.iter().map(|line| line.width()).max().unwrap();
                assert!(widest <= width, "{widest} columns of {width}");
            }
        }
    }

    #[test]
    fn of_too_many_rows_the_ill_ones_are_shown() {
        let mut board = sample::board();
        board.view(&sample::with(60));
        let text = picture(&board, &look(false), 60, 24).join("\n");
        for ill in ["web ", "mail ", "dns ", "h1 ", "h3 ", "m59 "] {
            assert!(text.contains(ill), "no {ill} in\n{text}");
        }
        assert!(text.contains("more, all well"), "{text}");
        assert!(
            text.contains("SECONDARY") && !text.contains("EPOCH"),
            "what matters less gives way:\n{text}"
        );
    }
}
