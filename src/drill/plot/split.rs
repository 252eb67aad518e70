//! Where the response goes: until the takeover starts, and from there until a client is served. Bars in parts of the
//! interval, so that all are of one length where nothing but the wait for a look counts. Pure.

use std::fmt::Write;

use super::Plot;
use super::canvas::{WIDTH, legend, text_at};
use crate::drill::tables::{Responses, Row};

const BAR: f64 = 15.0;
const STEP: f64 = 21.0;
/// Names to the left, figures to the right of the bars.
const LEFT: f64 = 112.0;
const RIGHT: f64 = 116.0;

pub fn split(table: &Responses) -> Plot {
    let rows: Vec<&Row> = table.rows.iter().filter(|row| row.response_s.n > 0).collect();
    let sign = |class: &str| format!(r#"<rect class="{class}" y="-6" width="14" height="12"/>"#);
    let (mut svg, top) = legend(&[
        (sign("deterministic"), "until the takeover starts".to_owned()),
        (sign("migration"), "until a client is served".to_owned()),
    ]);
    let ratio = |row: &&&Row| row.response_s.mean / row.interval_s.as_secs();
    let longest = rows.iter().map(|row| ratio(&row)).fold(0.75, f64::max);
    let scale = (WIDTH - LEFT - RIGHT) / (longest * 4.0).ceil() * 4.0;
    #[expect(clippy::cast_precision_loss, reason = "a screenful of rows")]
    let foot = top + 8.0 + rows.len() as f64 * STEP;
    ticks(&mut svg, scale, longest, top, foot);
    let mut y = top + 8.0;
    for row in &rows {
        bar(&mut svg, row, scale, y);
        y += STEP;
    }
    let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
    text_at(&mut svg, (middle, foot + 34.0), "middle", "soft", "part of the interval (mean of the rounds)");
    Plot {
        id: format!("split-{}", table.fault),
        caption: "Where the response goes".to_owned(),
        title: format!("Where the response goes: {}", table.title()),
        words: words(&rows),
        width: WIDTH,
        height: foot + 42.0,
        body: svg,
    }
}

/// A quarter each; the half is the least that is possible.
fn ticks(svg: &mut String, scale: f64, longest: f64, top: f64, foot: f64) {
    let quarters = std::iter::successors(Some(0.0), |part: &f64| Some(part + 0.25));
    for part in quarters.take_while(|part| *part <= (longest * 4.0).ceil() / 4.0 + 1e-9) {
        let x = LEFT + part * scale;
        let class = if (part - 0.5).abs() < 1e-9 { "least" } else { "grid" };
        let _ = write!(svg, r#"<path class="{class}" d="M{x:.1} {top:.1}V{foot:.1}"/>"#);
        text_at(svg, (x, foot + 15.0), "middle", "", &format!("{part}"));
    }
}

fn bar(svg: &mut String, row: &Row, scale: f64, y: f64) {
    let width = |seconds: f64| seconds.max(0.0) / row.interval_s.as_secs() * scale;
    let (first, second) = (width(row.deterministic_s.mean), width(row.migration_s.mean));
    let _ = write!(
        svg,
        r#"<rect class="deterministic" x="{LEFT}" y="{y:.1}" width="{first:.1}" height="{BAR}"/><rect class="migration" x="{:.1}" y="{y:.1}" width="{:.1}" height="{BAR}"/>"#,
        LEFT + first,
        second.max(1.0)
    );
    let line = y + BAR - 3.5;
    text_at(svg, (LEFT - 8.0, line), "end", "", &format!("{}, {}", row.service, row.interval_s));
    let figures = format!("{:.2} + {:.3} s", row.deterministic_s.mean, row.migration_s.mean);
    text_at(svg, (WIDTH - 6.0, line), "end", "figures", &figures);
}

fn words(rows: &[&Row]) -> String {
    let row = |row: &&Row| {
        format!(
            "{} at {}: {:.3} s until the takeover starts, {:.3} s until a client is served.",
            row.service, row.interval_s, row.deterministic_s.mean, row.migration_s.mean
        )
    };
    rows.iter().map(row).collect::<Vec<_>>().join(" ")
}
