//! The results as a chapter of a book: Markdown, one SVG file for each plot, and the rounds themselves. Made from the
//! rounds alone, so that a test can make it again and compare. Pure.

use std::fmt::Write;

use anyhow::Result;

use super::method::LIMITS;
use super::plot;
use super::record::Document;
use super::reference::Reference;
use super::tables::{EFFECTIVENESS, Effectiveness, Responses, Row, Stat, Tables};

/// The file that all the others are made from.
pub const ROUNDS: &str = "rounds.json";

/// Every file of the chapter, by name.
///
/// # Errors
/// The rounds cannot be written as JSON.
pub fn chapter(document: &Document, reference: Option<&Reference>) -> Result<Vec<(String, String)>> {
    let tables = Tables::of(document, reference);
    let plots = plot::plots(&tables);
    let mut files: Vec<(String, String)> =
        plots.iter().map(|plot| (format!("{}.svg", plot.id), plot.file())).collect();
    files.push(("index.md".to_owned(), markdown(document, &tables, &plots)));
    files.push((ROUNDS.to_owned(), document.to_json()?));
    Ok(files)
}

fn markdown(document: &Document, tables: &Tables, plots: &[plot::Plot]) -> String {
    let mut text = String::from(
        "# Results\n\n<!-- Written by `reveille drill report --book`; a test holds it to rounds.json. -->\n\n",
    );
    text.push_str(&summary(document, tables));
    for table in &tables.responses {
        let _ =
            write!(text, "\n## {}\n\n{}\n", table.heading(), responses(table, tables.reference.as_deref()));
        for id in [format!("response-{}", table.fault), format!("split-{}", table.fault)] {
            text.push_str(&images(plots.iter().filter(|plot| plot.id == id)));
        }
    }
    if !tables.effectiveness.is_empty() {
        let _ = write!(text, "\n## {EFFECTIVENESS}\n\n{}\n", effectiveness(tables));
        text.push_str(&images(plots.iter().filter(|plot| plot.id.starts_with("effectiveness"))));
    }
    text + &closing(document)
}

fn summary(document: &Document, tables: &Tables) -> String {
    let rows = || tables.responses.iter().flat_map(|table| &table.rows);
    let met = rows().filter(|row| row.is_met()).count();
    let failed = document.rounds.iter().filter(|round| round.failed.is_some()).count();
    let machine = &document.machine;
    let versions: Vec<String> =
        document.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let seed = document.seed.map_or_else(|| "several seeds".to_owned(), |seed| format!("seed {seed}"));
    let system = format!(
        "{} cores ({}), {} MiB of memory, {}, Linux {}",
        machine.cores, machine.cpu, machine.memory_mib, machine.system, machine.kernel
    );
    let mut text = format!(
        "{} rounds, {failed} without a takeover, {seed}. Of {} means, {met} are within the yardstick: half an interval, the \
         least that a monitor which looks once per interval can need on the mean, and 0.4 s for all the rest (0.6 s where \
         an overloaded host is to be left).\n\nMachine: {system}. Versions: {}.\n",
        document.rounds.len(),
        rows().count(),
        versions.join(", ")
    );
    if tables.reference.is_none() {
        text.push_str("\nNo other figures stand beside these: `drill report --reference FILE` shows some.\n");
    }
    text
}

fn responses(table: &Responses, reference: Option<&str>) -> String {
    let mut heads = vec![
        "service",
        "interval",
        "rounds",
        "deterministic",
        "migration",
        "response",
        "median",
        "shortest to longest",
        "outage",
        "yardstick",
        "",
    ];
    heads.extend(reference);
    let rows = table.rows.iter().map(|row| response(row, reference.is_some()));
    tabled(&heads, rows)
}

