//! Counts for the last line, and the exit code of a run's end.

use indexmap::IndexMap;

use super::event::{HostRecap, RunEnd, StepResult};
use crate::site::id::HostName;

impl RunEnd {
    /// The exit code of a run that ended so.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Done => 0,
            Self::Undone { .. } => 2,
            Self::Stuck { .. } => 3,
            Self::Unreachable { .. } => 4,
            Self::Stale { .. } | Self::LeaseLost { .. } => 7,
            Self::EvidenceMissing { .. } => 9,
            Self::Interrupted { signal } => 128 + signal,
        }
    }
}

/// Ansible's words: `ok` includes `changed`.
#[derive(Clone, Debug, Default)]
pub(super) struct Recap(IndexMap<String, HostRecap>);

impl Recap {
    pub(super) fn count(&mut self, host: Option<&HostName>, result: StepResult, advisory: bool) {
        let line = self.line(host);
        match result {
            StepResult::Ok => line.ok += 1,
            StepResult::Changed => {
                line.ok += 1;
                line.changed += 1;
            }
            StepResult::Skipped => line.skipped += 1,
            StepResult::Unreachable | StepResult::Unknown => line.unreachable += 1,
            StepResult::Failed | StepResult::TimedOut if !advisory => line.failed += 1,
            _ => {}
        }
    }

    pub(super) fn count_undone(&mut self, host: Option<&HostName>) {
        self.line(host).undone += 1;
    }

    pub(super) fn lines(&self) -> Vec<HostRecap> {
        self.0.values().cloned().collect()
    }

    fn line(&mut self, host: Option<&HostName>) -> &mut HostRecap {
        let host = host.map_or("controller", HostName::as_str).to_owned();
        self.0.entry(host.clone()).or_insert_with(|| HostRecap { host, ..HostRecap::default() })
    }
}
