//! Which step may start, and what a step's end means for the others: a queue over the plan's graph.
//!
//! The engine's dispatcher asks [`Queue::next`] and tells [`Queue::finish`]; nobody else decides order. Knows no
//! clock and starts nothing, so laws about order are tested here without running anything.

use std::collections::{BTreeSet, HashMap};

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::{LinkKind, PlanStep, StepRef};
use crate::site::playbook::IfUnreachable;

/// A step, by its place in [`super::Plan::steps`].
pub type StepIndex = usize;

/// Why a step was not needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    #[error("{0}")]
    Planned(String),
    #[error("`{0}` is false")]
    When(String),
    /// Its host cannot be reached, and it says `if_unreachable: skip`.
    #[error("host unreachable: {0}")]
    Unreachable(String),
    #[error("left out with {0}")]
    LeftOut(StepRef),
    /// It would have been evidence, and there is some.
    #[error("not needed: there is evidence already")]
    NotNeeded,
    #[error("check mode")]
    CheckMode,
}

impl Skip {
    /// Steps left out take along what needs them; the others count as done.
    fn counts_as_done(&self) -> bool {
        matches!(self, Self::Planned(_) | Self::When(_) | Self::CheckMode)
    }
}

/// Why a step never started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReached {
    #[error("{0} did not succeed")]
    Need(StepRef),
    /// None of the ways to satisfy its `any_of` is left.
    #[error("no evidence: every way to it has failed")]
    NoAlternative,
    #[error("{0}")]
    Stopped(String),
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    Changed,
    Skipped(Skip),
    /// Ran, said no.
    Failed,
    TimedOut,
    /// Did not run.
    Unreachable,
    /// Ran at least in part; nobody can say more.
    Unknown,
    Cancelled,
    NotReached(NotReached),
}

/// What an end means for the steps that need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Done,
    /// `if_unreachable: continue`: good enough to go on, no evidence of anything.
    Excused,
    LeftOut,
    Failed,
}

/// A graph the queue cannot work on. Plans made by `plan` never are; files may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadGraph {
    #[error("two steps are called {0}")]
    Duplicate(StepRef),
    #[error("{step} names {named}, which is no step of the plan")]
    Dangling { step: StepRef, named: StepRef },
    #[error("{0} needs itself, by way of others")]
    Cycle(StepRef),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    Link(LinkKind),
    /// Belongs to the target's alternative of this number.
    Alternative(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    Ended(Outcome),
}

#[derive(Clone, Debug)]
struct Way {
    missing: usize,
    closed: bool,
}

#[derive(Clone, Debug)]
struct Node {
    id: StepRef,
    phase: Phase,
    /// Promised to a batch: not handed out by `next`, though it may become ready.
    claimed: bool,
    /// Links whose step has not ended as they ask.
    missing: usize,
    ways: Vec<Way>,
    /// The first way that was complete.
    taken: Option<usize>,
    if_unreachable: IfUnreachable,
}

impl Node {
    fn is_ready(&self) -> bool {
        self.phase == Phase::Waiting && self.missing == 0 && (self.ways.is_empty() || self.taken.is_some())
    }
}

/// The steps of one plan, each waiting, running or ended.
#[derive(Clone, Debug)]
pub struct Queue {
    graph: DiGraph<Node, Edge>,
    ready: BTreeSet<StepIndex>,
}

impl Queue {
    /// # Errors
    /// [`BadGraph`]: names that are missing or twice there, a cycle.
    pub fn new(steps: &[PlanStep]) -> Result<Self, BadGraph> {
        let mut graph = DiGraph::with_capacity(steps.len(), steps.len());
        let mut places = HashMap::new();
        for step in steps {
            if places.insert(&step.id, graph.add_node(node(step))).is_some() {
                return Err(BadGraph::Duplicate(step.id.clone()));
            }
        }
        for (to, step) in steps.iter().enumerate() {
            for (named, edge) in edges(step) {
                let dangling = || BadGraph::Dangling { step: step.id.clone(), named: named.clone() };
                graph.add_edge(*places.get(named).ok_or_else(dangling)?, NodeIndex::new(to), edge);
            }
        }
        if let Err(cycle) = petgraph::algo::toposort(&graph, None) {
            return Err(BadGraph::Cycle(graph[cycle.node_id()].id.clone()));
        }
        let ready = graph.node_indices().filter(|at| graph[*at].is_ready()).map(NodeIndex::index).collect();
        Ok(Self { graph, ready })
    }

