//! A monitor as metrics: `OpenMetrics` 1.0 text, made from a [`Board`]. Pure.
//!
//! What is not known is not said: a service that nobody could look at has no `reveille_service_up`.

use std::fmt::{Display, Write};

use crate::monitor::view::{HostView, ServiceView};
use crate::plan::status::Verdict;
use crate::plan::table::{Role, ServiceState};
use crate::report::board::Board;

/// What a scraper is told the text is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const STATES: [ServiceState; 6] = [
    ServiceState::Protected,
    ServiceState::Unprotected,
    ServiceState::Down,
    ServiceState::Moving,
    ServiceState::Stuck,
    ServiceState::Absent,
];

const VERDICTS: [Verdict; 8] = [
    Verdict::Ok,
    Verdict::Overloaded,
    Verdict::ServiceDown,
    Verdict::Frozen,
    Verdict::HostDown,
    Verdict::Unreachable,
    Verdict::Isolated,
    Verdict::Unknown,
];

/// Everything, as one exposition.
pub fn text(board: &Board) -> String {
    let mut page = Page::default();
    monitor(&mut page, board);
    services(&mut page, board.services());
    roles(&mut page, board.services());
    counters(&mut page, board);
    hosts(&mut page, board.hosts());
    page.0.push_str("# EOF\n");
    page.0
}

