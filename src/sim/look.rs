//! What a monitor's looks see of a world, each after the time it takes. The same eyes serve the engine's own checks
//! ([`Prober`]) and its fence devices ([`Fencer`]).

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Duration, sleep, timeout};

use super::host::Life;
use super::net::Place;
use super::wire::Wire;
use super::world::{Inside, Served, WALL_MS, World};
use crate::engine::{FenceOutcome, Fencer, ProbeOutcome, Prober};
use crate::module::{Outcome, Probe};
use crate::monitor::{Ask, Sight, Target, Testimony};
use crate::plan::Fence;
use crate::plan::sample::Sample;
use crate::plan::table::Table;
use crate::plan::testimony::Heard;
use crate::site::id::{HostName, ServiceName};

/// From the question to the answer of a service that is well, at least, in milliseconds.
const ANSWER_MS: u64 = 2;

/// How long a witness listens.
const LISTEN_MS: u64 = 400;

/// How long a host gets to make an epoch its own, and how often.
const PUSH_MS: u64 = 800;
const PUSHES: usize = 3;

/// How long an agent takes.
const FENCE_MS: u64 = 1500;

/// One monitor's eyes.
#[derive(Clone)]
pub(super) struct Eyes {
    pub world: World,
    pub from: Place,
    pub wire: Wire,
}

impl Eyes {
    /// Makes one look; `tell` hears everything but the last word.
    pub(super) async fn look(
        &self,
        ask: &Ask,
        epoch: impl Fn(&ServiceName) -> u64,
        tell: impl Fn(Sight),
    ) -> Sight {
        let limit = ask.timeout_ms;
        match &ask.target {
            Target::Service(service) => {
                Sight::Answers([("page".to_owned(), self.service(service, limit).await)].into())
            }
            Target::Echo(host) => Sight::Echo(self.echo(self.world.host(host), limit).await),
            Target::Gateway => Sight::Echo(self.gateway(limit).await),
            Target::Sample(host) => Sight::Sample(self.sample(host, limit).await),
            Target::Witness { by, suspect, service } => {
                let asked = Asked { by, suspect, service: service.as_ref() };
                let seen = timeout(
                    Duration::from_millis(limit),
                    self.witness(asked, epoch, |said| {
                        tell(Sight::Testimony(Ok(said)));
                    }),
                );
                Sight::Testimony(seen.await.unwrap_or_else(|_| Err("no answer in time".to_owned())))
            }
            Target::Renewal { service, host } => Sight::Renewed(self.renew(service, host, limit).await),
        }
    }

    /// Whether clients are served, asked now.
    pub(super) async fn serves(&self, service: &ServiceName) -> bool {
        self.service(service, 500).await.is_ok()
    }

    async fn service(&self, service: &ServiceName, limit_ms: u64) -> Outcome {
        let (served, slow) = self.world.quietly(|inside| {
            let served = inside.served(self.from, service);
            let slow = if let Served::By(host) = served { inside.hosts[host].slow_ms } else { 0 };
            (served, slow + ANSWER_MS + inside.chance.between(0, 4))
        });
        match served {
            Served::By(_) if slow < limit_ms => {
                sleep(Duration::from_millis(slow)).await;
                // What was cut meanwhile does not answer.
                if self.world.see(|inside| inside.served(self.from, service)) == served {
                    return Outcome::Answered { detail: "200".to_owned(), latency_us: slow * 1000 };
                }
                self.silence(limit_ms.saturating_sub(slow)).await
            }
            Served::Refused => {
                sleep(Duration::from_millis(ANSWER_MS)).await;
                Outcome::Refused { detail: "connection refused".to_owned() }
            }
            Served::By(_) | Served::Silence => self.silence(limit_ms).await,
        }
    }

    async fn silence(&self, limit_ms: u64) -> Outcome {
        sleep(Duration::from_millis(limit_ms)).await;
        Outcome::TimedOut { after_ms: limit_ms }
    }

    async fn echo(&self, host: Option<usize>, limit_ms: u64) -> Outcome {
        let answers = |inside: &Inside| host.is_some_and(|host| inside.echoes(self.from, host));
        if !self.world.see(answers) {
            return self.silence(limit_ms).await;
        }
        sleep(Duration::from_millis(1)).await;
        Outcome::Answered { detail: "echo".to_owned(), latency_us: 1000 }
    }

