//! What hosts said of themselves, just now, in one round trip each. Gathered by the engine, read by placement.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::table::Role;
use crate::site::id::{Epoch, HostName, ServiceName};

/// Every host that was asked, with its answer or why there is none.
pub type SiteFacts = BTreeMap<HostName, Result<HostFacts, String>>;

/// One host's answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// One-minute load average.
    pub load1: f64,
    pub cpus: u32,
    /// `load1 / cpus`.
    pub load_per_cpu: f64,
    /// Bytes.
    pub mem_available: u64,
    /// Bytes.
    pub mem_total: u64,
    /// Every address on every device, loopback apart.
    pub addresses: Vec<HeldAddress>,
    /// What the host keeps under `/run/reveille`, by service.
    pub services: BTreeMap<ServiceName, Trace>,
    /// Programs that were asked about and are not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Milliseconds since 1970 by the host's clock.
    pub clock_ms: u64,
    /// The kernel's boot id: a change means a reboot.
    pub boot_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAddress {
    pub device: String,
    pub address: IpAddr,
    pub prefix: u8,
}

/// A service as one host knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub epoch: Epoch,
    pub role: Option<Role>,
    /// By the name the playbook gave it.
    pub processes: BTreeMap<String, ProcessFact>,
}

/// A recorded process, looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessFact {
    Asleep,
    Awake,
    /// Recorded, but gone; or its pid now belongs to something else.
    Dead,
}
