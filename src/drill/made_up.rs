//! A small drill that never happened, for tests of everything that shows one.

use std::collections::BTreeMap;

use super::cell::{Fault, Interval, Wanted};
use super::record::{Document, Machine, Round};

pub fn document() -> Document {
    let wanted = Wanted {
        services: ["web", "dns"].map(|name| name.try_into().unwrap()).to_vec(),
        faults: vec![Fault::Overload, Fault::Cut],
        intervals: ["4", "8"].map(|text| text.parse().unwrap()).to_vec(),
        rounds: 4,
    };
    let machine = Machine {
        cores: 2,
        cpu: "made up".to_owned(),
        memory_mib: 2048,
        kernel: "6.1.0".to_owned(),
        system: "Debian GNU/Linux 12 (bookworm)".to_owned(),
    };
    let mut document = Document::new(machine, 7, wanted.clone(), vec!["As it was made up.".to_owned()]);
    document.versions = BTreeMap::from([("reveille".to_owned(), "0.1.0".to_owned())]);
    for cell in wanted.cells() {
        for number in 1..=4 {
            document.rounds.push(round(&cell.service, cell.fault, cell.interval, number));
        }
    }
    document
}

/// The last round of the first service's first cut fails.
fn round(service: &crate::site::id::ServiceName, fault: Fault, interval: Interval, number: u32) -> Round {
    let phase = (f64::from(number) - 0.5) / 4.0;
    let failed = fault == Fault::Cut && service.as_str() == "web" && number == 4;
    let slow = if service.as_str() == "dns" { 0.05 } else { 0.0 };
    let deterministic = interval.as_secs() * (1.0 - phase) + 0.12 + slow;
    let migration = if fault == Fault::Overload { 0.18 } else { 0.03 } + slow;
    let figure = |value: f64| (!failed).then_some((value * 1e4).round() / 1e4);
    Round {
        service: service.clone(),
        fault,
        interval_s: interval,
        round: number,
        at: "2026-11-23T07:05:03.1234Z".parse().unwrap(),
        phase,
        how: if fault == Fault::Cut { "its cable was pulled" } else { "301 processes named apache2" }
            .to_owned(),
        inject_ms: 4.2,
        from: "h1".try_into().unwrap(),
        to: (!failed).then(|| "h2".try_into().unwrap()),
        because: (!failed).then(|| "host-down: it is silent".to_owned()),
        deterministic_s: figure(deterministic),
        migration_s: figure(migration),
        response_s: figure(deterministic + migration),
        outage_ms: figure(migration * 1000.0),
        looks: 1,
        load: 0.5,
        disturbed: 0,
        failed: failed.then(|| "nobody took over within 64 s".to_owned()),
    }
}
