//! Interval by mean response, against its limit. Pure.

use super::canvas::{Axis, Canvas, WIDTH, dash, legend, mark};
use super::{Plot, services};
use crate::drill::cell::Fault;
use crate::drill::tables::{Effectiveness, Tables};

const HEIGHT: f64 = 270.0;
const APART: f64 = 10.0;

pub fn effectiveness(tables: &Tables, fault: Fault) -> Plot {
    let rows: Vec<&Effectiveness> =
        tables.effectiveness.iter().filter(|row| row.fault == fault && row.ratio > 0.0).collect();
    let services = services(rows.iter().map(|row| &row.service));
    let mut intervals: Vec<f64> = rows.iter().map(|row| row.interval_s.as_secs()).collect();
    intervals.sort_by(f64::total_cmp);
    intervals.dedup();
    let mut entries: Vec<(String, String)> = services
        .iter()
        .enumerate()
        .map(|(number, name)| (mark(number, 7.0, 0.0), name.to_string()))
        .collect();
    entries.push((dash("least"), "limit".to_owned()));
    entries.push((dash("yardstick"), "yardstick".to_owned()));
    entries.extend(tables.reference.iter().map(|source| (dash("reference"), source.clone())));
    let (signs, top) = legend(&entries);
    let mut canvas = Canvas::new(HEIGHT + top, top + 14.0, &intervals, Axis::Linear { to: 2.25 });
    canvas.svg.push_str(&signs);
    canvas.text(8.0, top + 2.0, "start", "soft", "interval / mean response");
    for value in [0.0, 0.5, 1.0, 1.5, 2.0] {
        canvas.grid(value);
    }
    lines(&mut canvas, &rows, &intervals);
    #[expect(clippy::cast_precision_loss, reason = "a handful of services")]
    for (number, service) in services.iter().enumerate() {
        let shift = (number as f64 - (services.len() as f64 - 1.0) / 2.0) * APART;
        let of_service = rows.iter().filter(|row| row.service == **service);
        let points: Vec<(f64, f64)> =
            of_service.map(|row| (canvas.x(row.interval_s.as_secs()) + shift, canvas.y(row.ratio))).collect();
        canvas.line(&format!("series s{number}"), &points);
        for (x, y) in points {
            canvas.svg.push_str(&mark(number, x, y));
        }
    }
    Plot {
        id: format!("effectiveness-{fault}"),
        title: format!("Cost-effectiveness, {fault}: interval / mean response"),
        words: words(&rows),
        width: WIDTH,
        height: HEIGHT + top,
        body: canvas.svg,
    }
}

/// A line's value at a row, if it has one there.
type Figure = fn(&Effectiveness) -> Option<f64>;

fn lines(canvas: &mut Canvas, rows: &[&Effectiveness], intervals: &[f64]) {
    let at = |interval: f64| rows.iter().find(|row| (row.interval_s.as_secs() - interval).abs() < 1e-9);
    let figures: [(&str, Figure); 3] = [
        ("least", |row| Some(row.limit)),
        ("yardstick", |row| Some(row.yardstick)),
        ("reference", |row| row.reference),
    ];
    for (class, figure) in figures {
        let points = intervals.iter().filter_map(|interval| Some((*interval, figure(at(*interval)?)?)));
        let points: Vec<(f64, f64)> = points.map(|(x, y)| (canvas.x(x), canvas.y(y))).collect();
        if points.len() > 1 {
            canvas.line(class, &points);
        }
    }
}

fn words(rows: &[&Effectiveness]) -> String {
    let row = |row: &&Effectiveness| {
        format!("{} at {}: {:.2} of at most {:.2}.", row.service, row.interval_s, row.ratio, row.limit)
    };
    rows.iter().map(row).collect::<Vec<_>>().join(" ")
}
