//! The answer to "how is my site?": the scheduling table beside what hosts and probes say now. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::{HostFacts, ProcessFact, SiteFacts};
use super::table::{Pause, Role, Row, ServiceState, Table};
use crate::module::Outcome;
use crate::site::address::ServiceAddress;
use crate::site::id::{Epoch, HostName, RunId, ServiceName};

/// The version of the status document.
pub const SCHEMA: &str = "reveille.status/1";

/// `reveille status --json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status {
    pub schema: &'static str,
    /// The monitor that leads, if one runs.
    pub monitor: Option<MonitorStatus>,
    pub services: Vec<ServiceStatus>,
    pub hosts: Vec<HostStatus>,
    /// The newest run that neither ended nor goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<Interrupted>,
    /// Every run that is under way, was cut short, or left work.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<OpenRunStatus>,
    /// Every pause that holds, one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MonitorStatus {
    pub leader: String,
    /// RFC 3339.
    pub since: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Interrupted {
    pub run: RunId,
    pub operation: String,
    pub services: Vec<ServiceName>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpenRunStatus {
    #[serde(flatten)]
    pub run: Interrupted,
    pub state: OpenRunState,
}

/// What is the matter with a run that has not simply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenRunState {
    UnderWay,
    /// Its process is gone: `reveille recover`.
    CutShort,
    /// It ended, and a person has to do the rest.
    WorkLeft,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceStatus {
    pub service: ServiceName,
    pub state: ServiceState,
    pub verdict: Verdict,
    pub primary: Option<HostName>,
    pub secondary: Option<HostName>,
    pub epoch: Epoch,
    pub addresses: Vec<ServiceAddress>,
    pub paused: Option<String>,
    pub last_run: Option<RunId>,
    /// What a person should know, one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostStatus {
    pub host: HostName,
    pub verdict: Verdict,
    pub load_per_cpu: Option<f64>,
    pub roles: Vec<HostRole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostRole {
    pub service: ServiceName,
    pub role: Role,
}

/// What is concluded of a service or host, by one look or by a monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Ok,
    /// It answers, too slowly or too busily.
    Overloaded,
    ServiceDown,
    /// Its host's kernel answers, it does not.
    Frozen,
    HostDown,
    /// We cannot see it; others can, or may.
    Unreachable,
    /// It is us who are cut off.
    Isolated,
    Unknown,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Overloaded => "overloaded",
            Self::ServiceDown => "service-down",
            Self::Frozen => "frozen",
            Self::HostDown => "host-down",
            Self::Isolated => "isolated",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
        }
    }
}

/// What is put together.
pub struct Observed<'a> {
    /// Every service of the site with its addresses.
    pub services: &'a BTreeMap<ServiceName, Vec<ServiceAddress>>,
    /// Hosts in inventory order.
    pub hosts: &'a [HostName],
    /// Already reconciled with `facts`.
    pub table: &'a Table,
    pub facts: &'a SiteFacts,
    /// What became of each service's probes, the worst of them; absent where it has none or none was made.
    pub answers: &'a BTreeMap<ServiceName, Outcome>,
    /// Runs that have not simply ended, newest first.
    pub runs: &'a [OpenRunStatus],
    pub monitor: Option<MonitorStatus>,
    /// Unix time in milliseconds.
    pub now_ms: u64,
}

