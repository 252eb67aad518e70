//! Hosts over ssh: one connection per host, made on first use or by `warm`, shared by all jobs, made anew after a loss.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, Shared};
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::conversation::converse;
use super::link::{Channel, Link};
use super::login::{self, Keep};
use super::master::{Master, NoChannel};
use super::ssh_args::{self, BadDestination};
use super::sudo::{Password, Started};
use super::{Destination, Exit, Job, LineSink, Lost, RunAs, Transport, runtime_dir};
use crate::site::id::HostName;

/// Programs at once on one host: fewer than the 10 sessions sshd allows by default, so that a kill finds room, and
/// enough that a few long waits hold up nobody. (Short commands gain nothing beyond 4.)
const SLOTS: usize = 8;

/// A refused session is asked for again after this long, doubling up to [`LAST_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(5);
const LAST_BACKOFF: Duration = Duration::from_millis(200);

/// A connection found lost sooner than this was lost before (idle, say), so a new one is worth making.
const AT_ONCE: Duration = Duration::from_millis(500);

/// The hosts that are reached over ssh. Each [`Destination`] keeps its meaning for as long as this lives.
pub struct OpenSsh {
    hosts: BTreeMap<HostName, SshHost>,
    /// Holds the control sockets. After `hosts`, so that it is removed after they are closed.
    _dir: TempDir,
}

/// Why no connection can ever be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("host `{host}`: {error}")]
    Destination { host: HostName, error: BadDestination },
    #[error("failed to make a folder for ssh's control sockets: {0}")]
    RuntimeDir(std::io::Error),
}

impl OpenSsh {
    /// Connects to nothing yet.
    pub fn new(destinations: BTreeMap<HostName, Destination>) -> Result<Self, SetupError> {
        for (host, destination) in &destinations {
            ssh_args::validate(destination)
                .map_err(|error| SetupError::Destination { host: host.clone(), error })?;
        }
        let dir = runtime_dir::create().map_err(SetupError::RuntimeDir)?;
        let ssh_host = |to| SshHost::new(to, dir.path().to_owned());
        let hosts = destinations.into_iter().map(|(host, to)| (host, ssh_host(to))).collect();
        Ok(Self { hosts, _dir: dir })
    }

    /// Leaves connections open at the end, and takes up those that an earlier process left, for as long as one is not
    /// unused for `idle` (whole seconds).
    pub fn keep_warm(mut self, idle: Duration) -> Result<Self, SetupError> {
        let dir = runtime_dir::kept().map_err(SetupError::RuntimeDir)?;
        for host in self.hosts.values_mut() {
            host.keep = Some(Keep { dir: dir.clone(), idle });
        }
        Ok(self)
    }

    fn host(&self, host: &HostName) -> Result<&SshHost, Lost> {
        self.hosts.get(host).ok_or_else(|| Lost::Unreachable(format!("no way to host `{host}` is known")))
    }
}

impl Transport for OpenSsh {
    fn run<'a>(&'a self, host: &'a HostName, job: Job, lines: LineSink) -> BoxFuture<'a, Result<Exit, Lost>> {
        async move { converse(self.host(host)?, job, lines).await }.boxed()
    }

    fn warm<'a>(&'a self, host: &'a HostName) -> BoxFuture<'a, Result<(), Lost>> {
        async move { self.host(host)?.prove().await }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let connections: Vec<_> = self.hosts.values().filter_map(SshHost::disconnect).collect();
        async move {
            // Ending a master is a blocking call to a local socket.
            let closed = tokio::task::spawn_blocking(move || drop(connections));
            _ = timeout(Duration::from_secs(1), closed).await;
        }
        .boxed()
    }
}

/// A login in progress or done; all who need it wait for the same one.
type Connection = Shared<BoxFuture<'static, Result<Arc<Master>, Lost>>>;

struct SshHost {
    destination: Destination,
    password: Option<Password>,
    dir: PathBuf,
    keep: Option<Keep>,
    slots: Arc<Semaphore>,
    connection: Mutex<Option<Connection>>,
}

