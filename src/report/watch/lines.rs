//! A monitor as lines: one per happening, for logs, cron and terminals that cannot redraw.

use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::{Volume, lines};
use super::{WatchReport, words};
use crate::engine::event::{Event, EventKind, Level, StepResult};
use crate::monitor::{Gravity, Told};

/// Writes lines; with [`Volume::Quiet`] only what somebody should look at, with [`Volume::Verbose`] also the steps of
/// runs.
pub struct WatchLines<W: Write> {
    out: W,
    volume: Volume,
    color: bool,
    zone: TimeZone,
}

impl<W: Write> WatchLines<W> {
    pub fn new(out: W, volume: Volume, color: bool, zone: TimeZone) -> Self {
        Self { out, volume, color, zone }
    }

    /// The line of one happening.
    pub(super) fn say(&mut self, told: &Told) {
        self.line(told.at_ms, told.what.gravity(), &told.what.to_string());
    }

    fn line(&mut self, at_ms: u64, gravity: Gravity, text: &str) {
        if self.volume == Volume::Quiet && gravity < Gravity::Warning {
            return;
        }
        let (on, off) = if self.color {
            let style = words::style(gravity);
            (style.render().to_string(), style.render_reset().to_string())
        } else {
            Default::default()
        };
        let time = words::date_time(at_ms, &self.zone);
        let word = words::gravity(gravity);
        // One write per line, so that lines of several writers do not mix.
        let line = format!("{time} {on}{word:7}{off} {}\n", text.trim_end().replace('\n', "; "));
        let _ = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl<W: Write + Send> WatchReport for WatchLines<W> {
    fn told(&mut self, told: &Told) {
        self.say(told);
    }

    fn run_event(&mut self, event: &Event) {
        let Some(gravity) = gravity_of(&event.kind) else { return };
        if self.volume == Volume::Normal && gravity == Gravity::Info {
            return;
        }
        if let Some(line) = lines::step_line(&event.kind).or_else(|| lines::plain(&event.kind)) {
            let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
            self.line(now, gravity, &line);
        }
    }
}

/// How much an event of a run matters to whoever watches the monitor. How the run began and ended is a happening.
fn gravity_of(event: &EventKind) -> Option<Gravity> {
    use StepResult::{Cancelled, Changed, NotReached, Ok, Skipped};
    Some(match event {
        EventKind::RunStarted { .. } | EventKind::RunEnded { .. } => return None,
        EventKind::StepEnded { result: Ok | Changed | Skipped | Cancelled | NotReached, .. }
        | EventKind::Notice { level: Level::Info, .. } => Gravity::Info,
        EventKind::StepEnded { .. }
        | EventKind::UndoStarted { .. }
        | EventKind::Undone { ok: false, .. }
        | EventKind::Notice { .. } => Gravity::Warning,
        _ => Gravity::Info,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::Happening;
    use crate::monitor::verdict::Verdict;

    fn story(volume: Volume, color: bool) -> String {
        let mut out = Vec::new();
        let mut lines = WatchLines::new(&mut out, volume, color, TimeZone::UTC);
        let at_ms = 1_795_417_503_007;
        lines.told(&Told { at_ms, what: Happening::Started { services: 1, hosts: 4 } });
        let verdict = |was, verdict, because: &str| Happening::HostVerdict {
            host: "h1".try_into().unwrap(),
            was,
            verdict,
            because: because.to_owned(),
        };
        lines.told(&Told { at_ms, what: verdict(Verdict::Ok, Verdict::HostDown, "it is silent\nto all") });
        lines.told(&Told { at_ms, what: verdict(Verdict::HostDown, Verdict::Ok, "it answers") });
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_happening_is_one_line_that_needs_no_colour() {
        let expected = "2026-11-23 07:05:03.007 info    watching 1 services on 4 hosts\n\
                        2026-11-23 07:05:03.007 ALARM   h1 is host-down: it is silent; to all\n\
                        2026-11-23 07:05:03.007 info    h1 is ok: it answers\n";
        assert_eq!(story(Volume::Normal, false), expected);
        let coloured = story(Volume::Normal, true);
        assert!(coloured.contains("\x1b["));
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), expected);
    }

    #[test]
    fn quiet_is_silent_while_all_is_well() {
        assert_eq!(
            story(Volume::Quiet, false),
            "2026-11-23 07:05:03.007 ALARM   h1 is host-down: it is silent; to all\n"
        );
    }
}
