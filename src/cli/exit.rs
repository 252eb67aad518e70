//! Exit codes: the same number always means the same thing, in every command.

use crate::engine::event::RunEnd;
use crate::plan::PlanError;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    Internal,
    /// A step failed and all was undone; `plan --detailed-exitcode`: changes present.
    Undone,
    /// Failed and not fully undone: a person is needed.
    Stuck,
    Unreachable,
    InvalidSite,
    /// A saved plan that is used, was edited, or is no longer what would be done.
    Refused,
    Locked,
    NoCandidate,
    EvidenceMissing,
    Usage,
    Signal(i32),
    /// What a program run for the user ended with (`lab exec`).
    Passed(u8),
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Internal => 1,
            Self::Undone => 2,
            Self::Stuck => 3,
            Self::Unreachable => 4,
            Self::InvalidSite => 5,
            Self::Refused => 6,
            Self::Locked => 7,
            Self::NoCandidate => 8,
            Self::EvidenceMissing => 9,
            Self::Usage => 64,
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(1),
            Self::Passed(code) => code,
        }
    }
}

impl From<&RunEnd> for Exit {
    fn from(end: &RunEnd) -> Self {
        match end {
            RunEnd::Done => Self::Done,
            RunEnd::Undone { .. } => Self::Undone,
            RunEnd::Stuck { .. } => Self::Stuck,
            RunEnd::Unreachable { .. } => Self::Unreachable,
            RunEnd::EvidenceMissing { .. } => Self::EvidenceMissing,
            // Another controller acts: the same as finding its lock.
            RunEnd::Stale { .. } | RunEnd::LeaseLost { .. } => Self::Locked,
            RunEnd::Interrupted { signal } => Self::Signal(*signal),
        }
    }
}

impl From<&PlanError> for Exit {
    fn from(error: &PlanError) -> Self {
        match error {
            PlanError::UnknownService { .. }
            | PlanError::NotDeployed { .. }
            | PlanError::NotInPool { .. }
            | PlanError::NoPrimary { .. }
            | PlanError::NoDrill { .. } => Self::Usage,
            PlanError::AlreadyThere { .. } => Self::Done,
            PlanError::Unreachable { .. } => Self::Unreachable,
            PlanError::NoCandidate { .. } => Self::NoCandidate,
            PlanError::Render { .. } => Self::InvalidSite,
            PlanError::Cycle(_) | PlanError::UnknownStep { .. } => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every way to end that has a number of its own; a new one does not compile until it is here.
    fn all() -> Vec<Exit> {
        let after = |exit| match exit {
            Exit::Done => Some(Exit::Internal),
            Exit::Internal => Some(Exit::Undone),
            Exit::Undone => Some(Exit::Stuck),
            Exit::Stuck => Some(Exit::Unreachable),
            Exit::Unreachable => Some(Exit::InvalidSite),
            Exit::InvalidSite => Some(Exit::Refused),
            Exit::Refused => Some(Exit::Locked),
            Exit::Locked => Some(Exit::NoCandidate),
            Exit::NoCandidate => Some(Exit::EvidenceMissing),
            Exit::EvidenceMissing => Some(Exit::Usage),
            Exit::Usage => Some(Exit::Signal(2)),
            Exit::Signal(2) => Some(Exit::Signal(15)),
            Exit::Signal(_) | Exit::Passed(_) => None,
        };
        std::iter::successors(Some(Exit::Done), |exit| after(*exit)).collect()
    }

    #[test]
    fn the_documents_name_every_exit_code() {
        let real: BTreeSet<u8> = all().into_iter().map(Exit::code).collect();
        for (place, page) in [
            ("README.md", include_str!("../../README.md")),
            ("exit-codes.md", include_str!("../../book/src/reference/exit-codes.md")),
        ] {
            let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
            let told = rows.flat_map(|cell| cell.split(", ").map(str::parse).collect::<Vec<_>>());
            let told: BTreeSet<u8> = told.filter_map(Result::ok).collect();
            assert_eq!(told, real, "{place}");
        }
    }
}
