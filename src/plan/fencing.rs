//! Evidence from outside: the fence devices of the host being left, as a step that runs only when nothing quicker has
//! shown that the host no longer acts. Called by [`super::operation`]; `doctor` and the monitor ask for the devices.

use indexmap::IndexMap;

use super::compose::{Composer, Gate, Placed, Running, links};
use super::scope::Scope;
use super::table::ServiceState;
use super::{Alternative, LinkKind, PlanError, Planner, Stage, StepRef, Wait, Work};
use crate::module::fence::{Device, Fence};
use crate::site::id::{HostName, ServiceName};
use crate::site::inventory::{Confirms, FenceDevice};
use crate::site::playbook::{DataPolicy, EvidenceKind};
use crate::site::source::Span;

/// How long a host that said nothing when it was asked for its facts may take to release a service after all, before
/// it is fenced. A fence cannot be taken back; a release by a host that was only slow costs nobody anything.
const SILENT_RELEASE_MS: u64 = 1000;

impl Planner<'_> {
    /// The devices that take `host` out of action, with the variables of `service` and the secrets; `None` if it has
    /// none.
    ///
    /// # Errors
    /// There is no such service, or an option cannot be rendered.
    pub fn fence(&self, service: &ServiceName, host: &HostName) -> Result<Option<Fence>, PlanError> {
        self.composer(service)?.fence(host)
    }
}

impl Composer<'_> {
    pub(super) fn fence(&self, host: &HostName) -> Result<Option<Fence>, PlanError> {
        let written = self.planner.extras(host).fence;
        if written.is_empty() {
            return Ok(None);
        }
        let scope = Scope::of(self, host);
        let devices: Result<Vec<Device>, PlanError> =
            written.iter().map(|device| self.device(host, device, &scope)).collect();
        Ok(Some(Fence { host: host.clone(), devices: devices? }))
    }

    fn device(&self, host: &HostName, device: &FenceDevice, scope: &Scope) -> Result<Device, PlanError> {
        let place = || {
            let vars = self.planner.site.inventory.vars_of(host);
            vars.get("reveille_fence").map_or_else(Span::default, |value| value.span)
        };
        let wrong = |name: &str, detail: String| PlanError::Render {
            place: place(),
            step: None,
            detail: format!("option `{name}` of {} for {host}: {detail}", device.agent),
        };
        let mut options = IndexMap::new();
        for (name, value) in &device.options {
            let value = scope.render(&value.to_string()).map_err(|detail| wrong(name, detail))?;
            if value.contains('\n') {
                return Err(wrong(name, "it has more than one line".to_owned()));
            }
            options.insert(name.clone(), value);
        }
        Ok(Device::new(device, options))
    }

    /// Whether one of the host's devices leaves it on the network.
    pub(super) fn leaves_running(&self, host: &HostName) -> bool {
        self.planner.extras(host).fence.iter().any(|device| device.confirms == Confirms::Store)
    }

    /// Fences `from` once all of `quick` have come to nothing. A device that only cuts it off from the shared data
    /// leaves it on the network, so the link has to be `silent`, too.
    pub(super) fn fenced(
        &mut self,
        from: &HostName,
        quick: &[Alternative],
        silent: Option<&Alternative>,
    ) -> Result<Option<Alternative>, PlanError> {
        let Some(fence) = self.fence(from)? else { return Ok(None) };
        let mut gate = Gate::none();
        for way in quick {
            let ends = match way.evidence {
                EvidenceKind::Released if self.planner.request.dark.contains(from) => Vec::new(),
                EvidenceKind::Released if self.facts(from).is_none() => vec![self.patience(&way.steps)],
                _ => way.steps.clone(),
            };
            gate = gate.and(&Gate(links(&ends, LinkKind::End)));
        }
        let listened = silent.filter(|_| fence.may_leave_running()).map(|silent| silent.steps.clone());
        let words = fence.words();
        let (title, timeout_ms) = (format!("fence-{from}"), fence.timeout_ms());
        let mut step = self.bare(None, Stage::Evidence, &title, "fence", Work::Fence(fence), &gate);
        step.timeout_ms = timeout_ms;
        let mut steps = vec![self.push(step, Running::advisory())];
        steps.extend(listened.into_iter().flatten());
        Ok(Some(Alternative { evidence: EvidenceKind::Fenced, steps, words }))
    }

    /// Waits for the end of steps that most likely come to nothing, and not for long.
    fn patience(&mut self, steps: &[StepRef]) -> StepRef {
        let wait = Wait { at_most_ms: SILENT_RELEASE_MS, or_end_of: steps.to_vec() };
        self.wait("wait-for-release", wait)
    }

    pub(super) fn wait(&mut self, title: &str, wait: Wait) -> StepRef {
        let timeout_ms = wait.at_most_ms;
        let mut step = self.bare(None, Stage::Evidence, title, "wait", Work::Wait(wait), &Gate::none());
        step.timeout_ms = timeout_ms;
        self.push(step, Running { optional: true, ..Running::advisory() })
    }

    /// What a reader should know about fencing `from`, or about not being able to.
    pub(super) fn fence_notes(&self, from: Option<&HostName>, evidence: &Placed) -> Vec<String> {
        let Some(from) = from else { return Vec::new() };
        let fences = self.steps.iter().any(|step| matches!(step.work, Work::Fence(_)));
        if !fences {
            let stranded = self.data() == DataPolicy::SharedWrite
                && self.facts(from).is_none()
                && !self.planner.table.confirmed_dead.contains_key(from)
                && !evidence.is_empty();
            let note = format!(
                "{from} does not answer and has no fence device: only its own release or a person's word will do"
            );
            return stranded.then_some(note).into_iter().collect();
        }
        let served = self.planner.table.services.iter().filter(|(service, row)| {
            row.primary.as_ref() == Some(from)
                && row.state != ServiceState::Absent
                && !self.planner.request.services.contains(service)
        });
        let others: Vec<&str> = served.map(|(service, _)| service.as_str()).collect();
        let note = format!("if {from} has to be fenced, {} on it go down with it", others.join(", "));
        (!others.is_empty()).then_some(note).into_iter().collect()
    }
}
