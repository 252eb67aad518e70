//! A run as a picture: a row for each step that ran, host by host, a bar from its begin to its end; when the trouble was
//! noticed, how long a client was without the service, when it was protected again. Pure.
//!
//! Nothing is said by colour alone: each row ends with its result in a word, and each mark has a number that is told below.

mod scale;

use std::fmt::Write;

use scale::Scale;

use super::{at, name};
use crate::engine::account::{Account, OfStep, Undone};
use crate::engine::event::{RunEnd, StepResult};
use crate::monitor::{Happening, Told};
use crate::page::Esc;
use crate::plan::table::ServiceState;
use crate::report::words;
use crate::site::id::{HostName, ServiceName};

/// Colours and lines, for light, dark and paper.
pub const STYLE: &str = include_str!("timeline.css");

/// Of the whole, of the names on the left, of the words on the right.
const WIDTH: f64 = 1060.0;
const NAMES: f64 = 262.0;
const WORDS: f64 = 190.0;
const ROW: f64 = 22.0;
/// Above the first row.
const HEAD: f64 = 80.0;
/// How long before a run a verdict may lie that is drawn with it.
const JUST_BEFORE_MS: i64 = 500;
/// What a bar has at least, so that it can be seen.
const LEAST: f64 = 3.0;
/// Of the letters of names and words.
const LETTER: f64 = 7.6;

/// A time a client was without a service, in milliseconds since the run began.
pub(super) struct Outage<'a> {
    pub service: &'a ServiceName,
    pub from_ms: i64,
    pub until_ms: i64,
    pub known_by: KnownBy,
}

/// How we know of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownBy {
    /// A monitor missed it.
    Monitor,
    /// The old primary gave it up during the run.
    Journal,
    /// It was gone already when the run began.
    Begin,
    /// The old primary gave it up during the run, and it was not back when the run ended.
    NotBack,
}

impl Outage<'_> {
    pub fn words(&self) -> String {
        let long = words::duration(u64::try_from(self.until_ms - self.from_ms).unwrap_or(0));
        match self.known_by {
            KnownBy::Monitor => format!("out for {long}, as the monitor saw it"),
            KnownBy::Journal => format!("out for {long}, by the journal"),
            KnownBy::Begin => format!("out for at least {long}: gone before the run began"),
            KnownBy::NotBack => format!("out for at least {long}: not back when the run ended"),
        }
    }
}

/// When each service that moved was not there: until the new primary was proven, from when it was missed or given up.
pub(super) fn outages<'a>(account: &'a Account, happenings: &[Told]) -> Vec<Outage<'a>> {
    account.services.iter().filter_map(|one| outage(account, &one.service, happenings)).collect()
}

fn outage<'a>(account: &'a Account, service: &'a ServiceName, happenings: &[Told]) -> Option<Outage<'a>> {
    let of = account.services.iter().find(|one| one.service == *service)?;
    let from = of.from.as_ref().filter(|from| of.to.as_ref() != Some(*from))?;
    let given_up = of_stages(account, service, &["release"]).filter(|step| step.host.as_ref() == Some(from));
    let given_up = given_up.filter_map(|step| step.at_ms).min().map(signed);
    let made = |from_ms, until_ms, known_by| Some(Outage { service, from_ms, until_ms, known_by });
    let Some(until_ms) = back(account, service, of.to.as_ref()).map(signed) else {
        // It may be back where it was, if all is undone.
        return match (&account.end, given_up) {
            (Some(RunEnd::Undone { .. }), Some(from_ms)) => {
                made(from_ms, given_back(account, service), KnownBy::Journal)
            }
            (_, Some(from_ms)) => made(from_ms, signed(account.took_ms), KnownBy::NotBack),
            (_, None) => None,
        };
    };
    let missed = happenings.iter().find_map(|told| match &told.what {
        Happening::Moved { service: of, outage_ms, .. } if of == service => *outage_ms,
        _ => None,
    });
    match (missed, given_up) {
        (Some(missed), _) => made(until_ms.saturating_sub_unsigned(missed), until_ms, KnownBy::Monitor),
        (None, Some(from_ms)) => made(from_ms, until_ms, KnownBy::Journal),
        (None, None) => made(0, until_ms, KnownBy::Begin),
    }
}

/// Steps of a service that did well in these stages.
fn of_stages<'a>(
    account: &'a Account,
    service: &'a ServiceName,
    stages: &'static [&'static str],
) -> impl Iterator<Item = &'a OfStep> {
    let well = |step: &OfStep| matches!(step.result, Some(StepResult::Ok | StepResult::Changed));
    let of = account.steps.iter().filter(move |step| step.service == *service && well(step));
    of.filter(move |step| stages.contains(&step.step.stage()))
}

