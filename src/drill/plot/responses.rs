//! Response by interval: the mean of each service with its shortest and longest round, beside the least that is possible.
//! Pure.

use std::fmt::Write;

use super::canvas::{Axis, Canvas, WIDTH, dash, legend, mark, other};
use super::{Plot, services};
use crate::drill::tables::{Responses, Row};

const HEIGHT: f64 = 330.0;
/// Between the marks of two services at one interval.
const APART: f64 = 13.0;

pub fn responses(table: &Responses, reference: Option<&str>) -> Plot {
    let services = services(table.rows.iter().map(|row| &row.service));
    let mut intervals: Vec<f64> = table.rows.iter().map(|row| row.interval_s.as_secs()).collect();
    intervals.sort_by(f64::total_cmp);
    intervals.dedup();
    let mut entries: Vec<(String, String)> = services
        .iter()
        .enumerate()
        .map(|(number, name)| (mark(number, 7.0, 0.0), name.to_string()))
        .collect();
    entries.push((dash("least"), "half an interval".to_owned()));
    entries.push((dash("yardstick"), "yardstick".to_owned()));
    entries.extend(reference.map(|source| (other(7.0, 0.0), source.to_owned())));
    let (signs, top) = legend(&entries);
    let axis = axis(table);
    let mut canvas = Canvas::new(HEIGHT + top, top + 12.0, &intervals, axis);
    canvas.svg.push_str(&signs);
    canvas.text(8.0, top + 2.0, "start", "soft", "response, seconds (mean, shortest to longest)");
    for value in doublings(axis) {
        canvas.grid(value);
    }
    limits(&mut canvas, table, &intervals, services.len());
    #[expect(clippy::cast_precision_loss, reason = "a handful of services")]
    for (number, service) in services.iter().enumerate() {
        let shift = (number as f64 - (services.len() as f64 - 1.0) / 2.0) * APART;
        let rows: Vec<&Row> =
            table.rows.iter().filter(|row| row.service == **service && row.response_s.n > 0).collect();
        draw(&mut canvas, number, shift, &rows);
    }
    Plot {
        id: format!("response-{}", table.fault),
        caption: "Response by interval".to_owned(),
        title: format!("Response by interval: {}", table.title()),
        words: words(table),
        width: WIDTH,
        height: HEIGHT + top,
        body: canvas.svg,
    }
}

/// From the shortest round to the longest, in doublings.
fn axis(table: &Responses) -> Axis {
    let known = table.rows.iter().filter(|row| row.response_s.n > 0);
    let references = table.rows.iter().filter_map(|row| row.reference).map(|times| times.response_s);
    let values: Vec<f64> = known
        .flat_map(|row| [row.response_s.min, row.response_s.max])
        .chain(table.rows.iter().flat_map(|row| [row.least_s, row.yardstick_s]))
        .chain(references)
        .collect();
    let from = values.iter().copied().fold(f64::INFINITY, f64::min).max(0.05);
    let to = values.iter().copied().fold(0.1, f64::max);
    Axis::Doubling { from: from.log2().floor().exp2(), to: to.log2().ceil().exp2() }
}

fn doublings(axis: Axis) -> Vec<f64> {
    let Axis::Doubling { from, to } = axis else { return Vec::new() };
    std::iter::successors(Some(from), |value| Some(value * 2.0)).take_while(|value| *value <= to).collect()
}

/// The least and the yardstick, as wide as the marks of all services at an interval.
fn limits(canvas: &mut Canvas, table: &Responses, intervals: &[f64], services: usize) {
    for interval in intervals {
        let mut rows = table.rows.iter();
        let Some(row) = rows.find(|row| (row.interval_s.as_secs() - interval).abs() < 1e-9) else { continue };
        for (class, value) in [("least", row.least_s), ("yardstick", row.yardstick_s)] {
            canvas.across(class, *interval, value, services, APART);
        }
    }
}

fn draw(canvas: &mut Canvas, number: usize, shift: f64, rows: &[&Row]) {
    for row in rows {
        let x = canvas.x(row.interval_s.as_secs()) + shift;
        let [low, middle, high] =
            [row.response_s.min, row.response_s.mean, row.response_s.max].map(|value| canvas.y(value));
        let _ = write!(canvas.svg, r#"<path class="spread s{number}" d="M{x:.1} {low:.1}V{high:.1}"/>"#);
        canvas.svg.push_str(&mark(number, x, middle));
        if let Some(times) = row.reference {
            let y = canvas.y(times.response_s);
            canvas.svg.push_str(&other(x, y));
        }
    }
}

fn words(table: &Responses) -> String {
    let row = |row: &Row| {
        format!(
            "{} at {}: mean {:.2} s, from {:.2} s to {:.2} s.",
            row.service, row.interval_s, row.response_s.mean, row.response_s.min, row.response_s.max
        )
    };
    table.rows.iter().filter(|row| row.response_s.n > 0).map(row).collect::<Vec<_>>().join(" ")
}
