//! What a look is at, and what it saw. The driver looks; the core only asks and is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::module::Outcome;
use crate::plan::sample::Sample;
use crate::plan::testimony::Heard;
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

/// What one witness has said so far. Told again whenever it says more; silence takes longer to hear than an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// The suspect's kernel.
    pub host: Option<Heard>,
    /// Anybody who answers for the service address on the witness's link.
    pub address: Option<Heard>,
    /// The service through its address.
    pub service: Option<Heard>,
    /// It has nothing more to say.
    pub over: bool,
}

impl Testimony {
    /// Whether something of the suspect lives, though it may not serve.
    pub fn hears_life(&self) -> bool {
        let lives = |heard: &Heard| {
            matches!(heard, Heard::Answered { .. } | Heard::Wrong { .. } | Heard::Refused { .. })
        };
        [&self.host, &self.address, &self.service].into_iter().flatten().any(lives)
    }

    /// Whether a client there is served.
    pub fn is_served(&self) -> bool {
        matches!(self.service, Some(Heard::Answered { .. }))
    }

    /// Whether nothing of the suspect lives, as far as this witness can tell. Nobody on the link who answers for the
    /// service address is enough: no service can be reached through it then.
    pub fn hears_nothing(&self) -> bool {
        let silent = |heard: &Option<Heard>| matches!(heard, Some(Heard::Silent { .. }));
        !self.hears_life() && (silent(&self.address) || (self.over && silent(&self.host)))
    }
}

impl Sight {
    /// Whether nothing more is to come of the look.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Testimony(Ok(Testimony { over: false, .. })))
    }

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
