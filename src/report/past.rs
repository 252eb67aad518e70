//! Why a service was where it was at a time that has gone by: what was known of it then, what was done or held back, and
//! why these hosts were chosen. Pure; made from the site's history and journals by `reveille explain --at`.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::watch::{Line, words as watch_words};
use super::words;
use crate::engine::account::Account;
use crate::monitor::{Happening, Told};
use crate::plan::render::text::story;
use crate::plan::status::Verdict;
use crate::plan::table::Row;
use crate::plan::{PlacementTable, Plan};
use crate::site::id::{HostName, ServiceName};

/// The version of the document.
pub const SCHEMA: &str = "reveille.past/1";

/// Happenings of the service that are shown from before and from after.
const AROUND: (usize, usize) = (8, 4);

/// What was true at a time.
#[derive(Clone, Debug)]
pub struct Past<'a> {
    pub service: ServiceName,
    pub at_ms: u64,
    pub known: Known<'a>,
    /// What the scheduling table said.
    pub row: Option<Row>,
    /// The last run that had begun.
    pub decision: Option<Decision>,
    /// What happened to the service shortly before, and after.
    pub around: Vec<&'a Told>,
}

/// What a monitor had told by then; `None` where it had told nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known<'a> {
    pub leader: Option<&'a Told>,
    pub verdict: Option<&'a Told>,
    /// Hosts that were not well.
    pub hosts: BTreeMap<HostName, &'a Told>,
    pub protection: Option<&'a Told>,
    /// It should have been done and was not.
    pub held: Option<&'a Told>,
    /// It was under way.
    pub acting: Option<&'a Told>,
}

/// A run and why it was as it was.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    #[serde(flatten)]
    pub account: Account,
    /// Why these hosts: every candidate with its score or the reason against it.
    pub placement: Vec<PlacementTable>,
}

impl Decision {
    /// What was decided for the service in this run.
    pub fn of(account: Account, plan: Plan, service: &ServiceName) -> Self {
        let services = plan.services.into_iter().filter(|one| one.service == *service);
        Self { account, placement: services.flat_map(|one| one.placement).collect() }
    }

    /// The last row this run had written for the service by then.
    pub fn row(&self, service: &ServiceName, at_ms: u64) -> Option<&Row> {
        let began = began_ms(&self.account);
        let mut commits = self.account.commits.iter().filter(|commit| commit.service == *service);
        commits.rfind(|commit| began + commit.at_ms <= at_ms).map(|commit| &commit.row)
    }
}

/// Milliseconds since 1970.
pub fn began_ms(account: &Account) -> u64 {
    let began: jiff::Timestamp = account.began.parse().unwrap_or_default();
    u64::try_from(began.as_millisecond()).unwrap_or(0)
}

impl<'a> Past<'a> {
    /// `history`: oldest first; `runs` of the service that had begun, newest first, at least as far back as to one that had
    /// written its row.
    pub fn of(service: ServiceName, at_ms: u64, history: &'a [Told], runs: Vec<Decision>) -> Self {
        let mut known = Known::default();
        let then = history.partition_point(|told| told.at_ms <= at_ms);
        history[..then].iter().for_each(|told| known.hear(told, &service));
        let concerns = |told: &&Told| told.what.services().contains(&&service);
        let before: Vec<&Told> = history[..then].iter().rev().filter(concerns).take(AROUND.0).collect();
        let after = history[then..].iter().filter(concerns).take(AROUND.1);
        let around = before.into_iter().rev().chain(after).collect();
        let row = runs.iter().find_map(|run| run.row(&service, at_ms)).cloned();
        Self { service, at_ms, known, row, decision: runs.into_iter().next(), around }
    }

    /// For programs.
    pub fn document(&self) -> serde_json::Value {
        let line = |told: Option<&'a Told>| told.map(Line::of);
        let Known { leader, verdict, hosts, protection, held, acting } = &self.known;
        serde_json::json!({
            "schema": SCHEMA,
            "service": self.service,
            "at": watch_words::instant(self.at_ms),
            "row": self.row,
            "leader": line(*leader),
            "verdict": line(*verdict),
            "hosts": hosts.values().map(|told| Line::of(told)).collect::<Vec<_>>(),
            "protection": line(*protection),
            "held": line(*held),
            "acting": line(*acting),
            "decision": self.decision,
            "around": self.around.iter().map(|told| Line::of(told)).collect::<Vec<_>>(),
        })
    }

    /// For people.
    pub fn text(&self, zone: &TimeZone) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.state(&mut text, zone);
        if let Some(decision) = &self.decision {
            let _ = decided(&mut text, decision, &self.service, zone);
        }
        if !self.around.is_empty() {
            let _ = writeln!(text, "\nwhat happened around then");
        }
        for told in &self.around {
            let sign = if told.at_ms <= self.at_ms { ' ' } else { '+' };
            let _ = writeln!(text, "{sign} {} {}", watch_words::date_time(told.at_ms, zone), told.what);
        }
        text
    }

    fn state(&self, text: &mut String, zone: &TimeZone) -> std::fmt::Result {
        let Known { leader, verdict, hosts, protection, held, acting } = &self.known;
        writeln!(text, "{} at {}", self.service, watch_words::date_time(self.at_ms, zone))?;
        match &self.row {
            Some(row) => writeln!(
                text,
                "  primary {}, secondary {}, epoch {}",
                name(row.primary.as_ref()),
                name(row.secondary.as_ref()),
                row.epoch
            )?,
            None => writeln!(text, "  no run had given it a primary yet, by the journals that are here")?,
        }
        if leader.is_none() && verdict.is_none() {
            writeln!(text, "  no monitor had told anything yet, by the history that is kept")?;
        }
        let known = [leader, verdict, protection, acting, held].into_iter().flatten();
        for told in known.chain(hosts.values()) {
            writeln!(text, "  {}, since {}", told.what, watch_words::date_time(told.at_ms, zone))?;
        }
        Ok(())
    }
}

