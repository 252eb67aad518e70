//! Refuses a stale controller on the host. (Stand-in: the contract only.)

use crate::site::id::{Epoch, ServiceName};

/// What the guarded text may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Read,
    Write,
}

/// The guard's exit code when the host has seen a newer epoch; it prints `epoch N`.
pub const STALE: i32 = 76;

pub fn prelude(_service: &ServiceName, epoch: Epoch, _mode: Mode) -> String {
    format!(": epoch {epoch}\n")
}
