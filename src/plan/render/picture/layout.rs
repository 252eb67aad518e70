//! Where the steps of a plan are drawn, and the lines between them: a lane from top to bottom for each host, time going
//! down, never two steps of a lane side by side. Called by the picture; knows neither plans nor SVG. Pure.
//!
//! Lines run only where no step can be: across between two rows, down between two lanes, or through cells of a lane that
//! are empty. So no line goes through a step, whatever the graph.

use std::collections::HashMap;
use std::hash::Hash;

/// The width of every step.
pub(super) const WIDTH: f64 = 228.0;
/// Above the first row and below the last: the lanes' names.
pub(super) const HEAD: f64 = 34.0;
/// From a step, or the edge of a lane, to the nearest line beside it.
const AWAY: f64 = 14.0;
/// From one of the lines that run side by side to the next.
const TRACK: f64 = 9.0;
/// From a row to the nearest line under it, and from the last one to the next row, where arrows need their room.
const ABOVE: f64 = 9.0;
const BELOW: f64 = 17.0;
/// How far from the middle of a side lines leave and arrive.
const LEAVE: f64 = 64.0;
const ARRIVE: f64 = 30.0;
const ASIDE: f64 = 9.0;

/// A step, as far as its place matters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub lane: usize,
    pub height: f64,
}

/// From one step to another, by their numbers; the first is the smaller one.
pub(super) type Edge = (usize, usize);

pub(super) type Point = (f64, f64);

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    pub fn right(self) -> f64 {
        self.x + self.width
    }

    pub fn bottom(self) -> f64 {
        self.y + self.height
    }

    pub fn middle(self) -> Point {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }
}

/// The places of everything.
#[derive(Debug)]
pub(super) struct Layout {
    /// By the numbers of the steps.
    pub boxes: Vec<Area>,
    /// By the numbers of the edges: the corners of each line, from its begin to its end.
    pub routes: Vec<Vec<Point>>,
    pub lanes: Vec<Area>,
    pub width: f64,
    pub height: f64,
}

/// Finds a place for all of them. Steps are in an order in which each stands after all that it waits for.
pub(super) fn layout(nodes: &[Node], edges: &[Edge]) -> Layout {
    let grid = Grid::of(nodes, edges);
    let ways: Vec<Way> = edges.iter().map(|edge| grid.way(*edge, edges)).collect();
    let across = Across::of(&grid, edges, &ways);
    let down = Down::of(&grid, &across, edges, &ways);
    let places = Places { grid: &grid, across: &across, down: &down };
    let boxes: Vec<Area> = (0..nodes.len()).map(|node| places.area(node)).collect();
    let routes = edges.iter().zip(&ways).map(|(edge, way)| places.route(*edge, *way, &boxes)).collect();
    let height = down.bottom + HEAD;
    let lanes =
        across.lanes.iter().map(|lane| Area { x: lane.x, y: 0.0, width: lane.width, height }).collect();
    Layout { boxes, routes, lanes, width: across.width, height }
}

/// Steps in rows and lanes.
struct Grid<'a> {
    nodes: &'a [Node],
    rows: Vec<usize>,
    /// By lane and row: whether a step is there.
    taken: Vec<Vec<bool>>,
    depth: usize,
}

impl<'a> Grid<'a> {
    /// Each step in the first row below all that it waits for in which its lane is free.
    fn of(nodes: &'a [Node], edges: &[Edge]) -> Self {
        let lanes = nodes.iter().map(|node| node.lane + 1).max().unwrap_or(0);
        let mut grid = Self { nodes, rows: Vec::new(), taken: vec![Vec::new(); lanes], depth: 0 };
        let mut waits: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
        for (from, to) in edges {
            waits[*to].push(*from);
        }
        for (node, waits) in nodes.iter().zip(waits) {
            let mut row = waits.iter().map(|before| grid.rows[*before] + 1).max().unwrap_or(0);
            while grid.is_taken(node.lane, row) {
                row += 1;
            }
            let lane = &mut grid.taken[node.lane];
            lane.resize(lane.len().max(row + 1), false);
            lane[row] = true;
            grid.rows.push(row);
            grid.depth = grid.depth.max(row + 1);
        }
        grid
    }

