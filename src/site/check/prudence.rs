//! What is allowed and hardly ever meant: limits of nothing, retries without end, secrets that every user of a host
//! can read, and values with a form of their own inside plain strings.

use std::collections::BTreeSet;

use super::Subject;
use crate::site::action::Action;
use crate::site::diagnostic::Diagnostic;
use crate::site::quantity::TimeSpan;
use crate::site::settings::Settings;
use crate::site::source::{Sp, Span};
use crate::site::step::Step;
use crate::site::texts::{Text, TextKind};

/// More attempts than this are taken for a slip.
const MANY_RETRIES: u32 = 100;

pub(super) fn check(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    let detection = &subject.playbook.detection;
    no_zero("interval", Some(&detection.interval), out);
    no_zero("timeout", Some(&detection.timeout), out);
    if detection.timeout.value >= detection.interval.value && !detection.interval.0.is_zero() {
        let (timeout, interval) = (detection.timeout.value, detection.interval.value);
        let message = format!("one look may take {timeout}, and the next one comes after {interval}");
        let span =
            [&detection.timeout, &detection.interval].into_iter().find(|span| span.span != Span::default());
        out.push(
            Diagnostic::error("slow-detection", span.unwrap_or(&detection.timeout).span, message)
                .hint("`timeout` is a part of `interval`, a quarter of it, say"),
        );
    }
    let secrets: BTreeSet<&str> = subject
        .site
        .settings
        .secrets
        .keys()
        .chain(subject.playbook.secrets.keys())
        .map(String::as_str)
        .collect();
    for (_, step) in subject.playbook.steps() {
        limits(step, out);
        mode(step, out);
        arguments(subject, step, &secrets, out);
    }
}

/// Limits of the whole site, and where its state is kept.
pub(super) fn check_settings(settings: &Settings, out: &mut Vec<Diagnostic>) {
    let store = &settings.store;
    let kinds = ["file", "etcd"];
    match store.split_once(':') {
        Some((kind, place)) if kinds.contains(&kind) && !place.is_empty() => {}
        _ => {
            let message = format!("`{}` is not a store", store.value);
            let diagnostic = Diagnostic::error("unknown-store", store.span, message);
            out.push(diagnostic.hint("`file:FOLDER`, such as `file:.reveille`, or `etcd:URL`"));
        }
    }
}

fn no_zero(what: &str, span: Option<&Sp<TimeSpan>>, out: &mut Vec<Diagnostic>) {
    if let Some(span) = span.filter(|span| span.0.is_zero()) {
        out.push(Diagnostic::error(
            "zero-limit",
            span.span,
            format!("`{what}` is zero: nothing can end in no time"),
        ));
    }
}

fn limits(step: &Step, out: &mut Vec<Diagnostic>) {
    no_zero("timeout", step.timeout.as_ref(), out);
    if step.retries > MANY_RETRIES {
        let message = format!("step `{}` is tried {} times", step.id.value, u64::from(step.retries) + 1);
        out.push(Diagnostic::warning("many-retries", step.id.span, message));
    }
    if let Some(until) = step.until.as_ref().filter(|_| step.retries == 0) {
        let message = format!("step `{}` has `until` but no `retries`: it is tried once", step.id.value);
        out.push(Diagnostic::warning("no-retries", until.span, message).hint("add `retries: 10`"));
    }
}

fn mode(step: &Step, out: &mut Vec<Diagnostic>) {
    let mode = match &step.action.value {
        Action::Copy(args) => &args.mode,
        Action::Template(args) => &args.mode,
        Action::File(args) => &args.mode,
        _ => &None,
    };
    let Some(mode) = mode.as_ref().filter(|mode| !mode.contains("{{")) else { return };
    let octal = (3..=5).contains(&mode.len()) && mode.chars().all(|c| ('0'..='7').contains(&c));
    if !octal {
        let message = format!("`{}` is not a mode such as \"0644\"", mode.value);
        out.push(Diagnostic::error("invalid-value", mode.span, message));
    }
}

/// The arguments of a running program are for every user of the host to see.
fn arguments(subject: &Subject<'_>, step: &Step, secrets: &BTreeSet<&str>, out: &mut Vec<Diagnostic>) {
    let argv = match &step.action.value {
        Action::Command(args) => args.argv.as_slice(),
        Action::Process(args) => args.command.as_deref().unwrap_or_default(),
        _ => return,
    };
    for argument in argv {
        let text = Text { kind: TextKind::Template, text: &argument.value, span: argument.span };
        for read in subject.site.reads_of(text) {
            if secrets.contains(read.name()) {
                let message =
                    format!("secret `{}` is an argument: every user of the host can read it", read.name());
                out.push(
                    Diagnostic::warning("secret-argument", read.span, message)
                        .hint("hand it over in `environment`, or in a file"),
                );
            }
        }
    }
}
