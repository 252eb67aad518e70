//! Axes, marks and legends that all plots share. Pure.

use std::fmt::Write;

use crate::page::Esc;
use crate::site::id::ServiceName;

pub(super) const WIDTH: f64 = 420.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 12.0;
/// Between the marks of two services at one interval.
const APART: f64 = 13.0;
const BOTTOM: f64 = 40.0;
const LEGEND_LINE: f64 = 19.0;
/// Of the text's width, by character.
const CHARACTER: f64 = 6.6;

/// A plot with the intervals along its foot, each as far from the next as doubling is.
pub(super) struct Canvas {
    pub svg: String,
    height: f64,
    top: f64,
    /// Logarithms of base 2.
    x: (f64, f64),
    y: Axis,
}

/// How high a value is drawn.
#[derive(Clone, Copy)]
pub(super) enum Axis {
    Linear { to: f64 },
    Doubling { from: f64, to: f64 },
}

impl Axis {
    /// 0 at the foot, 1 at the top.
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear { to } => (value / to).clamp(0.0, 1.0),
            Self::Doubling { from, to } => {
                let (from, to) = (from.log2(), to.log2());
                ((value.max(1e-3).log2() - from) / (to - from)).clamp(0.0, 1.0)
            }
        }
    }
}

impl Canvas {
    pub fn new(height: f64, top: f64, intervals: &[f64], y: Axis) -> Self {
        let logs = || intervals.iter().map(|interval| interval.log2());
        let (from, to) = (logs().fold(f64::INFINITY, f64::min), logs().fold(f64::NEG_INFINITY, f64::max));
        let mut canvas = Self { svg: String::new(), height, top, x: (from - 0.5, to + 0.5), y };
        for interval in intervals {
            let x = canvas.x(*interval);
            canvas.text(x, height - BOTTOM + 16.0, "middle", "", &format!("{interval}"));
        }
        let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
        canvas.text(middle, height - 6.0, "middle", "soft", "interval of the monitor, seconds");
        canvas
    }

    pub fn x(&self, interval: f64) -> f64 {
        LEFT + (interval.log2() - self.x.0) / (self.x.1 - self.x.0) * (WIDTH - LEFT - RIGHT)
    }

    pub fn y(&self, value: f64) -> f64 {
        let foot = self.height - BOTTOM;
        foot - self.y.place(value) * (foot - self.top)
    }

    /// A line across, with its value before it.
    pub fn grid(&mut self, value: f64) {
        let y = self.y(value);
        let _ = write!(self.svg, r#"<path class="grid" d="M{LEFT} {y:.1}H{:.1}"/>"#, WIDTH - RIGHT);
        self.text(LEFT - 6.0, y + 4.0, "end", "", &format!("{value}"));
    }

    pub fn text(&mut self, x: f64, y: f64, anchor: &str, class: &str, text: &str) {
        text_at(&mut self.svg, (x, y), anchor, class, text);
    }

    /// The least that is possible and the yardstick, once for each interval of `rows`, as wide as the marks of so many
    /// services side by side.
    pub fn levels(&mut self, rows: impl Iterator<Item = (f64, f64, f64)>, services: usize) {
        let mut drawn = Vec::new();
        for (interval, least, yardstick) in rows {
            if drawn.contains(&interval) {
                continue;
            }
            drawn.push(interval);
            for (class, value) in [("least", least), ("yardstick", yardstick)] {
                self.across(class, interval, value, services);
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a handful of services")]
    fn across(&mut self, class: &str, interval: f64, value: f64, marks: usize) {
        let (x, y) = (self.x(interval), self.y(value));
        let half = (marks as f64 * APART / 2.0 + 4.0).min(38.0);
        let _ = write!(self.svg, r#"<path class="{class}" d="M{:.1} {y:.1}H{:.1}"/>"#, x - half, x + half);
    }
}

pub(super) fn text_at(svg: &mut String, (x, y): (f64, f64), anchor: &str, class: &str, text: &str) {
    let _ = write!(
        svg,
        r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{}</text>"#,
        Esc(text)
    );
}

/// The mark of the so-manieth service, around a point.
pub(super) fn mark(number: usize, x: f64, y: f64) -> String {
    let shape = match number % 6 {
        0 => format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="4.5""#),
        1 => format!(r#"<rect x="{:.1}" y="{:.1}" width="8.4" height="8.4""#, x - 4.2, y - 4.2),
        2 => format!(r#"<path d="M{x:.1} {:.1}l5.2 9h-10.4z""#, y - 5.6),
        3 => format!(r#"<path d="M{x:.1} {:.1}l5.6 5.6l-5.6 5.6l-5.6 -5.6z""#, y - 5.6),
        4 => format!(r#"<path d="M{x:.1} {:.1}l5.2 -9h-10.4z""#, y + 5.6),
        _ => format!(r#"<path d="M{:.1} {y:.1}h10.8m-5.4 -5.4v10.8""#, x - 5.4),
    };
    format!("{shape} class=\"mark s{}\"/>", number % 6)
}

/// Somebody else's figure: a cross, beside the service's own mark.
pub(super) fn other(x: f64, y: f64) -> String {
    format!(r#"<path class="reference" d="M{:.1} {:.1}l8 8m0 -8l-8 8"/>"#, x - 4.0, y - 4.0)
}

/// A line of marks and words, broken where it is too long; and how much room it takes.
pub(super) fn legend(entries: &[(String, String)]) -> (String, f64) {
    let (mut svg, mut x, mut y) = (String::new(), 8.0, 14.0);
    for (sign, words) in entries {
        #[expect(clippy::cast_precision_loss, reason = "words are short")]
        let width = 26.0 + words.chars().count() as f64 * CHARACTER;
        if x > 8.0 && x + width > WIDTH {
            (x, y) = (8.0, y + LEGEND_LINE);
        }
        let _ = write!(svg, r#"<g transform="translate({x:.1} {y:.1})">{sign}"#);
        text_at(&mut svg, (18.0, 4.0), "start", "", words);
        svg.push_str("</g>");
        x += width + 8.0;
    }
    (svg, y + LEGEND_LINE)
}

/// The legend of a plot by interval: the services, the two levels, and somebody else's figures.
pub(super) fn entries(
    services: &[&ServiceName],
    least: &str,
    reference: Option<&str>,
) -> Vec<(String, String)> {
    let service = |(number, name): (usize, &&ServiceName)| (mark(number, 7.0, 0.0), name.to_string());
    let mut entries: Vec<(String, String)> = services.iter().enumerate().map(service).collect();
    entries.push((dash("least"), least.to_owned()));
    entries.push((dash("yardstick"), "yardstick".to_owned()));
    entries.extend(reference.map(|source| (other(7.0, 0.0), source.to_owned())));
    entries
}

/// How far beside its interval the mark of the so-manieth of so many services is.
#[expect(clippy::cast_precision_loss, reason = "a handful of services")]
pub(super) fn aside(number: usize, of: usize) -> f64 {
    (number as f64 - (of as f64 - 1.0) / 2.0) * APART
}

/// In order, each once.
pub(super) fn intervals(of: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut intervals: Vec<f64> = of.collect();
    intervals.sort_by(f64::total_cmp);
    intervals.dedup();
    intervals
}

/// What stands for a line in a legend.
fn dash(class: &str) -> String {
    format!(r#"<path class="{class}" d="M0 0h14"/>"#)
}
