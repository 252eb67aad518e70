//! What the server shows, as plain data, and who puts it there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tokio::sync::watch;

use crate::monitor::Told;
use crate::monitor::view::View;
use crate::plan::status::{HostStatus, ServiceStatus, Status};
use crate::report::board::Board;
use crate::report::watch::WatchReport;
use crate::site::address::ServiceAddress;
use crate::site::id::{Epoch, ServiceName};

/// Between two versions, where nothing happened.
const PACE: Duration = Duration::from_secs(1);

/// Every service's addresses, as its playbook says them.
pub type Addresses = BTreeMap<ServiceName, Vec<ServiceAddress>>;

/// One version of everything there is to see.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What people call the site.
    pub site: String,
    pub zone: TimeZone,
    pub addresses: Addresses,
    pub board: Board,
    /// When this version was made.
    pub at: Instant,
}

impl Shown {
    /// A site of which nothing is known yet.
    pub fn new(site: impl Into<String>, zone: TimeZone, addresses: Addresses) -> Self {
        Self { site: site.into(), zone, addresses, board: Board::default(), at: Instant::now() }
    }

    /// How things are, as `reveille status --json` says it.
    pub fn status(&self) -> Status {
        Status {
            schema: crate::plan::status::SCHEMA,
            monitor: self.board.monitor.as_ref().map(|(monitor, _)| monitor.clone()),
            services: self.board.services().iter().map(|service| self.service(service)).collect(),
            hosts: self.board.hosts().iter().map(|host| self.host(host)).collect(),
            ..Status::default()
        }
    }

    fn service(&self, service: &crate::monitor::view::ServiceView) -> ServiceStatus {
        let held = service.held.iter().flat_map(|held| {
            held.blockers.iter().map(|blocker| format!("no {}: {blocker}", held.operation.as_str()))
        });
        ServiceStatus {
            service: service.service.clone(),
            state: service.state,
            verdict: service.verdict,
            primary: service.primary.clone(),
            secondary: service.secondary.clone(),
            epoch: Epoch(service.epoch),
            addresses: self.addresses.get(&service.service).cloned().unwrap_or_default(),
            paused: service.paused.clone(),
            last_run: service.last_run.clone(),
            notes: held.chain(service.lack.clone()).collect(),
        }
    }

    fn host(&self, host: &crate::monitor::view::HostView) -> HostStatus {
        let well = host.verdict == crate::plan::status::Verdict::Ok;
        HostStatus {
            host: host.host.clone(),
            verdict: host.verdict,
            load_per_cpu: host.load_per_cpu,
            roles: self.board.roles(&host.host),
            detail: (!well).then(|| host.because.clone()),
        }
    }
}

/// Leaves a version for the server, at once when something happened and every second otherwise.
pub struct Publish {
    shown: Shown,
    versions: watch::Sender<Arc<Shown>>,
    /// When the last was left; none when something happened since.
    left: Option<Instant>,
}

impl Publish {
    pub fn new(shown: Shown) -> (Self, watch::Receiver<Arc<Shown>>) {
        let (versions, receiver) = watch::channel(Arc::new(shown.clone()));
        (Self { shown, versions, left: None }, receiver)
    }
}

impl Publish {
    fn leave(&mut self) {
        self.shown.at = Instant::now();
        self.left = Some(self.shown.at);
        self.versions.send_replace(Arc::new(self.shown.clone()));
    }
}

impl WatchReport for Publish {
    fn told(&mut self, told: &Told) {
        self.shown.board.told(told);
        self.left = None;
        // Who leads is known at once, before there is a picture.
        if told.what.is_of_leading() {
            self.leave();
        }
    }

    fn view(&mut self, view: &View) {
        self.shown.board.view(view);
        if self.left.is_none_or(|left| left.elapsed() >= PACE) {
            self.leave();
        }
    }
}
