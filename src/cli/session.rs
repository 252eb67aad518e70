//! What a command that meets hosts works with: the site, its secrets, the store, warm connections, fresh facts.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::args::Common;
use super::connect;
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use super::site;
use crate::engine::gather::{self, Question};
use crate::engine::record::Origin;
use crate::engine::{Interrupt, recover};
use crate::fence::Agents;
use crate::plan::facts::SiteFacts;
use crate::plan::reconcile::reconcile;
use crate::plan::table::Table;
use crate::plan::{Operation, Plan, Planner, Request};
use crate::site::Site;
use crate::site::id::{HostName, ServiceName};
use crate::site::inventory::FenceDevice;
use crate::site::secret::{Redactor, Secret, SecretSource};
use crate::store::{AcquireError, FileStore, Holder, Keeper, Store, journal};
use crate::transport::{Router, Transport};

pub struct Session {
    pub site: Site,
    pub store: FileStore,
    pub transport: Router,
    /// Take hosts out of action.
    pub agents: Agents,
    /// By variable name, for templates only.
    pub secrets: Map<String, Value>,
    pub redactor: Arc<Redactor>,
    /// Every host of the pools of the services at hand, in inventory order.
    pub hosts: Vec<HostName>,
    /// The right to act, once it was taken.
    lease: Option<Keeper>,
}

/// How long which hosts are waited for when facts are asked for.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    /// To the end: nothing can be planned without them.
    pub must: BTreeSet<HostName>,
    /// Hardly at all: they are thought to be dead.
    pub doubted: BTreeSet<HostName>,
}

impl Session {
    /// Reads the site, resolves secrets, opens the store. Connects to nothing yet.
    pub fn open(common: &Common, services: &[ServiceName]) -> Result<Self, Failure> {
        let site = site::valid(common)?;
        for service in services {
            known(&site, service)?;
        }
        let hosts = hosts(&site, services);
        let (secrets, redactor) = secrets(&site, services, common.become_password.as_ref())?;
        let store = store(&site)?;
        let become_password = become_password(common, &site, &secrets);
        let transport = connect::router(common, &site, &hosts, become_password.as_ref())?;
        let agents = Agents::new(site.root.clone());
        let redactor = Arc::new(redactor);
        Ok(Self { site, store, transport, agents, secrets, redactor, hosts, lease: None })
    }

    /// Takes the right to act, or says who has it. It is kept until [`Session::close`].
    pub async fn lock(&mut self) -> Result<(), Failure> {
        let ttl = self.site.settings.monitor_lease.0;
        let acquire = self.store.acquire(holder(), ttl);
        tokio::pin!(acquire);
        let acquired = tokio::select! {
            acquired = &mut acquire => acquired,
            // Whoever is alive has given a sign of it by now.
            () = tokio::time::sleep(ttl / 2) => {
                output::note("waiting: whoever acted last is silent, and its lease has not run out yet");
                acquire.await
            }
        };
        let lease = acquired.map_err(|error| match error {
            AcquireError::Held(_) => Failure::new(Exit::Locked, error)
                .hint("wait for it to end; it also ends by itself when its process does"),
            AcquireError::Store(error) => Failure::internal(error),
        })?;
        self.lease = Some(Keeper::new(Arc::new(self.store.clone()), lease));
        Ok(())
    }

    /// What ends a run from outside: signals that are raised on it, and the loss of the lease.
    pub fn interrupt(&self) -> Interrupt {
        self.lease.as_ref().map_or_else(Interrupt::default, |keeper| Interrupt::under(keeper.lease().clone()))
    }

    /// Refuses to act on a service beside a run that was cut short. One that ended, but left work for a person, does
    /// not stand in the way of that work.
    pub fn no_open_run(&self, services: &[ServiceName]) -> Result<(), Failure> {
        let open = recover::open_runs(&self.store).map_err(Failure::internal)?;
        for open in open.iter().filter(|open| open.touches(services)) {
            if open.was_cut_short() {
                let words = format!("run {} ({}) was cut short", open.run, open.plan.operation.as_str());
                return Err(Failure::words(Exit::Stuck, words)
                    .hint("`reveille recover` finishes it or takes it back"));
            }
            output::note(&format!("warning: run {} ended with work left for a person", open.run));
        }
        Ok(())
    }