    async fn gateway(&self, limit_ms: u64) -> Outcome {
        if !self.world.see(|inside| inside.net.talk(self.from, Place::Client)) {
            return self.silence(limit_ms).await;
        }
        sleep(Duration::from_millis(1)).await;
        Outcome::Answered { detail: "echo".to_owned(), latency_us: 1000 }
    }

    /// Goes to a host and back.
    async fn visit<T>(
        &self,
        host: &HostName,
        limit_ms: u64,
        act: impl FnOnce(&mut Inside, usize) -> T,
    ) -> Result<T, String> {
        let at = self.world.host(host).ok_or("no such host")?;
        let going = async {
            self.wire.connect(at).await.map_err(|lost| lost.to_string())?;
            let took =
                self.world.quietly(|inside| 4 + inside.chance.between(0, 8) + inside.hosts[at].slow_ms);
            sleep(Duration::from_millis(took)).await;
            Ok(())
        };
        let late = || Err("timed out".to_owned());
        timeout(Duration::from_millis(limit_ms), going).await.unwrap_or_else(|_| late())?;
        let seen = self.world.quietly(|inside| {
            if inside.shell(self.from, at) {
                Ok(act(inside, at))
            } else {
                Err("the link was lost".to_owned())
            }
        });
        if seen.is_err() {
            sleep(Duration::from_millis(limit_ms)).await;
        }
        seen
    }

    pub(super) async fn sample(&self, host: &HostName, limit_ms: u64) -> Result<Box<Sample>, String> {
        self.visit(host, limit_ms, |inside, at| {
            let facts = inside.hosts[at].facts(inside.now, WALL_MS + inside.now);
            Box::new(Sample { facts, ..Sample::default() })
        })
        .await
    }

    async fn witness(
        &self,
        asked: Asked<'_>,
        epoch: impl Fn(&ServiceName) -> u64,
        tell: impl Fn(Testimony),
    ) -> Result<Testimony, String> {
        let suspect = self.world.host(asked.suspect).ok_or("no such host")?;
        let first = self
            .visit(asked.by, LISTEN_MS * 2, |inside, by| inside.heard(by, suspect, asked.service))
            .await?;
        if first.hears_life() {
            tell(first.clone());
        }
        sleep(Duration::from_millis(LISTEN_MS)).await;
        let mut last = self
            .visit(asked.by, LISTEN_MS, |inside, by| {
                let said = inside.heard(by, suspect, asked.service);
                if let (Some(service), Some(Heard::Silent { .. })) = (asked.service, &said.address) {
                    inside.leave_note(by, service, epoch(service));
                }
                said
            })
            .await?;
        // An answer stays an answer.
        for (late, early) in [
            (&mut last.host, first.host),
            (&mut last.address, first.address),
            (&mut last.service, first.service),
        ] {
            if matches!(early, Some(Heard::Answered { .. })) {
                *late = early;
            }
        }
        last.over = true;
        Ok(last)
    }

    /// Makes the table's epochs the host's own, once nothing older writes there.
    pub(super) async fn push_epochs(&self, host: &HostName, table: &Table) {
        for _ in 0..PUSHES {
            let pushed = self.visit(host, PUSH_MS, |inside, at| {
                let mut all = true;
                for (service, row) in table.services.iter().filter(|(_, row)| row.primary.is_some()) {
                    let share = inside.hosts[at].shares.entry(service.clone()).or_default();
                    let alone = share.writers.iter().all(|(epoch, _)| *epoch >= row.epoch);
                    all &= alone;
                    if alone {
                        share.epoch = share.epoch.max(row.epoch);
                    }
                }
                all
            });
            match pushed.await {
                Ok(false) => sleep(Duration::from_millis(PUSH_MS / 4)).await,
                Ok(true) | Err(_) => return,
            }
        }
    }

