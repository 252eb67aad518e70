//! The bench on which one service's steps are laid out: adds phases, joins and commits, and keeps their edges.
//!
//! Used by [`super::operation`] only. What a step says in shell comes from [`super::phase`].

use super::facts::HostFacts;
use super::phase::PROBE_MARGIN_MS;
use super::table::{Role, Row, ServiceState, Table};
use super::{
    Alternative, Attempts, Commit, Guards, Link, LinkKind, PlanError, PlanStep, Planner, ServicePlan, Stage,
    StepRef, UndoWork, Work,
};
use crate::module::{self, Script};
use crate::site::action::{Action, ProbeArgs};
use crate::site::address::ServiceAddress;
use crate::site::id::{Epoch, HostName, ServiceName};
use crate::site::playbook::{Backoff, DataPolicy, EvidenceKind, IfUnreachable, Phase, Playbook, Step};
use crate::site::source::Sp;

/// What must have ended before something starts.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(pub Vec<Link>);

impl Gate {
    pub fn none() -> Self {
        Self::default()
    }

    /// All of a phase succeeded. What waits for a phase without steps waits for what that phase would wait for.
    pub fn success(placed: &Placed) -> Self {
        Self::of(placed, LinkKind::Success)
    }

    /// All of a phase ended, whatever the result.
    pub fn end(placed: &Placed) -> Self {
        Self::of(placed, LinkKind::End)
    }

    fn of(placed: &Placed, kind: LinkKind) -> Self {
        if placed.is_empty() { placed.before.clone() } else { Self(links(&placed.exits, kind)) }
    }

    pub fn and_success(self, placed: &Placed) -> Self {
        self.and(&Self::success(placed))
    }

    pub fn and_end(self, placed: &Placed) -> Self {
        self.and(&Self::end(placed))
    }

    pub fn and(mut self, other: &Self) -> Self {
        for link in &other.0 {
            if !self.0.contains(link) {
                self.0.push(link.clone());
            }
        }
        self
    }
}

pub(super) fn links(steps: &[StepRef], kind: LinkKind) -> Vec<Link> {
    steps.iter().map(|step| Link { step: step.clone(), kind }).collect()
}

/// A group of steps that were added together.
#[derive(Clone, Debug, Default)]
pub(super) struct Placed {
    pub all: Vec<StepRef>,
    /// The steps nothing else of the group waits for.
    pub exits: Vec<StepRef>,
    /// Those that release a service address.
    pub addresses: Vec<StepRef>,
    /// What the group waits for.
    pub before: Gate,
}

impl Placed {
    pub fn one(step: StepRef) -> Self {
        Self { all: vec![step.clone()], exits: vec![step], ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Side by side with another group.
    pub fn join(&mut self, other: Self) {
        self.all.extend(other.all);
        self.exits.extend(other.exits);
        self.addresses.extend(other.addresses);
    }

    /// Followed by another group.
    pub fn append(&mut self, other: Self) {
        self.exits.clear();
        self.join(other);
    }
}

/// What the failure of a group means for the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    pub if_unreachable: Option<IfUnreachable>,
    pub advisory: bool,
    pub optional: bool,
}

impl Running {
    /// A failure is the run's failure.
    pub fn strict() -> Self {
        Self { if_unreachable: None, advisory: false, optional: false }
    }

    /// The host may be dead: good if it works, and the run neither fails nor waits because of it.
    pub fn hopeful() -> Self {
        Self { if_unreachable: Some(IfUnreachable::Continue), advisory: true, optional: true }
    }

    /// It should work, but what follows does not depend on it.
    pub fn advisory() -> Self {
        Self { if_unreachable: Some(IfUnreachable::Continue), advisory: true, optional: false }
    }
}

/// One service's part of a plan while it grows.
pub(super) struct Composer<'a> {
    pub planner: &'a Planner<'a>,
    pub playbook: &'a Playbook,
    pub pool: Vec<HostName>,
    /// The scheduling table with what this plan has decided for earlier services.
    pub assigned: Table,
    pub epoch: Epoch,
    /// Primary and secondary after the plan, for templates.
    pub cast: (Option<HostName>, Option<HostName>),
    /// In place of the service address, where a copy is asked that does not hold it.
    pub asked_at: Option<std::net::IpAddr>,
    pub steps: Vec<PlanStep>,
}