    /// Asks hosts for facts, all at once.
    pub async fn gather(&self, waits: Waits, programs: Vec<String>) -> SiteFacts {
        let question = Question {
            hosts: self.hosts.clone(),
            must: waits.must,
            doubted: waits.doubted,
            programs,
            patience: self.site.settings.ssh.connect_timeout.0,
        };
        gather::gather(&self.transport, &question).await
    }

    /// The stored table, corrected by what the hosts say.
    pub async fn table(&self, facts: &SiteFacts) -> Result<Table, Failure> {
        Ok(reconcile(&self.stored().await?, facts))
    }

    /// The table as it is stored.
    pub async fn stored(&self) -> Result<Table, Failure> {
        self.store.load().await.map_err(Failure::internal)
    }

    pub fn planner<'a>(&'a self, table: &'a Table, facts: &'a SiteFacts, request: Request) -> Planner<'a> {
        Planner { site: &self.site, table, facts, secrets: &self.secrets, request }
    }

    /// The text without any secret.
    pub fn redact(&self, text: &str) -> String {
        self.redactor.redact(text).into_owned()
    }

    /// The plan without any secret: in no value of it is one, not even part of one.
    pub fn redact_plan(&self, plan: &Plan) -> Result<Plan, Failure> {
        let value = serde_json::to_value(plan).map_err(Failure::internal)?;
        let clean = journal::redacted(value, &self.redact_fn());
        serde_json::from_value(clean).map_err(Failure::internal)
    }

    /// The same as a function of its own, for the engine.
    pub fn redact_fn(&self) -> journal::Redactor {
        let redactor = Arc::clone(&self.redactor);
        Arc::new(move |text| redactor.redact(text).into_owned())
    }

    /// How long an operation waits for whose answer.
    pub async fn waits(
        &self,
        operation: Operation,
        services: &[ServiceName],
        to: Option<&HostName>,
    ) -> Result<Waits, Failure> {
        let table = self.stored().await?;
        let mut waits = Waits { must: to.cloned().into_iter().collect(), ..Waits::default() };
        for row in services.iter().filter_map(|service| table.services.get(service)) {
            // A failover must not wait for the host it leaves.
            let left = if operation == Operation::Failover { &mut waits.doubted } else { &mut waits.must };
            left.extend(row.primary.clone());
            waits.must.extend(row.secondary.clone());
        }
        Ok(waits)
    }

    /// Ends the connections, then gives the lease back.
    pub async fn close(mut self) {
        self.transport.close().await;
        if let Some(lease) = self.lease.take() {
            lease.release().await;
        }
    }
}

/// Refuses a service without a playbook.
pub fn known(site: &Site, service: &ServiceName) -> Result<(), Failure> {
    if site.playbooks.contains_key(service) {
        return Ok(());
    }
    let names: Vec<&str> = site.playbooks.keys().map(ServiceName::as_str).collect();
    let failure = Failure::words(Exit::Usage, format!("there is no playbook for service `{service}`"));
    Err(match crate::site::diagnostic::nearest(service.as_str(), names.iter().copied()) {
        Some(best) => failure.hint(format!("did you mean `{best}`?")),
        None => failure.hint(format!("services of this site: {}", names.join(", "))),
    })
}

/// A host that the inventory does not have.
pub fn no_host(site: &Site, host: &HostName) -> Failure {
    let failure = Failure::words(Exit::Usage, format!("there is no host {host} in the inventory"));
    match crate::site::diagnostic::nearest(host.as_str(), site.inventory.hosts().map(HostName::as_str)) {
        Some(best) => failure.hint(format!("did you mean `{best}`?")),
        None => failure.hint("`reveille inventory --graph` shows them"),
    }
}

/// A `--limit` that is no pattern.
pub fn no_pattern(pattern: &str, error: impl std::fmt::Display) -> Failure {
    Failure::words(Exit::Usage, format!("--limit {pattern}: {error}"))
        .hint("write hosts and groups, as in `web:!h9`; `reveille inventory --graph` shows them")
}

