//! Which variables a step reads, each with its place, found without rendering anything. Called by [`super::graph`]
//! (a read of a registered result is an edge) and by [`super::check`] (a read of nothing is a mistake).

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::Site;
use super::action::Action;
use super::quantity::sizes_as_digits;
use super::source::{FileId, Span};
use super::step::Step;
use super::texts::{Text, TextKind};
use super::token;
use crate::template::{self, Expression, TemplateError, Variable};

/// One read of one variable.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    /// As far as it can be told from the text: `host.rack`.
    pub path: String,
    pub span: Span,
    /// The text it stands in.
    pub kind: TextKind,
}

impl Read {
    /// `host` of `host.rack`.
    pub(crate) fn name(&self) -> &str {
        self.path.split('.').next().unwrap_or_default()
    }
}

/// The variables a text reads.
///
/// # Errors
/// The text is no template, or no expression.
pub(crate) fn variables(text: Text<'_>) -> Result<Vec<Variable>, TemplateError> {
    match text.kind {
        TextKind::Template | TextKind::Shell => template::variables(text.text),
        TextKind::Expression | TextKind::ResultExpression => {
            Expression::compile(text.text).map(|expression| expression.variables().to_vec())
        }
        TextKind::Placement => {
            Expression::compile(&sizes_as_digits(text.text)).map(|expression| expression.variables().to_vec())
        }
    }
}

impl Site {
    /// Every read of a text; none if it cannot be compiled.
    pub(crate) fn reads_of(&self, text: Text<'_>) -> Vec<Read> {
        let found = variables(text).unwrap_or_default();
        let place = |range: Range<usize>| token::part(&self.sources, text.span, text.text, range);
        found.into_iter().map(|v| Read { span: place(v.range), path: v.path, kind: text.kind }).collect()
    }

    /// Every read of a step, its template files included.
    pub(crate) fn reads(&self, step: &Step) -> Vec<Read> {
        let own = step.texts().into_iter().flat_map(|text| self.reads_of(text));
        let files = self.template_files(step).into_iter().flat_map(|file| self.reads_of_file(file));
        own.chain(files).collect()
    }

    /// Every read of a template file.
    pub(crate) fn reads_of_file(&self, file: FileId) -> Vec<Read> {
        let found = template::variables(self.sources.text(file)).unwrap_or_default();
        let place = |range: Range<usize>| Span { file, start: range.start, end: range.end };
        found
            .into_iter()
            .map(|v| Read { span: place(v.range), path: v.path, kind: TextKind::Template })
            .collect()
    }

    /// The template file a step renders, and those it includes, as far as their names are plain text.
    pub(crate) fn template_files(&self, step: &Step) -> BTreeSet<FileId> {
        let mut found = BTreeSet::new();
        let Action::Template(args) = &step.action.value else { return found };
        let mut open = vec![args.src.value.clone()];
        while let Some(name) = open.pop() {
            if let Some(file) = self.templates.get(&name).filter(|file| found.insert(**file)) {
                open.extend(included(self.sources.text(*file)).map(|(name, _)| name.to_owned()));
            }
        }
        found
    }
}

/// The templates a text includes by a plain name, each with the name's place.
pub(crate) fn included(text: &str) -> impl Iterator<Item = (&str, Range<usize>)> {
    static INCLUDE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"\{%-?\s*(?:include|import|from|extends)\s+["']([^"']+)["']"#).expect("a constant")
    });
    INCLUDE.captures_iter(text).filter_map(|found| found.get(1)).map(|name| (name.as_str(), name.range()))
}