impl Observed<'_> {
    pub fn status(&self) -> Status {
        Status {
            schema: SCHEMA,
            monitor: self.monitor.clone(),
            services: self.services.iter().map(|(name, addresses)| self.service(name, addresses)).collect(),
            hosts: self.hosts.iter().map(|host| self.host(host)).collect(),
            interrupted: self.open(|state| state != OpenRunState::UnderWay).next().cloned(),
            runs: self.runs.to_vec(),
            pauses: self.pauses().map(ToString::to_string).collect(),
        }
    }

    fn open(&self, which: impl Fn(OpenRunState) -> bool) -> impl Iterator<Item = &Interrupted> {
        self.runs.iter().filter(move |open| which(open.state)).map(|open| &open.run)
    }

    fn pauses(&self) -> impl Iterator<Item = &Pause> {
        self.table.pauses.iter().filter(|pause| pause.holds(self.now_ms))
    }

    fn host(&self, host: &HostName) -> HostStatus {
        let roles = self.table.services.iter().flat_map(|(service, row)| {
            let role = |held: &Option<HostName>, role| {
                (held.as_ref() == Some(host)).then(|| HostRole { service: service.clone(), role })
            };
            [role(&row.primary, Role::Primary), role(&row.secondary, Role::Secondary)].into_iter().flatten()
        });
        let facts = self.facts.get(host);
        HostStatus {
            host: host.clone(),
            verdict: match facts {
                Some(Ok(_)) => Verdict::Ok,
                Some(Err(_)) => Verdict::Unreachable,
                None => Verdict::Unknown,
            },
            load_per_cpu: self.answered(host).map(|facts| facts.load_per_cpu),
            roles: roles.collect(),
            detail: facts.and_then(|facts| facts.as_ref().err().cloned()),
        }
    }

    fn answered(&self, host: &HostName) -> Option<&HostFacts> {
        self.facts.get(host).and_then(|facts| facts.as_ref().ok())
    }

    fn service(&self, service: &ServiceName, addresses: &[ServiceAddress]) -> ServiceStatus {
        let absent = Row {
            primary: None,
            secondary: None,
            epoch: Epoch(0),
            state: ServiceState::Absent,
            last_run: None,
        };
        let row = self.table.services.get(service).unwrap_or(&absent);
        let verdict = self.verdict(service, row);
        let mut notes = self.strays(service, row, addresses);
        notes.extend(self.sleeper(service, row).err());
        notes.extend(self.latch(service));
        notes.extend(self.remark(service));
        let hosts: Vec<HostName> = [&row.primary, &row.secondary].into_iter().flatten().cloned().collect();
        ServiceStatus {
            service: service.clone(),
            state: self.state(service, row, verdict),
            verdict,
            primary: row.primary.clone(),
            secondary: row.secondary.clone(),
            epoch: row.epoch,
            addresses: addresses.to_vec(),
            paused: self.table.paused(service, &hosts, self.now_ms).map(ToString::to_string),
            last_run: row.last_run.clone(),
            notes,
        }
    }

    /// A client's view first; without one, what the primary says of its processes.
    fn verdict(&self, service: &ServiceName, row: &Row) -> Verdict {
        match (self.answers.get(service), &row.primary) {
            (_, None) => Verdict::Unknown,
            (Some(answer), _) if answer.is_ok() => Verdict::Ok,
            (answer, Some(primary)) => match (answer, self.answered(primary)) {
                (_, None) => Verdict::Unreachable,
                (Some(Outcome::Impossible { .. }), Some(_)) => Verdict::Unknown,
                (Some(_), Some(_)) => Verdict::ServiceDown,
                (_, Some(facts)) if all(facts, service, ProcessFact::Awake) => Verdict::Ok,
                (_, Some(_)) => Verdict::ServiceDown,
            },
        }
    }

    fn state(&self, service: &ServiceName, row: &Row, verdict: Verdict) -> ServiceState {
        let of = |run: &Interrupted| run.services.contains(service);
        if self.open(|state| state == OpenRunState::UnderWay).any(of) {
            return ServiceState::Moving;
        }
        if self.open(|state| state != OpenRunState::UnderWay).any(of) {
            return ServiceState::Stuck;
        }
        match (row.state, verdict) {
            (ServiceState::Absent | ServiceState::Stuck, _) => row.state,
            (_, Verdict::Ok) if row.secondary.is_some() && self.sleeper(service, row).is_ok() => {
                ServiceState::Protected
            }
            (_, Verdict::Ok) => ServiceState::Unprotected,
            // Nobody knows: it is as it was.
            (state, Verdict::Unknown) if row.primary.is_some() => state,
            _ => ServiceState::Down,
        }
    }

    /// What a probe said beside yes and no.
    fn remark(&self, service: &ServiceName) -> Option<String> {
        match self.answers.get(service)? {
            Outcome::Impossible { detail } => Some(format!("{service} could not be asked: {detail}")),
            answer => Some(format!("{service} answers with a warning: {}", answer.warning()?)),
        }
    }

    fn latch(&self, service: &ServiceName) -> Option<String> {
        let latch = self.table.policy.get(service)?.latched.as_ref()?;
        Some(format!(
            "{service} is left alone since a takeover failed: {}; `reveille ack {service}` releases it",
            latch.because
        ))
    }

    /// Whether the secondary's copy can be woken.
    fn sleeper(&self, service: &ServiceName, row: &Row) -> Result<(), String> {
        let Some(secondary) = &row.secondary else { return Ok(()) };
        match self.facts.get(secondary) {
            Some(Ok(facts)) if all(facts, service, ProcessFact::Asleep) => Ok(()),
            Some(Ok(_)) => Err(format!("the sleeping copy on {secondary} is gone or awake")),
            Some(Err(_)) | None => Err(format!("the secondary {secondary} does not answer")),
        }
    }

    /// Hosts that hold what only the primary may hold.
    fn strays(&self, service: &ServiceName, row: &Row, addresses: &[ServiceAddress]) -> Vec<String> {
        let mut notes = Vec::new();
        for host in self.hosts.iter().filter(|host| row.primary.as_ref() != Some(host)) {
            let Some(facts) = self.answered(host) else { continue };
            for address in addresses {
                if facts.addresses.iter().any(|held| held.address == address.ip()) {
                    notes.push(format!(
                        "{host} also holds {}; `reveille reprotect {service}` cleans it",
                        address.ip()
                    ));
                }
            }
        }
        notes
    }
}

