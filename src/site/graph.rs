//! The order a playbook asks for: which step waits for which, and where it says so. Called by [`super::check`]
//! (cycles, steps without an order) and by `plan` (the same edges, on real hosts).

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};

use petgraph::Direction;
use petgraph::algo::{has_path_connecting, tarjan_scc};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::Site;
use super::playbook::{Phase, Playbook};
use super::source::{Sp, Span};
use super::step::Step;

/// A step's place in its playbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepAt {
    pub phase: Phase,
    /// In [`Playbook::phase`].
    pub index: usize,
}

impl StepAt {
    pub fn of(self, playbook: &Playbook) -> &Sp<Step> {
        &playbook.phase(self.phase)[self.index]
    }
}

/// Why a step waits for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// `needs`: until it has succeeded or was skipped.
    Needs,
    /// `after`: until it has ended.
    After,
    /// It reads a variable that the other registers; as `needs`.
    Reads(String),
}

/// One wait, and where it is written.
#[derive(Clone, Debug)]
pub struct Edge {
    pub why: Why,
    pub span: Span,
}

/// Every step of a playbook and every wait between two of them.
#[derive(Debug)]
pub struct PhaseGraph {
    /// Edges lead from a step to those that wait for it.
    graph: DiGraph<StepAt, Edge>,
    nodes: BTreeMap<StepAt, NodeIndex>,
}

/// A step of a cycle, and why it waits for the next one in it.
pub(crate) type Link<'a> = (StepAt, &'a Edge);

impl Playbook {
    /// Every step with its place.
    pub fn steps(&self) -> impl Iterator<Item = (StepAt, &Sp<Step>)> {
        Phase::ALL.into_iter().flat_map(|phase| {
            self.phase(phase).iter().enumerate().map(move |(index, step)| (StepAt { phase, index }, step))
        })
    }

    /// What `needs: [reference]` in a step of `phase` means: `id` in the same phase, or `phase.id`.
    pub fn find_step(&self, phase: Phase, reference: &str) -> Option<StepAt> {
        let (phase, id) = match reference.split_once('.') {
            Some((other, id)) => (Phase::ALL.into_iter().find(|phase| phase.as_str() == other)?, id),
            None => (phase, reference),
        };
        let index = self.phase(phase).iter().position(|step| step.id.as_str() == id)?;
        Some(StepAt { phase, index })
    }
}

impl PhaseGraph {
    /// The graph of a playbook. References that lead nowhere are left out.
    pub fn of(site: &Site, playbook: &Playbook) -> Self {
        let mut graph = DiGraph::new();
        let nodes = playbook.steps().map(|(at, _)| (at, graph.add_node(at))).collect();
        let mut this = Self { graph, nodes };
        let registers = registers(playbook);
        for (at, step) in playbook.steps() {
            for (why, references) in [(Why::Needs, &step.needs), (Why::After, &step.after)] {
                for reference in references {
                    if let Some(before) = playbook.find_step(at.phase, reference) {
                        this.add(before, at, why.clone(), reference.span);
                    }
                }
            }
            for read in site.reads(step) {
                for before in sources_of(&registers, read.name(), at) {
                    this.add(before, at, Why::Reads(read.name().to_owned()), read.span);
                }
            }
        }
        this
    }

    fn add(&mut self, before: StepAt, after: StepAt, why: Why, span: Span) {
        let (from, to) = (self.nodes[&before], self.nodes[&after]);
        if self.graph.edges_connecting(from, to).all(|edge| edge.weight().why != why) {
            self.graph.add_edge(from, to, Edge { why, span });
        }
    }

    /// What a step waits for, and why.
    pub fn waits_for(&self, step: StepAt) -> impl Iterator<Item = (StepAt, &Edge)> {
        let edges = self.nodes.get(&step).map(|node| self.graph.edges_directed(*node, Direction::Incoming));
        edges.into_iter().flatten().map(|edge| (self.graph[edge.source()], edge.weight()))
    }

    /// Whether one of two steps is certain to have ended before the other begins.
    pub fn ordered(&self, one: StepAt, other: StepAt) -> bool {
        let (one, other) = (self.nodes[&one], self.nodes[&other]);
        has_path_connecting(&self.graph, one, other, None)
            || has_path_connecting(&self.graph, other, one, None)
    }

    /// One cycle of every knot of steps that wait for each other. Each link says why its step waits for the next
    /// link's step; the last waits for the first.
    pub(crate) fn cycles(&self) -> Vec<Vec<Link<'_>>> {
        let mut cycles: Vec<_> = tarjan_scc(&self.graph)
            .into_iter()
            .filter_map(|knot| knot.into_iter().min_by_key(|node| self.graph[*node]))
            .filter_map(|start| self.cycle_through(start))
            .collect();
        cycles.sort_by_key(|cycle| cycle.first().map(|(step, _)| *step));
        cycles
    }

    /// The shortest way from a step back to itself, against the edges.
    fn cycle_through(&self, start: NodeIndex) -> Option<Vec<Link<'_>>> {
        let mut came_by = HashMap::new();
        let mut open = VecDeque::from([start]);
        while let Some(node) = open.pop_front() {
            let mut edges: Vec<_> = self.graph.edges_directed(node, Direction::Incoming).collect();
            edges.sort_by_key(|edge| edge.weight().span.start);
            for edge in edges {
                if edge.source() == start {
                    return Some(self.way_back(start, edge.target(), edge.weight(), &came_by));
                }
                if let Entry::Vacant(new) = came_by.entry(edge.source()) {
                    new.insert((node, edge.weight()));
                    open.push_back(edge.source());
                }
            }
        }
        None
    }

    fn way_back<'a>(
        &'a self,
        start: NodeIndex,
        last: NodeIndex,
        closing: &'a Edge,
        came_by: &HashMap<NodeIndex, (NodeIndex, &'a Edge)>,
    ) -> Vec<Link<'a>> {
        let mut links = vec![(self.graph[last], closing)];
        let mut node = last;
        while node != start {
            let (waiting, edge) = came_by[&node];
            links.push((self.graph[waiting], edge));
            node = waiting;
        }
        links.reverse();
        links
    }
}

/// Which steps register each variable.
pub(crate) fn registers(playbook: &Playbook) -> HashMap<&str, Vec<StepAt>> {
    let mut found: HashMap<&str, Vec<StepAt>> = HashMap::new();
    for (at, step) in playbook.steps() {
        if let Some(name) = &step.register {
            found.entry(name.as_str()).or_default().push(at);
        }
    }
    found
}

/// The steps whose result a step sees under `name`: those of its own phase, else those of phases before it. Never
/// the step itself: its conditions on its own result are no wait.
pub(crate) fn sources_of(registers: &HashMap<&str, Vec<StepAt>>, name: &str, reader: StepAt) -> Vec<StepAt> {
    let all = registers.get(name).map(Vec::as_slice).unwrap_or_default();
    if all.contains(&reader) {
        return Vec::new();
    }
    let of =
        |fits: &dyn Fn(Phase) -> bool| all.iter().copied().filter(|at| fits(at.phase)).collect::<Vec<_>>();
    let same = of(&|phase| phase == reader.phase);
    if same.is_empty() { of(&|phase| phase.comes_before(reader.phase)) } else { same }
}
