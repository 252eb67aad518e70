//! A plan's graph as SVG, drawn without a script: a lane for each host, time going down. As a file it brings its own
//! colours and the meaning of its signs; in a page its steps are links to where they are described. Pure.
//!
//! Nothing is said by colour alone: what a step does shows in its outline and its words, whether it can be taken back in
//! its left edge and its words.

mod layout;
mod words;

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use layout::{Area, HEAD, Layout, Node, Point, WIDTH};

use super::graph::{Edge, edges, lanes};
use super::text;
use crate::page::Esc;
use crate::plan::{Plan, PlanStep, Work};

/// Colours and lines, for light, dark and paper.
pub const STYLE: &str = include_str!("picture.css");

/// How round the corners of lines are.
const ROUND: f64 = 6.0;
/// From a step's border to its words, and from one line of words to the next.
const INSET: f64 = 12.0;
const LINE: f64 = 15.0;
/// What a step takes besides its words, and the band that marks the point of no return.
const PADDING: f64 = 16.0;
const BAND: f64 = 18.0;
/// Around everything in a file.
const MARGIN: f64 = 12.0;

/// Who looks at it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A file of its own.
    File,
    /// A page with [`STYLE`], in which `#step-N` describes the step with that number.
    Page,
}

/// The picture.
pub fn svg(plan: &Plan, place: Place) -> String {
    let picture = Picture::of(plan);
    let legend = words::legend(plan, picture.width());
    let (width, height) =
        (picture.width() + 2.0 * MARGIN, picture.layout.height + legend.height + 2.0 * MARGIN);
    let (namespace, role, style) = match place {
        Place::File => {
            let ground = r#"<rect class="ground" width="100%" height="100%"/>"#;
            (" xmlns=\"http://www.w3.org/2000/svg\"", "img", format!("<style>{STYLE}</style>{ground}"))
        }
        Place::Page => ("", "group", String::new()),
    };
    let (title, about) = (words::title(plan), words::about(plan));
    let mut svg = format!(
        "<svg{namespace} class=\"picture\" role=\"{role}\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" aria-labelledby=\"picture-title picture-words\">\n<title id=\"picture-title\">{}</title>\n\
         <desc id=\"picture-words\">{}</desc>\n{style}{SIGNS}<g transform=\"translate({MARGIN} {MARGIN})\">\n",
        Esc(title),
        Esc(about)
    );
    picture.lanes(&mut svg);
    picture.lines(&mut svg);
    picture.steps(&mut svg, place);
    let _ = write!(svg, "<g transform=\"translate(0 {:.1})\">\n{}</g>\n", picture.layout.height, legend.svg);
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// The tip of a line, and how a change shows that cannot be taken back.
const SIGNS: &str = "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"8\" \
                     markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"tip\" \
                     d=\"M0 0.5L8 4L0 7.5z\"/></marker><pattern id=\"hatched\" width=\"7\" height=\"5\" \
                     patternUnits=\"userSpaceOnUse\"><rect class=\"gap\" width=\"7\" height=\"5\"/><rect \
                     class=\"dash\" width=\"7\" height=\"2.5\"/></pattern></defs>\n";

struct Picture<'a> {
    plan: &'a Plan,
    names: Vec<String>,
    links: Vec<(usize, usize, Edge)>,
    layout: Layout,
}

impl<'a> Picture<'a> {
    fn of(plan: &'a Plan) -> Self {
        let lanes = lanes(plan);
        let numbers: HashMap<&str, usize> =
            plan.steps.iter().enumerate().map(|(at, step)| (step.id.0.as_str(), at)).collect();
        let lane =
            |step: &PlanStep| lanes.iter().position(|(name, _)| *name == text::place(step)).unwrap_or(0);
        let nodes: Vec<Node> =
            plan.steps.iter().map(|step| Node { lane: lane(step), height: height(plan, step) }).collect();
        let links: Vec<(usize, usize, Edge)> = edges(plan)
            .filter_map(|(from, to, kind)| Some((*numbers.get(from)?, *numbers.get(to)?, kind)))
            .filter(|(from, to, _)| from < to)
            .collect();
        let pairs: Vec<layout::Edge> = links.iter().map(|(from, to, _)| (*from, *to)).collect();
        let layout = layout::layout(&nodes, &pairs);
        Self { plan, names: lanes.into_iter().map(|(name, _)| name).collect(), links, layout }
    }