    /// A step whose turn it is, in the plan's order; it counts as running from now on.
    #[expect(clippy::should_implement_trait, reason = "a queue that `finish` refills is no iterator")]
    pub fn next(&mut self) -> Option<StepIndex> {
        self.next_where(|_| true)
    }

    /// As [`Queue::next`], passing over steps that may not start just now.
    pub fn next_where(&mut self, may_start: impl Fn(StepIndex) -> bool) -> Option<StepIndex> {
        let step = self.ready.iter().copied().find(|step| may_start(*step))?;
        self.begin(step);
        Some(step)
    }

    /// Promises a waiting step to a batch, so that nobody else starts it.
    pub fn claim(&mut self, step: StepIndex) {
        self.node(step).claimed = true;
        self.ready.remove(&step);
    }

    /// Takes the promise back: the step starts when its turn comes, as any other.
    pub fn release(&mut self, step: StepIndex) {
        self.node(step).claimed = false;
        self.enlist(step);
    }

    /// The step was started.
    pub fn begin(&mut self, step: StepIndex) {
        self.ready.remove(&step);
        self.node(step).phase = Phase::Running;
    }

    /// A step that was started did not run after all: it waits for its turn again.
    pub fn put_back(&mut self, step: StepIndex) {
        if self.node(step).phase == Phase::Running {
            self.node(step).phase = Phase::Waiting;
            self.release(step);
        }
    }

    /// Ends a step. Returns every other step that ended by it, with why, in the order in which they did.
    pub fn finish(&mut self, step: StepIndex, outcome: Outcome) -> Vec<(StepIndex, Outcome)> {
        let mut ended = Vec::new();
        let mut todo = std::collections::VecDeque::from([(step, outcome)]);
        while let Some((step, outcome)) = todo.pop_front() {
            // Only the step itself may end while it runs; what merely hears of it must not have started.
            if self.outcome(step).is_some() || (!ended.is_empty() && self.is_running(step)) {
                continue;
            }
            let standing = self.standing(step, &outcome);
            self.ready.remove(&step);
            self.node(step).phase = Phase::Ended(outcome.clone());
            ended.push((step, outcome));
            todo.extend(self.pass_on(step, standing));
        }
        ended.split_off(1.min(ended.len()))
    }

    /// Ends every step that has not started, is not promised to a batch, and for which `stopped` holds. Returns them.
    pub fn stop(&mut self, because: &str, stopped: impl Fn(StepIndex) -> bool) -> Vec<(StepIndex, Outcome)> {
        let mut ended = Vec::new();
        for step in 0..self.len() {
            if self.is_waiting(step) && !self.node(step).claimed && stopped(step) {
                let outcome = Outcome::NotReached(NotReached::Stopped(because.to_owned()));
                ended.push((step, outcome.clone()));
                ended.extend(self.finish(step, outcome));
            }
        }
        ended
    }