fn all(facts: &HostFacts, service: &ServiceName, wanted: ProcessFact) -> bool {
    facts
        .services
        .get(service)
        .is_some_and(|trace| trace.processes.values().all(|process| *process == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::table::{Latch, Scope};

    fn run(name: &str, service: &str, state: OpenRunState) -> OpenRunStatus {
        let run = Interrupted {
            run: name.try_into().unwrap(),
            operation: "failover".into(),
            services: vec![service.try_into().unwrap()],
        };
        OpenRunStatus { run, state }
    }

    fn observed(table: &Table, runs: &[OpenRunStatus]) -> Status {
        let services = ["dns", "mail", "web"].map(|name| (name.try_into().unwrap(), Vec::new())).into();
        Observed {
            services: &services,
            hosts: &[],
            table,
            facts: &SiteFacts::new(),
            answers: &BTreeMap::new(),
            runs,
            monitor: None,
            now_ms: 100,
        }
        .status()
    }

    #[test]
    fn each_service_says_what_its_own_run_is_about() {
        let runs = [
            run("r3", "web", OpenRunState::UnderWay),
            run("r2", "mail", OpenRunState::CutShort),
            run("r1", "dns", OpenRunState::WorkLeft),
        ];
        let seen = observed(&Table::default(), &runs);
        let states: Vec<ServiceState> = seen.services.iter().map(|service| service.state).collect();
        assert_eq!(states, [ServiceState::Stuck, ServiceState::Stuck, ServiceState::Moving]);
        assert_eq!(seen.interrupted.unwrap().run.as_str(), "r2");
        let text = serde_json::to_value(&seen.runs[0]).unwrap();
        assert_eq!((text["run"].as_str(), text["state"].as_str()), (Some("r3"), Some("under-way")));
    }

    #[test]
    fn pauses_and_latches_are_said() {
        let pause = |scope, until_ms| Pause {
            scope,
            until_ms,
            because: "new switch".into(),
            by: "ops".into(),
            since_ms: 0,
        };
        let web: ServiceName = "web".try_into().unwrap();
        let pauses = vec![pause(Scope::Service(web.clone()), None), pause(Scope::Site, Some(100))];
        let mut table = Table { pauses, ..Table::default() };
        table.latch(&web, Latch { at_ms: 7, because: "h2 did not wake".into() });
        let status = observed(&table, &[]);
        assert_eq!(status.pauses, ["service web is paused by ops: new switch"], "the other has run out");
        assert_eq!(status.services[2].paused.as_ref(), status.pauses.first());
        assert_eq!(status.services[0].paused, None);
        assert!(status.services[2].notes[0].contains("h2 did not wake; `reveille ack web`"));
    }
}
