//! Lays out one phase of a playbook on one host: renders its steps and keeps their edges.

use std::cell::RefCell;
use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::compose::{Composer, Gate, Placed, Running};
use super::foresee::Foreseen;
use super::scope::{Scope, Unrendered, not_yet};
use super::{
    Attempts, Guard, Guards, Link, LinkKind, PlanError, PlanStep, Probe, Stage, StepRef, UndoWork, Work,
};
use crate::module::ocf::Resource;
use crate::module::{self, Compiled, ModuleError, Script};
use crate::site::action::{Action, AddressState, ProbeArgs, ProbeSpec};
use crate::site::graph::{self, PhaseGraph, StepAt, Why};
use crate::site::id::HostName;
use crate::site::playbook::{IfUnreachable, Phase, Step, Undo};
use crate::site::source::Sp;
use crate::template::{self, Engine, TemplateError};

impl Composer<'_> {
    /// Adds the steps of `phase` on `host`. Those that wait for nothing within the phase wait for `gate`.
    pub(super) fn phase(
        &mut self,
        host: &HostName,
        phase: Phase,
        stage: Stage,
        gate: &Gate,
        running: Running,
    ) -> Result<Placed, PlanError> {
        let playbook = self.playbook;
        let graph = PhaseGraph::of(self.planner.site, playbook);
        let mut placed = Placed { before: gate.clone(), ..Placed::default() };
        let mut waited_for: BTreeSet<StepRef> = BTreeSet::new();
        for (index, step) in playbook.phase(phase).iter().enumerate() {
            let mut needs = Vec::new();
            let mut inner = false;
            for (before, edge) in graph.waits_for(StepAt { phase, index }) {
                if let Some(link) = self.link(host, phase, stage, before, &edge.why) {
                    inner |= before.phase == phase;
                    if before.phase == phase {
                        waited_for.insert(link.step.clone());
                    }
                    needs.push(link);
                }
            }
            if !inner {
                needs.extend(gate.0.iter().cloned());
            }
            let built = self.step(host, phase, stage, step, needs)?;
            let releases =
                matches!(&step.action.value, Action::Address(args) if args.state == AddressState::Absent);
            let id = self.push(built, running);
            if releases {
                placed.addresses.push(id.clone());
            }
            placed.all.push(id);
        }
        placed.exits = placed.all.iter().filter(|id| !waited_for.contains(id)).cloned().collect();
        Ok(placed)
    }

    /// The edge as a link, if the step it comes from is part of this plan on this host.
    fn link(&self, host: &HostName, phase: Phase, stage: Stage, before: StepAt, why: &Why) -> Option<Link> {
        let from_stage = if before.phase == phase { stage } else { Stage::from(before.phase) };
        let step = self.step_ref(Some(host), from_stage, before.of(self.playbook).id.as_str());
        let kind = if *why == Why::After { LinkKind::End } else { LinkKind::Success };
        // Steps of this phase are all added; those of another phase only if the operation has it.
        let planned = before.phase == phase || self.steps.iter().any(|known| known.id == step);
        planned.then_some(Link { step, kind })
    }

    fn step(
        &self,
        host: &HostName,
        phase: Phase,
        stage: Stage,
        step: &Sp<Step>,
        needs: Vec<Link>,
    ) -> Result<PlanStep, PlanError> {
        let id = self.step_ref(Some(host), stage, step.id.as_str());
        let scope = Scope::of_step(self, host, step);
        let maker = Maker { composer: self, host, step, id: &id, scope };
        let (skip, guards) = maker.guards()?;
        let skip = skip.or_else(|| self.planner.request.skips(step));
        let (work, undo) = maker.work()?;
        let timeout_ms = match &work {
            // A probe ends by itself: the site's default would only lengthen the worst case.
            Work::Probe(probe) if step.timeout.is_none() => probe.timeout_ms() + PROBE_MARGIN_MS,
            _ => maker.timeout_ms(),
        };
        let title = match &step.name {
            Some(name) => maker.text(name)?,
            None => step.id.to_string(),
        };
        // A host that is given up on the way out must not keep the rest from going on.
        let leaving = phase == Phase::Teardown && step.if_unreachable == IfUnreachable::Fail;
        Ok(PlanStep {
            service: self.service().clone(),
            host: maker.delegate()?,
            stage,
            title,
            module: step.action.name().to_owned(),
            needs,
            any_of: Vec::new(),
            skip,
            work,
            undo,
            guards,
            timeout_ms,
            attempts: Attempts {
                retries: step.retries,
                delay_ms: millis(step.delay.0),
                backoff: step.backoff,
            },
            register: step.register.as_ref().map(|name| name.value.clone()),
            if_unreachable: if leaving { IfUnreachable::Continue } else { step.if_unreachable },
            advisory: false,
            optional: false,
            no_log: step.no_log,
            run_as: maker.run_as()?,
            id,
        })
    }
}