impl SshHost {
    fn new(destination: Destination, dir: PathBuf) -> Self {
        Self {
            password: destination.become_password.clone().map(Password::new),
            destination,
            dir,
            keep: None,
            slots: Arc::new(Semaphore::new(SLOTS)),
            connection: Mutex::new(None),
        }
    }

    /// The connection there is or is being made; a new one when there is none, or it failed, or was lost.
    fn connection(&self) -> Connection {
        let mut current = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = current.as_ref() {
            match connection.peek() {
                None => return connection.clone(),
                Some(Ok(master)) if master.usable() => return connection.clone(),
                Some(_) => {}
            }
        }
        let login = login::connect(self.destination.clone(), self.dir.clone(), self.keep.clone());
        let connection = login.map(|login| login.map(Arc::new)).boxed().shared();
        // A task of its own: the login goes on, and its failure is noticed, when the one who asked gives up.
        tokio::spawn(connection.clone());
        current.insert(connection).clone()
    }

    fn disconnect(&self) -> Option<Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Opens a channel, over a new connection when the old one turns out to be long gone.
    async fn channel(&self, run_as: &RunAs, words: &[&str]) -> Result<Channel, Lost> {
        let mut reconnected = false;
        loop {
            let master = self.connection().await?;
            let program = Started::new(run_as.needed(master.is_root()), words, self.password.is_some());
            let started = Instant::now();
            match self.channel_over(&master, &program.words).await {
                Ok(mut channel) => {
                    if let Some(password) = &self.password {
                        password.tell(&program, &mut channel).await?;
                    }
                    return Ok(channel);
                }
                Err(_) if !reconnected && !master.usable() && started.elapsed() < AT_ONCE => {
                    reconnected = true;
                }
                Err(reason) => return Err(Lost::Unreachable(reason)),
            }
        }
    }

    /// Asks again while the server has too many sessions; gives the connection up when it does not answer.
    async fn channel_over(&self, master: &Arc<Master>, words: &[String]) -> Result<Channel, String> {
        let patience = self.destination.patience();
        let started = Instant::now();
        let mut backoff = FIRST_BACKOFF;
        loop {
            match timeout(patience, master.open(words)).await {
                Ok(Ok(channel)) => return Ok(channel),
                Ok(Err(NoChannel::Lost(reason))) => return Err(reason),
                Ok(Err(NoChannel::Refused)) if started.elapsed() > patience && !self.busy() => {
                    return Err("sshd refuses any session (MaxSessions)".to_owned());
                }
                Ok(Err(NoChannel::Refused)) => sleep(backoff).await,
                Err(_) => {
                    master.give_up();
                    return Err(format!("connected, but silent for {patience:?}"));
                }
            }
            backoff = (backoff * 2).min(LAST_BACKOFF);
        }
    }

    /// Others of our own jobs hold sessions, so a refusal will pass.
    fn busy(&self) -> bool {
        self.slots.available_permits() + 1 < SLOTS
    }

    /// Runs `true`.
    async fn prove(&self) -> Result<(), Lost> {
        self.connection().await?;
        let patience = self.destination.patience();
        let proof = async {
            let channel = self.channel(&RunAs::Login, &["true"]).await?;
            match channel.end.await {
                Some(_) => Ok(()),
                None => Err(Lost::Unreachable(
                    channel.broken.await.unwrap_or_else(|| "`true` was killed".to_owned()),
                )),
            }
        };
        let silent = |_| Lost::Unreachable(format!("connected, but silent for {patience:?}"));
        timeout(patience, proof).await.map_err(silent)?
    }
}

impl Link for SshHost {
    fn slot(&self) -> BoxFuture<'_, Option<OwnedSemaphorePermit>> {
        Arc::clone(&self.slots).acquire_owned().map(Result::ok).boxed()
    }

    fn open<'a>(&'a self, run_as: &'a RunAs, words: &'a [&str]) -> BoxFuture<'a, Result<Channel, Lost>> {
        self.channel(run_as, words).boxed()
    }
}
