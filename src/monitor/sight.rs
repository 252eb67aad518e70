//! What a look is at, and what it saw. The driver looks; the core only asks and is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::module::{Outcome, Testimony};
use crate::plan::sample::Sample;
use crate::site::id::{HostName, ServiceName};

/// Tells one look from another for as long as a monitor runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LookId(pub u64);

/// What is looked at, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// All probes of a service through its address, as a client makes them. Seen: [`Sight::Answers`].
    Service(ServiceName),
    /// One ICMP echo. Seen: [`Sight::Echo`].
    Echo(HostName),
    /// What the host says of itself, over ssh. Seen: [`Sight::Sample`].
    Sample(HostName),
    /// The way out. Seen: [`Sight::Echo`].
    Gateway,
    /// What another host sees of a suspect and of the service it should serve. Seen: [`Sight::Testimony`].
    Witness { by: HostName, suspect: HostName, service: Option<ServiceName> },
    /// The lifetime of the service addresses, extended on the primary. Outranks all other work. Seen: [`Sight::Renewed`].
    Renewal { service: ServiceName, host: HostName },
}

/// What a look saw. The driver tells it in any case, within the look's time and a little.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// By probe.
    Answers(BTreeMap<String, Outcome>),
    Echo(Outcome),
    Sample(Result<Box<Sample>, String>),
    Testimony(Result<Testimony, String>),
    Renewed(Result<(), String>),
}

impl Sight {
    /// The slowest answer of a service, if all its probes are answered.
    pub fn latency_us(&self) -> Option<u64> {
        match self {
            Self::Answers(answers) if answers.values().all(Outcome::is_ok) => {
                answers.values().filter_map(Outcome::latency_us).max().or(Some(0))
            }
            Self::Echo(outcome) if outcome.is_ok() => outcome.latency_us(),
            _ => None,
        }
    }
}