/// When the new primary was proven to serve, if it came to that.
fn back(account: &Account, service: &ServiceName, to: Option<&HostName>) -> Option<u64> {
    let of = |one: &&crate::engine::account::Commit| one.service == *service;
    let committed = account.commits.iter().filter(of).find(|one| one.row.primary.as_ref() == to)?;
    let ends = of_stages(account, service, &["ifconfig", "prove"])
        .filter_map(|step| Some(step.at_ms?.saturating_add(step.took_ms)));
    Some(ends.filter(|end| *end <= committed.at_ms).max().unwrap_or(committed.at_ms))
}

/// When what the old primary had given up was undone.
fn given_back(account: &Account, service: &ServiceName) -> i64 {
    let undone = account.undo.iter().filter(|undo| undo.service == *service).flat_map(|undo| &undo.steps);
    let released = undone.filter(|undone| undone.step.stage() == "release");
    let ends = released.filter_map(|undone| Some(undone.at_ms?.saturating_add(undone.took_ms)));
    signed(ends.max().unwrap_or(account.took_ms))
}

/// A moment worth a line of its own.
struct Mark {
    at_ms: i64,
    words: String,
}

fn marks(account: &Account, began_ms: i64, happenings: &[Told], outages: &[Outage]) -> Vec<Mark> {
    // What was seen of it before it failed is told beside the picture, and would make all else small in it.
    let first = outages.iter().map(|outage| outage.from_ms).min().unwrap_or(0).min(-JUST_BEFORE_MS);
    let since = |at_ms: u64| i64::try_from(at_ms).unwrap_or(i64::MAX).saturating_sub(began_ms);
    let noticed = happenings.iter().filter(|told| {
        matches!(told.what, Happening::ServiceVerdict { .. } | Happening::HostVerdict { .. })
            && (first..=0).contains(&since(told.at_ms))
    });
    let mut marks: Vec<Mark> = noticed
        .map(|told| Mark { at_ms: since(told.at_ms), words: format!("noticed: {}", told.what) })
        .collect();
    marks.push(Mark { at_ms: 0, words: format!("the run begins: {}", account.operation.as_str()) });
    for one in &account.evidence {
        let words = format!("{}: evidence, {}: {}", one.service, one.kind.as_str(), one.words);
        marks.push(Mark { at_ms: signed(one.at_ms), words });
    }
    for one in &account.commits {
        let (service, primary) = (&one.service, name(one.row.primary.as_ref()));
        let words = if one.row.state == ServiceState::Protected {
            format!("{service}: protected again, its copy sleeps on {}", name(one.row.secondary.as_ref()))
        } else {
            format!("{service}: committed, {primary} is the primary")
        };
        marks.push(Mark { at_ms: signed(one.at_ms), words });
    }
    for undo in &account.undo {
        let words = format!("{}: is taken back: {}", undo.service, undo.because);
        marks.push(Mark { at_ms: signed(undo.at_ms), words });
    }
    marks.sort_by_key(|mark| mark.at_ms);
    marks
}

/// A line of the picture.
enum Row<'a> {
    Group(String),
    Outage(&'a Outage<'a>),
    Step(&'a OfStep),
    Undone(&'a Undone),
}

impl Row<'_> {
    /// From when to when its bar goes.
    fn span(&self) -> Option<(i64, i64)> {
        let long = |at: u64, took: u64| (signed(at), signed(at.saturating_add(took)));
        match self {
            Self::Group(_) => None,
            Self::Outage(outage) => Some((outage.from_ms, outage.until_ms)),
            Self::Step(step) => step.at_ms.map(|at| long(at, step.took_ms)),
            Self::Undone(undone) => undone.at_ms.map(|at| long(at, undone.took_ms)),
        }
    }
}

/// Which part of the run is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// What happened around the outages, where that is only a small part of the whole.
    Outage,
}

/// The picture; `None` where there is nothing to be drawn.
pub(super) fn svg(account: &Account, began_ms: i64, happenings: &[Told], part: Part) -> Option<String> {
    let outages = outages(account, happenings);
    let marks = marks(account, began_ms, happenings, &outages);
    let whole = whole(account, &marks, &outages);
    let (from, until) = match part {
        Part::Whole => whole,
        Part::Outage => around(&outages, &marks, whole)?,
    };
    let scale = Scale::new(from, until, NAMES, WIDTH - WORDS);
    let rows = rows(account, &outages, |(begin, end)| end >= from && begin <= until);
    let marks: Vec<Mark> = marks.into_iter().filter(|mark| (from..=until).contains(&mark.at_ms)).collect();
    Some(drawn(account, part, &scale, &rows, &marks, &outages))
}