/// What a probe gets beyond its own timeout, so that it is the one to say that the time was over.
pub(super) const PROBE_MARGIN_MS: u64 = 250;

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Turns one step into work for one host.
struct Maker<'a> {
    composer: &'a Composer<'a>,
    host: &'a HostName,
    step: &'a Sp<Step>,
    id: &'a StepRef,
    scope: Scope,
}

impl Maker<'_> {
    fn error(&self, place: &Sp<String>, detail: &impl ToString) -> PlanError {
        PlanError::Render { place: place.span, step: Some(self.id.clone()), detail: detail.to_string() }
    }

    fn text(&self, text: &Sp<String>) -> Result<String, PlanError> {
        self.scope.render(text).map_err(|detail| self.error(text, &detail))
    }

    /// Names whose values come from steps that have not run yet.
    fn registers(&self) -> Vec<String> {
        graph::registers(self.composer.playbook).into_keys().map(str::to_owned).collect()
    }

    /// `when` is decided now if it can be; the conditions on results are kept with what they read.
    fn guards(&self) -> Result<(Option<String>, Guards), PlanError> {
        let mut guards = Guards::default();
        let mut skip = None;
        if let Some(when) = &self.step.when {
            match self.scope.decide(when, &self.registers()) {
                Ok(true) => {}
                Ok(false) => skip = Some(format!("`when: {}` is false", when.value)),
                Err(Unrendered::NotYet(_)) => guards.when = Some(self.guard(when)),
                Err(Unrendered::Wrong(error)) => return Err(self.error(when, &error)),
            }
        }
        guards.until = self.step.until.as_ref().map(|text| self.guard(text));
        guards.changed_when = self.step.changed_when.as_ref().map(|text| self.guard(text));
        guards.failed_when = self.step.failed_when.as_ref().map(|text| self.guard(text));
        Ok((skip, guards))
    }

    fn guard(&self, expression: &Sp<String>) -> Guard {
        let mut known = Map::new();
        if let Ok(compiled) = template::Expression::compile(expression) {
            for variable in compiled.variables() {
                let top = variable.path.split('.').next().unwrap_or(&variable.path);
                if let Some(value) = self.scope.vars().lookup(top) {
                    known.insert(top.to_owned(), value);
                }
            }
        }
        Guard { expression: expression.value.clone(), known }
    }

    fn work(&self) -> Result<(Work, UndoWork), PlanError> {
        let work = match self.compile(&self.step.action.value) {
            Ok(Compiled::Script(mut script)) => {
                if self.step.changed_when.as_ref().is_some_and(|text| text.value == "false") {
                    script.changes = false;
                }
                Work::Script(script)
            }
            Ok(Compiled::Probe(probe)) => Work::Probe(probe),
            Err(Failure::NotYet(names)) => {
                Work::Late { action: self.step.action.name().to_owned(), depends_on: names }
            }
            Err(Failure::Wrong(detail)) => return Err(self.wrong(&detail)),
        };
        let undo = match &self.step.undo {
            Undo::Derived => UndoWork::Derived,
            Undo::Nothing => UndoWork::Nothing,
            Undo::Action(action) => match self.compile(&action.value) {
                Ok(Compiled::Script(script)) => UndoWork::Script(script),
                Ok(Compiled::Probe(_)) => return Err(self.wrong("a probe cannot undo anything")),
                Err(Failure::NotYet(names)) => {
                    let names = names.join(", ");
                    return Err(self.wrong(&format!("undo must not depend on results, but reads {names}")));
                }
                Err(Failure::Wrong(detail)) => return Err(self.wrong(&detail)),
            },
        };
        Ok((work, undo))
    }

    fn wrong(&self, detail: &str) -> PlanError {
        let place = self.step.action.span;
        PlanError::Render { place, step: Some(self.id.clone()), detail: detail.to_owned() }
    }

    fn compile(&self, action: &Action) -> Result<Compiled, Failure> {
        self.at_bench(|context| module::compile(action, context))
    }

    /// Nothing can be asked about what is not known yet.
    fn preflight(&self) -> Option<Script> {
        self.at_bench(|context| module::preflight(&self.step.action.value, context)).ok().flatten()
    }

    /// What the step wants of an OCF agent, if it is known yet.
    fn resource(&self) -> Option<Resource> {
        let Action::Ocf(args) = &self.step.action.value else { return None };
        self.at_bench(|context| module::ocf::resource(args, context)).ok()
    }

    fn at_bench<T>(
        &self,
        make: impl FnOnce(&module::Context<'_>) -> Result<T, ModuleError>,
    ) -> Result<T, Failure> {
        let (registers, timeout_ms) = (self.registers(), self.timeout_ms());
        let (composer, host, scope) = (self.composer, self.host, &self.scope);
        let bench = Bench { composer, host, scope, registers: &registers, timeout_ms };
        bench.rendered(&self.step.environment, make)
    }

    /// How long the step may take: its own time, or the site's.
    fn timeout_ms(&self) -> u64 {
        let default = self.composer.planner.site.settings.timeout;
        millis(self.step.timeout.as_ref().map_or(default, |timeout| timeout.value).0)
    }

    fn delegate(&self) -> Result<Option<HostName>, PlanError> {
        let Some(to) = &self.step.delegate_to else { return Ok(Some(self.host.clone())) };
        let name = self.text(to)?;
        HostName::try_from(name).map(Some).map_err(|error| self.error(to, &error))
    }

    /// The user the step runs as, when not the one that logs in.
    fn run_as(&self) -> Result<Option<String>, PlanError> {
        match (&self.step.become_user, self.step.become_root) {
            (Some(user), _) => self.text(user).map(Some),
            (None, Some(true)) => Ok(Some("root".to_owned())),
            (None, Some(false)) => Ok(None),
            (None, None) => Ok(self.composer.planner.run_as(self.host)),
        }
    }
}

