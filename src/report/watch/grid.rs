//! Rows and columns that fit: columns give way, names are clipped, and of too many rows the worst are shown. Pure.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::table::paint;
use crate::report::board::Grade;

/// Between two columns.
const GAP: usize = 2;

/// No column is clipped below this.
const LEAST: usize = 4;

pub(super) struct Grid {
    pub columns: Vec<Column>,
    pub rows: Vec<(Grade, Vec<Cell>)>,
}

pub(super) struct Column {
    header: &'static str,
    /// Columns above 0 are left out where there is no room, the highest first.
    dispensable: u8,
    /// It is clipped down to this before anything is left out.
    least: Option<usize>,
    align: Align,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::styled(text, Style::new())
    }

    pub(super) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into().replace('\n', "; "), style }
    }
}

impl Column {
    pub(super) fn new(header: &'static str, dispensable: u8) -> Self {
        Self { header, dispensable, least: None, align: Align::Left }
    }

    pub(super) fn to(self, align: Align) -> Self {
        Self { align, ..self }
    }

    pub(super) fn give_way(self, least: usize) -> Self {
        Self { least: Some(least), ..self }
    }
}

impl Grid {
    /// A header and at most `rows` lines below it, none wider than `width`.
    pub(super) fn fit(&self, width: usize, rows: usize, color: bool) -> Vec<String> {
        if rows == 0 || self.rows.is_empty() {
            return Vec::new();
        }
        let (shown, hidden) = self.choose(rows);
        let widths = self.widths(width, &shown);
        let headers: Vec<Cell> = self.columns.iter().map(|column| Cell::plain(column.header)).collect();
        let mut lines = vec![paint(color, Style::new().dimmed(), &self.line(&headers, &widths, false))];
        lines.extend(shown.iter().map(|row| self.line(row, &widths, color)));
        lines.extend(hidden.map(|words| clip(&words, width)));
        lines
    }

    /// Which rows are shown in `room` lines, at least one: all, or the worst in the order of the table, and what is said
    /// of the others.
    fn choose(&self, room: usize) -> (Vec<&[Cell]>, Option<String>) {
        if self.rows.len() <= room {
            return (self.rows.iter().map(|(_, row)| row.as_slice()).collect(), None);
        }
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|row| self.rows[*row].0);
        let (kept, left) = order.split_at(room - 1);
        let ill = left.iter().filter(|row| self.rows[**row].0 != Grade::Well).count();
        let ill = if ill == 0 { "all well".to_owned() } else { format!("{ill} of them not well") };
        let mut kept = kept.to_vec();
        kept.sort_unstable();
        let kept = kept.into_iter().map(|row| self.rows[row].1.as_slice()).collect();
        (kept, Some(format!("   … and {} more, {ill}", left.len())))
    }

    /// The width of every column; none for those that are left out.
    fn widths(&self, width: usize, rows: &[&[Cell]]) -> Vec<Option<usize>> {
        let natural = |at: usize| {
            let cells = rows.iter().map(|row| row[at].text.width());
            cells.chain([self.columns[at].header.width()]).max().unwrap_or(0)
        };
        let mut widths: Vec<Option<usize>> = (0..self.columns.len()).map(|at| Some(natural(at))).collect();
        for (at, column) in self.columns.iter().enumerate() {
            if let (Some(least), Some(natural)) = (column.least, widths[at]) {
                widths[at] = Some(natural.saturating_sub(excess(&widths, width)).max(least.min(natural)));
            }
        }
        while excess(&widths, width) > 0 {
            let there = (0..widths.len()).filter(|at| widths[*at].is_some());
            match there.max_by_key(|at| self.columns[*at].dispensable) {
                Some(at) if self.columns[at].dispensable > 0 => widths[at] = None,
                _ => break,
            }
        }
        while excess(&widths, width) > 0 {
            match widths.iter_mut().flatten().max_by_key(|one| **one) {
                Some(widest) if *widest > LEAST => *widest -= 1,
                _ => break,
            }
        }
        widths
    }

    fn line(&self, row: &[Cell], widths: &[Option<usize>], color: bool) -> String {
        let mut line = String::new();
        for ((cell, width), column) in row.iter().zip(widths).zip(&self.columns) {
            let Some(width) = *width else { continue };
            let text = clip(&cell.text, width);
            let pad = " ".repeat(width - text.width());
            let text = paint(color, cell.style, &text);
            line.push_str(&if column.align == Align::Right { pad + &text } else { text + &pad });
            line.push_str(&" ".repeat(GAP));
        }
        line.trim_end().to_owned()
    }
}

fn excess(widths: &[Option<usize>], width: usize) -> usize {
    let shown: Vec<usize> = widths.iter().flatten().copied().collect();
    (shown.iter().sum::<usize>() + GAP * shown.len().saturating_sub(1)).saturating_sub(width)
}

/// The text in at most `width` columns, control characters left out; `…` where something is missing.
pub(super) fn clip(text: &str, width: usize) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    if text.width() <= width {
        return text;
    }
    let mut clipped = String::new();
    let mut left = width.saturating_sub(1);
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if wide > left {
            break;
        }
        left -= wide;
        clipped.push(c);
    }
    if width > 0 {
        clipped.push('…');
    }
    clipped
}