fn whole(account: &Account, marks: &[Mark], outages: &[Outage]) -> (i64, i64) {
    let first = marks.iter().map(|mark| mark.at_ms).chain(outages.iter().map(|outage| outage.from_ms)).min();
    (first.unwrap_or(0).min(0), signed(account.took_ms).max(1))
}

/// From the first sign of trouble to a little after the last service is back.
fn around(outages: &[Outage], marks: &[Mark], (first, last): (i64, i64)) -> Option<(i64, i64)> {
    let until = outages.iter().map(|outage| outage.until_ms).max()?;
    let back = marks.iter().map(|mark| mark.at_ms).find(|at| *at >= until).unwrap_or(until);
    let end = back + (back - first) / 12;
    ((last - first) > 3 * (end - first)).then_some((first, end.max(first + 1)))
}

fn rows<'a>(
    account: &'a Account,
    outages: &'a [Outage<'a>],
    shown: impl Fn((i64, i64)) -> bool,
) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    if !outages.is_empty() {
        rows.push(Row::Group("what a client meets".to_owned()));
        rows.extend(outages.iter().map(Row::Outage));
    }
    let mut hosts: Vec<Option<&HostName>> = Vec::new();
    for step in account.steps.iter().filter(|step| step.at_ms.is_some()) {
        if !hosts.contains(&step.host.as_ref()) {
            hosts.push(step.host.as_ref());
        }
    }
    for host in hosts {
        let steps = account.steps.iter().filter(|step| step.host.as_ref() == host).map(Row::Step);
        let undone = account.undo.iter().flat_map(|undo| &undo.steps);
        let undone = undone.filter(|undone| undone.step.host().as_ref() == host).map(Row::Undone);
        let mut of_host: Vec<Row> =
            steps.chain(undone).filter(|row| row.span().is_some_and(&shown)).collect();
        of_host.sort_by_key(|row| row.span().map(|(begin, _)| begin));
        if !of_host.is_empty() {
            rows.push(Row::Group(host.map_or("controller", HostName::as_str).to_owned()));
            rows.extend(of_host);
        }
    }
    rows
}

fn drawn(
    account: &Account,
    part: Part,
    scale: &Scale,
    rows: &[Row],
    marks: &[Mark],
    outages: &[Outage],
) -> String {
    let foot = HEAD + length(rows.len()) * ROW;
    let height = foot + 30.0 + length(marks.len()) * ROW;
    let id = if part == Part::Whole { "run" } else { "outage" };
    let mut svg = format!(
        "<svg class=\"timeline\" role=\"img\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         aria-labelledby=\"{id}-title {id}-words\">\n<title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-words\">{}</desc>\n\
         <defs><pattern id=\"{id}-gone\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\"><path class=\"gone\" \
         d=\"M-2 10L10 -2M-2 2L2 -2M6 10L10 6\"/></pattern></defs>\n",
        Esc(title(account, part)),
        Esc(about(account, outages))
    );
    for outage in outages {
        let (x, width) = scale.bar(outage.from_ms, outage.until_ms, LEAST);
        let _ = writeln!(
            svg,
            r#"<rect class="shade" x="{x:.1}" y="{HEAD}" width="{width:.1}" height="{:.1}"/>"#,
            foot - HEAD
        );
    }
    grid(&mut svg, scale, foot);
    for (at, row) in rows.iter().enumerate() {
        draw(&mut svg, row, HEAD + length(at) * ROW, scale, id, account.services.len() > 1);
    }
    moments(&mut svg, scale, marks, foot);
    svg.push_str("</svg>\n");
    svg
}

fn title(account: &Account, part: Part) -> String {
    let of = match part {
        Part::Whole => "Timeline of the run",
        Part::Outage => "Timeline of the outage",
    };
    let services: Vec<&str> = account.services.iter().map(|one| one.service.as_str()).collect();
    format!("{of}: {} of {}", account.operation.as_str(), services.join(", "))
}

fn about(account: &Account, outages: &[Outage]) -> String {
    let mut about = format!("It took {}. ", words::duration(account.took_ms));
    for outage in outages {
        let _ = write!(about, "{}: {}. ", outage.service, outage.words());
    }
    about + "The table of steps says the same in words."
}

