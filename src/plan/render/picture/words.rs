//! The words in a plan's picture: what stands in a step, cut to its width, what its marks mean, and the whole in a
//! sentence. Pure.

use std::fmt::Write;

use super::INSET;
use super::layout::WIDTH;
use crate::page::Esc;
use crate::plan::render::graph::{Edge, edges};
use crate::plan::render::text;
use crate::plan::{Plan, PlanStep, Work, timing};

/// Lines of words in a step, besides its name and its marks.
const LINES: usize = 2;

/// What a step means for a host, and for whoever wants it taken back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    LeftOut,
    Undoable,
    NoUndo,
    Looks,
    Waits,
    AnyOf,
    Table,
}

impl Mark {
    pub fn words(self) -> &'static str {
        match self {
            Self::LeftOut => "left out",
            Self::Undoable => "changes, can be undone",
            Self::NoUndo => "changes, no undo",
            Self::Looks => "only looks",
            Self::Waits => "only waits",
            Self::AnyOf => "one of these is enough",
            Self::Table => "writes the table",
        }
    }
}

pub(super) fn mark(step: &PlanStep) -> Mark {
    match &step.work {
        _ if step.skip.is_some() => Mark::LeftOut,
        Work::Join => Mark::AnyOf,
        Work::Commit(_) => Mark::Table,
        Work::Wait(_) => Mark::Waits,
        _ if !timing::changes(step) => Mark::Looks,
        _ if timing::can_be_undone(step) => Mark::Undoable,
        _ => Mark::NoUndo,
    }
}

/// Its name, with the service's where there are several.
pub(super) fn name(plan: &Plan, step: &PlanStep) -> String {
    let short = text::short(&step.id);
    let name = if plan.services.len() > 1 { format!("{} {short}", step.service) } else { short.to_owned() };
    wrapped(&name, 1, 1.16).concat()
}

/// What it does, in as many lines as there is room for.
pub(super) fn lines(step: &PlanStep) -> Vec<String> {
    wrapped(&text::what(step), LINES, 1.0)
}

pub(super) fn limit(step: &PlanStep) -> Option<String> {
    (timing::longest_ms(step) > 0).then(|| format!("≤ {}", text::span(timing::longest_ms(step))))
}

/// Everything about it in a sentence, for a reader that sees no picture, and under the pointer.
pub(super) fn told(plan: &Plan, step: &PlanStep) -> String {
    let mut told = format!("{}: {}; {}", step.id, text::what(step), mark(step).words());
    if timing::longest_ms(step) > 0 {
        let _ = write!(told, "; at most {}", text::span(timing::longest_ms(step)));
    }
    if super::is_point_of_no_return(plan, step) {
        told.push_str("; point of no return");
    }
    told
}

pub(super) fn waits(kind: &Edge) -> &'static str {
    match kind {
        Edge::Success => "after",
        Edge::End => "after the end, good or bad, of",
        Edge::Alternative => "as soon as one of its alternatives holds, such as",
    }
}

pub(super) fn title(plan: &Plan) -> String {
    let services: Vec<&str> = plan.services.iter().map(|one| one.service.as_str()).collect();
    format!("Plan: {} of {}", plan.operation.as_str(), services.join(", "))
}

pub(super) fn about(plan: &Plan) -> String {
    let summary = text::summary(plan);
    let summary = summary.split(" [").next().unwrap_or_default().replace('\n', "; ");
    format!(
        "A lane for each host, time going down, a line from each step to those that wait for it. {summary}"
    )
}

/// Breaks words into lines of a step's width, and cuts the last where there are more; `size` of the letters, in those of
/// common words.
fn wrapped(words: &str, lines: usize, size: f64) -> Vec<String> {
    let room = (WIDTH - 2.0 * INSET) / size;
    let mut all: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in words.split_whitespace() {
        let joined = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        // What is left over goes to the last line, to be cut there.
        if width(&joined) > room && !line.is_empty() && all.len() + 1 < lines {
            all.push(std::mem::replace(&mut line, word.to_owned()));
        } else {
            line = joined;
        }
    }
    all.push(line);
    all.into_iter().map(|line| cut(line, room)).collect()
}

fn cut(mut line: String, room: f64) -> String {
    if width(&line) <= room {
        return line;
    }
    while !line.is_empty() && width(&line) + width("…") > room {
        line.pop();
    }
    line + "…"
}

