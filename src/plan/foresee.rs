//! What a service would need of a host, whatever operation comes: its steps rendered for that host, without a plan.
//! Called by `doctor` and by placement; decides nothing.

use super::{PlanError, Planner, StepRef};
use crate::module::Script;
use crate::module::ocf::Resource;
use crate::site::action::Action;
use crate::site::id::{HostName, ServiceName};
use crate::site::playbook::Phase;

/// One step of a service as it would run on a host.
#[derive(Clone, Debug)]
pub struct Foreseen {
    pub id: StepRef,
    pub action: Action,
    /// `None`: a check from the controller, or it depends on results of other steps.
    pub script: Option<Script>,
    /// What can be asked beforehand; reads only.
    pub preflight: Option<Script>,
    /// What it wants of an OCF agent.
    pub resource: Option<Resource>,
    /// How long it may take.
    pub timeout_ms: u64,
}

impl Planner<'_> {
    /// Every step of every phase of a service as it would run on `host`, were it the primary. Steps that are
    /// skipped there or delegated to another host are left out; one that cannot be rendered is an error of its own.
    ///
    /// # Errors
    /// There is no such service.
    pub fn foresee(
        &self,
        service: &ServiceName,
        host: &HostName,
    ) -> Result<Vec<Result<Foreseen, PlanError>>, PlanError> {
        let mut composer = self.composer(service)?;
        composer.cast = (Some(host.clone()), None);
        let playbook = composer.playbook;
        let steps = Phase::ALL.iter().flat_map(|phase| {
            playbook.phase(*phase).iter().filter_map(|step| composer.foresee(host, *phase, step).transpose())
        });
        Ok(steps.collect())
    }

    /// Whether a step of the service would run this program on that host. A step that cannot be rendered may.
    pub(super) fn runs(&self, service: &ServiceName, host: &HostName, program: &str) -> bool {
        let Ok(steps) = self.foresee(service, host) else { return true };
        steps.iter().any(|step| match step {
            Ok(step) => step.script.iter().any(|script| script.programs.iter().any(|one| one == program)),
            Err(_) => true,
        })
    }
}
