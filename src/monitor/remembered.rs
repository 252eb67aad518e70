//! What one process of a monitor leaves for the next: between two calls from cron, or across a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::core::Core;
use super::latency::Latency;
use super::overload::Gauge;
use crate::site::id::ServiceName;

/// Counters that must not begin anew with every process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// Milliseconds since 1970, of the last round.
    pub at_ms: u64,
    pub services: BTreeMap<ServiceName, OfService>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OfService {
    latency: Latency,
    gauges: BTreeMap<String, Gauge>,
    /// Rounds in a row in which the sleeping copy was not as it should be.
    bad_copy: u32,
}

impl Core {
    /// What the next process should know.
    pub fn remembered(&self) -> Remembered {
        let of = |service: &super::service::Service| OfService {
            latency: service.latency.clone(),
            gauges: service.gauges.clone(),
            bad_copy: service.copy.bad,
        };
        Remembered {
            at_ms: self.now.wall_ms,
            services: self.services.iter().map(|(name, service)| (name.clone(), of(service))).collect(),
        }
    }

    pub(super) fn recall(&mut self, remembered: &Remembered) {
        for (name, known) in &remembered.services {
            if let Some(service) = self.services.get_mut(name) {
                service.latency = known.latency.clone();
                service.gauges = known.gauges.clone();
                service.copy.bad = known.bad_copy;
            }
        }
    }
}
