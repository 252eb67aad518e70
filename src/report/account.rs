//! The story of one run as text: what led to it, what was known, what was done where and how long it took. Pure.

pub mod page;
mod timeline;

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::watch::words as watch_words;
use super::words;
use crate::engine::account::{Account, OfService, OfStep, Undo};
use crate::engine::event::StepResult;
use crate::monitor::{Happening, Told};
use crate::site::id::HostName;

/// How long before a run a happening may lie that led to it.
const BEFORE_MS: i64 = 60_000;

/// Which of a site's happenings belong to the run: those of its services, shortly before it or within it.
pub fn belonging(account: &Account, history: impl IntoIterator<Item = Told>) -> Vec<Told> {
    let began = account.began.parse::<Timestamp>().unwrap_or_default().as_millisecond();
    let end = began.saturating_add_unsigned(account.took_ms) + 1000;
    let of_run = |told: &Told| {
        let services = told.what.services();
        services.iter().any(|name| account.services.iter().any(|one| one.service == **name))
    };
    let within = |told: &Told| i64::try_from(told.at_ms).is_ok_and(|at| at >= began - BEFORE_MS && at <= end);
    let all: Vec<Told> = history.into_iter().filter(|told| of_run(told) && within(told)).collect();
    // What an earlier run did and saw is its own story.
    let earlier = all.iter().rposition(|told| match &told.what {
        Happening::Moved { run: Some(run), .. } | Happening::Failed { run: Some(run), .. } => {
            *run < account.run
        }
        _ => false,
    });
    all.into_iter().skip(earlier.map_or(0, |at| at + 1)).collect()
}

/// The whole story; `happenings` as [`belonging`] chose them.
pub fn text(account: &Account, happenings: &[Told], zone: &TimeZone) -> String {
    let mut text = String::new();
    let began = account.began.parse::<Timestamp>().unwrap_or_default();
    let wall = began.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
    let services: Vec<&str> = account.services.iter().map(|one| one.service.as_str()).collect();
    let end = account.end.as_ref().map_or("cut short, or not over yet".to_owned(), words::end);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} of {}: {end}", account.operation.as_str(), services.join(", "));
    let _ = writeln!(text, "run {}, {wall}, {}", account.run, words::duration(account.took_ms));
    let origin = &account.origin;
    let _ = writeln!(text, "by {} on {}: {}", origin.who, origin.host, origin.argv.join(" "));
    section(&mut text, "What happened", happenings.iter().map(|told| happening(told, zone)));
    section(&mut text, "Services", account.services.iter().map(|one| service(one, happenings)));
    section(
        &mut text,
        "Evidence",
        account
            .evidence
            .iter()
            .map(|one| format!("{}  {}: {}: {}", at(one.at_ms), one.service, one.kind.as_str(), one.words)),
    );
    section(
        &mut text,
        "Committed",
        account.commits.iter().map(|one| {
            let (primary, secondary) = (name(one.row.primary.as_ref()), name(one.row.secondary.as_ref()));
            let row = &one.row;
            format!(
                "{}  {}: primary {primary}, secondary {secondary}, epoch {}",
                at(one.at_ms),
                one.service,
                row.epoch
            )
        }),
    );
    let (ran, not): (Vec<&OfStep>, Vec<&OfStep>) =
        account.steps.iter().partition(|step| step.at_ms.is_some());
    section(&mut text, "Steps", steps(&ran));
    section(&mut text, "Not run", steps(&not));
    section(&mut text, "Taken back", account.undo.iter().flat_map(undo));
    if !account.recap.is_empty() {
        let _ = write!(text, "\n{}", words::recaps(&account.recap));
    }
    if !account.manual.is_empty() {
        let _ = write!(text, "\n{}", words::manual(&account.manual));
    }
    text
}

fn section(text: &mut String, title: &str, lines: impl IntoIterator<Item = String>) {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_some() {
        let _ = writeln!(text, "\n{title}");
    }
    for line in lines {
        let _ = writeln!(text, "  {}", line.trim_end().replace('\n', "; "));
    }
}

