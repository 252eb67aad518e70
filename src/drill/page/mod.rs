//! The report as one page: tables, plots and method, nothing that would have to be fetched, no script. Pure.

use std::fmt::Write;

use super::method::LIMITS;
use super::plot::{self, Plot};
use super::record::Document;
use super::tables::{EFFECTIVENESS, Effectiveness, Responses, Row, Stat, Tables};
use crate::page::{Esc, Frame};

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub fn page(document: &Document, tables: &Tables) -> String {
    let plots = plot::plots(tables);
    let mut main = heading(document, tables);
    for table in &tables.responses {
        let shown = [format!("response-{}", table.fault), format!("split-{}", table.fault)];
        let _ = write!(main, "<section>\n<h2>{}</h2>\n", Esc(&table.heading()));
        main.push_str(&responses(table, tables.reference.as_deref()));
        main.push_str(&figures(plots.iter().filter(|plot| shown.contains(&plot.id))));
        main.push_str("</section>\n");
    }
    if !tables.effectiveness.is_empty() {
        let _ = write!(main, "<section>\n<h2>{EFFECTIVENESS}</h2>\n");
        main.push_str(&effectiveness(tables));
        main.push_str(&figures(plots.iter().filter(|plot| plot.id.starts_with("effectiveness"))));
        main.push_str("</section>\n");
    }
    main.push_str(&footing(document));
    let style = format!("{}\n{STYLE}", plot::STYLE);
    Frame { title: "reveille drill", style: &style, main: &main }.text()
}

fn heading(document: &Document, tables: &Tables) -> String {
    let services: Vec<&str> =
        document.wanted.services.iter().map(crate::site::id::ServiceName::as_str).collect();
    let rows = tables.responses.iter().flat_map(|table| &table.rows);
    let (met, all) = rows.fold((0, 0), |(met, all), row| (met + u32::from(row.is_met()), all + 1));
    let failed = document.rounds.iter().filter(|round| round.failed.is_some()).count();
    let machine = &document.machine;
    let seed = document.seed.map_or_else(|| "several".to_owned(), |seed| seed.to_string());
    let facts = [
        format!("{} rounds, {failed} without a takeover", document.rounds.len()),
        format!("{met} of {all} means within the yardstick"),
        format!("{} cores ({}), {} MiB", machine.cores, machine.cpu, machine.memory_mib),
        format!("{}, Linux {}", machine.system, machine.kernel),
        format!("seed {seed}"),
    ];
    let facts = each(facts.iter().map(|fact| format!("<span>{}</span>\n", Esc(fact))));
    format!(
        "<header>\n<p class=\"site\">reveille drill</p>\n<h1>How long a client is without {}</h1>\n\
         <p class=\"facts\">\n{facts}</p>\n</header>\n",
        Esc(&services.join(", "))
    )
}

fn figures<'a>(plots: impl Iterator<Item = &'a Plot>) -> String {
    let figure = |plot: &Plot| {
        format!("<figure>\n<figcaption>{}</figcaption>\n{}\n</figure>\n", Esc(&plot.caption), plot.inline())
    };
    format!("<div class=\"figures\">\n{}</div>\n", each(plots.map(figure)))
}

fn responses(table: &Responses, reference: Option<&str>) -> String {
    let heads = [
        "Service",
        "Interval",
        "Response",
        "Yardstick",
        "Deterministic",
        "Migration",
        "Median",
        "Shortest to longest",
        "Outage",
        "Rounds",
    ];
    let rows = each(table.rows.iter().map(|row| response(row, reference.is_some())));
    tabled(&heads, reference, &rows)
}

fn response(row: &Row, with_reference: bool) -> String {
    let stat = |stat: Stat, digits: usize| match stat.n {
        0 => "–".to_owned(),
        _ => format!("{:.digits$}", stat.mean),
    };
    let spread = row.response_s;
    let mut cells = vec![
        row.interval_s.to_string(),
        format!("<b>{} s</b>", stat(spread, 3)),
        format!("{:.1} s {}", row.yardstick_s, badge(row.is_met())),
        format!("{} s", stat(row.deterministic_s, 3)),
        format!("{} s", stat(row.migration_s, 3)),
        if spread.n > 0 { format!("{:.3} s", spread.median) } else { "–".to_owned() },
        if spread.n > 0 { format!("{:.2} to {:.2} s", spread.min, spread.max) } else { "–".to_owned() },
        format!("{} ms", stat(row.outage_ms, 0)),
        rounds(row),
    ];
    if with_reference {
        cells
            .push(row.reference.map_or_else(|| "–".to_owned(), |times| format!("{:.2} s", times.response_s)));
    }
    line(row.service.as_str(), &cells)
}