impl<'a> Known<'a> {
    fn hear(&mut self, told: &'a Told, service: &ServiceName) {
        match &told.what {
            Happening::Leads { .. } => self.leader = Some(told),
            // A monitor that begins anew knows nothing of what an earlier one concluded.
            Happening::Started { .. } => *self = Self { leader: self.leader, ..Self::default() },
            Happening::HostVerdict { host, verdict: Verdict::Ok, .. } => _ = self.hosts.remove(host),
            Happening::HostVerdict { host, .. } => _ = self.hosts.insert(host.clone(), told),
            _ if told.what.services().contains(&service) => self.hear_of_it(told),
            _ => {}
        }
    }

    fn hear_of_it(&mut self, told: &'a Told) {
        match &told.what {
            Happening::ServiceVerdict { verdict, .. } => {
                self.verdict = Some(told);
                if *verdict == Verdict::Ok {
                    self.held = None;
                }
            }
            Happening::Held { .. } => self.held = Some(told),
            Happening::Began { .. } => (self.acting, self.held) = (Some(told), None),
            Happening::Moved { .. } | Happening::Failed { .. } | Happening::Planned { .. } => {
                self.acting = None;
            }
            Happening::Protected { .. } | Happening::Unprotected { .. } => self.protection = Some(told),
            _ => {}
        }
    }
}

fn decided(
    text: &mut String,
    decision: &Decision,
    service: &ServiceName,
    zone: &TimeZone,
) -> std::fmt::Result {
    let Decision { account, placement } = decision;
    let end = account.end.as_ref().map_or("cut short, or not over yet".to_owned(), words::end);
    writeln!(text, "\nthe last run before it: {} of {service}: {end}", account.operation.as_str())?;
    writeln!(text, "  run {}, {}", account.run, watch_words::date_time(began_ms(account), zone))?;
    let origin = &account.origin;
    writeln!(text, "  by {} on {}: {}", origin.who, origin.host, origin.argv.join(" "))?;
    let of_service = |one: &&crate::engine::account::OfService| one.service == *service;
    if let Some(one) = account.services.iter().find(of_service) {
        let accepted: Vec<&str> = one.accepted.iter().map(|kind| kind.as_str()).collect();
        if !accepted.is_empty() {
            writeln!(text, "  evidence that would do: {}", accepted.join(", "))?;
        }
        one.notes.iter().try_for_each(|note| writeln!(text, "  {note}"))?;
    }
    for one in account.evidence.iter().filter(|one| one.service == *service) {
        writeln!(text, "  evidence obtained: {}: {}", one.kind.as_str(), one.words)?;
    }
    for table in placement {
        writeln!(text, "  the {}: {}", table.role, name(table.chosen.as_ref()))?;
        for candidate in &table.candidates {
            writeln!(text, "    {}: {}", candidate.host, story(candidate))?;
        }
    }
    Ok(())
}

fn name(host: Option<&HostName>) -> &str {
    host.map_or("nobody", HostName::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::sample::{AT_MS, told};

    fn at(ms: u64, what: serde_json::Value) -> Told {
        Told { at_ms: AT_MS + ms, ..told(what) }
    }

    fn verdict(ms: u64, verdict: &str) -> Told {
        at(
            ms,
            json!({ "happening": "service-verdict", "service": "web", "was": "ok", "verdict": verdict,
                    "because": "h2 says so", "host": null }),
        )
    }

    #[test]
    fn what_was_known_is_what_had_been_told_and_not_taken_back() {
        let host = |ms, verdict: &str| {
            at(
                ms,
                json!({ "happening": "host-verdict", "host": "h1", "was": "ok", "verdict": verdict, "because": "" }),
            )
        };
        let history = [
            verdict(0, "ok"),
            host(10, "host-down"),
            verdict(20, "host-down"),
            at(
                30,
                json!({ "happening": "held", "service": "web", "operation": "failover", "because": ["paused"] }),
            ),
            at(
                40,
                json!({ "happening": "began", "services": ["web"], "operation": "failover", "because": "" }),
            ),
            at(
                50,
                json!({ "happening": "moved", "service": "web", "operation": "failover", "primary": "h2",
                           "secondary": null, "outage_ms": 9, "run": null }),
            ),
            verdict(60, "ok"),
            host(70, "ok"),
        ];
        let known = |ms: u64| {
            let past = Past::of("web".try_into().unwrap(), AT_MS + ms, &history, Vec::new());
            let since = |told: Option<&Told>| told.map(|told| told.at_ms - AT_MS);
            let Known { verdict, hosts, held, acting, .. } = past.known;
            (since(verdict), since(hosts.values().next().copied()), since(held), since(acting))
        };
        assert_eq!(known(5), (Some(0), None, None, None));
        assert_eq!(known(35), (Some(20), Some(10), Some(30), None));
        assert_eq!(known(45), (Some(20), Some(10), None, Some(40)));
        assert_eq!(known(99), (Some(60), None, None, None));
        let past = Past::of("web".try_into().unwrap(), AT_MS + 35, &history, Vec::new());
        let text = past.text(&TimeZone::UTC);
        assert!(text.contains("web: no failover: paused, since 2026-11-23 07:05:03.037"), "{text}");
        assert!(text.contains("+ 2026-11-23 07:05:03.047 failover of web begins"), "{text}");
    }
}