    fn width(&self) -> f64 {
        self.layout.width.max(WIDTH * 2.0)
    }

    fn lanes(&self, svg: &mut String) {
        for (name, lane) in self.names.iter().zip(&self.layout.lanes) {
            let Area { x, y, width, height } = *lane;
            let _ = writeln!(
                svg,
                r#"<rect class="lane" x="{:.1}" y="{y:.1}" width="{:.1}" height="{height:.1}" rx="8"/>"#,
                x + 2.0,
                width - 4.0
            );
            // At the foot too: a long plan's head is out of sight there.
            for y in [y + HEAD - 11.0, y + height - 11.0] {
                let middle = lane.middle().0;
                let _ =
                    writeln!(svg, r#"<text class="host" x="{middle:.1}" y="{y:.1}">{}</text>"#, Esc(name));
            }
        }
    }

    fn lines(&self, svg: &mut String) {
        let implied = implied(&self.links);
        let drawn = || self.links.iter().zip(&self.layout.routes).enumerate();
        // What follows from other lines lies under them.
        for of_these in [true, false] {
            for (at, ((from, to, kind), route)) in drawn().filter(|(at, _)| implied.contains(at) == of_these)
            {
                let class = match kind {
                    Edge::Success => "success",
                    Edge::End => "end",
                    Edge::Alternative => "alternative",
                };
                let soft = if implied.contains(&at) { " implied" } else { "" };
                let (from, to) = (&self.plan.steps[*from].id, &self.plan.steps[*to].id);
                let _ = writeln!(
                    svg,
                    "<path class=\"line {class}{soft}\" marker-end=\"url(#tip)\" d=\"{}\"><title>{}</title></path>",
                    rounded(route),
                    Esc(format_args!("{to} {} {from}", words::waits(kind)))
                );
            }
        }
    }

    fn steps(&self, svg: &mut String, place: Place) {
        for (at, (step, area)) in self.plan.steps.iter().zip(&self.layout.boxes).enumerate() {
            let told = Esc(words::told(self.plan, step)).to_string();
            let (open, close) = match place {
                Place::File => ("<g class=\"step\">".to_owned(), "</g>"),
                Place::Page => {
                    (format!("<a class=\"step\" href=\"#step-{}\" aria-label=\"{told}\">", at + 1), "</a>")
                }
            };
            let _ = writeln!(
                svg,
                "{open}<title>{told}</title>{}{}{close}",
                outline(step, *area),
                self.inner(step, *area)
            );
        }
    }

    /// The words in a step, and its marks.
    fn inner(&self, step: &PlanStep, area: Area) -> String {
        let mut svg = String::new();
        let x = area.x + INSET;
        let mut y = area.y + 8.0;
        let mut line = |svg: &mut String, class: &str, anchor: &str, x: f64, words: &str| {
            let _ = write!(
                svg,
                r#"<text class="{class}" {anchor}x="{x:.1}" y="{:.1}">{}</text>"#,
                y + 11.0,
                Esc(words)
            );
            if anchor.is_empty() {
                y += LINE;
            }
        };
        line(&mut svg, "id", "", x, &words::name(self.plan, step));
        for words in words::lines(step) {
            line(&mut svg, "what", "", x, &words);
        }
        if let Some(limit) = words::limit(step) {
            line(&mut svg, "soft", "text-anchor=\"end\" ", area.right() - INSET, &limit);
        }
        line(&mut svg, "soft", "", x, words::mark(step).words());
        if is_point_of_no_return(self.plan, step) {
            let top = area.bottom() - BAND;
            let _ = write!(
                svg,
                "<rect class=\"band\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{BAND}\"/>\
                 <text class=\"no-return\" x=\"{:.1}\" y=\"{:.1}\">point of no return</text>",
                area.x,
                area.width,
                area.middle().0,
                top + 13.0
            );
        }
        svg
    }
}

fn height(plan: &Plan, step: &PlanStep) -> f64 {
    let lines = f64::from(u8::try_from(words::lines(step).len()).unwrap_or(u8::MAX)) + 2.0;
    lines * LINE + PADDING + if is_point_of_no_return(plan, step) { BAND } else { 0.0 }
}

fn is_point_of_no_return(plan: &Plan, step: &PlanStep) -> bool {
    plan.services.iter().any(|service| service.point_of_no_return.as_ref() == Some(&step.id))
}

/// A step's shape says what kind of work it is, its left edge whether it changes something and can be taken back.
fn outline(step: &PlanStep, area: Area) -> String {
    let Area { x, y, width, height } = area;
    let frame = |class: &str, round: f64, by: f64| {
        format!(
            r#"<rect class="{class}" x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" rx="{round}"/>"#,
            x + by,
            y + by,
            width - 2.0 * by,
            height - 2.0 * by
        )
    };
    let shape = match &step.work {
        _ if step.skip.is_some() => frame("box out", 3.0, 0.0),
        Work::Join => format!(
            r#"<path class="box" d="M{:.1} {y:.1}H{:.1}L{:.1} {mid:.1}L{:.1} {low:.1}H{:.1}L{x:.1} {mid:.1}z"/>"#,
            x + 9.0,
            x + width - 9.0,
            x + width,
            x + width - 9.0,
            x + 9.0,
            mid = y + height / 2.0,
            low = y + height
        ),
        Work::Commit(_) | Work::Fence(_) => frame("box", 3.0, 0.0) + &frame("inner", 1.0, 3.0),
        Work::Late { .. } => frame("box late", 3.0, 0.0),
        Work::Script(script) if script.changes => frame("box", 3.0, 0.0),
        Work::Script(_) | Work::Probe(_) | Work::Wait(_) => frame("box looks", 14.0, 0.0),
    };
    let edge = match words::mark(step) {
        words::Mark::Undoable => r#"<rect class="back""#,
        words::Mark::NoUndo => r#"<rect fill="url(#hatched)""#,
        _ => return shape,
    };
    format!(r#"{shape}{edge} x="{x:.1}" y="{y:.1}" width="6" height="{height:.1}"/>"#)
}

/// A line through these points, its corners rounded.
fn rounded(route: &[Point]) -> String {
    let mut path = String::new();
    for (at, point) in route.iter().enumerate() {
        if at == 0 {
            let _ = write!(path, "M{:.1} {:.1}", point.0, point.1);
        } else if let Some(next) = route.get(at + 1) {
            let (before, after) = (towards(*point, route[at - 1]), towards(*point, *next));
            let _ = write!(
                path,
                "L{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}",
                before.0, before.1, point.0, point.1, after.0, after.1
            );
        } else {
            let _ = write!(path, "L{:.1} {:.1}", point.0, point.1);
        }
    }
    path
}

/// The point where a corner begins that leads to another.
fn towards(corner: Point, other: Point) -> Point {
    let (x, y) = (other.0 - corner.0, other.1 - corner.1);
    let length = x.hypot(y);
    let share = if length > 0.0 { (ROUND / length).min(0.5) } else { 0.0 };
    (corner.0 + x * share, corner.1 + y * share)
}

/// The lines that say nothing new: another way leads from their begin to their end.
fn implied(links: &[(usize, usize, Edge)]) -> HashSet<usize> {
    let mut next: HashMap<usize, Vec<usize>> = HashMap::new();
    for (from, to, _) in links {
        next.entry(*from).or_default().push(*to);
    }
    let of = |step: usize| next.get(&step).map_or(&[][..], Vec::as_slice);
    let reaches = |begin: usize, end: usize| {
        let (mut open, mut seen) = (vec![begin], HashSet::new());
        while let Some(step) = open.pop() {
            if step == end {
                return true;
            }
            // Lines go forward: what is behind the end cannot lead to it.
            open.extend(of(step).iter().copied().filter(|after| *after <= end && seen.insert(*after)));
        }
        false
    };
    let around = |from: usize, to: usize| of(from).iter().any(|after| *after < to && reaches(*after, to));
    links.iter().enumerate().filter(|(_, (from, to, _))| around(*from, *to)).map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests;
