//! What a run needs from the outside, as traits, so that tests run it against made-up worlds.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::plan::{Fence, Probe, StepRef, UndoWork, Work};
use crate::store::Store;
use crate::transport::Transport;

/// The outside of a run.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    pub transport: &'a dyn Transport,
    pub store: &'a dyn Store,
    pub prober: &'a dyn Prober,
    pub fencer: &'a dyn Fencer,
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

/// Takes hosts out of action.
pub trait Fencer: Send + Sync {
    /// Ends within the devices' own timeouts. Dropping it ends the agents; then nobody knows what became of the host.
    fn fence<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, FenceOutcome>;

    /// Whether all of the host's devices say that it is on. One that cannot say it has perhaps done its work.
    fn is_on<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, bool>;
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceOutcome {
    /// The host is known to be out of action.
    pub confirmed: bool,
    /// `fenced h1 by fence_ipmilan: off, confirmed by status`, or what each device said.
    pub words: String,
}
