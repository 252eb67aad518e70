//! Composes operations from phases on hosts: which phase runs where, and what waits for what.
//!
//! The graphs are those of the paper's steps 1 to 4 and the shapes promised in the book; nothing is rendered here.

use std::collections::BTreeMap;

use super::choice::Choice;
use super::compose::{Composer, Gate, Placed, Running};
use super::table::{Role, Row, ServiceState};
use super::{Alternative, Commit, Operation, PlanError, Rejection, ServicePlan, Stage};
use crate::site::id::{Epoch, HostName};
use crate::site::playbook::{DataPolicy, EvidenceKind, Phase};

/// Where one service is and where the plan takes it.
pub(super) struct Move {
    pub from: Option<HostName>,
    pub to: HostName,
    /// Whether `to` has no sleeping copy and must be set up first.
    pub cold: bool,
    pub secondary: Option<HostName>,
}

impl Composer<'_> {
    /// Adds the steps of one service's operation.
    pub(super) fn operate(&mut self, operation: Operation) -> Result<ServicePlan, PlanError> {
        match operation {
            Operation::Deploy => self.deploy(),
            Operation::Failover => self.failover(),
            Operation::Switchover => self.switchover(),
            Operation::Reprotect => self.reprotect(),
            Operation::Teardown => self.teardown(),
            Operation::DrillWake => self.drill_wake(),
        }
    }

    /// Primary: prepare, sleep, wake, ifconfig. Secondary: prepare, sleep. What is so already stays untouched.
    fn deploy(&mut self) -> Result<ServicePlan, PlanError> {
        let mut choice = Choice::new(self);
        let row = self.row();
        let to = match row.as_ref().and_then(|row| row.primary.clone()) {
            Some(primary) => {
                self.must_answer(&primary, "its primary")?;
                primary
            }
            None => choice.primary(self, &BTreeMap::new())?,
        };
        let secondary = choice.secondary(self, &to, &BTreeMap::new());
        let epoch = match &row {
            Some(row) if row.primary.is_some() => row.epoch,
            Some(row) => row.epoch.next(),
            None => Epoch(1),
        };
        self.begin(epoch, &to, secondary.as_ref());
        let cleaned = self.quarantine(&[Some(&to), secondary.as_ref()])?;
        let prepared =
            self.phase(&to, Phase::Prepare, Stage::Prepare, &Gate::end(&cleaned), Running::strict())?;
        // A copy that serves must not be put to sleep by being deployed again.
        let asleep = if self.is_awake(&to) {
            prepared
        } else {
            self.phase(&to, Phase::Sleep, Stage::Sleep, &Gate::success(&prepared), Running::strict())?
        };
        let awake = self.phase(&to, Phase::Wake, Stage::Wake, &Gate::success(&asleep), Running::strict())?;
        let gate = Gate::success(&awake).and_end(&cleaned);
        let committed = self.serve(&to, &gate, ServiceState::Unprotected, secondary.as_ref())?;
        self.announce_after(&to, "quarantine", &cleaned, &committed);
        self.protect(&to, secondary.as_ref(), &Gate::end(&cleaned), &committed)?;
        let notes = self.lease_note(&to).into_iter().collect();
        Ok(self.service_plan(None, Some(to), secondary, choice, notes))
    }

    /// The primary is lost or given up. Nothing moves without evidence that it no longer acts.
    fn failover(&mut self) -> Result<ServicePlan, PlanError> {
        let row = self.deployed()?;
        let mut choice = Choice::new(self);
        let from = row.primary.clone();
        let mut out: BTreeMap<HostName, Rejection> = BTreeMap::new();
        if let Some(from) = &from {
            out.insert(from.clone(), Rejection::Leaving);
        }
        let to = choice.primary(self, &out)?;
        let cold = !self.is_ready(&to);
        let secondary = choice.secondary(self, &to, &out);
        self.begin(row.epoch.next(), &to, secondary.as_ref());
        let plan = Move { from, to, cold, secondary };
        let mut notes = Vec::new();
        if plan.cold {
            notes.push(format!("{} has no sleeping copy that is ready: it is set up cold", plan.to));
        }
        notes.extend(self.lease_note(&plan.to));
        notes.extend(self.take_over(&plan, Running::hopeful())?);
        Ok(self.service_plan(plan.from, Some(plan.to), plan.secondary, choice, notes))
    }

    /// Says what a reader should know.
    fn take_over(&mut self, plan: &Move, releasing: Running) -> Result<Vec<String>, PlanError> {
        let keep = [Some(&plan.to), plan.secondary.as_ref(), plan.from.as_ref()];
        let cleaned = self.quarantine(&keep)?;
        let released = match &plan.from {
            Some(from) => self.release(from, &Gate::none(), releasing)?.0,
            None => Placed::default(),
        };
        let evidence = self.evidence(plan, &released)?;
        let notes = self.fence_notes(plan.from.as_ref(), &evidence);
        let wait =
            if self.data() == DataPolicy::SharedWrite { Gate::success(&evidence) } else { Gate::none() };
        let asleep = if plan.cold { self.set_up(&plan.to, &wait)? } else { Placed::default() };
        let gate = wait.and_success(&asleep);
        let awake = self.phase(&plan.to, Phase::Wake, Stage::Wake, &gate, Running::strict())?;
        let gate = Gate::success(&awake).and_success(&evidence).and_end(&cleaned);
        let committed = self.serve(&plan.to, &gate, ServiceState::Unprotected, None)?;
        self.announce_after(&plan.to, "release", &released, &committed);
        self.announce_after(&plan.to, "quarantine", &cleaned, &committed);
        self.protect(
            &plan.to,
            plan.secondary.as_ref(),
            &Gate::success(&committed).and_end(&cleaned),
            &committed,
        )?;
        Ok(notes)
    }

    /// The same graph with the old primary alive: the target is proven able first, and all is taken back on failure.
    fn switchover(&mut self) -> Result<ServicePlan, PlanError> {
        let row = self.deployed()?;
        let from = row.primary.clone().ok_or_else(|| self.no_primary())?;
        self.must_answer(&from, "its primary; use `failover`")?;
        let mut choice = Choice::new(self);
        let out = BTreeMap::from([(from.clone(), Rejection::Leaving)]);
        if self.request_to() == Some(&from) {
            return Err(PlanError::AlreadyThere { service: self.service().clone(), host: from });
        }
        let to = choice.primary(self, &out)?;
        let secondary = choice.secondary(self, &to, &BTreeMap::new());
        self.begin(row.epoch.next(), &to, secondary.as_ref());
        let keep = [Some(&to), secondary.as_ref(), Some(&from)];
        let cleaned = self.quarantine(&keep)?;
        let asleep = self.set_up(&to, &Gate::end(&cleaned))?;
        let shared_write = self.data() == DataPolicy::SharedWrite;
        let (awake, (released, given_up)) = if shared_write {
            let released = self.release(&from, &Gate::success(&asleep), Running::strict())?;
            let gate = Gate::success(&released.0);
            (self.phase(&to, Phase::Wake, Stage::Wake, &gate, Running::strict())?, released)
        } else {
            let awake =
                self.phase(&to, Phase::Wake, Stage::Wake, &Gate::success(&asleep), Running::strict())?;
            let released = self.release(&from, &Gate::success(&awake), Running::strict())?;
            (awake, released)
        };
        // The old primary is alive: only its own word counts.
        let word = self.released(&from, &released);
        let evidence = self.join_any(vec![word]);
        let gate = Gate::success(&awake).and_success(&evidence).and_end(&cleaned);
        let committed = self.serve(&to, &gate, ServiceState::Unprotected, None)?;
        self.announce_after(&to, "release", &released, &committed);
        let gate = Gate::success(&committed).and_success(&given_up).and_end(&cleaned);
        self.protect(&to, secondary.as_ref(), &gate, &committed)?;
        let notes = self.lease_note(&to).into_iter().collect();
        Ok(self.service_plan(Some(from), Some(to), secondary, choice, notes))
    }

    /// A new secondary, and nothing held where it should not be.
    fn reprotect(&mut self) -> Result<ServicePlan, PlanError> {
        let row = self.deployed()?;
        let primary = row.primary.clone().ok_or_else(|| self.no_primary())?;
        self.must_answer(&primary, "its primary; use `failover`")?;
        let mut choice = Choice::new(self);
        let secondary = choice.secondary(self, &primary, &BTreeMap::new());
        self.begin(row.epoch, &primary, secondary.as_ref());
        let cleaned = self.quarantine(&[Some(&primary), secondary.as_ref()])?;
        if secondary.is_none() && cleaned.is_empty() {
            return Err(choice.nobody(self, Role::Secondary));
        }
        let nothing = Placed::default();
        self.announce_after(&primary, "quarantine", &cleaned, &nothing);
        self.protect(&primary, secondary.as_ref(), &Gate::end(&cleaned), &nothing)?;
        Ok(self.service_plan(Some(primary.clone()), Some(primary), secondary, choice, Vec::new()))
    }

    /// Off every host that knows the service.
    fn teardown(&mut self) -> Result<ServicePlan, PlanError> {
        let row = self.row();
        let hosts = self.hosts_with_traces(row.as_ref());
        for host in &hosts {
            self.must_answer(host, "one of its hosts")?;
        }
        self.epoch = row.as_ref().map_or(Epoch(0), |row| row.epoch).next();
        let mut ended = Placed::default();
        for host in &hosts {
            let stopped =
                self.phase(host, Phase::Teardown, Stage::Teardown, &Gate::none(), Running::strict())?;
            ended.join(self.role(host, None, Stage::Teardown, &Gate::success(&stopped)));
        }
        let commit =
            Commit { primary: None, secondary: None, epoch: self.epoch, state: ServiceState::Absent };
        self.commit("commit-absent", commit, &Gate::success(&ended));
        let from = row.and_then(|row: Row| row.primary);
        Ok(self.service_plan(from, None, None, Choice::new(self), Vec::new()))
    }

    /// Prepare and sleep on one host.
    fn set_up(&mut self, host: &HostName, gate: &Gate) -> Result<Placed, PlanError> {
        let prepared = self.phase(host, Phase::Prepare, Stage::Prepare, gate, Running::strict())?;
        self.phase(host, Phase::Sleep, Stage::Sleep, &Gate::success(&prepared).and(gate), Running::strict())
    }

    /// Teardown on the old primary, and then its role, which nobody waits for who takes the service over.
    fn release(
        &mut self,
        host: &HostName,
        gate: &Gate,
        running: Running,
    ) -> Result<(Placed, Placed), PlanError> {
        let released = self.phase(host, Phase::Teardown, Stage::Release, gate, running)?;
        let role = self.role_as(host, None, Stage::Release, &Gate::success(&released), running);
        Ok((released, role))
    }

    /// ifconfig, a client's view, the host's own record, and the table: after this the service has moved.
    fn serve(
        &mut self,
        host: &HostName,
        gate: &Gate,
        state: ServiceState,
        secondary: Option<&HostName>,
    ) -> Result<Placed, PlanError> {
        let up = self.phase(host, Phase::Ifconfig, Stage::Ifconfig, gate, Running::strict())?;
        let up = Gate::success(&up);
        let proven = self.prove(host, &up)?;
        let role = self.role(host, Some(Role::Primary), Stage::Commit, &up);
        let kept = self.kept_secondary(secondary);
        let state = if kept.is_some() { ServiceState::Protected } else { state };
        let commit = Commit { primary: Some(host.clone()), secondary: kept, epoch: self.epoch, state };
        let gate = up.and_success(&proven).and_success(&role);
        Ok(self.commit("commit", commit, &gate))
    }

    /// Prepare and sleep on the new secondary, then the table.
    fn protect(
        &mut self,
        primary: &HostName,
        secondary: Option<&HostName>,
        gate: &Gate,
        committed: &Placed,
    ) -> Result<(), PlanError> {
        let Some(secondary) = secondary else { return Ok(()) };
        let asleep = self.set_up(secondary, gate)?;
        let gate = Gate::success(&asleep).and(gate);
        let role = self.role(secondary, Some(Role::Secondary), Stage::Commit, &gate);
        let commit = Commit {
            primary: Some(primary.clone()),
            secondary: Some(secondary.clone()),
            epoch: self.epoch,
            state: ServiceState::Protected,
        };
        self.commit("commit-secondary", commit, &Gate::success(&role).and_success(committed));
        Ok(())
    }

    /// The join at which the old primary is known not to act any more. Its ways are tried side by side; only a fence
    /// waits until the others have come to nothing.
    fn evidence(&mut self, plan: &Move, released: &Placed) -> Result<Placed, PlanError> {
        let policy = self.evidence_policy();
        let from = plan.from.as_ref();
        let mut ways = Vec::new();
        for kind in &policy {
            match kind {
                EvidenceKind::Released => ways.extend(from.map(|from| self.released(from, released))),
                EvidenceKind::LinkSilent => ways.extend(self.link_silent(&plan.to)),
                EvidenceKind::LeaseExpired => ways.extend(from.and_then(|from| self.lease_expired(from))),
                EvidenceKind::Human => ways.extend(self.confirmed(from)),
                EvidenceKind::Fenced => {}
            }
        }
        if let Some(from) = from.filter(|_| policy.contains(&EvidenceKind::Fenced)) {
            let heard = ways.iter().find(|way| way.evidence == EvidenceKind::LinkSilent).cloned();
            let silent = match heard {
                None if self.leaves_running(from) => self.link_silent(&plan.to),
                heard => heard,
            };
            ways.extend(self.fenced(from, &ways, silent.as_ref())?);
        }
        Ok(self.join_any(ways))
    }

    /// What counts as released: the address for data that nobody writes, else the whole teardown.
    fn released(&self, from: &HostName, released: &Placed) -> Alternative {
        let address_only = self.data() != DataPolicy::SharedWrite && !released.addresses.is_empty();
        let steps = if address_only { &released.addresses } else { &released.all };
        let what = if address_only { "the service address" } else { "the service" };
        Alternative {
            evidence: EvidenceKind::Released,
            steps: steps.clone(),
            words: format!("{from} released {what}"),
        }
    }
}