    /// Extends the lifetime of an address that is still held.
    async fn renew(&self, service: &ServiceName, host: &HostName, limit_ms: u64) -> Result<(), String> {
        let until = self.world.now() + limit_ms;
        self.visit(host, limit_ms, |inside, at| {
            let known = inside.services.get(service).cloned().ok_or("no such service")?;
            let lease = known.lease_ms.ok_or("it has no lease")?;
            if inside.now > until {
                return Err("the renewal came too late".to_owned());
            }
            if !inside.hosts[at].holds(known.address, inside.now) {
                return Err(format!("{} is not held here any more", known.address));
            }
            let life = Life::of(Some(lease), inside.now);
            inside.hosts[at].held.insert(known.address, life);
            Ok(())
        })
        .await?
    }
}

/// Who is asked about whom.
#[derive(Clone, Copy)]
struct Asked<'a> {
    by: &'a HostName,
    suspect: &'a HostName,
    service: Option<&'a ServiceName>,
}

impl Inside {
    /// What a host hears of a suspect at this moment.
    fn heard(&self, by: usize, suspect: usize, service: Option<&ServiceName>) -> Testimony {
        let place = Place::Host(by);
        let answered = |so: bool| {
            if so {
                Heard::Answered { detail: "heard".to_owned() }
            } else {
                Heard::Silent { for_ms: LISTEN_MS }
            }
        };
        let known = service.and_then(|service| self.services.get(service));
        let address = known.map(|known| {
            let own = self.hosts[by].holds(known.address, self.now);
            answered(own || !self.answerers(place, known.address).is_empty())
        });
        let service = service.map(|service| match self.served(place, service) {
            Served::By(_) => answered(true),
            Served::Refused => Heard::Refused { detail: "connection refused".to_owned() },
            Served::Silence => answered(false),
        });
        Testimony { host: Some(answered(self.echoes(place, suspect))), address, service, over: false }
    }

    /// What a plan that follows at once goes by: this host listened, and nobody answered.
    fn leave_note(&mut self, by: usize, service: &ServiceName, epoch: u64) {
        let Some(known) = self.services.get(service) else { return };
        let address = known.address;
        if let Some(share) = self.hosts[by].shares.get_mut(service) {
            share.silent = Some((crate::site::id::Epoch(epoch), self.now, vec![address]));
        }
    }
}

impl Prober for Eyes {
    fn probe<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, ProbeOutcome> {
        async move {
            let asked = match probe {
                Probe::Tcp { host, .. } => self.world.see(|inside| {
                    let of = |(name, known): (&ServiceName, &super::world::Known)| {
                        (known.address.to_string() == *host).then(|| name.clone())
                    };
                    inside.services.iter().find_map(of)
                }),
                _ => None,
            };
            let Some(service) = asked else {
                self.world.break_down(format!("no simulated check is made like `{probe}`"));
                return ProbeOutcome { ok: false, detail: "unknown".to_owned() };
            };
            let outcome = self.service(&service, probe.timeout_ms()).await;
            ProbeOutcome { ok: outcome.is_ok(), detail: outcome.to_string() }
        }
        .boxed()
    }
}

impl Fencer for Eyes {
    /// The device stands beside the monitors: it works whenever the monitor has a network at all.
    fn fence<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, FenceOutcome> {
        async move {
            sleep(Duration::from_millis(FENCE_MS)).await;
            let reached = self.world.see(|inside| inside.net.talk(self.from, Place::Client));
            let host = self.world.host(&fence.host).filter(|_| reached);
            let Some(host) = host else {
                return FenceOutcome { confirmed: false, words: "the device does not answer".to_owned() };
            };
            self.world.with(|inside| {
                inside.tell(format!("{} is fenced: off", fence.host));
                inside.hosts[host].crash();
                inside.hosts[host].fenced = true;
            });
            FenceOutcome { confirmed: true, words: format!("fenced {}: off", fence.host) }
        }
        .boxed()
    }

    fn is_on<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, bool> {
        async move {
            sleep(Duration::from_millis(FENCE_MS / 2)).await;
            let reached = self.world.see(|inside| inside.net.talk(self.from, Place::Client));
            let host = self.world.host(&fence.host).filter(|_| reached);
            host.is_some_and(|host| self.world.see(|inside| inside.hosts[host].up))
        }
        .boxed()
    }
}
