//! Interval by mean response, against its limit. Pure.

use super::canvas::{Axis, Canvas, WIDTH, aside, entries, intervals, legend, mark, other};
use super::{Plot, services};
use crate::drill::cell::Fault;
use crate::drill::tables::{Effectiveness, Tables};

const HEIGHT: f64 = 270.0;

pub fn effectiveness(tables: &Tables, fault: Fault) -> Plot {
    let rows: Vec<&Effectiveness> =
        tables.effectiveness.iter().filter(|row| row.fault == fault && row.ratio > 0.0).collect();
    let services = services(rows.iter().map(|row| &row.service));
    let intervals = intervals(rows.iter().map(|row| row.interval_s.as_secs()));
    let (signs, top) = legend(&entries(&services, "limit", tables.reference.as_deref()));
    let mut canvas = Canvas::new(HEIGHT + top, top + 14.0, &intervals, Axis::Linear { to: 2.25 });
    canvas.svg.push_str(&signs);
    canvas.text(8.0, top + 2.0, "start", "soft", "interval / mean response");
    for value in [0.0, 0.5, 1.0, 1.5, 2.0] {
        canvas.grid(value);
    }
    let levels = rows.iter().map(|row| (row.interval_s.as_secs(), row.limit, row.yardstick));
    canvas.levels(levels, services.len());
    for (number, service) in services.iter().enumerate() {
        let shift = aside(number, services.len());
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

fn words(rows: &[&Effectiveness]) -> String {
    let row = |row: &&Effectiveness| {
        format!("{} at {}: {:.2} of at most {:.2}.", row.service, row.interval_s, row.ratio, row.limit)
    };
    rows.iter().map(row).collect::<Vec<_>>().join(" ")
}
