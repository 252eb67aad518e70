//! Laws of the layout, over random graphs.

use proptest::prelude::*;

use super::*;

/// Steps in up to five lanes, and edges that go forward.
fn graph() -> impl Strategy<Value = (Vec<Node>, Vec<Edge>)> {
    let node = (0..5_usize, 40..90_i32);
    let nodes = prop::collection::vec(node, 1..40);
    let edges = prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..60);
    (nodes, edges).prop_map(|(nodes, edges)| {
        let node = |(lane, height)| Node { lane, height: f64::from(height) };
        let nodes: Vec<Node> = nodes.into_iter().map(node).collect();
        let edge = |(a, b): (prop::sample::Index, prop::sample::Index)| {
            let (a, b) = (a.index(nodes.len()), b.index(nodes.len()));
            (a != b).then(|| (a.min(b), a.max(b)))
        };
        let edges = edges.into_iter().filter_map(edge).collect();
        (nodes, edges)
    })
}

fn overlap(a: Area, b: Area) -> bool {
    a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
}

/// A piece of a line as an area without its edges.
fn piece(from: Point, to: Point) -> Area {
    let (x, y) = (from.0.min(to.0), from.1.min(to.1));
    Area { x, y, width: (from.0 - to.0).abs(), height: (from.1 - to.1).abs() }
}

/// Whether a point is on the border.
fn on_border(area: Area, (x, y): Point) -> bool {
    let beside = (x - area.x).abs() < 0.01 || (x - area.right()).abs() < 0.01;
    let above = (y - area.y).abs() < 0.01 || (y - area.bottom()).abs() < 0.01;
    let (within_x, within_y) = (x >= area.x && x <= area.right(), y >= area.y && y <= area.bottom());
    (beside && within_y) || (above && within_x)
}

/// What is inside, a hair from the border.
fn inside(area: Area) -> Area {
    Area { x: area.x + 0.5, y: area.y + 0.5, width: area.width - 1.0, height: area.height - 1.0 }
}

proptest! {
    #[test]
    fn steps_keep_apart_within_their_lanes((nodes, edges) in graph()) {
        let layout = layout(&nodes, &edges);
        prop_assert_eq!(layout.boxes.len(), nodes.len());
        for (at, one) in layout.boxes.iter().enumerate() {
            let lane = layout.lanes[nodes[at].lane];
            prop_assert!(one.x > lane.x && one.right() < lane.right() && one.y > lane.y && one.bottom() < lane.bottom());
            prop_assert!(layout.boxes[..at].iter().all(|other| !overlap(*one, *other)));
        }
        for (at, lane) in layout.lanes.iter().enumerate() {
            prop_assert!(lane.right() <= layout.width && lane.bottom() <= layout.height);
            prop_assert!(layout.lanes[..at].iter().all(|other| !overlap(*lane, *other)));
        }
    }

    #[test]
    fn what_waits_is_below_what_it_waits_for((nodes, edges) in graph()) {
        let layout = layout(&nodes, &edges);
        for (from, to) in edges {
            prop_assert!(layout.boxes[from].bottom() < layout.boxes[to].y);
        }
    }

    #[test]
    fn every_line_leads_from_step_to_step_and_through_none((nodes, edges) in graph()) {
        let layout = layout(&nodes, &edges);
        prop_assert_eq!(layout.routes.len(), edges.len());
        for ((from, to), route) in edges.iter().zip(&layout.routes) {
            prop_assert!(on_border(layout.boxes[*from], route[0]));
            prop_assert!(on_border(layout.boxes[*to], route[route.len() - 1]));
            for ends in route.windows(2) {
                prop_assert!((ends[0].0 - ends[1].0).abs() < 0.01 || (ends[0].1 - ends[1].1).abs() < 0.01);
                let piece = piece(ends[0], ends[1]);
                prop_assert!(layout.boxes.iter().all(|one| !overlap(inside(*one), piece)), "{:?}", route);
                prop_assert!(piece.x >= 0.0 && piece.right() <= layout.width && piece.bottom() <= layout.height);
            }
        }
    }

    /// Lines that run on top of each other come from one step, or lead to one.
    #[test]
    fn lines_with_nothing_in_common_keep_apart((nodes, edges) in graph()) {
        let layout = layout(&nodes, &edges);
        let pieces: Vec<(Edge, Area)> = edges
            .iter()
            .zip(&layout.routes)
            .flat_map(|(edge, route)| route.windows(2).map(|ends| (*edge, piece(ends[0], ends[1]))))
            .collect();
        for (at, (edge, one)) in pieces.iter().enumerate() {
            for (other_edge, other) in &pieces[..at] {
                let strangers = edge.0 != other_edge.0 && edge.1 != other_edge.1;
                prop_assert!(!(strangers && along(*one, *other)), "{edge:?} {one:?} {other_edge:?} {other:?}");
            }
        }
    }
}

/// Whether two pieces share more than a point.
fn along(a: Area, b: Area) -> bool {
    let across = a.height < 0.01 && b.height < 0.01 && (a.y - b.y).abs() < 0.01;
    let down = a.width < 0.01 && b.width < 0.01 && (a.x - b.x).abs() < 0.01;
    across && a.right().min(b.right()) - a.x.max(b.x) > 0.01
        || down && a.bottom().min(b.bottom()) - a.y.max(b.y) > 0.01
}

#[test]
fn nothing_is_small() {
    let layout = layout(&[], &[]);
    assert!(layout.boxes.is_empty() && layout.lanes.is_empty());
}
