//! Plots of a drill as SVG, drawn without a script: for the page, where they take its colours, and as files, which bring
//! their own. Pure.
//!
//! A service has a colour and a mark of its own in every plot, so that neither is needed alone.

mod canvas;
mod effectiveness;
mod responses;
mod split;

pub use effectiveness::effectiveness;
pub use responses::responses;
pub use split::split;

use super::tables::Tables;
use crate::page::Esc;
use crate::site::id::ServiceName;

/// Colours and lines, for light, dark and paper.
pub const STYLE: &str = include_str!("plot.css");

/// A drawing.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Names it among the others, and its file.
    pub id: String,
    /// What it shows, under the heading of its table.
    pub caption: String,
    /// The same alone.
    pub title: String,
    /// The same in words.
    pub words: String,
    width: f64,
    height: f64,
    body: String,
}

impl Plot {
    /// Part of a page that has [`STYLE`].
    pub fn inline(&self) -> String {
        self.element("", "")
    }

    /// A file of its own.
    pub fn file(&self) -> String {
        let ground = r#"<rect class="ground" width="100%" height="100%"/>"#;
        let style = format!("<style>{STYLE}</style>{ground}");
        self.element(" xmlns=\"http://www.w3.org/2000/svg\"", &style) + "\n"
    }

    fn element(&self, namespace: &str, first: &str) -> String {
        let Self { id, width, height, body, .. } = self;
        let (title, words) = (Esc(&self.title), Esc(&self.words));
        format!(
            "<svg{namespace} class=\"plot\" role=\"img\" viewBox=\"0 0 {width} {height}\" \
             aria-labelledby=\"{id}-title {id}-words\"><title id=\"{id}-title\">{title}</title>\
             <desc id=\"{id}-words\">{words}</desc>{first}{body}</svg>"
        )
    }
}

/// Every plot there is something for.
pub fn plots(tables: &Tables) -> Vec<Plot> {
    let mut plots: Vec<Plot> = Vec::new();
    for table in &tables.responses {
        plots.push(responses(table, tables.reference.as_deref()));
        plots.push(split(table));
    }
    plots.extend(tables.responses.iter().map(|table| effectiveness(tables, table.fault)));
    plots
}

/// The services in the order they get their colours.
fn services<'a>(of: impl Iterator<Item = &'a ServiceName>) -> Vec<&'a ServiceName> {
    let mut services: Vec<&ServiceName> = Vec::new();
    for service in of {
        if !services.contains(&service) {
            services.push(service);
        }
    }
    services
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::made_up;

    #[test]
    fn every_table_has_its_plots_and_they_stand_alone() {
        let tables = Tables::of(&made_up::document(), None);
        let plots = plots(&tables);
        let ids: Vec<&str> = plots.iter().map(|plot| plot.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "response-cut",
                "split-cut",
                "response-overload",
                "split-overload",
                "effectiveness-cut",
                "effectiveness-overload"
            ]
        );
        for plot in &plots {
            let file = plot.file();
            assert!(!file.contains("NaN") && !file.contains("inf") && !file.contains("<script"), "{file}");
            assert!(!file.replace("http://www.w3.org/2000/svg", "").contains("http"), "it asks for nothing");
            assert!(plot.words.contains("web"), "{}", plot.words);
        }
    }

    #[test]
    fn one_plot_as_it_is_drawn() {
        let tables = Tables::of(&made_up::document(), None);
        insta::assert_snapshot!(responses(&tables.responses[0], None).inline().replace("><", ">\n<"));
    }
}
