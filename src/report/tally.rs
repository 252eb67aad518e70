//! What is counted of a monitor for as long as it runs.

use std::collections::BTreeMap;

use crate::monitor::Happening;
use crate::plan::Operation;
use crate::site::id::ServiceName;

/// Everything that is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
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
