//! Judges what only all hosts together show: who holds a service's addresses, and whether that is who should.

use std::collections::{BTreeMap, BTreeSet};

use super::needs::About;
use super::{Finding, Needs, ServiceReport, Visit, package};
use crate::plan::facts::ProcessFact;
use crate::plan::table::{Row, ServiceState};
use crate::site::address::ServiceAddress;
use crate::site::id::{HostName, ServiceName};

/// All hosts that answered, with what was asked of them.
pub struct Round<'a> {
    pub visits: &'a BTreeMap<HostName, (Visit, Needs)>,
}

/// Everything worth saying about a service; `row` is where it should be.
pub fn examine(
    service: &ServiceName,
    addresses: &[ServiceAddress],
    row: Option<&Row>,
    round: &Round<'_>,
) -> ServiceReport {
    let row = row.filter(|row| row.state != ServiceState::Absent);
    let mut findings: Vec<Finding> =
        addresses.iter().map(|address| round.holder(service, *address, row)).collect();
    findings.extend(row.and_then(|row| round.sleeper(service, row)));
    ServiceReport { service: service.clone(), findings }
}

/// A probe whose program the controller does not have: nobody could say how the service is.
pub fn no_program(service: &ServiceName, place: &str, probe: &str, program: &str) -> Finding {
    let what = format!("{place}: the controller has no `{program}`, needed by probe `{probe}`");
    Finding::error("probe", what, package::fix_here(program)).of([service.clone()])
}

impl Round<'_> {
    fn holder(&self, service: &ServiceName, address: ServiceAddress, row: Option<&Row>) -> Finding {
        let holders = self.holders(address);
        let others = self.others(service, address, &holders);
        let primary = row.and_then(|row| row.primary.as_ref());
        let ip = address.ip();
        let clean = format!("`reveille reprotect {service}` takes it off whoever should not hold it");
        let error = |what: String, fix: String| Finding::error("address", what, fix);
        let finding = match (holders.as_slice(), primary) {
            ([_, _, ..], _) => error(format!("{ip} is held twice: by {}", listed(&holders)), clean),
            ([host], _) if !others.is_empty() => {
                let what = format!("{ip} is held by {host}, and {} answers for it too", words(&others));
                error(what, "find that machine: two holders at once break every client".to_owned())
            }
            ([host], Some(primary)) if *host != primary => {
                error(format!("{ip} is held by {host}, but {primary} is the primary"), clean)
            }
            ([host], None) => {
                let fix =
                    format!("take it off: ip addr del {ip}/32 on {host}; or `reveille deploy {service}`");
                error(format!("{ip} is held by {host}, but {service} is not deployed"), fix)
            }
            ([host], Some(_)) => Finding::ok("address", format!("{ip} is held by {host}")),
            ([], Some(primary)) if others.is_empty() && self.visits.contains_key(primary) => {
                let fix = format!("`reveille deploy {service}` puts it back");
                error(format!("nobody holds {ip}; {primary} should"), fix)
            }
            ([], Some(primary)) if !others.is_empty() && !self.visits.contains_key(primary) => {
                let what = format!(
                    "{} answers for {ip}: most likely {primary}, which cannot be logged in to",
                    words(&others)
                );
                Finding::warning("address", what, format!("look at {primary} by its console"))
            }
            ([], _) if others.is_empty() => Finding::ok("address", format!("nobody answers for {ip}")),
            ([], _) => {
                let what = format!("{ip} is in use: {} answers for it", words(&others));
                error(what, "find that machine, or choose another address".to_owned())
            }
        };
        finding.of([service.clone()])
    }

    /// Hosts that say themselves that they hold it.
    fn holders(&self, address: ServiceAddress) -> Vec<&HostName> {
        let holds = |visit: &Visit| visit.facts.addresses.iter().any(|held| held.address == address.ip());
        self.visits.iter().filter(|(_, (visit, _))| holds(visit)).map(|(host, _)| host).collect()
    }

    /// Hardware addresses that answer for it on some host's network and belong to none of its holders.
    fn others(
        &self,
        service: &ServiceName,
        address: ServiceAddress,
        holders: &[&HostName],
    ) -> BTreeSet<String> {
        let about = About::Holder(service.clone(), address);
        let heard = self.visits.values().flat_map(|(visit, needs)| {
            let places = needs.asks.iter().enumerate().filter(|(_, ask)| ask.about == about);
            places.filter_map(|(place, _)| hardware(&visit.answer.checks.get(&place)?.1))
        });
        let known = |mac: &String| {
            holders
                .iter()
                .any(|host| self.visits.get(*host).is_some_and(|(visit, _)| visit.answer.macs.contains(mac)))
        };
        heard.filter(|mac| !known(mac)).collect()
    }

    /// Whether the secondary could be woken.
    fn sleeper(&self, service: &ServiceName, row: &Row) -> Option<Finding> {
        let host = row.secondary.as_ref()?;
        let (visit, _) = self.visits.get(host)?;
        let processes = visit.facts.services.get(service).map(|trace| &trace.processes);
        let asleep = processes.is_some_and(|all| all.values().all(|process| *process == ProcessFact::Asleep));
        let finding = if asleep {
            Finding::ok("secondary", format!("its copy on {host} is asleep"))
        } else {
            let fix = format!("`reveille reprotect {service}` makes a new one");
            Finding::error("secondary", format!("its copy on {host} is not asleep: it cannot take over"), fix)
        };
        Some(finding.of([service.clone()]))
    }
}

