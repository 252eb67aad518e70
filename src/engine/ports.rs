//! What a run needs from the outside, as traits, so that tests run it against made-up worlds.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::plan::{Probe, StepRef, UndoWork, Work};
use crate::store::Store;
use crate::transport::Transport;

/// The outside of a run.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    pub transport: &'a dyn Transport,
    pub store: &'a dyn Store,
    pub prober: &'a dyn Prober,
    pub late: &'a dyn Late,
}

/// Makes a step's work once the results it depends on are known.
pub trait Late: Send + Sync {
    /// # Errors
    /// Why it cannot be made, as the step's failure.
    fn compile(&self, step: &StepRef, registers: &Map<String, Value>) -> Result<(Work, UndoWork), String>;
}

/// Makes checks from the controller.
pub trait Prober: Send + Sync {
    /// Ends within the probe's own timeout.
    fn probe<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, ProbeOutcome>;
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeOutcome {
    pub ok: bool,
    /// `200 in 12 ms`, `connection refused`.
    pub detail: String,
}