    /// Steps that need `step` to succeed, in the plan's order.
    pub fn successors(&self, step: StepIndex) -> Vec<StepIndex> {
        let edges = self.graph.edges_directed(NodeIndex::new(step), Outgoing);
        let needed = edges.filter(|edge| *edge.weight() == Edge::Link(LinkKind::Success));
        needed.map(|edge| edge.target().index()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether `step` waits for the success of steps of `batch` and for nothing else.
    pub fn waits_only_for(&self, step: StepIndex, batch: &[StepIndex]) -> bool {
        let node = &self.graph[NodeIndex::new(step)];
        let unclaimed = node.phase == Phase::Waiting && !node.claimed && node.ways.is_empty();
        let mut edges = self.graph.edges_directed(NodeIndex::new(step), Incoming);
        unclaimed
            && edges.all(|edge| {
                let from = edge.source().index();
                let in_batch = batch.contains(&from) && *edge.weight() == Edge::Link(LinkKind::Success);
                in_batch || self.outcome(from).is_some()
            })
    }

    /// Which of a step's alternatives came true first.
    pub fn alternative(&self, step: StepIndex) -> Option<usize> {
        self.graph[NodeIndex::new(step)].taken
    }

    /// How a step ended, if it has.
    pub fn outcome(&self, step: StepIndex) -> Option<&Outcome> {
        match &self.graph[NodeIndex::new(step)].phase {
            Phase::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    pub fn is_waiting(&self, step: StepIndex) -> bool {
        self.graph[NodeIndex::new(step)].phase == Phase::Waiting
    }

    pub fn is_running(&self, step: StepIndex) -> bool {
        self.graph[NodeIndex::new(step)].phase == Phase::Running
    }

    /// Whether a step's end allows what needs it: done, skipped, or excused.
    pub fn succeeded(&self, step: StepIndex) -> bool {
        let standing = self.outcome(step).map(|outcome| self.standing(step, outcome));
        matches!(standing, Some(Standing::Done | Standing::Excused))
    }

    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn node(&mut self, step: StepIndex) -> &mut Node {
        &mut self.graph[NodeIndex::new(step)]
    }

    fn enlist(&mut self, step: StepIndex) {
        let node = &self.graph[NodeIndex::new(step)];
        if node.is_ready() && !node.claimed {
            self.ready.insert(step);
        }
    }

    fn standing(&self, step: StepIndex, outcome: &Outcome) -> Standing {
        let if_unreachable = self.graph[NodeIndex::new(step)].if_unreachable;
        match outcome {
            Outcome::Ok | Outcome::Changed => Standing::Done,
            Outcome::Skipped(skip) if skip.counts_as_done() => Standing::Done,
            Outcome::Skipped(_) => Standing::LeftOut,
            Outcome::Unreachable | Outcome::Unknown => match if_unreachable {
                IfUnreachable::Fail => Standing::Failed,
                IfUnreachable::Skip => Standing::LeftOut,
                IfUnreachable::Continue => Standing::Excused,
            },
            _ => Standing::Failed,
        }
    }

    /// Tells the steps that waited for `from`; returns those that end by it.
    fn pass_on(&mut self, from: StepIndex, standing: Standing) -> Vec<(StepIndex, Outcome)> {
        let id = self.graph[NodeIndex::new(from)].id.clone();
        let edges = self.graph.edges_directed(NodeIndex::new(from), Outgoing);
        let mut targets: Vec<_> = edges.map(|edge| (edge.target().index(), *edge.weight())).collect();
        targets.sort_by_key(|(to, _)| *to);
        let mut ending = Vec::new();
        for (to, edge) in targets {
            ending.extend(self.hear(to, edge, standing, &id).map(|outcome| (to, outcome)));
            self.enlist(to);
        }
        ending
    }

    /// One edge into `to` is settled; says how `to` ends by it, if it does.
    fn hear(&mut self, to: StepIndex, edge: Edge, standing: Standing, from: &StepRef) -> Option<Outcome> {
        let node = self.node(to);
        match (edge, standing) {
            (Edge::Link(LinkKind::End), _)
            | (Edge::Link(LinkKind::Success), Standing::Done | Standing::Excused) => node.missing -= 1,
            (Edge::Link(LinkKind::Success), Standing::LeftOut) => {
                return Some(Outcome::Skipped(Skip::LeftOut(from.clone())));
            }
            (Edge::Link(LinkKind::Success), Standing::Failed) => {
                return Some(Outcome::NotReached(NotReached::Need(from.clone())));
            }
            (Edge::Alternative(way), Standing::Done) => {
                node.ways[way].missing -= 1;
                if node.ways[way].missing == 0 && !node.ways[way].closed {
                    node.taken.get_or_insert(way);
                }
            }
            (Edge::Alternative(way), _) => node.ways[way].closed = true,
        }
        let hopeless =
            node.taken.is_none() && !node.ways.is_empty() && node.ways.iter().all(|way| way.closed);
        hopeless.then_some(Outcome::NotReached(NotReached::NoAlternative))
    }
}

fn node(step: &PlanStep) -> Node {
    let ways: Vec<_> =
        step.any_of.iter().map(|way| Way { missing: way.steps.len(), closed: false }).collect();
    Node {
        id: step.id.clone(),
        phase: Phase::Waiting,
        claimed: false,
        missing: step.needs.len(),
        taken: ways.iter().position(|way| way.missing == 0),
        ways,
        if_unreachable: step.if_unreachable,
    }
}

fn edges(step: &PlanStep) -> impl Iterator<Item = (&StepRef, Edge)> {
    let links = step.needs.iter().map(|link| (&link.step, Edge::Link(link.kind)));
    let ways = step.any_of.iter().enumerate();
    links.chain(ways.flat_map(|(way, one)| one.steps.iter().map(move |step| (step, Edge::Alternative(way)))))
}

#[cfg(test)]
mod tests;