impl Composer<'_> {
    pub fn service(&self) -> &ServiceName {
        &self.playbook.service.value
    }

    pub fn data(&self) -> DataPolicy {
        self.playbook.data
    }

    pub fn evidence_policy(&self) -> Vec<EvidenceKind> {
        self.playbook.evidence_policy()
    }

    pub fn addresses(&self) -> Vec<ServiceAddress> {
        self.playbook.addresses.iter().map(|address| address.value).collect()
    }

    pub fn request_to(&self) -> Option<&HostName> {
        self.planner.request.to.as_ref()
    }

    /// Fixes the epoch and the roles that every step of this service is rendered with.
    pub fn begin(&mut self, epoch: Epoch, primary: &HostName, secondary: Option<&HostName>) {
        self.epoch = epoch;
        self.cast = (Some(primary.clone()), secondary.cloned());
    }

    /// The service's row, if it was ever deployed and not torn down.
    pub fn row(&self) -> Option<Row> {
        self.planner.table.services.get(self.service()).cloned()
    }

    pub fn deployed(&self) -> Result<Row, PlanError> {
        self.row()
            .filter(|row| row.state != ServiceState::Absent)
            .ok_or_else(|| PlanError::NotDeployed { service: self.service().clone() })
    }

    pub fn no_primary(&self) -> PlanError {
        PlanError::NoPrimary { service: self.service().clone() }
    }

    pub fn facts(&self, host: &HostName) -> Option<&HostFacts> {
        self.planner.facts.get(host).and_then(|facts| facts.as_ref().ok())
    }

    pub fn must_answer(&self, host: &HostName, what: &'static str) -> Result<(), PlanError> {
        let detail = match self.planner.facts.get(host) {
            Some(Ok(_)) => return Ok(()),
            Some(Err(detail)) => detail.clone(),
            None => "was not asked".to_owned(),
        };
        Err(PlanError::Unreachable { service: self.service().clone(), host: host.clone(), what, detail })
    }

    /// Whether the host runs an awake copy now, by its own word.
    pub fn is_awake(&self, host: &HostName) -> bool {
        self.planner.is_awake(self.service(), host)
    }

    /// Whether the host keeps a sleeping copy that can be woken, by its own word.
    pub fn is_ready(&self, host: &HostName) -> bool {
        self.planner.is_ready(self.service(), host)
    }

    /// The secondary that a commit of the primary keeps: the one it has, when it stays and is ready.
    pub fn kept_secondary(&self, secondary: Option<&HostName>) -> Option<HostName> {
        let row = self.row()?;
        let now = row.secondary.filter(|now| Some(now) == secondary)?;
        self.is_ready(&now).then_some(now)
    }

    /// Hosts of the pool that hold a part of the service they have no right to, torn down. The host that serves, or is
    /// to serve, comes first in `rightful`; another rightful one keeps its sleeping copy, and nothing else.
    pub fn quarantine(&mut self, rightful: &[Option<&HostName>]) -> Result<Placed, PlanError> {
        let may_stay = |host: &HostName| match rightful.iter().position(|named| *named == Some(host)) {
            Some(0) => true,
            Some(_) => !self.planner.serves_unasked(self.playbook, host) || self.is_leaving(host),
            None => !self.planner.holds_anything(self.playbook, host),
        };
        let strays: Vec<HostName> = self.pool.iter().filter(|host| !may_stay(host)).cloned().collect();
        let mut cleaned = Placed::default();
        for host in strays {
            let mut group =
                self.phase(&host, Phase::Teardown, Stage::Quarantine, &Gate::none(), Running::advisory())?;
            let gate = Gate::success(&group);
            group.append(self.role_as(&host, None, Stage::Quarantine, &gate, Running::advisory()));
            cleaned.join(group);
        }
        Ok(cleaned)
    }

    /// The primary that this plan leaves has its own release.
    fn is_leaving(&self, host: &HostName) -> bool {
        self.row().is_some_and(|row| row.primary.as_ref() == Some(host))
    }

    /// Every reachable host with a trace of the service, and those the table names.
    pub fn hosts_with_traces(&self, row: Option<&Row>) -> Vec<HostName> {
        let named = |host: &HostName| {
            row.is_some_and(|row| row.primary.as_ref() == Some(host) || row.secondary.as_ref() == Some(host))
        };
        let holds = |host: &HostName| self.planner.holds_anything(self.playbook, host);
        self.pool.iter().filter(|host| named(host) || holds(host)).cloned().collect()
    }

    /// A service address was taken off another host: clients are told again who holds it now.
    pub fn announce_after(&mut self, host: &HostName, what: &str, released: &Placed, committed: &Placed) {
        if released.is_empty() || self.playbook.addresses.is_empty() {
            return;
        }
        let script = module::address::announce_script(&self.addresses());
        let gate = Gate::end(released).and_success(committed);
        let step = self.bare(
            Some(host),
            Stage::Commit,
            &format!("announce-after-{what}"),
            "address",
            Work::Script(script),
            &gate,
        );
        self.push(step, Running { optional: true, ..Running::advisory() });
    }

    /// Listens from the new primary for another holder of the service addresses.
    pub fn link_silent(&mut self, host: &HostName) -> Option<Alternative> {
        if self.playbook.addresses.is_empty() {
            return None;
        }
        let window = self.planner.site.settings.link_silent;
        let device = self.planner.extras(host).device;
        let script = module::address::silent_script(&self.addresses(), device.as_deref(), window.0);
        let step = self.bare(
            Some(host),
            Stage::Evidence,
            "link-silent",
            "address",
            Work::Script(script),
            &Gate::none(),
        );
        let step = self.push(step, Running::advisory());
        Some(Alternative {
            evidence: EvidenceKind::LinkSilent,
            steps: vec![step],
            words: format!("{host} heard nobody answer for the service address within {window}"),
        })
    }

    /// A person's word that the old primary is dead.
    pub fn confirmed(&self, from: Option<&HostName>) -> Option<Alternative> {
        let from = from?;
        let word = self.planner.table.confirmed_dead.get(from)?;
        Some(Alternative {
            evidence: EvidenceKind::Human,
            steps: Vec::new(),
            words: format!("{} confirmed {from} dead: {}", word.by, word.because),
        })
    }

    /// A place in the graph that opens when one of `alternatives` is fulfilled.
    pub fn join_any(&mut self, alternatives: Vec<Alternative>) -> Placed {
        let mut step = self.bare(None, Stage::Evidence, "evidence", "evidence", Work::Join, &Gate::none());
        step.any_of = alternatives;
        Placed::one(self.push(step, Running::strict()))
    }

    /// The service's probes as a client makes them, those left out that ifconfig makes already.
    pub fn prove(&mut self, host: &HostName, gate: &Gate) -> Result<Placed, PlanError> {
        let mut proven = Placed::default();
        for (name, spec) in &self.playbook.probes {
            if self.probed_by_ifconfig(name) {
                continue;
            }
            let probe = self.named_probe(host, name, spec)?;
            let timeout_ms = probe.timeout_ms() + PROBE_MARGIN_MS;
            let mut step = self.bare(None, Stage::Prove, name, "probe", Work::Probe(probe), gate);
            step.timeout_ms = timeout_ms;
            step.attempts = Attempts { retries: 9, delay_ms: 100, backoff: Backoff::Fixed };
            proven.join(Placed::one(self.push(step, Running::strict())));
        }
        Ok(proven)
    }

    fn probed_by_ifconfig(&self, name: &str) -> bool {
        let named = |step: &Sp<Step>| match &step.action.value {
            Action::Probe(ProbeArgs::Named(used)) => used.value == name,
            _ => false,
        };
        self.playbook.ifconfig.iter().any(named)
    }

    /// The host's own record of what it is to the service.
    pub fn role(&mut self, host: &HostName, role: Option<Role>, stage: Stage, gate: &Gate) -> Placed {
        self.role_as(host, role, stage, gate, Running::strict())
    }

    pub fn role_as(
        &mut self,
        host: &HostName,
        role: Option<Role>,
        stage: Stage,
        gate: &Gate,
        running: Running,
    ) -> Placed {
        let script: Script = module::role::set_role(role);
        let step = self.bare(Some(host), stage, "role", "role", Work::Script(script), gate);
        Placed::one(self.push(step, running))
    }

    pub fn commit(&mut self, title: &str, commit: Commit, gate: &Gate) -> Placed {
        let step = self.bare(None, Stage::Commit, title, "commit", Work::Commit(commit), gate);
        Placed::one(self.push(step, Running::strict()))
    }

    /// A step of ours, not of the playbook.
    pub(super) fn bare(
        &self,
        host: Option<&HostName>,
        stage: Stage,
        title: &str,
        module: &str,
        work: Work,
        gate: &Gate,
    ) -> PlanStep {
        let settings = &self.planner.site.settings;
        PlanStep {
            id: self.step_ref(host, stage, title),
            service: self.service().clone(),
            host: host.cloned(),
            stage,
            title: title.to_owned(),
            module: module.to_owned(),
            needs: gate.0.clone(),
            any_of: Vec::new(),
            skip: None,
            work,
            undo: UndoWork::Derived,
            guards: Guards::default(),
            timeout_ms: u64::try_from(settings.timeout.0.as_millis()).unwrap_or(u64::MAX),
            attempts: Attempts { retries: 0, delay_ms: 0, backoff: Backoff::Fixed },
            register: None,
            if_unreachable: IfUnreachable::Fail,
            advisory: false,
            optional: false,
            no_log: false,
            run_as: host.and_then(|host| self.planner.run_as(host)),
        }
    }

    pub fn step_ref(&self, host: Option<&HostName>, stage: Stage, id: &str) -> StepRef {
        let host = host.map_or("-", HostName::as_str);
        StepRef(format!("{}/{host}/{}.{id}", self.service(), stage.as_str()))
    }

    pub fn push(&mut self, mut step: PlanStep, running: Running) -> StepRef {
        step.if_unreachable = running.if_unreachable.unwrap_or(step.if_unreachable);
        step.advisory |= running.advisory;
        step.optional |= running.optional;
        if step.stage == Stage::Quarantine {
            // Whoever had no right gets nothing back.
            step.undo = UndoWork::Nothing;
        }
        let id = step.id.clone();
        self.steps.push(step);
        id
    }

    /// Closes the service's part of the plan.
    pub fn service_plan(
        &self,
        from: Option<HostName>,
        to: Option<HostName>,
        secondary: Option<HostName>,
        choice: super::choice::Choice,
        notes: Vec<String>,
    ) -> ServicePlan {
        let commit = self.steps.iter().find(|step| matches!(step.work, Work::Commit(_)));
        let evidence = if self.steps.iter().any(|step| step.module == "evidence") {
            self.evidence_policy()
        } else {
            Vec::new()
        };
        ServicePlan {
            service: self.service().clone(),
            addresses: self.addresses(),
            serving: from.as_ref().is_some_and(|host| self.is_awake(host)),
            from,
            to,
            secondary,
            epoch_before: self.row().map_or(Epoch(0), |row| row.epoch),
            epoch: self.epoch,
            evidence,
            placement: choice.tables,
            point_of_no_return: commit.map(|step| step.id.clone()),
            notes: choice.notes.into_iter().chain(notes).collect(),
        }
    }
}