/// The hardware address in `10.83.0.80 is held by 02:00:00:00:00:01 on eth0`.
fn hardware(said: &str) -> Option<String> {
    let (_, rest) = said.split_once(" is held by ")?;
    rest.split_whitespace().next().map(str::to_lowercase)
}

fn listed(hosts: &[&HostName]) -> String {
    hosts.iter().map(|host| host.as_str()).collect::<Vec<_>>().join(" and ")
}

fn words(macs: &BTreeSet<String>) -> String {
    macs.iter().map(String::as_str).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::needs::Ask;
    use crate::doctor::{Answer, Reading, Severity};
    use crate::module::Script;
    use crate::plan::facts::{HeldAddress, HostFacts};
    use crate::site::id::Epoch;

    fn address() -> ServiceAddress {
        "10.0.0.80/24".parse().unwrap()
    }

    fn web() -> ServiceName {
        "web".parse().unwrap()
    }

    fn row(primary: &str) -> Row {
        Row {
            primary: Some(primary.parse().unwrap()),
            secondary: None,
            epoch: Epoch(1),
            state: ServiceState::Protected,
            last_run: None,
        }
    }

    /// A host with hardware address `mac`, which holds the address or heard `said` when it asked for it.
    fn host(name: &str, mac: &str, holds: bool, said: &str) -> (HostName, (Visit, Needs)) {
        let held = HeldAddress { device: "eth0".into(), address: address().ip(), prefix: 32 };
        let facts =
            HostFacts { addresses: holds.then_some(held).into_iter().collect(), ..HostFacts::default() };
        let answer = Answer {
            macs: [mac.to_owned()].into(),
            checks: [(0, (i32::from(!said.is_empty()), said.to_owned()))].into(),
            ..Answer::default()
        };
        let ask = Ask { about: About::Holder(web(), address()), script: Script::default() };
        let needs = Needs { asks: if holds { Vec::new() } else { vec![ask] }, ..Needs::default() };
        let host: HostName = name.parse().unwrap();
        let visit = Visit {
            host: host.clone(),
            login_ms: 0,
            command_ms: 0,
            facts,
            clock: Reading::default(),
            login: Answer::default(),
            answer,
        };
        (host, (visit, needs))
    }

    fn judged(hosts: Vec<(HostName, (Visit, Needs))>, row: Option<&Row>) -> (Severity, String) {
        let visits = hosts.into_iter().collect();
        let mut report = examine(&web(), &[address()], row, &Round { visits: &visits });
        let finding = report.findings.remove(0);
        (finding.severity, finding.what)
    }

    const HEARD: &str = "10.0.0.80 is held by 02:00:00:00:00:01 on eth0";

    #[test]
    fn the_primary_alone_is_well() {
        let hosts =
            vec![host("h1", "02:00:00:00:00:01", true, ""), host("h2", "02:00:00:00:00:02", false, HEARD)];
        assert_eq!(judged(hosts, Some(&row("h1"))), (Severity::Ok, "10.0.0.80 is held by h1".into()));
    }

    #[test]
    fn two_holders_and_a_wrong_one_are_errors() {
        let both = vec![host("h1", "m1", true, ""), host("h2", "m2", true, "")];
        assert_eq!(
            judged(both, Some(&row("h1"))),
            (Severity::Error, "10.0.0.80 is held twice: by h1 and h2".into())
        );
        let wrong = vec![host("h1", "m1", false, ""), host("h2", "m2", true, "")];
        let (severity, what) = judged(wrong, Some(&row("h1")));
        assert_eq!(
            (severity, what.as_str()),
            (Severity::Error, "10.0.0.80 is held by h2, but h1 is the primary")
        );
    }

    #[test]
    fn a_stranger_on_the_network_is_an_error() {
        let (severity, what) = judged(vec![host("h2", "m2", false, HEARD)], None);
        assert!(severity == Severity::Error && what.contains("02:00:00:00:00:01 answers"), "{what}");
        let beside = vec![host("h1", "m1", true, ""), host("h2", "m2", false, HEARD)];
        let (severity, what) = judged(beside, Some(&row("h1")));
        assert!(severity == Severity::Error && what.contains("answers for it too"), "{what}");
    }

    #[test]
    fn an_answer_while_the_primary_cannot_be_asked_is_most_likely_the_primary() {
        let (severity, what) = judged(vec![host("h2", "m2", false, HEARD)], Some(&row("h1")));
        assert!(severity == Severity::Warning && what.contains("most likely h1"), "{what}");
        let (severity, what) = judged(vec![host("h1", "m1", false, "")], Some(&row("h1")));
        assert_eq!((severity, what.as_str()), (Severity::Error, "nobody holds 10.0.0.80; h1 should"));
    }
}
