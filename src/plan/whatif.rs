//! What would become of the services if some hosts were gone, or too busy: planned as a monitor would, on facts that are
//! known, with no host asked. Pure: the same facts give the same answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::facts::SiteFacts;
use super::table::{Row, ServiceState, Table};
use super::{Operation, Plan, PlanError, Planner, Request, ServicePlan};
use crate::site::Site;
use crate::site::id::{HostName, ServiceName};
use crate::site::playbook::EvidenceKind;

/// The version of the document.
pub const SCHEMA: &str = "reveille.whatif/1";

/// A busy host is not left for one that is busier by more than this, in load per CPU.
const SAME_LOAD: f64 = 0.25;

/// What is known, and does not change from case to case.
pub struct Known<'a> {
    pub site: &'a Site,
    pub table: &'a Table,
    pub facts: &'a SiteFacts,
    pub secrets: &'a Map<String, Value>,
}

/// Something that may happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mishap {
    /// These hosts are gone at once.
    Down(Vec<HostName>),
    /// This service has too much to do where it is.
    Overload(ServiceName),
}

impl std::fmt::Display for Mishap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Down(hosts) => {
                let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
                write!(f, "{} down", names.join(", "))
            }
            Self::Overload(service) => write!(f, "{service} overloaded"),
        }
    }
}

/// One case, and what becomes of each service it concerns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    pub mishap: Mishap,
    pub fates: Vec<Fate>,
}

/// What becomes of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fate {
    pub service: ServiceName,
    /// Its primary before.
    pub from: Option<HostName>,
    pub becomes: Becomes,
    /// Nobody could take over from the hosts it has then.
    pub unprotected: bool,
    /// The longest it may take, every time limit used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_case_ms: Option<u64>,
    /// What could prove that the old primary no longer acts. Only [`EvidenceKind::Human`], or nothing: it waits for a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceKind>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Becomes {
    /// It serves elsewhere.
    Moved { to: HostName, secondary: Option<HostName> },
    /// It stays, with another secondary or none.
    Stays { secondary: Option<HostName> },
    /// Nobody serves it any more.
    Lost { because: String },
}

impl Fate {
    /// Whether a person has to say that the old primary is dead before anything is moved.
    pub fn waits_for_a_person(&self) -> bool {
        matches!(self.becomes, Becomes::Moved { .. })
            && self.worst_case_ms.is_some()
            && self.evidence.iter().all(|kind| *kind == EvidenceKind::Human)
    }
}

