//! A monitor as JSON lines: the schema first, then one happening per line.

use std::io::Write;

use serde::Serialize;

use super::super::Volume;
use super::{WatchReport, words};
use crate::engine::event::Event;
use crate::monitor::{Gravity, Told};

/// The version of the stream, in its first line.
pub const SCHEMA: &str = "reveille.happenings/1";

/// Writes every happening; with [`Volume::Quiet`] only what somebody should look at, with [`Volume::Verbose`] also the
/// events of runs, which have `event` where a happening has `happening`.
pub struct WatchJson<W: Write> {
    out: W,
    volume: Volume,
    begun: bool,
}

/// A happening with what a reader would have to compute from it.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// RFC 3339.
    pub at: String,
    pub gravity: Gravity,
    pub text: String,
    #[serde(flatten)]
    pub told: &'a Told,
}

impl<'a> Line<'a> {
    pub fn of(told: &'a Told) -> Self {
        Self {
            at: words::instant(told.at_ms),
            gravity: told.what.gravity(),
            text: told.what.to_string(),
            told,
        }
    }
}

impl<W: Write> WatchJson<W> {
    pub fn new(out: W, volume: Volume) -> Self {
        Self { out, volume, begun: false }
    }

    fn line(&mut self, line: &impl Serialize) {
        let Ok(line) = serde_json::to_string(line) else { return };
        let schema =
            if self.begun { String::new() } else { format!("{}\n", serde_json::json!({ "schema": SCHEMA })) };
        self.begun = true;
        let _ = self.out.write_all(format!("{schema}{line}\n").as_bytes()).and_then(|()| self.out.flush());
    }
}

impl<W: Write + Send> WatchReport for WatchJson<W> {
    fn told(&mut self, told: &Told) {
        if self.volume != Volume::Quiet || told.what.gravity() >= Gravity::Warning {
            self.line(&Line::of(told));
        }
    }

    fn run_event(&mut self, event: &Event) {
        if self.volume == Volume::Verbose {
            self.line(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::Happening;

    #[test]
    fn a_line_can_be_read_back_and_says_the_same_in_words() {
        let told = Told {
            at_ms: 1_795_417_503_007,
            what: Happening::Unprotected {
                service: "web".try_into().unwrap(),
                because: "nobody is left".to_owned(),
            },
        };
        let mut out = Vec::new();
        WatchJson::new(&mut out, Volume::Quiet).told(&told);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0], serde_json::json!({ "schema": SCHEMA }));
        assert_eq!(lines[1]["gravity"], "alarm");
        assert_eq!(lines[1]["at"], "2026-11-23T07:05:03.007Z");
        assert_eq!(lines[1]["text"], "web is UNPROTECTED: nobody is left");
        assert_eq!(serde_json::from_value::<Told>(lines[1].clone()).unwrap(), told);
    }
}
