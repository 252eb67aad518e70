//! The report for people: a line per host and service, below it what is wrong and the fix.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::{Finding, HostReport, Report, ServiceReport, Severity};
use crate::site::id::{HostName, ServiceName};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What is wrong.
    Wrong,
    /// What is well, too.
    All,
}

/// One host.
pub fn host(report: &HostReport, detail: Detail) -> String {
    let times = match (report.login_ms, report.command_ms) {
        (Some(login), Some(command)) => format!("login {login} ms, then {command} ms a command"),
        _ => String::new(),
    };
    section(report.host.as_str(), report.reachable, &report.findings, &times, detail)
}

/// One service.
pub fn service(report: &ServiceReport, detail: Detail) -> String {
    let well: Vec<&str> =
        report.findings.iter().filter(|f| f.severity == Severity::Ok).map(|f| f.what.as_str()).collect();
    section(report.service.as_str(), true, &report.findings, &well.join(", "), detail)
}

/// The last line.
pub fn recap(report: &Report) -> String {
    let hosts = count(report.hosts.len(), "host");
    let mut words =
        format!("{hosts}: {}, {}", count(report.errors, "error"), count(report.warnings, "warning"));
    if !report.unreachable.is_empty() {
        let names: Vec<&str> = report.unreachable.iter().map(HostName::as_str).collect();
        let _ = write!(words, "; unreachable: {}", names.join(", "));
    }
    words + "\n"
}

fn section(name: &str, reachable: bool, findings: &[Finding], aside: &str, detail: Detail) -> String {
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let (style, verdict) = match (reachable, errors, warnings) {
        (false, ..) => (style(Severity::Error), "unreachable".to_owned()),
        (_, 0, 0) => (style(Severity::Ok), "ok".to_owned()),
        (_, 0, warnings) => (style(Severity::Warning), count(warnings, "warning")),
        (_, errors, 0) => (style(Severity::Error), count(errors, "error")),
        (_, errors, warnings) => {
            (style(Severity::Error), format!("{}, {}", count(errors, "error"), count(warnings, "warning")))
        }
    };
    let mut text = format!("{BOLD}{name:<12}{BOLD:#}  {style}{verdict:<12}{style:#}");
    if !aside.is_empty() {
        let _ = write!(text, "  {DIM}{aside}{DIM:#}");
    }
    let mut text = text.trim_end().to_owned() + "\n";
    for finding in findings.iter().filter(|f| detail == Detail::All || f.severity > Severity::Ok) {
        text.push_str(&line(finding));
    }
    text
}

fn line(finding: &Finding) -> String {
    let style = style(finding.severity);
    let word = match finding.severity {
        Severity::Ok => "ok",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let services: Vec<&str> = finding.services.iter().map(ServiceName::as_str).collect();
    let whose = if services.is_empty() { String::new() } else { format!("{}: ", services.join(", ")) };
    let mut text = format!("  {style}{word:<8}{style:#} {whose}{}\n", finding.what);
    if let Some(fix) = &finding.fix {
        let _ = writeln!(text, "           {DIM}fix: {fix}{DIM:#}");
    }
    text
}

fn style(severity: Severity) -> Style {
    let color = match severity {
        Severity::Ok => AnsiColor::Green,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Error => AnsiColor::Red,
    };
    color.on_default()
}

fn count(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_shows_what_is_wrong_and_the_fix_and_no_more() {
        let report = HostReport {
            host: "h2".parse().unwrap(),
            reachable: true,
            login_ms: Some(212),
            command_ms: Some(3),
            findings: vec![
                Finding::ok("login", "login in 212 ms"),
                Finding::error("program", "no `arping`", "install it").of(["web".parse().unwrap()]),
            ],
        };
        let plain = anstream::adapter::strip_str(&host(&report, Detail::Wrong)).to_string();
        assert_eq!(
            plain,
            "h2            1 error       login 212 ms, then 3 ms a command\n  error    web: no `arping`\n           fix: install it\n"
        );
        assert!(host(&report, Detail::All).contains("login in 212 ms"));
    }
}
