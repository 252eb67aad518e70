//! What the services need of one host: programs, and what can be asked there beforehand.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::module::ocf::Resource;
use crate::module::{self, Script};
use crate::plan::facts::HostFacts;
use crate::plan::{Foreseen, Operation, Planner, Request};
use crate::site::action::{Action, AgentName, SleepMethod};
use crate::site::address::ServiceAddress;
use crate::site::id::{HostName, ServiceName};

/// Programs that reveille itself runs on every host.
const OURS: [&str; 2] = ["flock", "ip"];

/// What one host is needed for.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Services whose pool it is in.
    pub services: Vec<ServiceName>,
    /// By program: the steps that run it, `web: ifconfig.claim`; none where reveille itself does.
    pub programs: BTreeMap<String, BTreeSet<(ServiceName, String)>>,
    pub asks: Vec<Ask>,
    /// OCF agents that steps call.
    pub agents: Vec<Agent>,
    /// Steps that put processes to sleep, by service, and whether they insist on a freezer.
    pub sleepers: BTreeMap<ServiceName, bool>,
    /// Services some step of which only root can run.
    pub root: BTreeSet<ServiceName>,
    /// Steps that cannot be rendered for this host, and why.
    pub broken: Vec<(ServiceName, String)>,
}

/// A question for the host, and what its answer is about.
#[derive(Clone, Debug)]
pub struct Ask {
    pub about: About,
    pub script: Script,
}

/// An OCF agent, and the steps that call it.
#[derive(Clone, Debug)]
pub struct Agent {
    pub name: AgentName,
    pub uses: Vec<Use>,
}

/// One step that calls an OCF agent.
#[derive(Clone, Debug)]
pub struct Use {
    pub service: ServiceName,
    /// `wake.start`
    pub step: String,
    pub resource: Resource,
    /// Where the agent is named, and where each parameter's value is written: `playbooks/web.yml:12:5`.
    pub place: String,
    pub places: Vec<String>,
    pub timeout_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// Whether a step could run, by service and step.
    Step(ServiceName, String),
    /// Whether anybody else on the network answers for an address of a service.
    Holder(ServiceName, ServiceAddress),
}

impl Needs {
    /// Everything the services ask of `host`. Addresses it holds itself are not asked about on the network.
    pub fn of(planner: &Planner<'_>, services: &[ServiceName], host: &HostName, facts: &HostFacts) -> Self {
        let mut needs = Self::default();
        needs.programs.extend(OURS.map(|program| (program.to_owned(), BTreeSet::new())));
        for service in services {
            let Some(playbook) = planner.site.playbooks.get(service) else { continue };
            if !planner.site.pool(playbook).contains(host) {
                continue;
            }
            needs.services.push(service.clone());
            let deployed = facts.services.get(service).is_some_and(|trace| trace.role.is_some());
            needs.steps(planner, service, host, deployed);
            let window = planner.site.settings.link_silent.0;
            let device = planner.site.inventory.extras(host, &mut Vec::new()).device;
            for address in &playbook.addresses {
                if !facts.addresses.iter().any(|held| held.address == address.ip()) {
                    needs.asks.push(Ask::holder(service, **address, device.as_deref(), window));
                }
            }
        }
        needs
    }

    /// The request a planner for [`Needs::of`] is made with; the operation plays no part.
    pub fn request(service: &ServiceName) -> Request {
        Request::bare(Operation::Deploy, service.clone())
    }

    /// `deployed`: what prepare steps bring is on the host.
    fn steps(&mut self, planner: &Planner<'_>, service: &ServiceName, host: &HostName, deployed: bool) {
        let mut foreseen = Vec::new();
        for step in planner.foresee(service, host).unwrap_or_default() {
            match step {
                Ok(step) => foreseen.push(step),
                Err(error) => self.broken.push((service.clone(), error.to_string())),
            }
        }
        for step in &foreseen {
            let name = name(step);
            for program in step.script.iter().flat_map(|script| &script.programs) {
                if !brings(&foreseen, program) {
                    let uses = self.programs.entry(program.clone()).or_default();
                    uses.insert((service.clone(), name.clone()));
                }
            }
            if let Some(resource) = &step.resource {
                self.agent(planner, service, &name, resource, step.timeout_ms);
            }
            let asked = deployed || !matches!(step.action, Action::Ocf(_));
            if let Some(script) = step.preflight.as_ref().filter(|_| asked) {
                let about = About::Step(service.clone(), name);
                self.asks.push(Ask { about, script: script.clone() });
            }
            self.rights(service, &step.action);
        }
    }

    fn agent(
        &mut self,
        planner: &Planner<'_>,
        service: &ServiceName,
        step: &str,
        resource: &Resource,
        timeout_ms: u64,
    ) {
        let place = |span| planner.site.sources.place(span);
        let one = Use {
            service: service.clone(),
            step: step.to_owned(),
            place: place(resource.agent.span),
            places: resource.params.iter().map(|(_, value)| place(value.span)).collect(),
            resource: resource.clone(),
            timeout_ms,
        };
        match self.agents.iter_mut().find(|agent| agent.name == *resource.agent) {
            Some(agent) => agent.uses.push(one),
            None => self.agents.push(Agent { name: resource.agent.value.clone(), uses: vec![one] }),
        }
    }

    fn rights(&mut self, service: &ServiceName, action: &Action) {
        match action {
            Action::Address(_) | Action::Mount(_) | Action::Sysctl(_) => {
                _ = self.root.insert(service.clone());
            }
            Action::Process(args) if args.method != SleepMethod::Signals => {
                *self.sleepers.entry(service.clone()).or_default() |= args.method == SleepMethod::Freezer;
            }
            _ => {}
        }
    }
}

impl Ask {
    fn holder(
        service: &ServiceName,
        address: ServiceAddress,
        device: Option<&str>,
        window: Duration,
    ) -> Self {
        Self {
            about: About::Holder(service.clone(), address),
            script: module::address::silent_script(&[address], device, window),
        }
    }
}

/// `ifconfig.claim` of `web/h2/ifconfig.claim`.
fn name(step: &Foreseen) -> String {
    step.id.0.rsplit('/').next().unwrap_or(&step.id.0).to_owned()
}

/// Whether a step writes the program itself: then it need not be there yet.
fn brings(steps: &[Foreseen], program: &str) -> bool {
    let writes = |action: &Action| matches!(action, Action::Copy(_) | Action::Template(_) | Action::Mount(_));
    program.starts_with('/')
        && steps
            .iter()
            .filter(|step| writes(&step.action))
            .any(|step| step.script.as_ref().is_some_and(|script| script.act.contains(program)))
}
