//! The tables for a terminal. Pure.

use std::fmt::Write;

use super::record::Document;
use super::tables::{EFFECTIVENESS, Effectiveness, Responses, Row, Stat, Tables};

/// All tables, each with its heading; what they stand on comes last.
pub fn text(document: &Document, tables: &Tables) -> String {
    let mut text = String::new();
    for table in &tables.responses {
        let _ = writeln!(text, "{}\n{}", table.heading(), responses(table, tables.reference.as_deref()));
    }
    if !tables.effectiveness.is_empty() {
        let _ = writeln!(text, "{EFFECTIVENESS}\n{}", effectiveness(tables));
    }
    text + &footing(document, tables)
}

fn responses(table: &Responses, reference: Option<&str>) -> String {
    let mut head = vec![
        "service",
        "interval",
        "rounds",
        "deterministic s",
        "migration s",
        "response s",
        "median",
        "min to max",
        "outage ms",
        "yardstick s",
        "",
    ];
    head.extend(reference);
    let rows = table.rows.iter().map(|row| response(row, reference.is_some()));
    aligned(&head, rows.collect())
}

fn response(row: &Row, with_reference: bool) -> Vec<String> {
    let stat = row.response_s;
    let mut cells = vec![
        row.service.to_string(),
        row.interval_s.to_string(),
        rounds(row),
        mean(row.deterministic_s, 3),
        mean(row.migration_s, 3),
        mean(stat, 3),
        if stat.n > 0 { format!("{:.3}", stat.median) } else { "-".to_owned() },
        if stat.n > 0 { format!("{:.3} to {:.3}", stat.min, stat.max) } else { "-".to_owned() },
        mean(row.outage_ms, 1),
        format!("{:.1}", row.yardstick_s),
        verdict(row.is_met()),
    ];
    if with_reference {
        cells.push(row.reference.map_or_else(|| "-".to_owned(), |times| format!("{:.3}", times.response_s)));
    }
    cells
}

fn effectiveness(tables: &Tables) -> String {
    let mut head = vec!["service", "fault", "interval", "ratio", "yardstick", "limit", ""];
    head.extend(tables.reference.as_deref());
    let row = |row: &Effectiveness| {
        let mut cells = vec![
            row.service.to_string(),
            row.fault.to_string(),
            row.interval_s.to_string(),
            format!("{:.2}", row.ratio),
            format!("{:.2}", row.yardstick),
            format!("{:.2}", row.limit),
            verdict(row.is_met()),
        ];
        if tables.reference.is_some() {
            cells.push(row.reference.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")));
        }
        cells
    };
    aligned(&head, tables.effectiveness.iter().map(row).collect())
}

/// `19 of 20, 1 without a takeover`.
fn rounds(row: &Row) -> String {
    let there = row.response_s.n + row.failed;
    let of =
        if there < row.wanted as usize { format!("{there} of {}", row.wanted) } else { there.to_string() };
    if row.failed == 0 { of } else { format!("{of}, {} failed", row.failed) }
}

fn mean(stat: Stat, digits: usize) -> String {
    if stat.n > 0 { format!("{:.digits$}", stat.mean) } else { "-".to_owned() }
}

fn verdict(met: bool) -> String {
    if met { "met" } else { "MISSED" }.to_owned()
}

fn footing(document: &Document, tables: &Tables) -> String {
    let machine = &document.machine;
    let seed = document.seed.map_or_else(|| "of several seeds".to_owned(), |seed| format!("seed {seed}"));
    let reference =
        if tables.reference.is_some() { "" } else { " No other figures were given (--reference)." };
    format!(
        "Means over the rounds, {seed}; {} cores, Linux {}. Yardstick: half an interval, the least that a monitor\n\
         which looks once per interval can need on the mean, and 0.4 s (overload: 0.6 s).{reference}\n",
        machine.cores, machine.kernel
    )
}

/// Columns as wide as they must be; all but the first to the right.
fn aligned(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let _ = writeln!(text, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::made_up;

    #[test]
    fn the_tables_are_what_a_terminal_shows() {
        let document = made_up::document();
        insta::assert_snapshot!(text(&document, &Tables::of(&document, None)));
    }
}
