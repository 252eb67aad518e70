//! Probes, overload rules, evidence and processes that name each other wrongly, or that would prove nothing.

use super::Subject;
use crate::site::action::{Action, ProbeArgs, ProbeSpec, ProcessState};
use crate::site::diagnostic::Diagnostic;
use crate::site::playbook::{DataPolicy, EvidenceKind};
use crate::site::source::{Sp, Span};

pub(super) fn check(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    probes(subject, out);
    evidence(subject, out);
    processes(subject, out);
}

fn probes(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    for rule in subject.playbook.overload.values() {
        if let Some(latency) = &rule.latency {
            known_probe(subject, &latency.probe, out);
        }
    }
    let named: Vec<_> = subject.playbook.probes.values().map(|probe| (&probe.value, probe.span)).collect();
    let mut inline = Vec::new();
    for (_, step) in subject.playbook.steps() {
        match &step.action.value {
            Action::Probe(ProbeArgs::Named(name)) => known_probe(subject, name, out),
            Action::Probe(ProbeArgs::Inline(probe)) => inline.push((&**probe, step.action.span)),
            _ => {}
        }
    }
    named.iter().chain(&inline).for_each(|(probe, _)| certificates(probe, out));
    // Where one probe asks the service itself, others may say more of where a failure lies.
    let weak = |probes: &[(&ProbeSpec, Span)]| -> Option<Vec<Diagnostic>> {
        probes.iter().map(|(probe, span)| proves_nothing(probe, *span)).collect()
    };
    if let Some(mut warnings) = weak(&named) {
        warnings.extend(weak(&inline).unwrap_or_default());
        out.extend(warnings);
    }
}

fn known_probe(subject: &Subject<'_>, name: &Sp<String>, out: &mut Vec<Diagnostic>) {
    let probes = &subject.playbook.probes;
    if !probes.contains_key(&name.value) && !subject.is_lost(name) {
        let message = format!("there is no probe `{}`", name.value);
        out.push(
            Diagnostic::error("unknown-probe", name.span, message)
                .did_you_mean(name, probes.keys().map(String::as_str)),
        );
    }
}

/// The kernel answers these, whatever became of the service.
fn proves_nothing(probe: &ProbeSpec, span: Span) -> Option<Diagnostic> {
    let warning = match probe {
        ProbeSpec::Tcp(_) => {
            let message = "a TCP connection proves nothing: the kernel accepts it for a frozen process too";
            Diagnostic::warning("tcp-probe", span, message)
        }
        ProbeSpec::Icmp(_) => {
            let message = "an echo proves nothing of the service: the kernel sends it back";
            Diagnostic::warning("icmp-probe", span, message)
        }
        _ => return None,
    };
    Some(
        warning.hint(
            "ask for an answer of the service: `http: URL`, `smtp: HOST`, `dns: {…}`, or `command: […]`",
        ),
    )
}

/// What is said of certificates means something where there are any.
fn certificates(probe: &ProbeSpec, out: &mut Vec<Diagnostic>) {
    let ProbeSpec::Http(http) = probe else { return };
    if !http.url.to_ascii_lowercase().starts_with("http:") {
        return;
    }
    let given = http.expires_in.as_ref().map(|span| ("expires_in", span.span));
    for (key, span) in given.into_iter().chain(http.ca.as_ref().map(|ca| ("ca", ca.span))) {
        let message = format!("`{key}` says nothing of an `http:` URL: it has no certificate");
        out.push(Diagnostic::error("no-certificate", span, message).hint("write `https://…`"));
    }
}

fn evidence(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    let enough = subject.playbook.data.evidence();
    for kind in subject.playbook.evidence.iter().flatten() {
        if subject.playbook.data == DataPolicy::SharedWrite && !enough.contains(&kind.value) {
            let allowed: Vec<&str> = enough.iter().map(|kind| kind.as_str()).collect();
            let message = format!(
                "`{}` is not enough for `data: shared-write`: two writers would destroy the data",
                kind.as_str()
            );
            out.push(
                Diagnostic::error("weak-evidence", kind.span, message)
                    .hint(format!("what is enough: {}", allowed.join(", "))),
            );
        }
    }
    if let Some([]) = subject.playbook.evidence.as_deref() {
        let message = "`evidence` is an empty list: nothing would ever be enough for a takeover";
        out.push(
            Diagnostic::error("weak-evidence", subject.playbook.service.span, message)
                .hint(format!("leave it out, or name some, such as `{}`", EvidenceKind::Released.as_str())),
        );
    }
}

/// A process that has to run must say somewhere how it is started.
fn processes(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    let all: Vec<_> = subject
        .playbook
        .steps()
        .filter_map(|(_, step)| match &step.action.value {
            Action::Process(args) => Some(args),
            _ => None,
        })
        .collect();
    let started: Vec<&str> =
        all.iter().filter(|args| args.command.is_some()).map(|args| args.name.as_str()).collect();
    for args in &all {
        if args.command.is_some() || started.contains(&args.name.as_str()) || subject.is_partial() {
            continue;
        }
        let diagnostic = match args.state {
            ProcessState::Absent if started.is_empty() => continue,
            ProcessState::Absent => Diagnostic::error(
                "unknown-process",
                args.name.span,
                format!("no step starts a process `{}`", args.name.value),
            ),
            _ => Diagnostic::error(
                "no-command",
                args.name.span,
                format!(
                    "process `{}` has no `command` in any step: nobody knows how to start it",
                    args.name.value
                ),
            ),
        };
        out.push(diagnostic.did_you_mean(&args.name, started.iter().copied()));
    }
}
