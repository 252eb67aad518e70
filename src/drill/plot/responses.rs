//! Response by interval: the mean of each service with its shortest and longest round, beside the least that is possible.
//! Pure.

use std::fmt::Write;

use super::canvas::{Axis, Canvas, WIDTH, aside, entries, intervals, legend, mark, other};
use super::{Plot, services};
use crate::drill::tables::{Responses, Row};

const HEIGHT: f64 = 330.0;

pub fn responses(table: &Responses, reference: Option<&str>) -> Plot {
    let services = services(table.rows.iter().map(|row| &row.service));
    let intervals = intervals(table.rows.iter().map(|row| row.interval_s.as_secs()));
    let (signs, top) = legend(&entries(&services, "half an interval", reference));
    let axis = axis(table);
    let mut canvas = Canvas::new(HEIGHT + top, top + 12.0, &intervals, axis);
    canvas.svg.push_str(&signs);
    canvas.text(8.0, top + 2.0, "start", "soft", "response, seconds (mean, shortest to longest)");
    for value in doublings(axis) {
        canvas.grid(value);
    }
    let levels = table.rows.iter().map(|row| (row.interval_s.as_secs(), row.least_s, row.yardstick_s));
    canvas.levels(levels, services.len());
    for (number, service) in services.iter().enumerate() {
        let shift = aside(number, services.len());
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