fn response(row: &Row, with_reference: bool) -> Vec<String> {
    let stat = |stat: Stat, digits: usize, unit: &str| match stat.n {
        0 => "–".to_owned(),
        _ => format!("{:.digits$} {unit}", stat.mean),
    };
    let spread = row.response_s;
    let rounds = if row.failed == 0 { String::new() } else { format!(", {} failed", row.failed) };
    let mut cells = vec![
        row.service.to_string(),
        row.interval_s.to_string(),
        format!("{}{rounds}", spread.n + row.failed),
        stat(row.deterministic_s, 3, "s"),
        stat(row.migration_s, 3, "s"),
        format!("**{}**", stat(spread, 3, "s")),
        if spread.n > 0 { format!("{:.3} s", spread.median) } else { "–".to_owned() },
        if spread.n > 0 { format!("{:.2} to {:.2} s", spread.min, spread.max) } else { "–".to_owned() },
        stat(row.outage_ms, 0, "ms"),
        format!("{:.1} s", row.yardstick_s),
        if row.is_met() { "met" } else { "missed" }.to_owned(),
    ];
    if with_reference {
        cells
            .push(row.reference.map_or_else(|| "–".to_owned(), |times| format!("{:.2} s", times.response_s)));
    }
    cells
}

/// A line for each service and fault, a column for each interval.
fn effectiveness(tables: &Tables) -> String {
    let intervals: Vec<String> = tables.intervals().iter().map(ToString::to_string).collect();
    let heads: Vec<&str> =
        ["service", "fault"].into_iter().chain(intervals.iter().map(String::as_str)).collect();
    let rows = tables.by_service().into_iter().map(|(service, fault, row)| {
        let ratios = row.into_iter().map(|cell| cell.map_or_else(|| "–".to_owned(), ratio));
        [service.to_string(), fault.to_string()].into_iter().chain(ratios).collect()
    });
    format!("Each with its yardstick in parentheses; the limit is 2.\n\n{}", tabled(&heads, rows))
}

fn ratio(row: &Effectiveness) -> String {
    let missed = if row.is_met() { "" } else { ", missed" };
    let other = row.reference.map(|ratio| format!("; reference {ratio:.2}")).unwrap_or_default();
    format!("**{:.2}** ({:.2}{missed}){other}", row.ratio, row.yardstick)
}

fn tabled(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let heads: Vec<String> = heads.iter().map(|head| head.replace('|', "\\|")).collect();
    let rule: Vec<String> =
        (0..heads.len()).map(|column| if column == 0 { "---" } else { "---:" }.to_owned()).collect();
    let rows: String = rows.map(|cells| line(&cells)).collect();
    format!("{}{}{rows}", line(&heads), line(&rule))
}

fn images<'a>(plots: impl Iterator<Item = &'a plot::Plot>) -> String {
    let image = |plot: &plot::Plot| format!("\n![{}]({}.svg)\n", plot.title, plot.id);
    plots.map(image).collect::<Vec<_>>().concat()
}

fn closing(document: &Document) -> String {
    let mut text = String::from("\n## Method\n\n");
    for (number, paragraph) in document.method.iter().enumerate() {
        let _ = writeln!(text, "{}. {paragraph}", number + 1);
    }
    text.push_str("\n## What the figures do not show\n\n");
    for paragraph in LIMITS {
        let _ = writeln!(text, "- {paragraph}");
    }
    text.push_str(
        "\n## How to redo it\n\nAs root, on a machine of your own; it takes some hours and can be stopped and gone on with:\n\n\
         ```sh\nmake tables\n```\n\n`make tables QUICK=1` takes some minutes and shows whether everything is there. The rounds \
         behind this page are in [rounds.json](rounds.json); `reveille drill report rounds.json` prints these tables, `--csv` \
         and `--html` write them in other forms. [Rehearse a failure](../how-to/rehearse.md) has more.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::made_up;

    #[test]
    fn the_chapter_is_made_from_its_rounds_alone() {
        let files = chapter(&made_up::document(), None).unwrap();
        let (_, rounds) = files.iter().find(|(name, _)| name == ROUNDS).unwrap();
        let again = chapter(&Document::parse(rounds).unwrap(), None).unwrap();
        assert_eq!(files, again);
        let (_, index) = files.iter().find(|(name, _)| name == "index.md").unwrap();
        for (name, _) in files.iter().filter(|(_, text)| text.starts_with("<svg")) {
            assert!(index.contains(&format!("]({name})")), "{name} is shown");
        }
        insta::assert_snapshot!(index);
    }
}
