//! A run as plain lines: for logs, for cron, for terminals that cannot redraw.

use std::io::Write;

use super::{Report, words};
use crate::engine::event::{Event, EventKind, Level, RunEnd, StepResult, Stream};
use crate::site::id::HostName;

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// Nothing on success; the whole story on failure.
    Quiet,
    #[default]
    Normal,
    /// Also steps that changed nothing, and the output of steps.
    Verbose,
}

/// Writes lines about steps to one place and the recap to another.
pub struct Lines<W: Write, R: Write> {
    steps: W,
    recap: R,
    volume: Volume,
    /// What `Quiet` holds back until it is known whether all went well.
    held: Vec<String>,
}

impl<W: Write, R: Write> Lines<W, R> {
    pub fn new(steps: W, recap: R, volume: Volume) -> Self {
        Self { steps, recap, volume, held: Vec::new() }
    }

    fn line(&mut self, line: String) {
        if self.volume == Volume::Quiet {
            self.held.push(line);
        } else {
            let _ = self.steps.write_all(format!("{line}\n").as_bytes());
        }
    }

    fn step_ended(&mut self, event: &EventKind, result: StepResult, diff: Option<&str>) {
        let boring = matches!(result, StepResult::Ok | StepResult::Skipped | StepResult::NotReached);
        if (!boring || self.volume != Volume::Normal)
            && let Some(line) = step_line(event)
        {
            self.line(line);
        }
        if let Some(diff) = diff {
            self.line(diff.trim_end().to_owned());
        }
    }

    fn finish(&mut self, end: &RunEnd, recap: &str, manual: &str, duration_ms: u64) {
        if self.volume == Volume::Quiet && *end == RunEnd::Done {
            return;
        }
        for line in std::mem::take(&mut self.held) {
            let _ = self.steps.write_all(format!("{line}\n").as_bytes());
        }
        let last = format!("{manual}{} ({})\n", words::end(end), words::duration(duration_ms));
        let _ = self.steps.write_all(last.as_bytes());
        let _ = self.steps.flush();
        let _ = self.recap.write_all(recap.as_bytes());
        let _ = self.recap.flush();
    }
}

/// The line that says how a step ended.
pub(super) fn step_line(event: &EventKind) -> Option<String> {
    let EventKind::StepEnded { step, result, detail, duration_ms, advisory, .. } = event else { return None };
    let (word, sign) = words::result(*result, *advisory);
    let detail = if detail.is_empty() { String::new() } else { format!(": {}", detail.trim_end()) };
    Some(format!("{sign} {} {word} ({}){detail}", words::step(step), words::duration(*duration_ms)))
}

/// The line for an event that has one of its own, however much is said.
pub(super) fn plain(event: &EventKind) -> Option<String> {
    let name = |host: &Option<HostName>| host.as_ref().map_or("nobody".to_owned(), ToString::to_string);
    Some(match event {
        EventKind::RunStarted { run, operation, steps, .. } => {
            format!("run {run}: {}, {} steps", operation.as_str(), steps.len())
        }
        EventKind::Evidence { service, kind, words } => {
            format!("* {service}: evidence {}: {words}", kind.as_str())
        }
        EventKind::Committed { service, primary, secondary, epoch } => {
            format!("* {service}: primary {}, secondary {}, epoch {epoch}", name(primary), name(secondary))
        }
        EventKind::UndoStarted { because, steps } => format!("< taking back {steps} steps: {because}"),
        EventKind::Undone { step, ok, detail } => {
            let word = if *ok { "undone" } else { "UNDO FAILED" };
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            format!("< {} {word}{detail}", words::step(step))
        }
        EventKind::Notice { level, text } => match level {
            Level::Info => format!("note: {text}"),
            Level::Warning => format!("warning: {text}"),
            Level::Error => format!("error: {text}"),
        },
        _ => return None,
    })
}

/// The line for an event that only a person who asked for more wants to see.
fn chatter(event: &EventKind) -> Option<String> {
    Some(match event {
        EventKind::StepOutput { step, stream, line } => {
            let mark = if *stream == Stream::Stderr { '!' } else { '|' };
            format!("    {} {mark} {line}", words::step(step))
        }
        EventKind::StepRetry { step, attempt, of, detail } => {
            format!("  {} attempt {attempt}/{of} failed: {detail}", words::step(step))
        }
        _ => return None,
    })
}

impl<W: Write + Send, R: Write + Send> Report for Lines<W, R> {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            kind @ EventKind::StepEnded { result, diff, .. } => {
                self.step_ended(kind, *result, diff.as_deref());
            }
            EventKind::RunEnded { end, recap, duration_ms, manual } => {
                let manual = if manual.is_empty() { String::new() } else { words::manual(manual) };
                self.finish(end, &words::recaps(recap), &manual, *duration_ms);
            }
            kind => {
                if let Some(line) = plain(kind) {
                    self.line(line);
                } else if self.volume != Volume::Normal
                    && let Some(line) = chatter(kind)
                {
                    self.line(line);
                }
            }
        }
    }
}
