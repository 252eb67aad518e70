//! A site for the tests of reports: web down, mail paused, dns without a copy; one host gone, one busy.

use serde_json::{Value, json};

use super::board::Board;
use crate::monitor::Told;
use crate::monitor::view::View;

pub(crate) const AT_MS: u64 = 1_795_417_503_007;

pub(crate) fn view() -> View {
    with(0)
}

/// The same with so many more services and hosts that are well, and one host among them that is not.
pub(crate) fn with(more: usize) -> View {
    let mut services = vec![
        service(
            "web",
            json!({
                "state": "down", "verdict": "host-down", "because": "neither the service nor its host answers anybody",
                "primary": "h1", "secondary": "h2", "outage_ms": 1234, "latency_us": null,
                "observed": ["h3: no echo from h1 <script>alert(1)</script>"],
                "held": { "operation": "failover", "blockers": [{ "blocker": "busy" }] },
            }),
        ),
        service("mail", json!({ "primary": "h3", "secondary": "h2", "paused": "by root: new switch" })),
        service("dns", json!({ "state": "unprotected", "primary": "h2", "lack": "no host is fit" })),
    ];
    let mut hosts = vec![
        host(
            "h1",
            json!({ "verdict": "host-down", "because": "neither echo nor word", "load_per_cpu": null }),
        ),
        host("h2", json!({ "load_per_cpu": 0.31 })),
        host("h3", json!({ "verdict": "overloaded", "load_per_cpu": 4.2 })),
    ];
    for number in 0..more {
        services.push(service(&format!("more{number}"), json!({ "primary": "h2", "secondary": "h3" })));
        let verdict = if number == more - 1 { "frozen" } else { "ok" };
        hosts.push(host(&format!("m{number}"), json!({ "verdict": verdict })));
    }
    serde_json::from_value(json!({
        "schema": "reveille.view/1", "at_ms": AT_MS, "isolated": false, "grace_ms": 0,
        "services": services, "hosts": hosts,
        "looks": { "service": { "ok": 41, "timeout": 2 }, "echo": { "ok": 80 } },
    }))
    .unwrap()
}

fn service(name: &str, but: Value) -> Value {
    let usual = json!({
        "service": name, "state": "protected", "verdict": "ok", "because": "it answers", "for_ms": 72_000,
        "observed": [], "primary": null, "secondary": null, "epoch": 4, "outage_ms": null, "latency_us": 1830,
        "acting": null, "held": null, "paused": null, "gauges": { "load": 0.5 }, "lack": null, "last_run": null,
    });
    merged(usual, but)
}

fn host(name: &str, but: Value) -> Value {
    let usual = json!({
        "host": name, "verdict": "ok", "because": "it answers", "for_ms": 5_400_000, "load_per_cpu": 0.1,
        "mem_available": 2_000_000_000_u64, "mem_total": 8_000_000_000_u64,
    });
    merged(usual, but)
}

fn merged(mut usual: Value, but: Value) -> Value {
    let Value::Object(but) = but else { return usual };
    usual.as_object_mut().unwrap().extend(but);
    usual
}

/// `what` as a monitor tells it, without its time.
pub(crate) fn told(mut what: Value) -> Told {
    what["at_ms"] = AT_MS.into();
    serde_json::from_value(what).unwrap()
}

pub(crate) fn story() -> Vec<Told> {
    let what = [
        json!({ "happening": "leads", "leader": "root on h4", "term": 3 }),
        json!({ "happening": "moved", "service": "mail", "operation": "failover", "primary": "h3",
                "secondary": "h2", "outage_ms": 612, "run": null }),
        json!({ "happening": "late", "by_ms": 700 }),
        json!({ "happening": "service-verdict", "service": "web", "was": "ok", "verdict": "host-down",
                "because": "neither the service nor its host answers anybody", "host": "h1" }),
        json!({ "happening": "failed", "services": ["web"], "operation": "failover",
                "because": "a <b>step</b> failed", "run": null }),
    ];
    what.map(told).to_vec()
}

pub(crate) fn board() -> Board {
    let mut board = Board::default();
    for told in &story() {
        board.told(told);
    }
    board.view(&view());
    board
}
