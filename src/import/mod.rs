//! A plain playbook of Ansible's as one phase of ours. Called by `reveille import`; text in, text out.
//!
//! What has no counterpart is named with its place and what to do instead, and never guessed: a step that would do something
//! else than the task did is worse than none. The order that Ansible keeps silently is written down as `needs`.
//!
//! ```text
//! play.rs: plays ──► task.rs: one task, its common keys ──► module.rs: its module ──► write.rs: YAML
//!                      └── words.rs: what Jinja of Ansible's is not here
//! ```

mod args;
mod module;
mod play;
mod repeat;
mod task;
mod unknown;
mod words;
mod write;

use serde_json::{Map, Value};

use crate::site::diagnostic::Diagnostic;
use crate::site::id::ServiceName;
use crate::site::playbook::Phase;
use crate::site::source::{FileId, Sources, Span};
use crate::site::yaml::{self, Schema};

/// What is to be made.
pub struct Wanted {
    pub service: ServiceName,
    /// The phase that the tasks become.
    pub phase: Phase,
}

/// What was made.
pub struct Imported {
    /// A playbook of ours, as YAML.
    pub playbook: String,
    /// What could not be carried, in the order of the file.
    pub left: Vec<Left>,
    /// How many steps there are.
    pub steps: usize,
}

/// Something of Ansible's that could not be carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub span: Span,
    /// A task, or a key of one.
    pub what: String,
    /// Why, and what to do instead.
    pub why: String,
}

impl Left {
    fn new(span: Span, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { span, what: what.into(), why: why.into() }
    }

    /// For people.
    pub fn words(&self) -> String {
        format!("not carried: {}: {}", self.what, self.why)
    }
}

impl Imported {
    /// One line for people.
    pub fn summary(&self) -> String {
        let steps = if self.steps == 1 { "1 step".to_owned() } else { format!("{} steps", self.steps) };
        match self.left.len() {
            0 => format!("{steps}, everything was carried; next: `reveille check`"),
            count => format!("{steps}; not carried: {count}, each named above and in the playbook"),
        }
    }
}

/// A step, with what is to be said above it, or only that.
#[derive(Default)]
struct Entry {
    step: Option<Map<String, Value>>,
    left: Vec<Left>,
}

/// Everything that was read of a file.
#[derive(Default)]
struct Carried {
    /// The first play's pattern.
    hosts: Option<String>,
    vars: Map<String, Value>,
    entries: Vec<Entry>,
}

/// # Errors
/// A file that is not YAML, or neither a list of plays nor a list of tasks.
pub fn import(sources: &Sources, file: FileId, wanted: &Wanted) -> Result<Imported, Box<Diagnostic>> {
    let tree = yaml::parse_as(sources, file, Schema::Yaml11)?;
    let carried = play::read(sources, &tree)?;
    let playbook = write::playbook(sources, file, wanted, &carried);
    let steps = carried.entries.iter().filter(|entry| entry.step.is_some()).count();
    let left = carried.entries.into_iter().flat_map(|entry| entry.left).collect();
    Ok(Imported { playbook, left, steps })
}