/// A line for each service and fault, a column for each interval.
fn effectiveness(tables: &Tables) -> String {
    let intervals = tables.intervals();
    let heads: Vec<String> = intervals.iter().map(ToString::to_string).collect();
    let heads: Vec<&str> = ["Service", "Fault"].into_iter().chain(heads.iter().map(String::as_str)).collect();
    let rows = tables.by_service().into_iter().map(|(service, fault, row)| {
        let cells = row.into_iter().map(|cell| cell.map_or_else(|| "–".to_owned(), ratio));
        line(service.as_str(), &std::iter::once(fault.to_string()).chain(cells).collect::<Vec<_>>())
    });
    tabled(&heads, None, &each(rows))
}

fn ratio(row: &Effectiveness) -> String {
    let (class, sign) = if row.is_met() { ("badge", "✓") } else { ("badge bad", "✗") };
    let other = row.reference.map(|ratio| format!("<small>reference {ratio:.2}</small>")).unwrap_or_default();
    format!(
        "<span class=\"{class}\">{sign} {:.2}</span> <small>yardstick {:.2}, limit {:.2}</small>{other}",
        row.ratio, row.yardstick, row.limit
    )
}

fn tabled(heads: &[&str], reference: Option<&str>, rows: &str) -> String {
    let heads = heads.iter().copied().chain(reference);
    let heads = each(heads.map(|head| format!("<th scope=\"col\">{}</th>", Esc(head))));
    format!(
        "<div class=\"wide\" tabindex=\"0\">\n<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}

fn line(service: &str, cells: &[String]) -> String {
    let cells = each(cells.iter().map(|cell| format!("<td>{cell}</td>")));
    format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", Esc(service))
}

fn each(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().concat()
}

fn rounds(row: &Row) -> String {
    let there = row.response_s.n + row.failed;
    let of =
        if there < row.wanted as usize { format!("{there} of {}", row.wanted) } else { there.to_string() };
    if row.failed == 0 { of } else { format!("{of} <span class=\"bad\">({} failed)</span>", row.failed) }
}

fn badge(met: bool) -> &'static str {
    if met { "<span class=\"badge\">✓ met</span>" } else { "<span class=\"badge bad\">✗ missed</span>" }
}

fn footing(document: &Document) -> String {
    let listed = |items: &mut dyn Iterator<Item = &str>| -> String {
        each(items.map(|item| format!("<li>{}</li>\n", Esc(item))))
    };
    let versions: Vec<String> =
        document.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    format!(
        "<section class=\"method\">\n<h2>Method</h2>\n<ol>\n{}</ol>\n\
         <p>The yardstick is half an interval, the least that a monitor which looks once per interval can need on the mean, \
         and 0.4 s for all the rest (0.6 s where an overloaded host is to be left). The limit of the cost-effectiveness, 2, \
         is the same said otherwise.</p>\n\
         <h2>What the figures do not show</h2>\n<ul>\n{}</ul>\n</section>\n\
         <footer><p>{}</p></footer>\n",
        listed(&mut document.method.iter().map(String::as_str)),
        listed(&mut LIMITS.into_iter()),
        Esc(&versions.join(", "))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::made_up;

    fn made() -> String {
        let document = made_up::document();
        page(&document, &Tables::of(&document, None))
    }

    #[test]
    fn the_page_stands_alone() {
        let page = made();
        for asked in ["<script", "http:", "https:", "url(", "@import", "src="] {
            assert!(!page.contains(asked), "{asked}");
        }
        assert_eq!(page.matches("<svg").count(), 6);
        assert!(page.contains("(1 failed)") && page.contains("✗ missed") && page.contains("✓ met"));
    }

    #[test]
    fn every_element_is_closed_and_every_id_is_one() {
        let page = made();
        for element in ["table", "tr", "td", "section", "figure", "svg", "div", "main", "style"] {
            let opened =
                page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
            assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element}");
        }
        let mut ids: Vec<&str> =
            page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }

    #[test]
    fn what_others_wrote_is_no_markup() {
        let mut document = made_up::document();
        document.machine.cpu = "<b>&".to_owned();
        let page = page(&document, &Tables::of(&document, None));
        assert!(page.contains("&lt;b&gt;&amp;"));
    }
}
