//! Builds plans and runs them against [`super::fake`] hosts; for the engine's tests.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::dispatcher::Dispatcher;
use super::event::{Event, EventKind, StepResult};
use super::fake::World;
use super::record::{Origin, Record, Story};
use super::script::Reach;
use super::teller::Teller;
use super::{
    Ending, FenceOutcome, Fencer, Inject, Interrupt, Late, ProbeOutcome, Prober, RunOptions, Tools, run,
};
use crate::module::{Probe, Script};
use crate::plan::ready::Queue;
use crate::plan::{
    Alternative, Attempts, Fence, Guard, Guards, Link, LinkKind, Operation, Plan, PlanStep, SCHEMA,
    ServicePlan, Stage, StepRef, UndoCoverage, UndoWork, Work,
};
use crate::site::id::{Epoch, HostName, ServiceName};
use crate::site::playbook::{Backoff, EvidenceKind, IfUnreachable};
use crate::store::journal::{Journal, Sealed};
use crate::store::{FileStore, Store, journal, new_run_id};

/// A run under test: a world, a store in a folder of its own, and what happened.
pub(super) struct Rig {
    pub world: World,
    pub store: FileStore,
    pub options: RunOptions,
    pub interrupt: Interrupt,
    folder: tempfile::TempDir,
}

/// What a run came to.
#[derive(Debug)]
pub(super) struct Ran {
    pub ending: Ending,
    pub events: Vec<Event>,
}

impl Rig {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path()).unwrap();
        let options = RunOptions {
            run: new_run_id(&store, jiff::Timestamp::now()),
            forks: 5,
            reach: Reach::Act,
            diff: false,
            inject: Vec::new(),
            origin: Origin::default(),
            redact: Arc::new(|text: &str| text.replace("s3cret", "***")),
        };
        Self { world: World::default(), store, options, interrupt: Interrupt::default(), folder }
    }

    pub(super) fn injecting(mut self, inject: Inject) -> Self {
        self.options.inject.push(inject);
        self
    }

    pub(super) async fn run(&self, plan: &Plan) -> Ran {
        let (sink, events) = mpsc::unbounded_channel();
        let ending = run(plan, self.tools(), &self.options, sink, &self.interrupt).await.unwrap();
        Ran { ending, events: drained(events) }
    }

    pub(super) async fn run_with(&self, plan: &Plan, journal: Journal) -> Ran {
        let (sink, events) = mpsc::unbounded_channel();
        let teller = Teller::new(sink, self.options.redact.clone());
        let queue = Queue::new(&plan.steps).unwrap();
        let dispatcher = Dispatcher::new(plan, queue, self.tools(), &self.options, journal, teller);
        let ending = dispatcher.run(&self.interrupt).await;
        Ran { ending, events: drained(events) }
    }

    pub(super) fn tools(&self) -> Tools<'_> {
        Tools { transport: &self.world, store: &self.store, prober: self, fencer: self, late: self }
    }

    pub(super) fn journal(&self) -> Vec<Sealed<Record>> {
        let text = self.store.journal(&self.options.run).unwrap();
        assert_eq!(journal::verify(&text).map(|proven| proven.torn), Ok(false));
        journal::read(&text).unwrap().records
    }

    pub(super) fn story(&self) -> Story {
        Story::of(&self.journal()).unwrap()
    }

    pub(super) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

fn drained(mut events: mpsc::UnboundedReceiver<Event>) -> Vec<Event> {
    let mut all = Vec::new();
    while let Ok(event) = events.try_recv() {
        all.push(event);
    }
    all
}

impl Prober for Rig {
    /// `tcp` answers if the world has set its host; everything else says no.
    fn probe<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, ProbeOutcome> {
        let ok = matches!(probe, Probe::Tcp { host, .. } if self.world.is_set(host));
        std::future::ready(ProbeOutcome { ok, detail: "asked".to_owned() }).boxed()
    }
}

impl Fencer for Rig {
    /// The only option says how many milliseconds it takes; works unless the world has set `fence:broken`.
    fn fence<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, FenceOutcome> {
        async move {
            let takes = fence.devices[0].options["takes"].parse().unwrap();
            self.world.fenced(&fence.host);
            tokio::time::sleep(std::time::Duration::from_millis(takes)).await;
            let confirmed = !self.world.is_set("fence:broken");
            let words = if confirmed {
                format!("fenced {} with s3cret", fence.host)
            } else {
                "no power switch".to_owned()
            };
            FenceOutcome { confirmed, words }
        }
        .boxed()
    }

    /// Unless the world has set `fence:off`.
    fn is_on<'a>(&'a self, _: &'a Fence) -> BoxFuture<'a, bool> {
        std::future::ready(!self.world.is_set("fence:off")).boxed()
    }
}