    fn is_taken(&self, lane: usize, row: usize) -> bool {
        self.taken[lane].get(row).copied().unwrap_or(false)
    }

    /// Whether nothing is in a lane between two rows.
    fn is_clear(&self, lane: usize, above: usize, below: usize) -> bool {
        (above + 1..below).all(|row| !self.is_taken(lane, row))
    }

    fn lane(&self, node: usize) -> usize {
        self.nodes[node].lane
    }

    fn way(&self, (from, to): Edge, edges: &[Edge]) -> Way {
        let clear = self.is_clear(self.lane(to), self.rows[from], self.rows[to]);
        match (self.lane(from) == self.lane(to), clear) {
            (true, true) => Way::Down,
            (true, false) => Way::Beside(self.bundle((from, to), edges)),
            (false, true) => Way::Over,
            (false, false) => Way::Into,
        }
    }

    /// Of the lines beside a lane, those with one begin run together, or those with one end: whichever are more.
    fn bundle(&self, (from, to): Edge, edges: &[Edge]) -> Bundle {
        let here = |edge: &&Edge| self.lane(edge.0) == self.lane(edge.1);
        let out = edges.iter().filter(here).filter(|edge| edge.0 == from).count();
        let into = edges.iter().filter(here).filter(|edge| edge.1 == to).count();
        if out >= into { Bundle::From(from) } else { Bundle::To(to) }
    }
}

/// How a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Straight down its lane.
    Down,
    /// Around what is between, on the right of its lane.
    Beside(Bundle),
    /// Across, then down onto the other.
    Over,
    /// Across, then down on the left of the other's lane, into its side.
    Into,
}

/// What lines have in common that run together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Bundle {
    From(usize),
    To(usize),
}

/// Lines side by side: each gets a track on which nothing else is where it is.
struct Tracks<K> {
    of: HashMap<K, usize>,
    count: usize,
}

impl<K: Copy + Eq + Hash> Tracks<K> {
    /// For stretches, those of one key taken together.
    fn of(stretches: impl IntoIterator<Item = (K, f64, f64)>) -> Self {
        let mut all: Vec<(K, f64, f64)> = Vec::new();
        for (key, begin, end) in stretches {
            let (begin, end) = (begin.min(end), begin.max(end));
            match all.iter_mut().find(|one| one.0 == key) {
                Some(one) => (one.1, one.2) = (one.1.min(begin), one.2.max(end)),
                None => all.push((key, begin, end)),
            }
        }
        all.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut ends: Vec<f64> = Vec::new();
        let mut of = HashMap::new();
        for (key, begin, end) in all {
            let free = ends.iter().position(|last| *last < begin).unwrap_or(ends.len());
            ends.resize(ends.len().max(free + 1), end);
            ends[free] = end;
            of.insert(key, free);
        }
        Self { of, count: ends.len() }
    }

    /// How far from the first track a key's is.
    fn offset(&self, key: &K) -> f64 {
        number(self.of.get(key).copied().unwrap_or(0)) * TRACK
    }

    /// What all tracks take, with the room on both sides of them.
    fn room(&self, sides: f64) -> f64 {
        sides + number(self.count.saturating_sub(1)) * TRACK
    }
}

/// Everything from left to right.
struct Across {
    lanes: Vec<Lane>,
    width: f64,
}

struct Lane {
    x: f64,
    width: f64,
    /// Where its steps begin.
    steps: f64,
    /// By the step a line comes from.
    left: Tracks<usize>,
    right: Tracks<Bundle>,
}

impl Across {
    fn of(grid: &Grid, edges: &[Edge], ways: &[Way]) -> Self {
        let (mut lanes, mut x) = (Vec::new(), 0.0);
        for lane in 0..grid.taken.len() {
            let lane = Lane::of(lane, x, grid, edges, ways);
            x += lane.width;
            lanes.push(lane);
        }
        Self { lanes, width: x }
    }
}

