//! The plan of a drill: a service's sleeping copy is woken where it sleeps, asked at its host's own address, and put back
//! to sleep. The service address stays where it is, so no client ever meets the second copy.

use std::net::IpAddr;

use super::choice::Choice;
use super::compose::{Composer, Gate, Placed, Running};
use super::phase::PROBE_MARGIN_MS;
use super::table::Role;
use super::{Attempts, PlanError, Probe, ServicePlan, Stage, Work};
use crate::site::id::HostName;
use crate::site::playbook::{Backoff, DataPolicy, Phase};

/// How often a copy that was just woken is asked.
const ASKED: Attempts = Attempts { retries: 20, delay_ms: 50, backoff: Backoff::Fixed };

impl Composer<'_> {
    /// wake, ask, sleep: on the secondary, in the epoch that is.
    pub(super) fn drill_wake(&mut self) -> Result<ServicePlan, PlanError> {
        let row = self.deployed()?;
        let service = self.service().clone();
        if self.data() == DataPolicy::SharedWrite {
            let because = "its data is `shared-write`: two awake copies could both write".to_owned();
            return Err(PlanError::NoDrill { service, because });
        }
        let primary = row.primary.clone().ok_or_else(|| self.no_primary())?;
        let Some(copy) = row.secondary.clone() else {
            return Err(PlanError::NoCandidate { service, role: Role::Secondary, table: None });
        };
        self.must_answer(&copy, "its secondary")?;
        if !self.is_ready(&copy) {
            let because = format!("the copy on {copy} is not asleep; `reveille reprotect` sets it up");
            return Err(PlanError::NoDrill { service, because });
        }
        if self.holds_address(&copy) {
            let because = format!("{copy} holds a service address: clients would meet the copy");
            return Err(PlanError::NoDrill { service, because });
        }
        self.begin(row.epoch, &primary, Some(&copy));
        let awake = self.phase(&copy, Phase::Wake, Stage::Wake, &Gate::none(), Running::strict())?;
        let (asked, notes) = self.ask_copy(&copy, &Gate::success(&awake))?;
        let gate = Gate::success(&awake).and_success(&asked);
        self.phase(&copy, Phase::Sleep, Stage::Sleep, &gate, Running::strict())?;
        Ok(self.service_plan(Some(primary.clone()), Some(primary), Some(copy), Choice::new(self), notes))
    }

    fn holds_address(&self, host: &HostName) -> bool {
        let ours: Vec<IpAddr> = self.addresses().iter().map(|address| address.ip()).collect();
        self.facts(host).is_some_and(|facts| facts.addresses.iter().any(|held| ours.contains(&held.address)))
    }

    /// The service's checks, made at the copy's own address. Those that never name the service address ask somebody
    /// else, and are left out.
    fn ask_copy(&mut self, copy: &HostName, gate: &Gate) -> Result<(Placed, Vec<String>), PlanError> {
        let mut asked = Placed::default();
        let Some(at) = self.own_address(copy) else {
            let note = format!("{copy} has no address of its own on the service's network: it is not asked");
            return Ok((asked, vec![note]));
        };
        let mut notes = Vec::new();
        for (name, probe) in self.probes_at(copy, at)? {
            let Some(probe) = probe else {
                notes.push(format!(
                    "probe `{name}` does not name the service address: it cannot ask the copy"
                ));
                continue;
            };
            let timeout_ms = probe.timeout_ms() + PROBE_MARGIN_MS;
            let mut step = self.bare(None, Stage::Prove, &name, "probe", Work::Probe(probe), gate);
            step.timeout_ms = timeout_ms;
            step.attempts = ASKED;
            asked.join(Placed::one(self.push(step, Running::strict())));
        }
        if asked.is_empty() {
            notes.push("no probe can ask the copy: only its wake phase is proven".to_owned());
        } else {
            notes.push(format!("the copy is asked at {at}, the address of {copy} itself"));
        }
        Ok((asked, notes))
    }

    fn probes_at(&mut self, copy: &HostName, at: IpAddr) -> Result<Vec<(String, Option<Probe>)>, PlanError> {
        let mut probes = Vec::new();
        for (name, spec) in &self.playbook.probes {
            let usual = self.named_probe(copy, name, spec)?;
            self.asked_at = Some(at);
            let own = self.named_probe(copy, name, spec);
            self.asked_at = None;
            let own = own?;
            probes.push((name.clone(), (own != usual).then(|| own.asking_as(&usual))));
        }
        Ok(probes)
    }

    /// The host's own address on the network of the service's first address: the way its clients come.
    fn own_address(&self, host: &HostName) -> Option<IpAddr> {
        let addresses = self.addresses();
        let network = addresses.first()?.network();
        let others: Vec<IpAddr> = self
            .planner
            .site
            .playbooks
            .values()
            .flat_map(|playbook| playbook.addresses.iter().map(|address| address.value.ip()))
            .collect();
        let held = self.facts(host)?.addresses.iter().map(|held| held.address);
        held.into_iter().find(|address| network.contains(address) && !others.contains(address))
    }
}