impl Late for Rig {
    /// Acts with whatever the register `r` said.
    fn compile(&self, _: &StepRef, registers: &Map<String, Value>) -> Result<(Work, UndoWork), String> {
        let said = registers["r"]["stdout"].as_str().ok_or("r said nothing")?;
        Ok((Work::Script(script(&format!("set {said}"), &format!("unset {said}"))), UndoWork::Derived))
    }
}

impl Ran {
    pub(super) fn result(&self, step: &str) -> StepResult {
        let mut results = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::StepEnded { step: of, result, .. } if of.0 == step => Some(*result),
            _ => None,
        });
        let result = results.next().unwrap_or_else(|| panic!("{step} never ended"));
        assert_eq!(results.next(), None, "{step} ended twice");
        result
    }

    pub(super) fn undone(&self) -> Vec<String> {
        let undone = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Undone { step, ok: true, .. } => Some(step.0.clone()),
            _ => None,
        });
        undone.collect()
    }
}

pub(super) fn host(name: &str) -> HostName {
    name.try_into().unwrap()
}

/// A script that always acts.
pub(super) fn script(act: &str, undo: &str) -> Script {
    Script {
        summary: act.to_owned(),
        act: act.to_owned(),
        undo: (!undo.is_empty()).then(|| undo.to_owned()),
        changes: true,
        ..Script::default()
    }
}

/// `web/HOST/NAME`, acting so, ten seconds allowed.
pub(super) fn step(at: &str, name: &str, act: &str, undo: &str) -> PlanStep {
    PlanStep {
        id: StepRef(format!("web/{at}/{name}")),
        service: web(),
        host: (at != "-").then(|| host(at)),
        stage: Stage::Wake,
        title: name.to_owned(),
        module: "shell".to_owned(),
        needs: Vec::new(),
        any_of: Vec::new(),
        skip: None,
        work: Work::Script(script(act, undo)),
        undo: UndoWork::Derived,
        guards: Guards::default(),
        timeout_ms: 10_000,
        attempts: Attempts { retries: 0, delay_ms: 1000, backoff: Backoff::Fixed },
        register: None,
        if_unreachable: IfUnreachable::Fail,
        advisory: false,
        optional: false,
        no_log: false,
        run_as: None,
    }
}

/// An idempotent step: sets the key if it is not set, unsets it again.
pub(super) fn sets(at: &str, key: &str) -> PlanStep {
    let mut step = step(at, key, &format!("set {key}"), &format!("unset {key}"));
    if let Work::Script(script) = &mut step.work {
        script.look = Some(format!("has {key}"));
    }
    step
}

impl PlanStep {
    pub(super) fn needs(mut self, steps: &[&str]) -> Self {
        let link = |step: &&str| Link { step: StepRef(format!("web/{step}")), kind: LinkKind::Success };
        self.needs.extend(steps.iter().map(link));
        self
    }

    pub(super) fn after(mut self, steps: &[&str]) -> Self {
        let link = |step: &&str| Link { step: StepRef(format!("web/{step}")), kind: LinkKind::End };
        self.needs.extend(steps.iter().map(link));
        self
    }

    pub(super) fn any(mut self, evidence: EvidenceKind, steps: &[&str]) -> Self {
        let steps = steps.iter().map(|step| StepRef(format!("web/{step}"))).collect();
        self.any_of.push(Alternative { evidence, steps, words: evidence.as_str().to_owned() });
        self
    }

    pub(super) fn work(self, work: Work) -> Self {
        Self { work, ..self }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as the fields of `Guards` want it")]
pub(super) fn guard(expression: &str) -> Option<Guard> {
    Some(Guard { expression: expression.to_owned(), known: Map::new() })
}

pub(super) fn web() -> ServiceName {
    "web".try_into().unwrap()
}

/// A plan of these steps for one service, with its point of no return.
pub(super) fn plan(steps: Vec<PlanStep>, point: Option<&str>) -> Plan {
    let service = ServicePlan {
        service: web(),
        addresses: Vec::new(),
        from: Some(host("h1")),
        to: Some(host("h2")),
        secondary: None,
        epoch_before: Epoch(1),
        epoch: Epoch(2),
        evidence: Vec::new(),
        placement: Vec::new(),
        point_of_no_return: point.map(|step| StepRef(format!("web/{step}"))),
        serving: false,
        notes: Vec::new(),
    };
    Plan {
        schema: SCHEMA.to_owned(),
        operation: Operation::Switchover,
        services: vec![service],
        steps,
        worst_case_ms: 0,
        undo_coverage: UndoCoverage::default(),
        hash: String::new(),
    }
}
