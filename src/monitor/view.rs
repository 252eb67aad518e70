//! A picture of what the monitor knows, for `explain`, the live table, the status page and metrics. Written to the store
//! by the driver; read by anybody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::core::Core;
use super::counts::Looks;
use super::policy::Blocker;
use super::verdict::Verdict;
use crate::plan::Operation;
use crate::plan::table::ServiceState;
use crate::site::id::{HostName, RunId, ServiceName};

/// The version of the view.
pub const SCHEMA: &str = "reveille.view/1";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    pub schema: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    pub isolated: bool,
    /// How long it still only looks.
    pub grace_ms: u64,
    pub services: Vec<ServiceView>,
    pub hosts: Vec<HostView>,
    /// Looks that came to their end.
    #[serde(default)]
    pub looks: Looks,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceView {
    pub service: ServiceName,
    pub state: ServiceState,
    pub verdict: Verdict,
    pub because: String,
    pub for_ms: u64,
    pub observed: Vec<String>,
    pub primary: Option<HostName>,
    pub secondary: Option<HostName>,
    pub epoch: u64,
    /// How long no client was answered so far.
    pub outage_ms: Option<u64>,
    pub latency_us: Option<u64>,
    pub acting: Option<Operation>,
    pub held: Option<Held>,
    pub paused: Option<String>,
    /// What each overload rule measured last.
    pub gauges: BTreeMap<String, f64>,
    /// Why it is not protected.
    pub lack: Option<String>,
    /// The last run that changed its row.
    #[serde(default)]
    pub last_run: Option<RunId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    pub operation: Operation,
    pub blockers: Vec<Blocker>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostView {
    pub host: HostName,
    pub verdict: Verdict,
    pub because: String,
    pub for_ms: u64,
    pub load_per_cpu: Option<f64>,
    pub mem_available: Option<u64>,
    pub mem_total: Option<u64>,
}

impl Core {
    pub fn view(&self) -> View {
        let now = self.now.mono_ms;
        View {
            schema: SCHEMA.to_owned(),
            at_ms: self.now.wall_ms,
            isolated: self.isolated,
            grace_ms: self.grace_until_ms.saturating_sub(now),
            services: self.services.keys().map(|name| self.service_view(name)).collect(),
            hosts: self.config.hosts.iter().filter_map(|name| self.host_view(name)).collect(),
            looks: self.looks.clone(),
        }
    }

    fn service_view(&self, name: &ServiceName) -> ServiceView {
        let now = self.now.mono_ms;
        let service = &self.services[name];
        let row = self.row(name);
        let primary = row.and_then(|row| row.primary.clone());
        let pause = primary
            .as_ref()
            .and_then(|host| self.table.paused(name, std::slice::from_ref(host), self.now.wall_ms));
        let acting = service.act.and_then(|act| self.under_way.get(&act)).map(|act| act.operation);
        ServiceView {
            service: name.clone(),
            state: self.state(name),
            verdict: service.verdict,
            because: service.because.clone(),
            for_ms: now.saturating_sub(service.since_ms),
            observed: service.observed.clone(),
            primary,
            secondary: row.and_then(|row| row.secondary.clone()),
            epoch: row.map_or(0, |row| row.epoch.0),
            outage_ms: service.out_since_ms.map(|since| now.saturating_sub(since)),
            latency_us: service.latency.last_us(),
            acting,
            held: service.held.clone().map(|(operation, blockers)| Held { operation, blockers }),
            paused: pause.map(|pause| format!("by {}: {}", pause.by, pause.because)),
            gauges: service
                .gauges
                .iter()
                .filter_map(|(name, gauge)| Some((name.clone(), gauge.last?)))
                .collect(),
            lack: self.lack_of(name),
            last_run: row.and_then(|row| row.last_run.clone()),
        }
    }

    /// The state as `status` would say it, by what was seen last.
    fn state(&self, name: &ServiceName) -> ServiceState {
        let Some(row) = self.row(name) else { return ServiceState::Absent };
        let service = &self.services[name];
        let up = matches!(service.verdict, Verdict::Ok | Verdict::Overloaded);
        match row.state {
            ServiceState::Absent | ServiceState::Stuck => row.state,
            _ if service.act.is_some() => ServiceState::Moving,
            _ if up && self.lack_of(name).is_none() => ServiceState::Protected,
            _ if up => ServiceState::Unprotected,
            // Nobody knows better than the table.
            _ if matches!(service.verdict, Verdict::Unknown | Verdict::Isolated | Verdict::Unreachable) => {
                row.state
            }
            _ => ServiceState::Down,
        }
    }

    fn host_view(&self, name: &HostName) -> Option<HostView> {
        let host = self.hosts.get(name)?;
        let facts = host.sample.as_ref().map(|sample| &sample.facts);
        Some(HostView {
            host: name.clone(),
            verdict: host.verdict,
            because: host.because.clone(),
            for_ms: self.now.mono_ms.saturating_sub(host.since_ms),
            load_per_cpu: facts.map(|facts| facts.load_per_cpu),
            mem_available: facts.map(|facts| facts.mem_available),
            mem_total: facts.map(|facts| facts.mem_total),
        })
    }
}
