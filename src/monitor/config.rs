//! What the core is told once: whom it watches, how closely, and what it may do. Made from a site by `cli`; plain data,
//! so that a recording holds it too.

use std::collections::{BTreeMap, BTreeSet};

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::site::id::{HostName, ServiceName};
use crate::site::playbook::{EvidenceKind, TakeoverMode};

/// Everything that does not change while a monitor runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Shared: a pool of a thousand hosts is not copied for every look.
    pub services: BTreeMap<ServiceName, Arc<Watched>>,
    /// Every host of a pool, and every other host that may be a witness, in inventory order.
    pub hosts: Vec<HostName>,
    /// Hosts that have a fence device.
    pub fenceable: BTreeSet<HostName>,
    /// Time between two looks at a host.
    pub host_interval_ms: u64,
    /// How long after its start a monitor only looks.
    pub grace_ms: u64,
    /// Whether the controller's gateway can be asked.
    pub gateway: bool,
    /// Hosts that are the machine of this monitor: their answers never pass a cable, and say nothing of the others.
    #[serde(default)]
    pub own: BTreeSet<HostName>,
}

/// One service, as far as watching it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    pub pool: Vec<HostName>,
    pub addresses: Vec<IpAddr>,
    /// Whether there is any probe to make. Without one only the primary's own word is known.
    pub probed: bool,
    pub interval_ms: u64,
    /// How long one probe may take.
    pub timeout_ms: u64,
    /// Misses in a row, re-probes included, before a verdict.
    pub confirm: u32,
    /// Witnesses that must agree, where so many can be asked.
    pub witnesses: u32,
    /// How long a witness listens on the link.
    pub listen_ms: u64,
    /// Which evidence is enough, best first.
    pub evidence: Vec<EvidenceKind>,
    pub mode: TakeoverMode,
    pub hold_down_ms: u64,
    pub max_per_day: u32,
    /// Rules by name.
    pub overload: BTreeMap<String, Rule>,
    /// The kernel lifetime of the service addresses, where they have one.
    pub lease_ms: Option<u64>,
}

/// When a service that answers is too slow, or its host too busy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub measure: Measure,
    /// The rule holds above this: load per CPU, processes, files, milliseconds.
    pub above: f64,
    /// Rounds in a row before it counts.
    pub rounds: u32,
}

/// What a rule looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    LoadPerCpu,
    /// Processes of this name.
    Processes(String),
    /// Files in this folder.
    Queue(String),
    /// The answer time of this probe.
    Latency(String),
}
