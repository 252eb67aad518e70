//! The core's configuration, from what a user wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::config::{Config, Measure, Rule, Watched};
use crate::site::Site;
use crate::site::action::{Action, AddressState};
use crate::site::id::HostName;
use crate::site::playbook::{OverloadRule, Playbook, TakeoverMode};
use crate::site::quantity::TimeSpan;

/// Hosts are not asked for their word more often than this.
const LEAST_HOST_INTERVAL_MS: u64 = 1000;

/// A monitor that starts looks at everything this many times before it acts.
const GRACE_ROUNDS: u64 = 2;

const LEAST_GRACE_MS: u64 = 1000;

/// What the command line says over the site's files.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Instead of every service's own interval.
    pub interval: Option<TimeSpan>,
    /// Nothing is run, whatever a playbook allows.
    pub plan_only: bool,
    /// Whether a gateway was found.
    pub gateway: bool,
    /// The hosts that can be reached, in inventory order.
    pub hosts: Vec<HostName>,
    /// Those of them that are this very machine.
    pub own: BTreeSet<HostName>,
}

impl Config {
    /// What is watched on this site, and how closely.
    pub fn of(site: &Site, wishes: &Wishes) -> Self {
        let services: BTreeMap<_, _> = site
            .playbooks
            .iter()
            .map(|(name, playbook)| (name.clone(), Arc::new(watched(site, playbook, wishes))))
            .collect();
        let shortest = services.values().map(|watched| watched.interval_ms).min();
        let longest = services.values().map(|watched| watched.interval_ms).max().unwrap_or(0);
        let fenceable = |host: &&HostName| !site.inventory.extras(host, &mut Vec::new()).fence.is_empty();
        Self {
            hosts: wishes.hosts.clone(),
            fenceable: wishes.hosts.iter().filter(fenceable).cloned().collect(),
            host_interval_ms: shortest.unwrap_or(0).max(LEAST_HOST_INTERVAL_MS),
            grace_ms: (longest * GRACE_ROUNDS).clamp(LEAST_GRACE_MS, 60_000),
            gateway: wishes.gateway,
            own: wishes.own.clone(),
            services,
        }
    }
}

fn watched(site: &Site, playbook: &Playbook, wishes: &Wishes) -> Watched {
    let interval = wishes.interval.unwrap_or(playbook.detection.interval.value);
    // A probe that takes longer than the time between two would never be missed in time.
    let timeout_ms = millis(playbook.detection.timeout.value).min(millis(interval).max(50));
    Watched {
        pool: site.pool(playbook),
        addresses: playbook.addresses.iter().map(|address| address.value.ip()).collect(),
        probed: !playbook.probes.is_empty(),
        interval_ms: millis(interval).max(1),
        timeout_ms,
        confirm: playbook.detection.confirm,
        witnesses: playbook.detection.witnesses,
        listen_ms: millis(site.settings.link_silent),
        evidence: playbook.evidence_policy(),
        mode: if wishes.plan_only { TakeoverMode::PlanOnly } else { playbook.takeover.mode },
        hold_down_ms: millis(playbook.takeover.hold_down),
        max_per_day: playbook.takeover.max_per_day,
        overload: playbook
            .overload
            .iter()
            .filter_map(|(name, rule)| Some((name.clone(), rule_of(&rule.value)?)))
            .collect(),
        lease_ms: lease_ms(playbook),
    }
}

fn rule_of(written: &OverloadRule) -> Option<Rule> {
    let (measure, above) = if let Some(load) = &written.load_per_cpu {
        (Measure::LoadPerCpu, load.value)
    } else if let Some(count) = &written.processes {
        (Measure::Processes(count.value.name.clone()), f64::from(count.value.above))
    } else if let Some(limit) = &written.latency {
        let above = limit.value.above.0.as_secs_f64() * 1000.0;
        (Measure::Latency(limit.value.probe.value.clone()), above)
    } else {
        let limit = written.queue.as_ref()?;
        (Measure::Queue(limit.value.path.clone()), f64::from(limit.value.above))
    };
    Some(Rule { measure, above, rounds: written.rounds })
}

/// The shortest lease of the addresses that `ifconfig` brings up.
fn lease_ms(playbook: &Playbook) -> Option<u64> {
    let leases = playbook.ifconfig.iter().filter_map(|step| match &step.action.value {
        Action::Address(args) if args.state == AddressState::Up => args.lease.as_ref(),
        _ => None,
    });
    leases.map(|lease| millis(lease.value)).min()
}

fn millis(span: TimeSpan) -> u64 {
    u64::try_from(span.0.as_millis()).unwrap_or(u64::MAX)
}