fn grid(svg: &mut String, scale: &Scale, foot: f64) {
    for tick in scale.ticks() {
        let x = scale.x(tick);
        let _ = writeln!(svg, r#"<path class="grid" d="M{x:.1} {HEAD}V{foot:.1}"/>"#);
        text(svg, "tick", x, HEAD - 6.0, &scale.label(tick));
    }
}

fn draw(svg: &mut String, row: &Row, y: f64, scale: &Scale, id: &str, several: bool) {
    let base = y + 15.5;
    let (label, class, said) = match row {
        Row::Group(name) => {
            let _ = writeln!(svg, r#"<path class="rule" d="M0 {y:.1}H{WIDTH}"/>"#);
            text(svg, "group", 4.0, base, name);
            return;
        }
        Row::Outage(outage) => {
            let long = u64::try_from(outage.until_ms - outage.from_ms).unwrap_or(0);
            let least =
                if matches!(outage.known_by, KnownBy::Begin | KnownBy::NotBack) { "≥ " } else { "" };
            (outage.service.to_string(), "out", format!("✖ out, {least}{}", words::duration(long)))
        }
        Row::Step(step) => {
            let (word, sign) = result(step);
            let label = if several {
                format!("{} {}", step.service, short(&step.step.0))
            } else {
                short(&step.step.0).to_owned()
            };
            (label, grade(step), format!("{sign} {word}, {}", words::duration(step.took_ms)))
        }
        Row::Undone(undone) => {
            let word = match undone.ok {
                Some(true) => "< undone",
                Some(false) => "! UNDO FAILED",
                None => "? unknown",
            };
            (
                format!("undo of {}", short(&undone.step.0)),
                "undo",
                format!("{word}, {}", words::duration(undone.took_ms)),
            )
        }
    };
    text(svg, "name", 16.0, base, &cut(&label, NAMES - 26.0));
    text(svg, "said", WIDTH - WORDS + 10.0, base, &cut(&said, WORDS - 10.0));
    if let Some((begin, end)) = row.span() {
        let (x, width) = scale.bar(begin, end, LEAST);
        let fill = if class == "out" { format!(" fill=\"url(#{id}-gone)\"") } else { String::new() };
        let _ = writeln!(
            svg,
            "<rect class=\"bar {class}\"{fill} x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"14\" rx=\"2\"><title>{}</title></rect>",
            y + 4.0,
            Esc(format_args!("{label}: {said}"))
        );
    }
}

/// Numbered lines, and below what each number stands for.
fn moments(svg: &mut String, scale: &Scale, marks: &[Mark], foot: f64) {
    let mut taken: Vec<f64> = Vec::new();
    for (at, mark) in marks.iter().enumerate() {
        let x = scale.x(mark.at_ms);
        // A number that has no room beside the last one stands lower.
        let level = taken.iter().position(|last| x - last > 20.0).unwrap_or(taken.len()).min(2);
        taken.resize(taken.len().max(level + 1), x);
        taken[level] = x;
        let y = 12.0 + length(level) * 20.0;
        let _ = writeln!(svg, r#"<path class="mark" d="M{x:.1} {:.1}V{foot:.1}"/>"#, y + 8.0);
        number(svg, x, y, at + 1);
        let line = foot + 26.0 + length(at) * ROW;
        number(svg, 14.0, line - 4.0, at + 1);
        text(svg, "name", 32.0, line, &moment(mark.at_ms));
        text(svg, "name", 112.0, line, &cut(&mark.words, WIDTH - 116.0));
    }
}

fn number(svg: &mut String, x: f64, y: f64, number: usize) {
    let _ = writeln!(svg, r#"<circle class="disc" cx="{x:.1}" cy="{y:.1}" r="8.5"/>"#);
    text(svg, "number", x, y + 4.0, &number.to_string());
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, words: &str) {
    let _ = writeln!(svg, r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{}</text>"#, Esc(words));
}

/// Words as far as there is room.
fn cut(words: &str, room: f64) -> String {
    let all = words.chars().count();
    if length(all) * LETTER <= room {
        return words.to_owned();
    }
    let mut kept = String::new();
    for c in words.chars() {
        if length(kept.chars().count() + 2) * LETTER > room {
            break;
        }
        kept.push(c);
    }
    kept + "…"
}

fn result(step: &OfStep) -> (&'static str, char) {
    step.result.map_or(("UNKNOWN", '?'), |result| words::result(result, step.advisory))
}

fn grade(step: &OfStep) -> &'static str {
    match step.result {
        Some(StepResult::Changed) => "changed",
        Some(StepResult::Failed | StepResult::TimedOut) if !step.advisory => "failed",
        Some(StepResult::Unreachable | StepResult::Unknown) | None => "unknown",
        _ => "looked",
    }
}

/// `web/h2/wake.resume` without what its group says already.
fn short(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// `+0.412 s` since the run began, `−0.100 s` before.
fn moment(ms: i64) -> String {
    if ms < 0 { at(ms.unsigned_abs()).replace('+', "−") } else { at(ms.unsigned_abs()) }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// A count as a length.
fn length(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
