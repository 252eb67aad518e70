//! Makes a [`Plan`] out of a site, the scheduling table, fresh facts and a request. The only entry to planning.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::compose::Composer;
use super::facts::{ProcessFact, SiteFacts, Trace};
use super::table::{Role, Row, ServiceState, Table};
use super::{LeaseFact, Operation, Plan, PlanError, Probe, StepRef, UndoWork, Work, timing};
use crate::site::Site;
use crate::site::address::ServiceAddress;
use crate::site::id::{Epoch, HostName, ServiceName};
use crate::site::inventory::HostExtras;
use crate::site::playbook::Playbook;

/// What the user asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub operation: Operation,
    pub services: Vec<ServiceName>,
    /// The new primary, when the user names one.
    pub to: Option<HostName>,
    /// Hosts that may be chosen; all of the pool if absent.
    pub limit: Option<Vec<HostName>>,
    /// Only steps with one of these tags (or `always`) run; all if empty.
    pub tags: Vec<String>,
    /// Login user where the inventory names none.
    pub user: Option<String>,
    /// Become root everywhere.
    pub escalate: bool,
    /// Hosts that failed earlier in this run, and how.
    pub tried: BTreeMap<HostName, String>,
    /// What whoever renews them knows of address leases. Empty where nobody does.
    pub leases: BTreeMap<ServiceName, LeaseFact>,
    /// Hosts that are left alone for another reason, in words.
    pub excluded: BTreeMap<HostName, String>,
    /// No new primary may have more load per CPU than this: an overloaded host is not left for a busier one.
    pub lighter_than: Option<f64>,
    /// Hosts of which a monitor has just seen that not even their kernels answer anybody: they are fenced without
    /// waiting for a word of theirs.
    pub dark: BTreeSet<HostName>,
}

impl Request {
    /// An operation on one service, nothing else said.
    pub fn bare(operation: Operation, service: ServiceName) -> Self {
        Self {
            operation,
            services: vec![service],
            to: None,
            limit: None,
            tags: Vec::new(),
            user: None,
            escalate: false,
            tried: BTreeMap::new(),
            leases: BTreeMap::new(),
            excluded: BTreeMap::new(),
            lighter_than: None,
            dark: BTreeSet::new(),
        }
    }
}

/// Everything a plan is made from.
pub struct Planner<'a> {
    pub site: &'a Site,
    /// Already reconciled with `facts`.
    pub table: &'a Table,
    pub facts: &'a SiteFacts,
    /// Resolved secrets by variable name; never shown.
    pub secrets: &'a serde_json::Map<String, serde_json::Value>,
    pub request: Request,
}