/// Why an action is not shell yet.
pub(super) enum Failure {
    NotYet(Vec<String>),
    Wrong(String),
}

/// Where an action is compiled: with which variables, for which host.
pub(super) struct Bench<'a> {
    pub composer: &'a Composer<'a>,
    pub host: &'a HostName,
    pub scope: &'a Scope,
    /// Names whose values come from steps that have not run yet.
    pub registers: &'a [String],
    /// What the step may take.
    pub timeout_ms: u64,
}

impl Bench<'_> {
    /// Turns an action into work; says so when it reads results that are not known yet.
    pub fn compile(
        &self,
        action: &Action,
        environment: &IndexMap<String, Sp<String>>,
    ) -> Result<Compiled, Failure> {
        self.rendered(environment, |context| module::compile(action, context))
    }

    fn rendered<T>(
        &self,
        environment: &IndexMap<String, Sp<String>>,
        make: impl FnOnce(&module::Context<'_>) -> Result<T, ModuleError>,
    ) -> Result<T, Failure> {
        let early: RefCell<Vec<String>> = RefCell::default();
        let note = |error| match not_yet(error, self.registers) {
            Unrendered::NotYet(name) => {
                early.borrow_mut().push(name);
                "not known yet".to_owned()
            }
            Unrendered::Wrong(error) => error.to_string(),
        };
        let vars = self.scope.vars();
        let result = self.with_context(
            environment,
            &|text| template::render(text, vars).map_err(note),
            &|text| template::render_shell(text, vars).map_err(note),
            &|name| self.template(name).and_then(|engine| engine.render_named(name, vars)).map_err(note),
            |context| make(context).map_err(|error| error.to_string()),
        );
        result.map_err(|detail| match early.take() {
            names if names.is_empty() => Failure::Wrong(detail),
            names => Failure::NotYet(names),
        })
    }

    /// An engine that can render one template of the site, and what that includes.
    fn template(&self, wanted: &str) -> Result<Engine, TemplateError> {
        let mut engine = Engine::default();
        for (name, text) in self.composer.planner.site.templates() {
            match engine.register(name, text) {
                Err(error) if name == wanted => return Err(error),
                // Others were checked with the site, and matter only if they are included.
                _ => {}
            }
        }
        Ok(engine)
    }

    fn with_context<T>(
        &self,
        environment: &IndexMap<String, Sp<String>>,
        render: &dyn Fn(&str) -> Result<String, String>,
        render_shell: &dyn Fn(&str) -> Result<String, String>,
        template: &dyn Fn(&str) -> Result<String, String>,
        then: impl FnOnce(&module::Context<'_>) -> Result<T, String>,
    ) -> Result<T, String> {
        let planner = self.composer.planner;
        let environment: Vec<(String, String)> = environment
            .iter()
            .map(|(name, value)| Ok((name.clone(), render(value)?)))
            .collect::<Result<_, String>>()?;
        let extras = planner.extras(self.host);
        then(&module::Context {
            service: self.composer.service(),
            epoch: self.composer.epoch,
            addresses: &self.composer.addresses(),
            device: extras.device.as_deref(),
            timeout_ms: self.timeout_ms,
            environment: &environment,
            probes: &self.composer.playbook.probes,
            render,
            render_shell,
            template,
            file: &|name| planner.site.file(name).map_err(|error| error.to_string()),
        })
    }
}

impl Composer<'_> {
    /// The work of a step whose inputs have become known meanwhile.
    pub(super) fn late(
        &self,
        host: &HostName,
        step: &Sp<Step>,
        results: &Map<String, Value>,
    ) -> Result<(Work, UndoWork), PlanError> {
        let stage = Stage::Prepare;
        let id = self.step_ref(Some(host), stage, step.id.as_str());
        let scope = Scope::of_step(self, host, step).with(results);
        Maker { composer: self, host, step, id: &id, scope }.work()
    }
}

