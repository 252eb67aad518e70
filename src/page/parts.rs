//! The parts that documents are made of: sections, tables, lists of names and values, texts that may be long. Pure.

use std::fmt::{Display, Write};

use super::Esc;

/// One with its heading, unless there is nothing to say. `heading` is ours.
pub fn section(main: &mut String, id: &str, heading: &str, fill: impl FnOnce(&mut String)) {
    let mut inside = String::new();
    fill(&mut inside);
    if !inside.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(
            main,
            "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{heading}</h2>\n{inside}</section>\n"
        );
    }
}

/// Names, which are ours, and what they stand for, which is HTML.
pub fn list(html: &mut String, rows: &[(&str, String)]) {
    html.push_str("<dl>\n");
    for (name, value) in rows {
        let _ = writeln!(html, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    html.push_str("</dl>\n");
}

/// A table that may be scrolled, if there is a row. The first cell of a row names it; cells are HTML, heads ours.
pub fn table(html: &mut String, name: &str, heads: &[&str], rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    let heads: Vec<String> = heads.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect();
    let _ = write!(
        html,
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\">\n<table>\n<caption>{0}</caption>\n\
         <thead><tr>{1}</tr></thead>\n<tbody>\n",
        Esc(name),
        heads.concat()
    );
    for row in rows {
        let cells = row.iter().enumerate().map(|(at, cell)| match at {
            0 => format!("<th scope=\"row\">{cell}</th>"),
            _ => format!("<td>{cell}</td>"),
        });
        let _ = writeln!(html, "<tr>{}</tr>", cells.collect::<String>());
    }
    html.push_str("</tbody>\n</table>\n</div>\n");
}

/// Words as a machine has them.
pub fn code(words: impl Display) -> String {
    format!("<code>{}</code>", Esc(words))
}

/// A text as it is, under its name.
pub fn block(html: &mut String, name: &str, text: &str) {
    let _ = writeln!(html, "<p class=\"label\">{}</p>\n{}", Esc(name), pre(text));
}

/// The same, closed until it is opened, or printed.
pub fn folded(html: &mut String, name: &str, text: &str) {
    let _ = writeln!(html, "<details><summary>{}</summary>\n{}</details>", Esc(name), pre(text));
}

fn pre(text: &str) -> String {
    format!("<pre tabindex=\"0\"><code>{}</code></pre>", Esc(text.trim_end()))
}
