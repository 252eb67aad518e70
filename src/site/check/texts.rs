//! Templates and expressions that do not compile, shell text that a value could turn into code, and variables that
//! nothing defines.

use super::Subject;
use super::scope::{Scope, Verdict};
use crate::site::Site;
use crate::site::diagnostic::{Diagnostic, Severity};
use crate::site::reads::{self, Read};
use crate::site::source::Span;
use crate::site::texts::{Text, TextKind};
use crate::site::token;
use crate::template::{ErrorKind, TemplateError, check_shell};

/// The settings' own texts must compile; what they read depends on the playbook.
pub(super) fn check_settings(site: &Site, out: &mut Vec<Diagnostic>) {
    site.settings.texts().into_iter().for_each(|text| compile(site, text, out));
}

pub(super) fn check(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    let scope = Scope::of(subject);
    for text in subject.playbook.texts() {
        compile(subject.site, text, out);
        report(subject, &scope, subject.site.reads_of(text), out);
    }
    for (at, step) in subject.playbook.steps() {
        step.texts().into_iter().for_each(|text| compile(subject.site, text, out));
        report(subject, &scope.within(subject, at), subject.site.reads(step), out);
    }
}

/// A text must be what its place asks for.
fn compile(site: &Site, text: Text<'_>, out: &mut Vec<Diagnostic>) {
    let result = match text.kind {
        TextKind::Shell => check_shell(text.text).and_then(|()| reads::variables(text).map(drop)),
        _ => reads::variables(text).map(drop),
    };
    let code = match text.kind {
        TextKind::Template | TextKind::Shell => "template-syntax",
        _ => "expression-syntax",
    };
    if let Err(error) = result {
        let range = error.range.clone().unwrap_or(0..text.text.len());
        let span = token::part(&site.sources, text.span, text.text, range);
        out.push(template_error(code, &error, span));
    }
}

/// A template's mistake at a place in a file of the site.
pub(super) fn template_error(code: &'static str, error: &TemplateError, span: Span) -> Diagnostic {
    let code = if error.kind == ErrorKind::Refused { "unsafe-shell" } else { code };
    let diagnostic = Diagnostic::error(code, span, error.message.clone());
    match &error.hint {
        Some(hint) => diagnostic.hint(hint.clone()),
        None => diagnostic,
    }
}

fn report(subject: &Subject<'_>, scope: &Scope<'_>, reads: Vec<Read>, out: &mut Vec<Diagnostic>) {
    for read in reads {
        match scope.judge(&read) {
            Verdict::Known => {}
            Verdict::Unknown { .. }
                if subject.is_lost(read.name()) || subject.site.lost_in_settings(read.name()) => {}
            Verdict::Unknown { segment, known, advice } => {
                let message = format!("`{}` is undefined", read.path);
                let span = segment_span(subject, &read, segment);
                let written = read.path.split('.').nth(segment).unwrap_or_default();
                let diagnostic = Diagnostic::error("undefined-variable", span, message);
                out.push(match advice {
                    Some(advice) => diagnostic.hint(advice),
                    None => diagnostic.did_you_mean(written, known.iter().map(String::as_str)),
                });
            }
            Verdict::Partly { lacking } => {
                let message = format!("`{}` is not set for {}", read.path, lacking.join(", "));
                out.push(
                    Diagnostic {
                        severity: Severity::Warning,
                        ..Diagnostic::error("undefined-variable", read.span, message)
                    }
                    .hint("set it for every host of the pool, or say `| default(…)`"),
                );
            }
        }
    }
}

/// The place of the one name in a dotted path that is wrong, where the path is written with dots.
fn segment_span(subject: &Subject<'_>, read: &Read, segment: usize) -> Span {
    let written = subject.site.sources.text(read.span.file).get(read.span.start..read.span.end);
    if written != Some(&read.path) {
        return read.span;
    }
    let start: usize = read.path.split('.').take(segment).map(|part| part.len() + 1).sum();
    let len = read.path[start..].split('.').next().map_or(0, str::len);
    read.span.slice(start, start + len)
}
