//! What a monitor tells people: one happening per thing that changed. Lines, table, page, metrics, hooks and the
//! history all read these.

use serde::{Deserialize, Serialize};

use super::verdict::Verdict;
use crate::plan::Operation;
use crate::plan::table::Role;
use crate::site::id::{HostName, RunId, ServiceName};

/// A happening and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    #[serde(flatten)]
    pub what: Happening,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gravity {
    Info,
    Notice,
    Warning,
    Alarm,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "happening")]
pub enum Happening {
    /// The monitor looks from now on; it acts after its grace.
    Started {
        services: usize,
        hosts: usize,
    },
    /// It was held up: what it saw meanwhile is not believed.
    Late {
        by_ms: u64,
    },
    /// What is concluded of a service changed.
    ServiceVerdict {
        service: ServiceName,
        was: Verdict,
        verdict: Verdict,
        because: String,
        host: Option<HostName>,
    },
    /// What is concluded of a host changed.
    HostVerdict {
        host: HostName,
        was: Verdict,
        verdict: Verdict,
        because: String,
    },
    /// Something should be done and is not.
    Held {
        service: ServiceName,
        operation: Operation,
        because: Vec<String>,
    },
    /// An operation begins.
    Began {
        services: Vec<ServiceName>,
        operation: Operation,
        because: String,
    },
    /// It ended well.
    Moved {
        service: ServiceName,
        operation: Operation,
        primary: Option<HostName>,
        secondary: Option<HostName>,
        outage_ms: Option<u64>,
        run: Option<RunId>,
    },
    /// It did not.
    Failed {
        services: Vec<ServiceName>,
        operation: Operation,
        because: String,
        run: Option<RunId>,
    },
    /// Written down instead of run.
    Planned {
        services: Vec<ServiceName>,
        operation: Operation,
        file: String,
    },
    /// The service has no copy that could take over.
    Unprotected {
        service: ServiceName,
        because: String,
    },
    /// It has one again.
    Protected {
        service: ServiceName,
        secondary: HostName,
    },
    /// A host holds what it has no right to.
    Stray {
        host: HostName,
        service: ServiceName,
        holds: String,
    },
    /// It holds it no longer.
    Cleaned {
        host: HostName,
        service: ServiceName,
        held: String,
    },
    /// A host knows a newer epoch than the table: somebody else acted.
    Newer {
        host: HostName,
        service: ServiceName,
        role: Option<Role>,
        epoch: u64,
    },
    /// An address lease could not be renewed.
    RenewalFailed {
        service: ServiceName,
        host: HostName,
        because: String,
        lapses_in_ms: u64,
    },
    /// Somebody who should have been told was not.
    NoticeLost {
        to: String,
        because: String,
    },
    /// This monitor leads from now on, or no longer.
    Leads {
        leader: String,
        term: u64,
    },
    StandsBy {
        leader: String,
    },
    /// It hears no host: another should lead.
    StepsDown {},
    /// Somebody ended the lease of the monitor that led.
    Deposed {
        leader: String,
        by: String,
        because: String,
    },
}

impl Happening {
    pub fn gravity(&self) -> Gravity {
        match self {
            Self::Started { .. } | Self::Leads { .. } | Self::StandsBy { .. } | Self::Protected { .. } => {
                Gravity::Info
            }
            Self::Late { .. }
            | Self::StepsDown {}
            | Self::Deposed { .. }
            | Self::Began { .. }
            | Self::Moved { .. }
            | Self::Planned { .. }
            | Self::Cleaned { .. }
            | Self::Newer { .. } => Gravity::Notice,
            Self::ServiceVerdict { verdict, .. } | Self::HostVerdict { verdict, .. } => match verdict {
                Verdict::Ok => Gravity::Info,
                Verdict::HostDown | Verdict::ServiceDown | Verdict::Frozen => Gravity::Alarm,
                _ => Gravity::Warning,
            },
            Self::Stray { .. } | Self::RenewalFailed { .. } | Self::NoticeLost { .. } => Gravity::Warning,
            Self::Held { .. } | Self::Failed { .. } | Self::Unprotected { .. } => Gravity::Alarm,
        }
    }

