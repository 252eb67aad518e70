//! The words reports share: what a result is called, how a recap reads, how a run's end is said.

use std::fmt::Write;

use crate::engine::event::{HostRecap, ManualCommand, RunEnd, StepResult};
use crate::plan::StepRef;

/// A result in a word or two, and a sign that says the same without colour. What an `advisory` step says is an answer,
/// also when it is no.
pub fn result(result: StepResult, advisory: bool) -> (&'static str, char) {
    match result {
        StepResult::Failed if advisory => ("said no", '-'),
        StepResult::TimedOut if advisory => ("timed out", '-'),
        StepResult::Ok => ("ok", '='),
        StepResult::Changed => ("changed", '~'),
        StepResult::Skipped => ("skipped", '.'),
        StepResult::Failed => ("FAILED", '!'),
        StepResult::TimedOut => ("TIMED OUT", '!'),
        StepResult::Unreachable => ("unreachable", '?'),
        StepResult::Unknown => ("UNKNOWN", '?'),
        StepResult::Cancelled => ("given up", '.'),
        StepResult::NotReached => ("not reached", '.'),
    }
}

/// `web/h2/wake.resume` as people say it: `web: h2 wake.resume`.
pub fn step(id: &StepRef) -> String {
    let mut parts = id.0.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(service), Some("-"), Some(rest)) => format!("{service}: {rest}"),
        (Some(service), Some(host), Some(rest)) => format!("{service}: {host} {rest}"),
        _ => id.0.clone(),
    }
}

/// The recap in Ansible's words and order, one line per host.
pub fn recaps(hosts: &[HostRecap]) -> String {
    let width = hosts.iter().map(|host| host.host.len()).max().unwrap_or(0);
    let mut text = String::new();
    for host in hosts {
        let HostRecap { host, ok, changed, unreachable, failed, skipped, undone } = host;
        let _ = writeln!(
            text,
            "{host:width$} : ok={ok} changed={changed} unreachable={unreachable} failed={failed} \
             skipped={skipped} undone={undone}"
        );
    }
    text
}

/// A run's end in a sentence.
pub fn end(end: &RunEnd) -> String {
    match end {
        RunEnd::Done => "done".to_owned(),
        RunEnd::Undone { because } => format!("undone: {because}"),
        RunEnd::Stuck { because } => format!("STUCK, a person is needed: {because}"),
        RunEnd::Unreachable { host } => format!("stopped: {host} is unreachable; nothing was left changed"),
        RunEnd::EvidenceMissing { service } => {
            format!("nothing was moved: no evidence that the old primary of {service} no longer acts")
        }
        RunEnd::Stale { host, found } => {
            format!("stopped: {host} has seen epoch {found}; another controller is at work")
        }
        RunEnd::LeaseLost { because } => {
            format!("stopped: {because}; `reveille recover` sees to what was begun, if nobody else does")
        }
        RunEnd::Interrupted { signal } => format!("interrupted by signal {signal}"),
    }
}

/// What is left for a person, ready to be pasted.
pub fn manual(commands: &[ManualCommand]) -> String {
    let mut text = String::from("To be done by hand:\n");
    for command in commands {
        let place = command.host.as_ref().map_or("here".to_owned(), |host| format!("on {host}"));
        let _ = writeln!(text, "\n# {place}: {}\n{}", command.why, command.command.trim_end());
    }
    text
}

/// Milliseconds as a person reads them.
pub fn duration(ms: u64) -> String {
    if ms < 1000 { format!("{ms} ms") } else { format!("{}.{:02} s", ms / 1000, ms % 1000 / 10) }
}

/// A span of time at a glance: `400 ms`, `12 s`, `3 min`, `7 h`, `2 d`. Cut off, not rounded.
pub fn span(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..10_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        10_000..120_000 => format!("{} s", ms / 1000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}
