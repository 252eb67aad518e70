//! The documents there are, each made at most once per version of what is shown: however often somebody asks, it costs
//! the monitor's machine no more.

use std::sync::{Arc, OnceLock};

use hyper::body::Bytes;
use serde::Serialize;

use super::page;
use super::shown::Shown;
use crate::monitor::view::View;
use crate::report::metrics;
use crate::report::watch::Line;

/// One version and the documents made of it.
pub(super) struct Documents {
    pub shown: Arc<Shown>,
    made: [OnceLock<Bytes>; Document::ALL.len()],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    Page,
    /// The part of the page that changes.
    Main,
    View,
    Status,
    Metrics,
}

impl Document {
    const ALL: [Self; 5] = [Self::Page, Self::Main, Self::View, Self::Status, Self::Metrics];

    pub(super) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|document| document.path() == path)
    }

    fn path(self) -> &'static str {
        match self {
            Self::Page => "/",
            Self::Main => "/main.html",
            Self::View => "/view.json",
            Self::Status => "/status.json",
            Self::Metrics => "/metrics",
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Page | Self::Main => "text/html; charset=utf-8",
            Self::View | Self::Status => "application/json",
            Self::Metrics => metrics::CONTENT_TYPE,
        }
    }
}

/// `/view.json`.
#[derive(Serialize)]
struct WholeView<'a> {
    #[serde(flatten)]
    view: Option<&'a View>,
    /// Oldest first.
    happenings: Vec<Line<'a>>,
}

impl Documents {
    pub(super) fn of(shown: Arc<Shown>) -> Self {
        Self { shown, made: Default::default() }
    }

    pub(super) fn document(&self, document: Document) -> Bytes {
        self.made[document as usize].get_or_init(|| self.make(document).into()).clone()
    }

    fn make(&self, document: Document) -> String {
        let shown = &*self.shown;
        match document {
            Document::Page => page::page(shown),
            Document::Main => page::main(shown),
            Document::View => json(&WholeView {
                view: shown.board.view.as_ref(),
                happenings: shown.board.tail.iter().map(Line::of).collect(),
            }),
            Document::Status => json(&shown.status()),
            Document::Metrics => metrics::text(&shown.board),
        }
    }
}

fn json(value: &impl Serialize) -> String {
    // Names and numbers only: nothing in these documents can fail to be written.
    serde_json::to_string(value).unwrap_or_default()
}