impl Known<'_> {
    /// Plays one case through, one service after the other, each seeing what became of those before it.
    ///
    /// # Errors
    /// A playbook that cannot be rendered.
    pub fn case(&self, mishap: Mishap) -> Result<Case, PlanError> {
        let mut fates = Vec::new();
        match &mishap {
            Mishap::Overload(service) => fates.extend(self.overloaded(service)?),
            Mishap::Down(hosts) => {
                let facts = self.without(hosts);
                let mut table = self.table.clone();
                for (service, row) in &self.table.services {
                    let gone =
                        |host: &Option<HostName>| host.as_ref().is_some_and(|host| hosts.contains(host));
                    let concerned = gone(&row.primary) || gone(&row.secondary);
                    if concerned
                        && row.state != ServiceState::Absent
                        && self.site.playbooks.contains_key(service)
                    {
                        fates.push(self.fate(service, row, gone(&row.primary), &mut table, &facts)?);
                    }
                }
            }
        }
        Ok(Case { mishap, fates })
    }

    fn without(&self, hosts: &[HostName]) -> SiteFacts {
        let mut facts = self.facts.clone();
        for host in hosts {
            facts.insert(host.clone(), Err("down, in this case".to_owned()));
        }
        facts
    }

    fn fate(
        &self,
        service: &ServiceName,
        row: &Row,
        moves: bool,
        table: &mut Table,
        facts: &SiteFacts,
    ) -> Result<Fate, PlanError> {
        let operation = if moves { Operation::Failover } else { Operation::Reprotect };
        let planned = self.plan(Request::bare(operation, service.clone()), table, facts);
        let fate = |becomes, unprotected| Fate {
            service: service.clone(),
            from: row.primary.clone(),
            becomes,
            unprotected,
            worst_case_ms: None,
            evidence: Vec::new(),
        };
        let plan = match planned {
            Ok(plan) => plan,
            Err(PlanError::NoCandidate { .. }) if !moves => {
                return Ok(fate(Becomes::Stays { secondary: None }, true));
            }
            Err(error @ (PlanError::NoCandidate { .. } | PlanError::NoPrimary { .. })) => {
                return Ok(fate(Becomes::Lost { because: error.to_string() }, true));
            }
            Err(PlanError::Unreachable { detail, .. }) => {
                return Ok(fate(Becomes::Lost { because: detail }, true));
            }
            Err(error) => return Err(error),
        };
        let after = after(&plan);
        table.services.insert(service.clone(), moved(after, row));
        let secondary = after.secondary.clone();
        let becomes = match (&after.to, moves) {
            (Some(to), true) => Becomes::Moved { to: to.clone(), secondary: secondary.clone() },
            _ => Becomes::Stays { secondary: secondary.clone() },
        };
        let known = Fate { worst_case_ms: Some(plan.worst_case_ms), ..fate(becomes, secondary.is_none()) };
        Ok(Fate { evidence: if moves { evidence(&plan) } else { Vec::new() }, ..known })
    }

    fn overloaded(&self, service: &ServiceName) -> Result<Option<Fate>, PlanError> {
        let Some(row) = self.table.services.get(service) else { return Ok(None) };
        let Some(primary) = &row.primary else { return Ok(None) };
        let load = match self.facts.get(primary) {
            Some(Ok(facts)) => facts.load_per_cpu,
            _ => return Ok(None),
        };
        let request = Request {
            lighter_than: Some(load + SAME_LOAD),
            ..Request::bare(Operation::Switchover, service.clone())
        };
        let stays = Fate {
            service: service.clone(),
            from: row.primary.clone(),
            becomes: Becomes::Stays { secondary: row.secondary.clone() },
            unprotected: row.secondary.is_none(),
            worst_case_ms: None,
            evidence: Vec::new(),
        };
        match self.plan(request, self.table, self.facts) {
            Ok(plan) => {
                let after = after(&plan);
                let (Some(to), secondary) = (after.to.clone(), after.secondary.clone()) else {
                    return Ok(Some(stays));
                };
                let becomes = Becomes::Moved { to, secondary: secondary.clone() };
                let worst_case_ms = Some(plan.worst_case_ms);
                let evidence = vec![EvidenceKind::Released];
                Ok(Some(Fate { becomes, unprotected: secondary.is_none(), worst_case_ms, evidence, ..stays }))
            }
            Err(PlanError::NoCandidate { .. }) => Ok(Some(stays)),
            Err(error) => Err(error),
        }
    }

    fn plan(&self, request: Request, table: &Table, facts: &SiteFacts) -> Result<Plan, PlanError> {
        Planner { site: self.site, table, facts, secrets: self.secrets, request }.plan()
    }
}

fn after(plan: &Plan) -> &ServicePlan {
    &plan.services[0]
}

fn moved(after: &ServicePlan, row: &Row) -> Row {
    Row {
        primary: after.to.clone(),
        secondary: after.secondary.clone(),
        epoch: after.epoch,
        state: ServiceState::Protected,
        last_run: row.last_run.clone(),
    }
}

/// Ways to evidence that are open to a plan whose old primary says nothing.
fn evidence(plan: &Plan) -> Vec<EvidenceKind> {
    let ways = plan.steps.iter().flat_map(|step| &step.any_of);
    let mut kinds: Vec<EvidenceKind> = ways.map(|way| way.evidence).collect();
    kinds.retain(|kind| *kind != EvidenceKind::Released);
    kinds.sort_by_key(|kind| *kind as u8);
    kinds.dedup();
    kinds
}

/// What all cases come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub cases: usize,
    /// Cases in which a service is lost.
    pub lost: usize,
    /// Cases in which none is lost, and one is without protection afterwards.
    pub unprotected: usize,
}

impl Sum {
    pub fn of(cases: &[Case]) -> Self {
        let lost = |case: &Case| case.fates.iter().any(|fate| matches!(fate.becomes, Becomes::Lost { .. }));
        let unprotected = |case: &Case| case.fates.iter().any(|fate| fate.unprotected);
        Self {
            cases: cases.len(),
            lost: cases.iter().filter(|case| lost(case)).count(),
            unprotected: cases.iter().filter(|case| !lost(case) && unprotected(case)).count(),
        }
    }
}

/// Every host alone, or every two of them, in order.
pub fn choices(hosts: &[HostName], pairs: bool) -> Vec<Mishap> {
    let mut found: BTreeMap<Vec<usize>, Mishap> = BTreeMap::new();
    for (at, one) in hosts.iter().enumerate() {
        if pairs {
            for (beside, other) in hosts.iter().enumerate().skip(at + 1) {
                found.insert(vec![at, beside], Mishap::Down(vec![one.clone(), other.clone()]));
            }
        } else {
            found.insert(vec![at], Mishap::Down(vec![one.clone()]));
        }
    }
    found.into_values().collect()
}
