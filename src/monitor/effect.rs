//! What goes into the core and what comes out of it. Both are data: written down, they are a recording.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::happening::Told;
use super::looks::Ask;
use super::sight::{LookId, Sight};
use crate::plan::table::Table;
use crate::plan::{LeaseFact, Operation, Request};
use crate::site::id::{HostName, RunId, ServiceName};

/// Tells one act from another for as long as a monitor runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActId(pub u64);

/// Something the core should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "input")]
pub enum Input {
    /// Nothing but time went by.
    Tick,
    /// The scheduling table as it is stored now.
    Table { table: Box<Table> },
    /// A look came to its end.
    Saw { look: LookId, sight: Sight },
    /// A run that was asked for ended.
    Ended { act: ActId, end: ActEnd },
}

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "effect")]
pub enum Effect {
    Look(Ask),
    Act(Act),
    /// The table and the hosts disagree: ask the hosts, correct the table, hand it back.
    Reconcile,
    /// A takeover happened, or failed: kept with the table, for hold-down and budget.
    Remember {
        service: ServiceName,
        memory: Memory,
    },
    Tell(Told),
}

/// What outlives the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memory {
    Takeover { at_ms: u64 },
    Latch { at_ms: u64, because: String },
}

/// An operation to plan and run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Act {
    pub act: ActId,
    pub operation: Operation,
    pub services: Vec<ServiceName>,
    /// Only write the plan down.
    pub plan_only: bool,
    /// What was concluded, for people and for the journal.
    pub because: String,
    /// What is known of the address leases of these services.
    pub leases: Vec<(ServiceName, LeaseFact)>,
    /// No host may be chosen that is loaded more than this, per CPU.
    pub lighter_than: Option<f64>,
    /// The hosts being left, where they are down to their kernels.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub dark: BTreeSet<HostName>,
}

impl Act {
    /// An act that no core asked for.
    pub fn bare(operation: Operation, service: ServiceName, because: &str) -> Self {
        Self {
            act: ActId(0),
            operation,
            services: vec![service],
            plan_only: false,
            because: because.to_owned(),
            leases: Vec::new(),
            lighter_than: None,
            dark: BTreeSet::new(),
        }
    }

    /// What is asked of the planner.
    ///
    /// # Panics
    /// It concerns no service.
    pub fn request(&self) -> Request {
        Request {
            services: self.services.clone(),
            leases: self.leases.iter().cloned().collect(),
            lighter_than: self.lighter_than,
            dark: self.dark.clone(),
            ..Request::bare(self.operation, self.services[0].clone())
        }
    }
}

/// How an act ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActEnd {
    pub run: Option<RunId>,
    pub outcome: ActOutcome,
    /// Services that got their new primary, whatever came after.
    pub moved: Vec<ServiceName>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "as")]
pub enum ActOutcome {
    Done,
    /// Written to this file instead.
    Planned {
        file: String,
    },
    /// No host is fit.
    NoCandidate {
        because: String,
    },
    /// A program of the site said no.
    Vetoed {
        because: String,
    },
    /// Nothing was moved: the old primary may still act.
    EvidenceMissing {
        because: String,
    },
    /// Nothing was moved: tried, and taken back.
    Undone {
        because: String,
    },
    /// A person is needed.
    Stuck {
        because: String,
    },
    /// Another controller has a newer epoch, or the lease is gone.
    Stale {
        because: String,
    },
}