impl Planner<'_> {
    /// Plans the request for all its services.
    ///
    /// # Errors
    /// The first reason for which nothing can be done; nothing was changed anywhere.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        let mut services = Vec::new();
        let mut steps = Vec::new();
        let mut assigned = self.table.clone();
        for name in &self.request.services {
            let mut composer = Composer { assigned: assigned.clone(), ..self.composer(name)? };
            let service = composer.operate(self.request.operation)?;
            // The next service's choice sees this one's.
            let (primary, secondary) = (service.to.clone(), service.secondary.clone());
            let state = ServiceState::Moving;
            let row = Row { primary, secondary, epoch: service.epoch, state, last_run: None };
            assigned.services.insert(name.clone(), row);
            services.push(service);
            steps.append(&mut composer.steps);
        }
        timing::close(self.request.operation, services, steps)
    }

    /// Every check of a service, as a client makes it while `host` serves.
    ///
    /// # Errors
    /// A check that cannot be rendered.
    pub fn probes(&self, service: &ServiceName, host: &HostName) -> Result<Vec<Probe>, PlanError> {
        let mut composer = self.composer(service)?;
        composer.cast = (Some(host.clone()), None);
        let probes = &composer.playbook.probes;
        probes.iter().map(|(name, spec)| composer.named_probe(host, name, spec)).collect()
    }

    /// The work of a step of `plan` that depended on results which are known now.
    ///
    /// # Errors
    /// The step is not of this plan, or cannot be rendered even now.
    pub fn late(
        &self,
        plan: &Plan,
        step: &StepRef,
        results: &Map<String, Value>,
    ) -> Result<(Work, UndoWork), PlanError> {
        let unknown = || PlanError::UnknownStep { step: step.clone() };
        let planned = plan.steps.iter().find(|planned| planned.id == *step).ok_or_else(unknown)?;
        let service = plan.services.iter().find(|entry| entry.service == planned.service);
        let service = service.ok_or_else(unknown)?;
        let host = step.host().ok_or_else(unknown)?;
        let mut composer = self.composer(&service.service)?;
        composer.epoch = service.epoch;
        composer.cast = (service.to.clone(), service.secondary.clone());
        let phase = planned.stage.phase().ok_or_else(unknown)?;
        let steps = composer.playbook.phase(phase);
        let written = steps.iter().find(|written| written.id.as_str() == step.id()).ok_or_else(unknown)?;
        composer.late(&host, written, results)
    }

    pub(super) fn composer(&self, service: &ServiceName) -> Result<Composer<'_>, PlanError> {
        let playbook = self
            .site
            .playbooks
            .get(service)
            .ok_or_else(|| PlanError::UnknownService { service: service.clone() })?;
        let pool = self.site.pool(playbook);
        if let Some(to) = &self.request.to
            && !pool.contains(to)
        {
            return Err(PlanError::NotInPool { service: service.clone(), host: to.clone() });
        }
        let assigned = self.table.clone();
        Ok(Composer {
            planner: self,
            playbook,
            pool,
            assigned,
            epoch: Epoch(0),
            cast: (None, None),
            asked_at: None,
            steps: Vec::new(),
        })
    }

    fn trace(&self, service: &ServiceName, host: &HostName) -> Option<&Trace> {
        self.facts.get(host)?.as_ref().ok()?.services.get(service)
    }

    pub(super) fn is_awake(&self, service: &ServiceName, host: &HostName) -> bool {
        self.trace(service, host).is_some_and(|trace| {
            trace.role == Some(Role::Primary)
                && trace.processes.values().all(|process| *process == ProcessFact::Awake)
        })
    }

    pub(super) fn is_ready(&self, service: &ServiceName, host: &HostName) -> bool {
        self.trace(service, host).is_some_and(|trace| {
            trace.role == Some(Role::Secondary)
                && trace.processes.values().all(|process| *process == ProcessFact::Asleep)
        })
    }

    /// Whether a host holds an address or a live process of the service, or thinks it has a role.
    pub(super) fn holds_anything(&self, playbook: &Playbook, host: &HostName) -> bool {
        let Some(Ok(facts)) = self.facts.get(host) else { return false };
        let holds_address = playbook
            .addresses
            .iter()
            .any(|address| facts.addresses.iter().any(|held| held.address == address.ip()));
        let holds_process = facts.services.get(&playbook.service.value).is_some_and(|trace| {
            trace.role.is_some() || trace.processes.values().any(|process| *process != ProcessFact::Dead)
        });
        holds_address || holds_process
    }

    /// Whether a host holds a service address or runs an awake copy, whatever it thinks it is.
    pub(super) fn serves_unasked(&self, playbook: &Playbook, host: &HostName) -> bool {
        let Some(Ok(facts)) = self.facts.get(host) else { return false };
        let holds =
            |address: &ServiceAddress| facts.addresses.iter().any(|held| held.address == address.ip());
        let awake = |trace: &Trace| {
            trace.role == Some(Role::Primary)
                || trace.processes.values().any(|process| *process == ProcessFact::Awake)
        };
        playbook.addresses.iter().any(|address| holds(&address.value))
            || facts.services.get(&playbook.service.value).is_some_and(awake)
    }

    /// Whether the inventory lets the host take roles at all.
    pub(super) fn in_pool(&self, host: &HostName) -> bool {
        self.extras(host).pool
    }

    /// The user that steps run as, when not the one that logs in.
    pub(super) fn run_as(&self, host: &HostName) -> Option<String> {
        let request = &self.request;
        let connection = self.site.connection(host, request.user.as_deref(), request.escalate);
        connection.escalation.map(|escalation| escalation.user)
    }

    /// The `reveille_*` variables of a host.
    pub(super) fn extras(&self, host: &HostName) -> HostExtras {
        // What could not be understood there was reported when the site was checked.
        self.site.inventory.extras(host, &mut Vec::new())
    }
}