impl Lane {
    fn of(number_of: usize, x: f64, grid: &Grid, edges: &[Edge], ways: &[Way]) -> Self {
        let here = || edges.iter().zip(ways).filter(|(edge, _)| grid.lane(edge.1) == number_of);
        let row = |node: usize| number(grid.rows[node]);
        // In rows: a line leaves below the middle of a step, and arrives above it or, from another lane, at it.
        let left = Tracks::of(
            here()
                .filter(|(_, way)| **way == Way::Into)
                .map(|((from, to), _)| (*from, row(*from) + 0.5, row(*to))),
        );
        let right = Tracks::of(here().filter_map(|((from, to), way)| match way {
            Way::Beside(bundle) => Some((*bundle, row(*from) + 0.1, row(*to) - 0.1)),
            _ => None,
        }));
        let (before, after) = (left.room(2.0 * AWAY), right.room(2.0 * AWAY));
        Self { x, width: before + WIDTH + after, steps: x + before, left, right }
    }

    fn middle(&self) -> f64 {
        self.steps + WIDTH / 2.0
    }
}

/// Everything from top to bottom.
struct Down {
    /// Where each row begins.
    rows: Vec<f64>,
    /// Where the lines below each row begin; by the step they come from.
    between: Vec<(f64, Tracks<usize>)>,
    bottom: f64,
}

impl Down {
    fn of(grid: &Grid, across: &Across, edges: &[Edge], ways: &[Way]) -> Self {
        let (mut rows, mut between, mut y) = (Vec::new(), Vec::new(), HEAD + ABOVE);
        for row in 0..grid.depth {
            let heights = grid.nodes.iter().zip(&grid.rows).filter(|(_, of)| **of == row);
            rows.push(y);
            y += heights.map(|(node, _)| node.height).fold(0.0, f64::max);
            let leaving = edges.iter().zip(ways).filter(|((from, _), _)| grid.rows[*from] == row);
            let tracks = Tracks::of(leaving.filter_map(|(edge, way)| {
                let (begin, end) = stretch(*edge, *way, grid, across)?;
                Some((edge.0, begin, end))
            }));
            let room = tracks.room(ABOVE + BELOW);
            between.push((y + ABOVE, tracks));
            y += room;
        }
        Self { rows, between, bottom: y - BELOW + ABOVE }
    }
}

/// From where to where a line goes across, if it does.
fn stretch((from, to): Edge, way: Way, grid: &Grid, across: &Across) -> Option<(f64, f64)> {
    let (source, target) = (&across.lanes[grid.lane(from)], &across.lanes[grid.lane(to)]);
    // It leaves on the side where it goes, and arrives on the side from which it comes.
    let side = if grid.lane(to) > grid.lane(from) { 1.0 } else { -1.0 };
    let end = match way {
        Way::Down | Way::Beside(_) => return None,
        Way::Over => target.middle() - side * ARRIVE,
        Way::Into => target.steps - AWAY - target.left.offset(&from),
    };
    Some((source.middle() + side * LEAVE, end))
}

struct Places<'a> {
    grid: &'a Grid<'a>,
    across: &'a Across,
    down: &'a Down,
}

impl Places<'_> {
    fn area(&self, node: usize) -> Area {
        let lane = &self.across.lanes[self.grid.lane(node)];
        let height = self.grid.nodes[node].height;
        Area { x: lane.steps, y: self.down.rows[self.grid.rows[node]], width: WIDTH, height }
    }

    fn route(&self, edge: Edge, way: Way, boxes: &[Area]) -> Vec<Point> {
        let (from, to) = (boxes[edge.0], boxes[edge.1]);
        let between = &self.down.between[self.grid.rows[edge.0]];
        let across = between.0 + between.1.offset(&edge.0);
        let (begin, end) = stretch(edge, way, self.grid, self.across).unwrap_or_default();
        match way {
            Way::Down => vec![(from.middle().0, from.bottom()), (to.middle().0, to.y)],
            Way::Beside(bundle) => {
                let lane = &self.across.lanes[self.grid.lane(edge.1)];
                let x = from.right() + AWAY + lane.right.offset(&bundle);
                let (leave, arrive) = (from.middle().1 + ASIDE, to.middle().1 - ASIDE);
                vec![(from.right(), leave), (x, leave), (x, arrive), (to.right(), arrive)]
            }
            Way::Over => vec![(begin, from.bottom()), (begin, across), (end, across), (end, to.y)],
            Way::Into => {
                let y = to.middle().1;
                vec![(begin, from.bottom()), (begin, across), (end, across), (end, y), (to.x, y)]
            }
        }
    }
}

/// A count as a length.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
