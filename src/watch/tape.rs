//! A recording: everything the core was told, and what it said, one JSON line each. `replay` reads it.

use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::monitor::{Config, Core, Effect, Input, Now, Remembered};
use crate::plan::table::Table;

/// The version of the recording.
pub const SCHEMA: &str = "reveille.recording/1";

/// One line of a recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "line")]
pub enum Line {
    /// A monitor begins to lead. A recording may hold several beginnings.
    Began {
        schema: String,
        config: Box<Config>,
        table: Box<Table>,
        remembered: Option<Box<Remembered>>,
        now: Now,
    },
    /// What it was told, and what it said.
    Step {
        now: Now,
        input: Input,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        effects: Vec<Effect>,
    },
}

/// Where a recording is written to, if anywhere.
pub struct Tape(Option<Box<dyn Write + Send>>);

impl Tape {
    pub fn new(file: Option<Box<dyn Write + Send>>) -> Self {
        Self(file)
    }

    /// Makes a core, and writes down what from.
    pub fn begin(&mut self, config: Config, table: Table, remembered: Option<&Remembered>, now: Now) -> Core {
        if self.0.is_some() {
            self.write(&Line::Began {
                schema: SCHEMA.to_owned(),
                config: Box::new(config.clone()),
                table: Box::new(table.clone()),
                remembered: remembered.cloned().map(Box::new),
                now,
            });
        }
        Core::new(config, table, remembered, now)
    }

    /// Tells the core, and writes both sides down. Time that only goes by is written too: it moves deadlines.
    pub fn tell(&mut self, core: &mut Core, input: Input, now: Now) -> Vec<Effect> {
        if self.0.is_none() {
            return core.handle(input, now);
        }
        let effects = core.handle(input.clone(), now);
        self.write(&Line::Step { now, input, effects: effects.clone() });
        effects
    }

    /// A recording that cannot be written ends; the monitor does not.
    fn write(&mut self, line: &Line) {
        let Some(file) = &mut self.0 else { return };
        let written = serde_json::to_string(line)
            .map_err(std::io::Error::from)
            .and_then(|text| writeln!(file, "{text}").and_then(|()| file.flush()));
        if let Err(error) = written {
            tracing::warn!(%error, "the recording ends here");
            self.0 = None;
        }
    }
}
