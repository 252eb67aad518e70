//! Does a recording once more: feeds the core what it was told then, and holds what it says now against what it said.
//! Called by `cli`; reads one line at a time and knows no file.

use super::tape::{Line, SCHEMA};
use crate::monitor::{Core, Effect, Input, Now};

/// A recording under way.
#[derive(Default)]
pub struct Replay(Option<Core>);

/// What a line came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Replayed {
    /// A monitor began to lead.
    Began { now: Now },
    /// The core said the same again.
    Same { now: Now, input: Input, effects: Vec<Effect> },
}

/// Where a recording and the core part.
#[derive(Debug, thiserror::Error)]
pub enum Parted {
    #[error("it is no line of a recording")]
    Line(#[from] serde_json::Error),
    #[error("it is a recording of the version `{0}`; this program reads `{SCHEMA}`")]
    Version(String),
    #[error("it does not begin with a beginning")]
    Middle,
    #[error("the core decides otherwise now")]
    Otherwise(Box<Difference>),
}

/// One input, and two answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub now: Now,
    pub input: Input,
    pub then: Vec<Effect>,
    pub today: Vec<Effect>,
}

impl Replay {
    /// Takes the next line of the recording.
    ///
    /// # Errors
    /// [`Parted`]: nothing after this line can be compared.
    pub fn line(&mut self, text: &str) -> Result<Replayed, Parted> {
        match serde_json::from_str(text)? {
            Line::Began { schema, config, table, remembered, now } => {
                if schema != SCHEMA {
                    return Err(Parted::Version(schema));
                }
                self.0 = Some(Core::new(*config, *table, remembered.as_deref(), now));
                Ok(Replayed::Began { now })
            }
            Line::Step { now, input, effects: then } => {
                let core = self.0.as_mut().ok_or(Parted::Middle)?;
                let today = core.handle(input.clone(), now);
                if today == then {
                    return Ok(Replayed::Same { now, input, effects: today });
                }
                Err(Parted::Otherwise(Box::new(Difference { now, input, then, today })))
            }
        }
    }
}
