//! The scheduling table: who serves, who sleeps, in which epoch. Kept by the store, rebuilt from the hosts when lost.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use super::policy::{Latch, Pause, PolicyMemory, Scope};
use crate::site::id::{Epoch, HostName, RunId, ServiceName};

/// One row per service that was ever deployed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Grows with every write; a writer names the revision it read.
    pub revision: u64,
    pub services: BTreeMap<ServiceName, Row>,
    /// Hosts a person declared dead, until one of them is seen alive and cleaned.
    #[serde(default)]
    pub confirmed_dead: BTreeMap<HostName, Confirmation>,
    /// At most one per scope.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
    /// Apart from the rows, which are rebuilt from the hosts: no host remembers these.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policy: BTreeMap<ServiceName, PolicyMemory>,
}

/// What is known of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub primary: Option<HostName>,
    pub secondary: Option<HostName>,
    pub epoch: Epoch,
    pub state: ServiceState,
    pub last_run: Option<RunId>,
}

/// A person's word that a host no longer acts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confirmation {
    pub by: String,
    pub because: String,
    /// RFC 3339.
    pub at: String,
}

/// What a host is to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Primary,
    Secondary,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        })
    }
}

/// A service's state as `status` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// Up, and its secondary asleep and proven ready.
    Protected,
    /// Up, without a ready secondary.
    Unprotected,
    /// Nobody serves.
    Down,
    /// A run is under way.
    Moving,
    /// A run ended neither done nor undone: a person is needed.
    Stuck,
    /// Not deployed.
    Absent,
}

impl fmt::Display for ServiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Protected => "protected",
            Self::Unprotected => "unprotected",
            Self::Down => "down",
            Self::Moving => "moving",
            Self::Stuck => "stuck",
            Self::Absent => "absent",
        })
    }
}
