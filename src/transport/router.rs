//! Sends each host's jobs the way its destination says: over ssh, or to this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Destination, Exit, Job, LineSink, Local, Lost, OpenSsh, SetupError, Transport};
use crate::site::id::HostName;

/// All hosts of a site, however each is reached.
pub struct Router {
    ssh: OpenSsh,
    local: BTreeSet<HostName>,
    here: Local,
}

impl Router {
    /// Connects to nothing yet.
    pub fn new(destinations: BTreeMap<HostName, Destination>) -> Result<Self, SetupError> {
        let (local, remote): (BTreeMap<_, _>, _) = destinations.into_iter().partition(|(_, to)| to.local);
        let here = Local::new(local.values().find_map(|to| to.become_password.clone()));
        Ok(Self { ssh: OpenSsh::new(remote)?, local: local.into_keys().collect(), here })
    }

    /// See [`OpenSsh::keep_warm`].
    pub fn keep_warm(self, idle: Duration) -> Result<Self, SetupError> {
        Ok(Self { ssh: self.ssh.keep_warm(idle)?, ..self })
    }

    fn by(&self, host: &HostName) -> &dyn Transport {
        if self.local.contains(host) { &self.here } else { &self.ssh }
    }
}

impl Transport for Router {
    fn run<'a>(&'a self, host: &'a HostName, job: Job, lines: LineSink) -> BoxFuture<'a, Result<Exit, Lost>> {
        self.by(host).run(host, job, lines)
    }

    fn warm<'a>(&'a self, host: &'a HostName) -> BoxFuture<'a, Result<(), Lost>> {
        self.by(host).warm(host)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.ssh.close()
    }
}