/// All hosts of the services' pools; of every service if none is named.
fn hosts(site: &Site, services: &[ServiceName]) -> Vec<HostName> {
    let wanted = |service: &ServiceName| services.is_empty() || services.contains(service);
    let playbooks =
        site.playbooks.iter().filter(|(service, _)| wanted(service)).map(|(_, playbook)| playbook);
    let pools: BTreeSet<HostName> = playbooks.flat_map(|playbook| site.pool(playbook)).collect();
    site.inventory.hosts().filter(|host| pools.contains(host)).cloned().collect()
}

/// What sudo is told: what `-K` was answered, else the secret that the settings name.
fn become_password(common: &Common, site: &Site, secrets: &Map<String, Value>) -> Option<Secret> {
    let named = || {
        let name = site.settings.escalation.password.as_ref()?;
        Secret::new(secrets.get(name.as_str())?.as_str()?).ok()
    };
    common.become_password.clone().or_else(named)
}

fn secrets(
    site: &Site,
    services: &[ServiceName],
    asked: Option<&Secret>,
) -> Result<(Map<String, Value>, Redactor), Failure> {
    let of_services =
        services.iter().filter_map(|service| site.playbooks.get(service)).map(|book| &book.secrets);
    let mut values = Map::new();
    let mut all: Vec<Secret> = Vec::new();
    for (name, source) in std::iter::once(&site.settings.secrets).chain(of_services).flatten() {
        let secret = resolve(site, name, source)?;
        values.insert(name.clone(), secret.expose().into());
        all.push(secret);
    }
    all.extend(passwords(site));
    all.extend(asked.cloned());
    Ok((values, Redactor::new(&all)))
}

/// Passwords of fence devices that the inventory holds in clear: shown to nobody all the same.
fn passwords(site: &Site) -> Vec<Secret> {
    let devices = site.inventory.hosts().flat_map(|host| site.inventory.extras(host, &mut Vec::new()).fence);
    let options = devices.flat_map(|device| device.options);
    let written =
        options.filter(|(name, value)| FenceDevice::is_sensitive(name) && !value.to_string().contains("{{"));
    written.filter_map(|(_, value)| Secret::new(&value.to_string()).ok()).collect()
}

fn resolve(
    site: &Site,
    name: &str,
    source: &crate::site::source::Sp<SecretSource>,
) -> Result<Secret, Failure> {
    source.resolve(&site.root).map_err(|error| {
        let place = site.sources.place(source.span);
        Failure::new(
            Exit::InvalidSite,
            anyhow::Error::new(error).context(format!("failed to get the secret `{name}` ({place})")),
        )
        .hint("see that the variable is set, or the file or program there, for the user who runs reveille")
    })
}

/// The site's store; its folder is made where there is none.
pub fn store(site: &Site) -> Result<FileStore, Failure> {
    FileStore::open(store_folder(site)?).map_err(Failure::internal)
}

/// Where the site's store is kept, whether or not there is one yet.
pub fn store_folder(site: &Site) -> Result<PathBuf, Failure> {
    let store = &site.settings.store;
    let Some(folder) = store.strip_prefix("file:") else {
        let words =
            format!("store `{}` is of no known kind ({})", store.value, site.sources.place(store.span));
        return Err(Failure::words(Exit::InvalidSite, words).hint("write `file:FOLDER`"));
    };
    Ok(site.root.join(folder))
}

/// The time, in milliseconds since 1970.
pub fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default()
}

/// Who runs this command, for the lock and the journal.
pub fn origin() -> Origin {
    let who = std::env::var("SUDO_USER").unwrap_or_else(|_| user_name(nix::unistd::getuid()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Origin { who, host, argv: std::env::args().collect() }
}

fn user_name(id: nix::unistd::Uid) -> String {
    let known = nix::unistd::User::from_uid(id).ok().flatten();
    known.map_or_else(|| format!("uid {id}"), |user| user.name)
}

pub fn holder() -> Holder {
    let Origin { who, host, argv, .. } = origin();
    Holder::this_process(who, host, argv.join(" "))
}
