//! A run as JSON lines: the schema first, then one event per line.

use std::io::Write;

use super::Report;
use crate::engine::event::{Event, SCHEMA};

pub struct JsonLines<W: Write> {
    out: W,
    begun: bool,
}

impl<W: Write> JsonLines<W> {
    pub fn new(out: W) -> Self {
        Self { out, begun: false }
    }
}

impl<W: Write + Send> Report for JsonLines<W> {
    fn event(&mut self, event: &Event) {
        if !self.begun {
            self.begun = true;
            let _ = writeln!(self.out, "{}", serde_json::json!({ "schema": SCHEMA }));
        }
        if let Ok(line) = serde_json::to_string(event) {
            let _ = writeln!(self.out, "{line}");
            let _ = self.out.flush();
        }
    }
}