impl Composer<'_> {
    /// One step as it would be on `host`, outside any plan; `None` if it would not run there.
    pub(super) fn foresee(
        &self,
        host: &HostName,
        phase: Phase,
        step: &Sp<Step>,
    ) -> Result<Option<Foreseen>, PlanError> {
        let id = self.step_ref(Some(host), Stage::from(phase), step.id.as_str());
        let scope = Scope::of_step(self, host, step);
        let maker = Maker { composer: self, host, step, id: &id, scope };
        let (skip, _) = maker.guards()?;
        if skip.is_some() || maker.delegate()?.as_ref() != Some(host) {
            return Ok(None);
        }
        let script = match maker.work()?.0 {
            Work::Script(script) => Some(script),
            _ => None,
        };
        let (preflight, resource) = (maker.preflight(), maker.resource());
        let timeout_ms = maker.timeout_ms();
        let action = step.action.value.clone();
        Ok(Some(Foreseen { id, action, script, preflight, resource, timeout_ms }))
    }
}

impl Composer<'_> {
    /// A named check, rendered for the host that is to serve.
    pub(super) fn named_probe(
        &self,
        host: &HostName,
        name: &str,
        spec: &Sp<ProbeSpec>,
    ) -> Result<Probe, PlanError> {
        let scope = Scope::of(self, host);
        let bench = Bench { composer: self, host, scope: &scope, registers: &[], timeout_ms: 0 };
        let action = Action::Probe(ProbeArgs::Named(Sp::new(name.to_owned(), spec.span)));
        let wrong = |detail: String| PlanError::Render { place: spec.span, step: None, detail };
        match bench.compile(&action, &IndexMap::new()) {
            Ok(Compiled::Probe(probe)) => Ok(probe),
            Ok(Compiled::Script(_)) => Err(wrong("is not a probe".to_owned())),
            Err(Failure::NotYet(names)) => {
                Err(wrong(format!("reads results of steps: {}", names.join(", "))))
            }
            Err(Failure::Wrong(detail)) => Err(wrong(detail)),
        }
    }
}

impl super::Request {
    /// Why `-t` leaves a step out, if it does.
    fn skips(&self, step: &Step) -> Option<String> {
        let wanted = |tag: &Sp<String>| self.tags.contains(&tag.value);
        let always = step.tags.iter().any(|tag| tag.value == "always");
        let out = !self.tags.is_empty() && !always && !step.tags.iter().any(wanted);
        out.then(|| "not among the tags asked for".to_owned())
    }
}