    /// Whether it says who leads.
    pub fn is_of_leading(&self) -> bool {
        matches!(self, Self::Leads { .. } | Self::StandsBy { .. } | Self::StepsDown {})
    }

    /// The services it is about.
    pub fn services(&self) -> Vec<&ServiceName> {
        match self {
            Self::Began { services, .. } | Self::Failed { services, .. } | Self::Planned { services, .. } => {
                services.iter().collect()
            }
            Self::ServiceVerdict { service, .. }
            | Self::Held { service, .. }
            | Self::Moved { service, .. }
            | Self::Unprotected { service, .. }
            | Self::Protected { service, .. }
            | Self::Stray { service, .. }
            | Self::Cleaned { service, .. }
            | Self::Newer { service, .. }
            | Self::RenewalFailed { service, .. } => vec![service],
            _ => Vec::new(),
        }
    }
}

impl std::fmt::Display for Happening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listed = |services: &[ServiceName]| {
            services.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Started { services, hosts } => write!(f, "watching {services} services on {hosts} hosts"),
            Self::Late { by_ms } => {
                write!(
                    f,
                    "this monitor was held up for {by_ms} ms: it looks again before it believes anything"
                )
            }
            Self::ServiceVerdict { service, verdict, because, host, .. } => {
                write!(f, "{service}")?;
                if let Some(host) = host {
                    write!(f, " on {host}")?;
                }
                write!(f, " is {}: {because}", verdict.as_str())
            }
            Self::HostVerdict { host, verdict, because, .. } => {
                write!(f, "{host} is {}: {because}", verdict.as_str())
            }
            Self::Held { service, operation, because } => {
                write!(f, "{service}: no {}: {}", operation.as_str(), because.join("; "))
            }
            Self::Began { services, operation, because } => {
                write!(f, "{} of {} begins: {because}", operation.as_str(), listed(services))
            }
            Self::Moved { service, operation, primary, secondary, outage_ms, .. } => {
                write!(f, "{service}: {} done", operation.as_str())?;
                if let Some(primary) = primary {
                    write!(f, ", it serves on {primary}")?;
                }
                match secondary {
                    Some(secondary) => write!(f, ", a copy sleeps on {secondary}")?,
                    None => f.write_str(", no copy sleeps")?,
                }
                match outage_ms {
                    Some(outage) => write!(f, ", out for {outage} ms"),
                    None => Ok(()),
                }
            }
            Self::Failed { services, operation, because, .. } => {
                write!(f, "{} of {} failed: {because}", operation.as_str(), listed(services))
            }
            Self::Planned { services, operation, file } => {
                write!(
                    f,
                    "{} of {} would run now; its plan is in {file}",
                    operation.as_str(),
                    listed(services)
                )
            }
            Self::Unprotected { service, because } => write!(f, "{service} is UNPROTECTED: {because}"),
            Self::Protected { service, secondary } => {
                write!(f, "{service} is protected: its copy sleeps on {secondary}")
            }
            Self::Stray { host, service, holds } => {
                write!(f, "{host} has no right to {holds} of {service}: it is taken off")
            }
            Self::Cleaned { host, service, held } => write!(f, "{host} no longer holds {held} of {service}"),
            Self::Newer { host, service, epoch, .. } => {
                write!(
                    f,
                    "{host} knows epoch {epoch} of {service}: somebody else acted; the table is read again"
                )
            }
            Self::RenewalFailed { service, host, because, lapses_in_ms } => write!(
                f,
                "the address lease of {service} on {host} was not renewed and lapses in {lapses_in_ms} ms: {because}"
            ),
            Self::NoticeLost { to, because } => write!(f, "not told: {to}: {because}"),
            Self::Leads { leader, term } => write!(f, "{leader} leads, term {term}"),
            Self::StandsBy { leader } => write!(f, "standing by: {leader} leads"),
            Self::Deposed { leader, by, because } => write!(f, "{by} ends the lease of {leader}: {because}"),
            Self::StepsDown {} => {
                f.write_str("no host answers this monitor: another may lead until one does")
            }
        }
    }
}