fn happening(told: &Told, zone: &TimeZone) -> String {
    let word = watch_words::gravity(told.what.gravity());
    format!("{} {word:7} {}", watch_words::date_time(told.at_ms, zone), told.what)
}

fn service(one: &OfService, happenings: &[Told]) -> String {
    let mut line = format!("{}: {} → {}", one.service, name(one.from.as_ref()), name(one.to.as_ref()));
    let _ = write!(
        line,
        ", copy on {}, epoch {} → {}",
        name(one.secondary.as_ref()),
        one.epoch_before,
        one.epoch
    );
    let outage = happenings.iter().find_map(|told| match &told.what {
        Happening::Moved { service, outage_ms, .. } if *service == one.service => *outage_ms,
        _ => None,
    });
    if let Some(outage) = outage {
        let _ = write!(line, ", out for {}", words::duration(outage));
    }
    one.notes.iter().for_each(|note| _ = write!(line, "; {note}"));
    line
}

/// One line per step, in columns.
fn steps(steps: &[&OfStep]) -> Vec<String> {
    let rows: Vec<[String; 5]> = steps.iter().map(|step| row(step)).collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).enumerate().filter(|(_, (_, width))| *width > 0);
        let cells = cells.map(|(at, (cell, width))| match at {
            0 | 1 => format!("{cell:>width$}"),
            _ => format!("{cell:width$}"),
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}

fn row(step: &OfStep) -> [String; 5] {
    let (word, sign) = step.result.map_or(("UNKNOWN", '?'), |result| words::result(result, step.advisory));
    let again = if step.attempts > 1 { format!(", attempt {}", step.attempts) } else { String::new() };
    let boring = matches!(step.result, Some(StepResult::Cancelled)) && step.detail == "cancelled";
    let detail = if step.detail.is_empty() || boring { String::new() } else { format!(": {}", step.detail) };
    let name = step.step.0.splitn(3, '/').nth(2).unwrap_or(&step.step.0);
    [
        step.at_ms.map_or(String::new(), at),
        if step.at_ms.is_some() { words::duration(step.took_ms) } else { String::new() },
        step.host.as_ref().map_or("here", HostName::as_str).to_owned(),
        format!("{} {name}", step.service),
        format!("{sign} {word}{again}{detail}"),
    ]
}

fn undo(undo: &Undo) -> Vec<String> {
    let mut lines = vec![format!("{}  {}: {}", at(undo.at_ms), undo.service, undo.because)];
    lines.extend(undo.steps.iter().map(|undone| {
        let word = match undone.ok {
            Some(true) => "undone",
            Some(false) => "UNDO FAILED",
            None => "not tried",
        };
        let detail = if undone.detail.is_empty() { String::new() } else { format!(": {}", undone.detail) };
        format!("  {} {word}{detail}", words::step(&undone.step))
    }));
    lines
}

/// `+0.412 s`, since the run began.
fn at(ms: u64) -> String {
    format!("+{}.{:03} s", ms / 1000, ms % 1000)
}

fn name(host: Option<&HostName>) -> &str {
    host.map_or("nobody", HostName::as_str)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::account::{Obtained, SCHEMA, Undone};
    use crate::engine::event::RunEnd;
    use crate::engine::record::Origin;
    use crate::plan::{Operation, StepRef};
    use crate::report::sample::{AT_MS, told};
    use crate::site::id::Epoch;
    use crate::site::playbook::EvidenceKind;

    pub(super) fn account() -> Account {
        let step = |id: &str, at_ms, result, detail: &str| OfStep {
            step: StepRef(id.to_owned()),
            service: "web".try_into().unwrap(),
            host: (!id.contains("/-/")).then(|| "h2".try_into().unwrap()),
            title: String::new(),
            words: String::new(),
            command: None,
            undo: None,
            hidden: false,
            advisory: false,
            at_ms,
            took_ms: 61,
            attempts: 1,
            result,
            detail: detail.to_owned(),
        };
        let undone = |ok| Undone {
            step: StepRef("web/h2/wake.resume".to_owned()),
            at_ms: Some(200),
            took_ms: 41,
            ok,
            detail: String::new(),
        };
        Account {
            schema: SCHEMA,
            run: "20261123T070503.007Z-1f0c".try_into().unwrap(),
            operation: Operation::Failover,
            origin: Origin {
                who: "root".into(),
                host: "desk".into(),
                argv: vec!["reveille".into(), "watch".into()],
            },
            plan_hash: "e0008b5a0c8d".to_owned(),
            began: "2026-11-23T07:05:03.007Z".to_owned(),
            took_ms: 1412,
            end: Some(RunEnd::Undone { because: "ifconfig.claim failed".to_owned() }),
            services: vec![OfService {
                service: "web".try_into().unwrap(),
                from: Some("h1".try_into().unwrap()),
                to: Some("h2".try_into().unwrap()),
                secondary: None,
                epoch_before: Epoch(1),
                epoch: Epoch(2),
                accepted: Vec::new(),
                notes: vec!["cold".to_owned()],
            }],
            evidence: vec![Obtained {
                at_ms: 74,
                service: "web".try_into().unwrap(),
                kind: EvidenceKind::LinkSilent,
                words: "h2 heard nobody".to_owned(),
            }],
            commits: Vec::new(),
            steps: vec![
                step("web/h2/wake.resume", Some(0), Some(StepResult::Changed), ""),
                step("web/h2/ifconfig.claim", Some(106), Some(StepResult::Failed), "h9 answers\nfor it"),
                step("web/-/commit.commit", None, Some(StepResult::NotReached), ""),
            ],
            undo: vec![Undo {
                service: "web".try_into().unwrap(),
                at_ms: 200,
                because: "ifconfig.claim failed".to_owned(),
                steps: vec![undone(Some(true))],
            }],
            recap: Vec::new(),
            manual: Vec::new(),
        }
    }

    #[test]
    fn the_story_reads_from_cause_to_end() {
        let began = told(
            json!({ "happening": "began", "services": ["web"], "operation": "failover", "because": "h1 is host-down" }),
        );
        let expected = "\
failover of web: undone: ifconfig.claim failed
run 20261123T070503.007Z-1f0c, 2026-11-23 07:05:03.007, 1.41 s
by root on desk: reveille watch

What happened
  2026-11-23 07:05:03.007 notice  failover of web begins: h1 is host-down

Services
  web: h1 → h2, copy on nobody, epoch 1 → 2; cold

Evidence
  +0.074 s  web: link-silent: h2 heard nobody

Steps
  +0.000 s  61 ms  h2  web wake.resume     ~ changed
  +0.106 s  61 ms  h2  web ifconfig.claim  ! FAILED: h9 answers; for it

Not run
  here  web commit.commit  . not reached

Taken back
  +0.200 s  web: ifconfig.claim failed
    web: h2 wake.resume undone
";
        assert_eq!(text(&account(), &[began], &TimeZone::UTC), expected);
    }

    #[test]
    fn what_an_earlier_run_did_is_its_own_story() {
        let at = |ms: i64, what| Told { at_ms: AT_MS.saturating_add_signed(ms), ..told(what) };
        let verdict = || {
            json!({ "happening": "service-verdict", "service": "web", "was": "ok", "verdict": "host-down",
                                 "because": "", "host": null })
        };
        let failed = |run: &str| {
            json!({ "happening": "failed", "services": ["web"], "operation": "failover",
                                         "because": "", "run": run })
        };
        let history = [
            at(-90_000, verdict()),
            at(-50_000, verdict()),
            at(-40_000, failed("20261123T070403.007Z-0000")),
            at(-900, verdict()),
            at(-800, json!({ "happening": "unprotected", "service": "mail", "because": "" })),
            at(1500, failed("20261123T070503.007Z-1f0c")),
            at(9000, verdict()),
        ];
        let chosen: Vec<u64> = belonging(&account(), history).iter().map(|told| told.at_ms).collect();
        assert_eq!(chosen, [AT_MS - 900, AT_MS + 1500]);
    }
}
