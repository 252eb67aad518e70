//! Mistakes in a site's files: collected, never thrown, and drawn with the source line and a caret.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::json;

use super::source::{Sources, Span};

/// How bad it is. Only errors make a site invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Error,
    Warning,
}

/// One mistake at one place. Messages are lower-case fragments without a full stop.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub severity: Severity,
    /// A stable kebab-case word for the kind of mistake: `unknown-key`, `cycle`.
    pub code: &'static str,
    pub message: String,
    /// The offending token; `None` when no file is to blame.
    pub span: Option<Span>,
    /// Said beside the caret; empty for none.
    pub label: String,
    /// Other places that matter, each with its own words.
    pub related: Vec<(Span, String)>,
    pub hint: Option<String>,
}

impl Diagnostic {
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            span: Some(span),
            label: String::new(),
            related: Vec::new(),
            hint: None,
        }
    }

    /// An error that no file is to blame for.
    pub fn unplaced(code: &'static str, message: impl Into<String>) -> Self {
        Self { span: None, ..Self::error(code, Span::default(), message) }
    }

    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    #[must_use]
    pub fn related(mut self, span: Span, words: impl Into<String>) -> Self {
        self.related.push((span, words.into()));
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds ``did you mean `needs`?`` when one of `known` is near enough to `written`.
    #[must_use]
    pub fn did_you_mean<'a>(self, written: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(written, known) {
            Some(best) => self.hint(format!("did you mean `{best}`?")),
            None => self,
        }
    }
}

/// The known word a typo, or a word cut short, most likely meant, if any is near.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    let length = written.chars().count();
    let limit = length.div_ceil(3).max(1);
    let is_start = |word: &str| length >= 4 && word.to_lowercase().starts_with(&written);
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&written, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= limit || is_start(word))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Puts diagnostics in the order in which someone would mend them: by file, then by place.
pub fn sort(diagnostics: &mut [Diagnostic], sources: &Sources) {
    diagnostics.sort_by_cached_key(|diagnostic| {
        let place = diagnostic.span.map(|span| (sources.path(span.file).to_owned(), span.start));
        (place, diagnostic.severity)
    });
}

/// How many errors and how many warnings: `3 errors, 1 warning`.
pub fn tally(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let words = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    format!("{}, {}", words(count(Severity::Error), "error"), words(count(Severity::Warning), "warning"))
}

/// The version of [`document`].
pub const SCHEMA: &str = "reveille.check/1";

/// All diagnostics for programs. Lines and columns count from 1, columns in characters; an end is exclusive.
pub fn document(diagnostics: &[Diagnostic], sources: &Sources) -> serde_json::Value {
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let one = |diagnostic: &Diagnostic| {
        let related: Vec<_> = diagnostic
            .related
            .iter()
            .map(|(span, words)| json!({ "message": words, "range": range(*span, sources) }))
            .collect();
        json!({
            "severity": diagnostic.severity,
            "code": diagnostic.code,
            "message": diagnostic.message,
            "range": diagnostic.span.map(|span| range(span, sources)),
            "related": related,
            "hint": diagnostic.hint,
        })
    };
    json!({
        "schema": SCHEMA,
        "valid": count(Severity::Error) == 0,
        "error_count": count(Severity::Error),
        "warning_count": count(Severity::Warning),
        "diagnostics": diagnostics.iter().map(one).collect::<Vec<_>>(),
    })
}

fn range(span: Span, sources: &Sources) -> serde_json::Value {
    let (line, column) = sources.position(span);
    let (end_line, end_column) = sources.position(Span { start: span.end, ..span });
    json!({
        "file": sources.path(span.file),
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "snippet": sources.text(span.file).lines().nth(line - 1),
    })
}

/// Draws all diagnostics, in the given order, and the tally.
pub fn render_all(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&render(diagnostic, sources, color));
        text.push_str("\n\n");
    }
    text.push_str(&tally(diagnostics));
    text.push('\n');
    text
}

/// Draws one diagnostic as rustc does: message, place, source line, caret, hint.
pub fn render(diagnostic: &Diagnostic, sources: &Sources, color: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut title = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code)
        .elements(None::<Snippet<'_, annotate_snippets::Annotation<'_>>>);
    let spans = diagnostic.span.map(|span| (span, AnnotationKind::Primary, diagnostic.label.as_str()));
    let related =
        diagnostic.related.iter().map(|(span, words)| (*span, AnnotationKind::Context, words.as_str()));
    let all: Vec<_> = spans.into_iter().chain(related).collect();
    let mut files: Vec<_> = all.iter().map(|(span, ..)| span.file).collect();
    files.dedup();
    for file in files {
        let text = sources.text(file);
        let annotations = all.iter().filter(|(span, ..)| span.file == file).map(|(span, kind, label)| {
            let start = text.floor_char_boundary(span.start.min(text.len()));
            let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
            kind.span(start..end).label(*label)
        });
        let path = sources.path(file).display().to_string();
        title = title.element(Snippet::source(text).path(path).annotations(annotations));
    }
    if let Some(hint) = &diagnostic.hint {
        title = title.element(Level::HELP.message(hint.as_str()));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[title])
}
