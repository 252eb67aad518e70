//! Interval by mean response, against its limit. Pure.

use super::canvas::{Axis, Canvas, WIDTH, dash, legend, mark, other};
use super::{Plot, services};
use crate::drill::cell::Fault;
use crate::drill::tables::{Effectiveness, Tables};

const HEIGHT: f64 = 270.0;
const APART: f64 = 13.0;

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
    entries.extend(tables.reference.iter().map(|source| (other(7.0, 0.0), source.clone())));
    let (signs, top) = legend(&entries);
    let mut canvas = Canvas::new(HEIGHT + top, top + 14.0, &intervals, Axis::Linear { to: 2.25 });
    canvas.svg.push_str(&signs);
    canvas.text(8.0, top + 2.0, "start", "soft", "interval / mean response");
    for value in [0.0, 0.5, 1.0, 1.5, 2.0] {
        canvas.grid(value);
    }
    limits(&mut canvas, &rows, &intervals, services.len());
    #[expect(clippy::cast_precision_loss, reason = "a handful of services")]
    for (number, service) in services.iter().enumerate() {
        let shift = (number as f64 - (services.len() as f64 - 1.0) / 2.0) * APART;
        let of_service = rows.iter().filter(|row| row.service == **service);
        for row in of_service {
            let (x, y) = (canvas.x(row.interval_s.as_secs()) + shift, canvas.y(row.ratio));
            canvas.svg.push_str(&mark(number, x, y));
            if let Some(ratio) = row.reference {
                let y = canvas.y(ratio);
                canvas.svg.push_str(&other(x, y));
            }
        }
    }
    Plot {
        id: format!("effectiveness-{fault}"),
        caption: format!("Cost-effectiveness, {fault}"),
        title: format!("Cost-effectiveness, {fault}: interval / mean response"),
        words: words(&rows),
        width: WIDTH,
        height: HEIGHT + top,
        body: canvas.svg,
    }
}

fn limits(canvas: &mut Canvas, rows: &[&Effectiveness], intervals: &[f64], services: usize) {
    for interval in intervals {
        let mut rows = rows.iter();
        let Some(row) = rows.find(|row| (row.interval_s.as_secs() - interval).abs() < 1e-9) else { continue };
        for (class, value) in [("least", row.limit), ("yardstick", row.yardstick)] {
            canvas.across(class, *interval, value, services, APART);
        }
    }
}

fn words(rows: &[&Effectiveness]) -> String {
    let row = |row: &&Effectiveness| {
        format!("{} at {}: {:.2} of at most {:.2}.", row.service, row.interval_s, row.ratio, row.limit)
    };
    rows.iter().map(row).collect::<Vec<_>>().join(" ")
}