fn monitor(page: &mut Page, board: &Board) {
    page.family("reveille_build", Type::Info, "This program");
    page.sample("_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.family("reveille_monitor_leader", Type::Gauge, "Whether this monitor leads");
    page.samples(board.monitor.iter().map(|(_, us)| (vec![], f64::from(u8::from(*us)))));
    let Some(view) = &board.view else { return };
    page.family("reveille_monitor_isolated", Type::Gauge, "Whether this monitor thinks that it is cut off");
    page.sample("", &[], u8::from(view.isolated));
    page.family("reveille_monitor_grace_seconds", Type::Seconds, "How long it still only looks");
    page.sample("", &[], seconds(view.grace_ms));
    page.family("reveille_monitor_view_timestamp_seconds", Type::Seconds, "When these values were true");
    page.sample("", &[], seconds(view.at_ms));
    page.family("reveille_monitor_late", Type::Counter, "Times this monitor was held up");
    page.sample("_total", &[], board.tally.late);
    page.family("reveille_monitor_late_seconds", Type::CounterSeconds, "For how long it was held up");
    page.sample("_total", &[], seconds(board.tally.late_ms));
    page.family("reveille_happenings", Type::Counter, "Happenings told");
    page.sample("_total", &[], board.tally.happenings);
    page.family("reveille_looks", Type::Counter, "Looks by kind and outcome");
    for (kind, outcome, count) in view.looks.iter() {
        page.sample("_total", &[("kind", kind), ("outcome", outcome)], count);
    }
}

fn services(page: &mut Page, services: &[ServiceView]) {
    let mut gauge = |name, kind, help, value: &dyn Fn(&ServiceView) -> Option<f64>| {
        page.family(name, kind, help);
        page.samples(services.iter().filter_map(|service| Some((of(service), value(service)?))));
    };
    gauge("reveille_service_up", Type::Gauge, "Whether clients are answered, where that is known", &|one| {
        answered(one).map(|up| f64::from(u8::from(up)))
    });
    #[expect(clippy::cast_precision_loss, reason = "epochs are small")]
    gauge("reveille_service_epoch", Type::Gauge, "Grows by one with every change of primary", &|one| {
        Some(one.epoch as f64)
    });
    gauge(
        "reveille_service_outage_seconds",
        Type::Seconds,
        "How long no client was answered so far; 0 while they are",
        &|one| Some(seconds(one.outage_ms.unwrap_or(0))),
    );
    gauge("reveille_service_probe_latency_seconds", Type::Seconds, "The last answer's time", &|one| {
        #[expect(clippy::cast_precision_loss, reason = "microseconds of an answer are few")]
        one.latency_us.map(|us| us as f64 / 1e6)
    });
    gauge("reveille_service_paused", Type::Gauge, "Whether a person paused it", &|one| {
        Some(f64::from(u8::from(one.paused.is_some())))
    });
    gauge("reveille_service_held", Type::Gauge, "Whether something should be done and is not", &|one| {
        Some(f64::from(u8::from(one.held.is_some())))
    });
    page.family("reveille_service_state", Type::StateSet, "The state of a service");
    for service in services {
        let states = STATES.map(|state| (state.to_string(), state == service.state));
        page.states(("service", service.service.as_str()), &states);
    }
    page.family("reveille_service_verdict", Type::StateSet, "What is concluded of a service");
    for service in services {
        let verdicts = VERDICTS.map(|one| (one.as_str().to_owned(), one == service.verdict));
        page.states(("service", service.service.as_str()), &verdicts);
    }
    page.family("reveille_service_measure", Type::Gauge, "What each overload rule measured last");
    for service in services {
        for (rule, value) in &service.gauges {
            page.sample("", &[("service", service.service.as_str()), ("rule", rule)], value);
        }
    }
}

fn roles(page: &mut Page, services: &[ServiceView]) {
    page.family("reveille_service_role", Type::Gauge, "Which host is what to which service");
    for service in services {
        for (role, host) in [(Role::Primary, &service.primary), (Role::Secondary, &service.secondary)] {
            let Some(host) = host else { continue };
            let role = role.to_string();
            let labels =
                [("service", service.service.as_str()), ("host", host.as_str()), ("role", role.as_str())];
            page.sample("", &labels, 1);
        }
    }
}

fn counters(page: &mut Page, board: &Board) {
    let tally = &board.tally;
    let mut counter = |name, help, counts: &std::collections::BTreeMap<_, u64>| {
        page.family(name, Type::Counter, help);
        for service in board.services() {
            let count = counts.get(&service.service).copied().unwrap_or(0);
            page.sample("_total", &[("service", service.service.as_str())], count);
        }
    };
    counter("reveille_takeovers", "Operations that gave a service a new primary", &tally.takeovers);
    counter("reveille_held", "Times something should have been done and was not", &tally.held);
    counter("reveille_renewals_failed", "Address leases not renewed in time", &tally.renewals_failed);
    page.family("reveille_operations_failed", Type::Counter, "Operations that failed");
    for ((service, operation), count) in &tally.failed {
        page.sample("_total", &[("service", service.as_str()), ("operation", operation.as_str())], count);
    }
}

fn hosts(page: &mut Page, hosts: &[HostView]) {
    let mut gauge = |name, kind, help, value: &dyn Fn(&HostView) -> Option<f64>| {
        page.family(name, kind, help);
        let of = |host: &HostView| vec![("host", host.host.to_string())];
        page.samples(hosts.iter().filter_map(|host| Some((of(host), value(host)?))));
    };
    gauge("reveille_host_up", Type::Gauge, "Whether a host answers, where that is known", &|host| {
        up(host.verdict).map(|up| f64::from(u8::from(up)))
    });
    gauge("reveille_host_load_per_cpu", Type::Gauge, "One-minute load average divided by CPUs", &|host| {
        host.load_per_cpu
    });
    #[expect(clippy::cast_precision_loss, reason = "memory is known to the KiB at best")]
    gauge("reveille_host_memory_available_bytes", Type::Bytes, "Memory that could be used", &|host| {
        host.mem_available.map(|bytes| bytes as f64)
    });
    #[expect(clippy::cast_precision_loss, reason = "memory is known to the KiB at best")]
    gauge("reveille_host_memory_total_bytes", Type::Bytes, "Memory", &|host| {
        host.mem_total.map(|bytes| bytes as f64)
    });
    page.family("reveille_host_verdict", Type::StateSet, "What is concluded of a host");
    for host in hosts {
        let verdicts = VERDICTS.map(|one| (one.as_str().to_owned(), one == host.verdict));
        page.states(("host", host.host.as_str()), &verdicts);
    }
}

fn of(service: &ServiceView) -> Vec<(&'static str, String)> {
    vec![("service", service.service.to_string())]
}

fn answered(service: &ServiceView) -> Option<bool> {
    if service.state == ServiceState::Absent { None } else { up(service.verdict) }
}

/// `None` where nobody can say.
fn up(verdict: Verdict) -> Option<bool> {
    match verdict {
        Verdict::Ok | Verdict::Overloaded => Some(true),
        Verdict::ServiceDown | Verdict::Frozen | Verdict::HostDown => Some(false),
        Verdict::Unreachable | Verdict::Isolated | Verdict::Unknown => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit for the next 285,000 years")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Gauge,
    /// A gauge in seconds.
    Seconds,
    /// A gauge in bytes.
    Bytes,
    Counter,
    CounterSeconds,
    Info,
    StateSet,
}

/// The text, and the name of the family it is in.
#[derive(Default)]
struct Page(String, &'static str);

impl Page {
    fn family(&mut self, name: &'static str, kind: Type, help: &str) {
        let (word, unit) = match kind {
            Type::Gauge => ("gauge", None),
            Type::Seconds => ("gauge", Some("seconds")),
            Type::Bytes => ("gauge", Some("bytes")),
            Type::Counter => ("counter", None),
            Type::CounterSeconds => ("counter", Some("seconds")),
            Type::Info => ("info", None),
            Type::StateSet => ("stateset", None),
        };
        self.1 = name;
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# TYPE {name} {word}");
        if let Some(unit) = unit {
            let _ = writeln!(self.0, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.0, "# HELP {name} {help}.");
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{}{suffix}{labels} {value}", self.1);
    }

    fn samples(&mut self, samples: impl Iterator<Item = (Vec<(&'static str, String)>, f64)>) {
        for (labels, value) in samples {
            let labels: Vec<(&str, &str)> =
                labels.iter().map(|(name, text)| (*name, text.as_str())).collect();
            self.sample("", &labels, value);
        }
    }

    /// A state set's label is named as its family.
    fn states(&mut self, of: (&str, &str), states: &[(String, bool)]) {
        for (state, holds) in states {
            self.sample("", &[of, (self.1, state)], u8::from(*holds));
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod shipped;
#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::report::sample;

    #[test]
    fn what_is_shown_is_what_is_known() {
        let text = text(&sample::board());
        for line in [
            "reveille_monitor_leader 1",
            "reveille_monitor_late_seconds_total 0.7",
            "reveille_looks_total{kind=\"service\",outcome=\"timeout\"} 2",
            "reveille_service_up{service=\"web\"} 0",
            "reveille_service_up{service=\"mail\"} 1",
            "reveille_service_outage_seconds{service=\"web\"} 1.234",
            "reveille_service_probe_latency_seconds{service=\"mail\"} 0.00183",
            "reveille_service_state{service=\"web\",reveille_service_state=\"down\"} 1",
            "reveille_service_state{service=\"web\",reveille_service_state=\"protected\"} 0",
            "reveille_service_role{service=\"dns\",host=\"h2\",role=\"primary\"} 1",
            "reveille_takeovers_total{service=\"mail\"} 1",
            "reveille_takeovers_total{service=\"web\"} 0",
            "reveille_operations_failed_total{service=\"web\",operation=\"failover\"} 1",
            "reveille_host_up{host=\"h1\"} 0",
            "reveille_host_load_per_cpu{host=\"h3\"} 4.2",
            "reveille_host_memory_total_bytes{host=\"h2\"} 8000000000",
        ] {
            assert!(text.lines().any(|one| one == line), "no `{line}` in\n{text}");
        }
        assert!(!text.contains("reveille_host_load_per_cpu{host=\"h1\"}"), "nobody knows it");
    }

    /// What the `OpenMetrics` 1.0 text format asks for: families in one piece, each with its type before its samples,
    /// units as the last word of the name, `_total` for counters alone, every line once, `# EOF` at the end.
    #[test]
    fn it_keeps_to_the_format() {
        for board in [Board::default(), sample::board()] {
            let text = text(&board);
            assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
            let (mut family, mut kind, mut families) = ("", "", BTreeSet::new());
            let mut samples = BTreeSet::new();
            for line in text.lines().filter(|line| *line != "# EOF") {
                let words: Vec<&str> = line.split(' ').collect();
                match words[..] {
                    ["#", "TYPE", name, of] => {
                        assert!(families.insert(name), "{name} comes twice");
                        (family, kind) = (name, of);
                    }
                    ["#", "UNIT", name, unit] => {
                        assert!(name == family && name.ends_with(&format!("_{unit}")), "{line}");
                    }
                    ["#", "HELP", name, ..] => assert_eq!(name, family),
                    _ => {
                        let name = line.split(['{', ' ']).next().unwrap();
                        let suffix = match kind {
                            "counter" => "_total",
                            "info" => "_info",
                            _ => "",
                        };
                        assert_eq!(name, format!("{family}{suffix}"), "{line}");
                        let (sample, value) = line.rsplit_once(' ').unwrap();
                        assert!(value.parse::<f64>().is_ok() && samples.insert(sample), "{line}");
                    }
                }
            }
        }
    }

    /// Each row of the book's table against what is said of a site with everything in it.
    #[test]
    fn the_book_has_these_metrics_and_no_others() {
        let page = include_str!("../../book/src/reference/metrics.md");
        let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
        let rows = page.lines().filter(|line| line.starts_with("| `reveille_")).map(cells);
        let mut told = BTreeSet::new();
        for row in rows {
            for name in row[1].split(", ") {
                told.insert((name.trim_matches('`').to_owned(), row[2].clone(), row[3].replace('`', "")));
            }
        }
        assert_eq!(told, emitted(&text(&sample::board())));
    }

    /// Name, type and labels of everything in an exposition; a state set's own label is not told.
    fn emitted(text: &str) -> BTreeSet<(String, String, String)> {
        let (mut family, mut kind) = ("", "");
        let mut found = BTreeSet::new();
        for line in text.lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["#", "TYPE", name, of] => (family, kind) = (name, of),
                ["#", ..] => {}
                _ => {
                    let (name, rest) = line.split_once(['{', ' ']).unwrap();
                    let labels = rest.split_once('}').map_or("", |(labels, _)| labels).split(',');
                    let labels = labels.filter_map(|label| Some(label.split_once('=')?.0));
                    let labels: Vec<&str> = labels.filter(|label| *label != family).collect();
                    found.insert((name.to_owned(), kind.to_owned(), labels.join(", ")));
                }
            }
        }
        found
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
