//! The outside of a monitor: the site it watches, its hosts, its store. Shared by all looks and runs under way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use tokio::task::JoinSet;

use super::uptime::Uptimes;
use crate::engine::record::Origin;
use crate::engine::{Fencer, Late, Prober, Tools};
use crate::module::Probe;
use crate::module::sample::Wanted;
use crate::plan::facts::SiteFacts;
use crate::plan::table::Table;
use crate::plan::{Operation, Planner, Request};
use crate::site::Site;
use crate::site::id::{HostName, ServiceName};
use crate::store::journal::Redactor;
use crate::store::{Store, StoreError};
use crate::transport::Transport;

/// What a monitor works with.
pub struct Field {
    pub site: Site,
    pub store: Arc<dyn Store>,
    pub transport: Arc<dyn Transport>,
    pub prober: Arc<dyn Prober>,
    pub fencer: Arc<dyn Fencer>,
    /// By variable name, for templates only.
    pub secrets: Map<String, Value>,
    pub redact: Redactor,
    pub origin: Origin,
    pub forks: usize,
    /// Hosts of the pools, in inventory order.
    pub hosts: Vec<HostName>,
    /// The controller's way out, asked whether it is us who are cut off.
    pub gateway: Option<std::net::IpAddr>,
    /// Where plans go that are only written down.
    pub plans: PathBuf,
    /// Rendered once per service and primary.
    probes: Mutex<BTreeMap<(ServiceName, HostName), Arc<NamedProbes>>>,
    pub(super) uptimes: Uptimes,
    pub(super) wanted: Wanted,
    /// Hooks that nobody waits for, until the end.
    pub(super) hooks: Mutex<JoinSet<()>>,
}

/// The checks of a service, rendered.
pub(super) type NamedProbes = Vec<(String, Probe)>;

/// What is needed to make a [`Field`].
pub struct Parts {
    pub site: Site,
    pub store: Arc<dyn Store>,
    pub transport: Arc<dyn Transport>,
    pub prober: Arc<dyn Prober>,
    pub fencer: Arc<dyn Fencer>,
    pub secrets: Map<String, Value>,
    pub redact: Redactor,
    pub origin: Origin,
    pub forks: usize,
    /// Hosts of the pools, in inventory order.
    pub hosts: Vec<HostName>,
    pub gateway: Option<std::net::IpAddr>,
    pub plans: PathBuf,
    /// Programs that a host must have to be given a role: looked for with every sample.
    pub programs: BTreeSet<String>,
}

impl Field {
    pub fn new(parts: Parts) -> Self {
        let mut wanted = Wanted { programs: parts.programs, ..Wanted::default() };
        for playbook in parts.site.playbooks.values() {
            wanted.add(playbook);
        }
        Self {
            site: parts.site,
            store: parts.store,
            transport: parts.transport,
            prober: parts.prober,
            fencer: parts.fencer,
            secrets: parts.secrets,
            redact: parts.redact,
            origin: parts.origin,
            forks: parts.forks,
            hosts: parts.hosts,
            gateway: parts.gateway,
            plans: parts.plans,
            probes: Mutex::default(),
            uptimes: Uptimes::default(),
            wanted,
            hooks: Mutex::default(),
        }
    }

    pub fn planner<'a>(&'a self, table: &'a Table, facts: &'a SiteFacts, request: Request) -> Planner<'a> {
        Planner { site: &self.site, table, facts, secrets: &self.secrets, request }
    }

    pub fn tools<'a>(&'a self, late: &'a dyn Late) -> Tools<'a> {
        Tools {
            transport: &*self.transport,
            store: &*self.store,
            prober: &*self.prober,
            fencer: &*self.fencer,
            late,
        }
    }

    pub async fn table(&self) -> Result<Table, StoreError> {
        self.store.load().await
    }

    /// The checks of a service while `host` serves, by name.
    pub(super) fn probes(
        &self,
        service: &ServiceName,
        host: &HostName,
        table: &Table,
    ) -> Result<Arc<NamedProbes>, String> {
        let key = (service.clone(), host.clone());
        if let Some(known) = self.probes.lock().ok().and_then(|known| known.get(&key).cloned()) {
            return Ok(known);
        }
        let playbook = self.site.playbooks.get(service).ok_or("it has no playbook")?;
        let facts = SiteFacts::new();
        let planner = self.planner(table, &facts, Request::bare(Operation::Deploy, service.clone()));
        let rendered = planner.probes(service, host).map_err(|error| error.to_string())?;
        let named: Arc<NamedProbes> = Arc::new(playbook.probes.keys().cloned().zip(rendered).collect());
        if let Ok(mut known) = self.probes.lock() {
            known.insert(key, Arc::clone(&named));
        }
        Ok(named)
    }

    /// Where a host is reached.
    pub(super) fn address(&self, host: &HostName) -> String {
        self.site.connection(host, None, false).address
    }
}
