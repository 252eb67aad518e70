//! What is counted of a monitor for as long as it runs.

use std::collections::BTreeMap;

use crate::module::Outcome;
use crate::monitor::{Happening, Sight, Target};
use crate::plan::Operation;
use crate::site::id::ServiceName;

/// Looks by what they were at and what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looks(BTreeMap<(&'static str, &'static str), u64>);

impl Looks {
    pub fn count(&mut self, target: &Target, sight: &Sight) {
        *self.0.entry((kind(target), outcome(sight))).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (key, count) in &other.0 {
            *self.0.entry(*key).or_default() += count;
        }
    }

    /// Kind, outcome, how many.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        self.0.iter().map(|((kind, outcome), count)| (*kind, *outcome, *count))
    }
}

fn kind(target: &Target) -> &'static str {
    match target {
        Target::Service(_) => "service",
        Target::Echo(_) => "echo",
        Target::Sample(_) => "sample",
        Target::Gateway => "gateway",
        Target::Witness { .. } => "witness",
        Target::Renewal { .. } => "renewal",
    }
}

fn outcome(sight: &Sight) -> &'static str {
    match sight {
        Sight::Answers(answers) => {
            answers.values().find(|outcome| !outcome.is_ok()).map_or("ok", |outcome| word(outcome))
        }
        Sight::Echo(outcome) => word(outcome),
        Sight::Sample(Ok(_)) | Sight::Testimony(Ok(_)) | Sight::Renewed(Ok(())) => "ok",
        Sight::Sample(Err(_)) | Sight::Testimony(Err(_)) | Sight::Renewed(Err(_)) => "failed",
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answered { .. } => "ok",
        Outcome::Wrong { .. } => "wrong",
        Outcome::Refused { .. } => "refused",
        Outcome::Unreachable { .. } => "unreachable",
        Outcome::TimedOut { .. } => "timeout",
        Outcome::Impossible { .. } => "impossible",
    }
}

/// Everything that is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub looks: Looks,
    /// By service: operations that gave it a new primary.
    pub takeovers: BTreeMap<ServiceName, u64>,
    /// By service and operation.
    pub failed: BTreeMap<(ServiceName, Operation), u64>,
    /// By service: times something should have been done and was not.
    pub held: BTreeMap<ServiceName, u64>,
    pub renewals_failed: BTreeMap<ServiceName, u64>,
    /// Times the loop was held up, and for how long together.
    pub late: u64,
    pub late_ms: u64,
    /// What was told.
    pub happenings: u64,
}

impl Tally {
    pub fn hear(&mut self, what: &Happening) {
        self.happenings += 1;
        match what {
            Happening::Moved { service, operation: Operation::Failover | Operation::Switchover, .. } => {
                *self.takeovers.entry(service.clone()).or_default() += 1;
            }
            Happening::Failed { services, operation, .. } => {
                for service in services {
                    *self.failed.entry((service.clone(), *operation)).or_default() += 1;
                }
            }
            Happening::Held { service, .. } => *self.held.entry(service.clone()).or_default() += 1,
            Happening::RenewalFailed { service, .. } => {
                *self.renewals_failed.entry(service.clone()).or_default() += 1;
            }
            Happening::Late { by_ms } => {
                self.late += 1;
                self.late_ms += by_ms;
            }
            _ => {}
        }
    }
}
