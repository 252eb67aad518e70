//! Files that steps name: templates that are missing or are none, sources of copies.

use super::Subject;
use super::texts::template_error;
use crate::site::action::Action;
use crate::site::diagnostic::Diagnostic;
use crate::site::reads::included;
use crate::site::source::{FileId, Sp, Span};
use crate::template;

pub(super) fn check(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    for (_, step) in subject.playbook.steps() {
        match &step.action.value {
            Action::Template(args) if !is_template(&args.src) => template(subject, &args.src, out),
            Action::Copy(args) => {
                if let Some(src) = args.src.as_ref().filter(|src| !is_template(src))
                    && subject.site.file_path(src).is_none()
                {
                    let message = format!("`{}` is neither below files/ nor below templates/", src.value);
                    let known = subject.site.templates.keys().map(String::as_str);
                    out.push(Diagnostic::error("missing-file", src.span, message).did_you_mean(src, known));
                }
            }
            _ => {}
        }
        for file in subject.site.template_files(step) {
            contents(subject, file, out);
        }
    }
}

/// The file's name depends on variables: it is known when a plan is made.
fn is_template(name: &str) -> bool {
    name.contains("{{") || name.contains("{%")
}

fn template(subject: &Subject<'_>, src: &Sp<String>, out: &mut Vec<Diagnostic>) {
    if !subject.site.templates.contains_key(&src.value) {
        out.push(missing(subject, &src.value, src.span));
    }
}

/// What a template file holds must compile, and what it includes must be there.
fn contents(subject: &Subject<'_>, file: FileId, out: &mut Vec<Diagnostic>) {
    let text = subject.site.sources.text(file);
    let whole = Span { file, start: 0, end: 0 };
    if let Err(error) = template::variables(text) {
        let span =
            error.range.clone().map_or(whole, |range| Span { file, start: range.start, end: range.end });
        out.push(template_error("template-syntax", &error, span));
    }
    for (name, range) in included(text) {
        if !subject.site.templates.contains_key(name) {
            out.push(missing(subject, name, Span { file, start: range.start, end: range.end }));
        }
    }
}

fn missing(subject: &Subject<'_>, name: &str, span: Span) -> Diagnostic {
    let known = subject.site.templates.keys().map(String::as_str);
    let message = format!("there is no template `templates/{name}`");
    Diagnostic::error("missing-file", span, message).did_you_mean(name, known)
}
