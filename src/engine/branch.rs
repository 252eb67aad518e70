//! The fate of each service of a run: under way, past its point of no return, doomed and why, taken back or stuck.

use super::event::{ManualCommand, RunEnd};
use crate::plan::ready::StepIndex;
use crate::site::id::{Epoch, HostName, ServiceName};

/// Why a service's part of the plan will not be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doom {
    Failed { because: String },
    Unreachable { host: HostName, because: String },
    EvidenceMissing,
    Stale { host: HostName, found: Epoch },
    LeaseLost { because: String },
    Interrupted { signal: i32 },
}

impl Doom {
    pub(super) fn because(&self) -> String {
        match self {
            Self::Failed { because } | Self::Unreachable { because, .. } | Self::LeaseLost { because } => {
                because.clone()
            }
            Self::EvidenceMissing => "no evidence that the old primary no longer acts".to_owned(),
            Self::Stale { host, found } => {
                format!("{host} has seen epoch {found}: another controller is at work")
            }
            Self::Interrupted { signal } => format!("interrupted by signal {signal}"),
        }
    }
}

/// How far the taking back is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Unwinding {
    #[default]
    NotNeeded,
    UnderWay,
    /// Nothing is left of what was done; `moved` is false if nothing had been done.
    Complete {
        moved: bool,
    },
    /// By a person: these.
    Incomplete(Vec<ManualCommand>),
}

/// One service's part of a run.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub service: ServiceName,
    /// Once this step has succeeded, the service is finished forward.
    pub point: Option<StepIndex>,
    pub doom: Option<Doom>,
    pub unwinding: Unwinding,
    /// Failed after the point of no return: left for a person, with what failed.
    pub left: Vec<ManualCommand>,
}

impl Branch {
    /// How this service's part ended.
    pub(super) fn end(&self) -> RunEnd {
        let Some(doom) = &self.doom else {
            return match self.left.first() {
                None => RunEnd::Done,
                Some(first) => RunEnd::Stuck { because: first.why.clone() },
            };
        };
        match (&self.unwinding, doom) {
            (_, Doom::Stale { host, found }) => RunEnd::Stale { host: host.clone(), found: *found },
            (_, Doom::LeaseLost { because }) => RunEnd::LeaseLost { because: because.clone() },
            (Unwinding::Incomplete(_), Doom::Interrupted { signal }) => {
                RunEnd::Interrupted { signal: *signal }
            }
            (Unwinding::Incomplete(_), _) => RunEnd::Stuck { because: doom.because() },
            (_, Doom::Interrupted { signal }) => RunEnd::Interrupted { signal: *signal },
            (_, Doom::EvidenceMissing) => RunEnd::EvidenceMissing { service: self.service.clone() },
            (Unwinding::Complete { moved: true }, Doom::Unreachable { because, .. }) => {
                RunEnd::Undone { because: because.clone() }
            }
            (_, Doom::Unreachable { host, .. }) => RunEnd::Unreachable { host: host.clone() },
            (_, Doom::Failed { because }) => RunEnd::Undone { because: because.clone() },
        }
    }

    /// Whether this service is another's business now.
    pub(super) fn is_given_up(&self) -> bool {
        matches!(self.doom, Some(Doom::Stale { .. } | Doom::LeaseLost { .. }))
    }

    /// What a person must do, in the order in which it must be done.
    pub(super) fn manual(&self) -> Vec<ManualCommand> {
        if matches!(self.doom, Some(Doom::LeaseLost { .. })) {
            return Vec::new();
        }
        match &self.unwinding {
            Unwinding::Incomplete(commands) => commands.clone(),
            _ => self.left.clone(),
        }
    }

    /// Neither finished nor taken back.
    pub(super) fn is_left(&self) -> bool {
        matches!(self.unwinding, Unwinding::Incomplete(_)) || !self.left.is_empty()
    }
}

/// The end of a run whose services ended so: the worst.
pub(super) fn worst(ends: impl Iterator<Item = RunEnd>) -> RunEnd {
    let rank = |end: &RunEnd| match end {
        RunEnd::Done => 0,
        RunEnd::Undone { .. } => 1,
        RunEnd::Unreachable { .. } => 2,
        RunEnd::EvidenceMissing { .. } => 3,
        RunEnd::Interrupted { .. } => 4,
        RunEnd::Stale { .. } => 5,
        RunEnd::Stuck { .. } => 6,
        RunEnd::LeaseLost { .. } => 7,
    };
    ends.fold(RunEnd::Done, |worst, end| if rank(&end) > rank(&worst) { end } else { worst })
}