/// About how wide words are, in the font of the picture; rather too wide than too narrow.
fn width(words: &str) -> f64 {
    words.chars().map(letter).sum()
}

fn letter(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 4.2,
        'f' | 'r' | 't' | '(' | ')' | '/' | '-' | '[' | ']' => 5.1,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 12.2,
        c if c.is_ascii_uppercase() => 9.0,
        c if c.is_ascii() => 7.8,
        _ => 12.0,
    }
}

/// What the signs of this plan mean.
pub(super) struct Legend {
    pub svg: String,
    pub height: f64,
}

pub(super) fn legend(plan: &Plan, width_of_all: f64) -> Legend {
    let (mut svg, mut x, mut y) = (String::new(), 2.0, 24.0);
    for (sign, words) in entries(plan) {
        let wide = 44.0 + width(words);
        if x > 2.0 && x + wide > width_of_all {
            (x, y) = (2.0, y + 22.0);
        }
        let _ = writeln!(
            svg,
            r#"<g transform="translate({x:.1} {y:.1})">{sign}<text class="soft" x="32" y="4">{}</text></g>"#,
            Esc(words)
        );
        x += wide + 14.0;
    }
    Legend { svg, height: y + 8.0 }
}

/// Those signs that are in the picture.
fn entries(plan: &Plan) -> Vec<(String, &'static str)> {
    let step =
        |inside: &str| format!("<rect class=\"box\" y=\"-8\" width=\"24\" height=\"16\" rx=\"3\"/>{inside}");
    let has = |mark_of: Mark| plan.steps.iter().any(|step| mark(step) == mark_of);
    let work = |is: fn(&Work) -> bool| plan.steps.iter().any(|step| step.skip.is_none() && is(&step.work));
    let line = |class: &str| format!("<path class=\"line {class}\" marker-end=\"url(#tip)\" d=\"M0 0H24\"/>");
    let leads = |is: fn(&Edge) -> bool| edges(plan).any(|(_, _, kind)| is(&kind));
    let edge = |fill: &str| step(&format!("<rect {fill} y=\"-8\" width=\"6\" height=\"16\"/>"));
    let all = [
        (has(Mark::Undoable), edge("class=\"back\""), "changes something, can be undone"),
        (has(Mark::NoUndo), edge("fill=\"url(#hatched)\""), "changes something, no undo"),
        (
            has(Mark::Looks) || has(Mark::Waits),
            "<rect class=\"box looks\" y=\"-8\" width=\"24\" height=\"16\" rx=\"8\"/>".to_owned(),
            "only looks, or waits",
        ),
        (
            has(Mark::AnyOf),
            "<path class=\"box\" d=\"M5 -8H19L24 0L19 8H5L0 0z\"/>".to_owned(),
            "goes on when one alternative holds",
        ),
        (
            work(|work| matches!(work, Work::Commit(_) | Work::Fence(_))),
            step("<rect class=\"inner\" x=\"3\" y=\"-5\" width=\"18\" height=\"10\"/>"),
            "writes the table, or fences",
        ),
        (
            work(|work| matches!(work, Work::Late { .. })),
            step("").replace("class=\"box\"", "class=\"box late\""),
            "not known before the run",
        ),
        (has(Mark::LeftOut), step("").replace("class=\"box\"", "class=\"box out\""), "left out"),
        (leads(|kind| matches!(kind, Edge::Success)), line("success"), "after success"),
        (leads(|kind| matches!(kind, Edge::End)), line("end"), "after the end, good or bad"),
        (leads(|kind| matches!(kind, Edge::Alternative)), line("alternative"), "one of several"),
    ];
    all.into_iter().filter(|(is_there, ..)| *is_there).map(|(_, sign, words)| (sign, words)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_too_many_end_in_dots() {
        let room = WIDTH - 2.0 * INSET;
        let long = "template /etc/apache2/sites-enabled/reveille.conf from web/site.conf.j2 and then some more words";
        let lines = wrapped(long, 2, 1.0);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].ends_with('…') && lines.iter().all(|line| width(line) <= room), "{lines:?}");
        assert_eq!(wrapped("", 2, 1.0), [""]);
        assert_eq!(wrapped("process httpd awake", 2, 1.0), ["process httpd awake"]);
    }
}
