//! The way of one monitor's commands to the hosts: logins, lost links, deadlines, kills. Implements
//! [`crate::transport::Transport`] over a [`World`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::{Duration, Instant, sleep, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::net::Place;
use super::program::Program;
use super::shell::{Gone, Job as HostJob};
use super::world::World;
use crate::site::id::HostName;
use crate::transport::{Exit, Job, Line, LineSink, Lost, Transport};

/// A link that says nothing for so long is given up.
const KEEPALIVE: Duration = Duration::from_secs(3);

/// A login that is not answered.
const CONNECT: Duration = Duration::from_secs(5);

const LOGIN_MS: u64 = 50;

/// How often a silent link is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long a kill over a dead link is tried.
const KILL: Duration = Duration::from_secs(5);

/// Connections of one monitor.
#[derive(Clone)]
pub(super) struct Wire {
    pub world: World,
    pub from: Place,
    warm: Arc<Mutex<BTreeSet<usize>>>,
}

/// A program under way.
struct Remote {
    lines: UnboundedReceiver<Line>,
    end: tokio::task::JoinHandle<Result<i32, Gone>>,
    kill: CancellationToken,
}

impl Wire {
    pub(super) fn new(world: &World, from: Place) -> Self {
        Self { world: world.clone(), from, warm: Arc::default() }
    }

    fn set_warm(&self, host: usize, warm: bool) {
        let mut all = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        if warm {
            all.insert(host)
        } else {
            all.remove(&host)
        };
    }

    fn is_warm(&self, host: usize) -> bool {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner).contains(&host)
    }

    fn is_open(&self, host: usize) -> bool {
        self.world.see(|inside| inside.shell(self.from, host))
    }

    /// Waits until the host can be talked to, or says that it cannot.
    pub(super) async fn connect(&self, host: usize) -> Result<(), Lost> {
        let patience = if self.is_warm(host) { KEEPALIVE } else { CONNECT };
        let until = Instant::now() + patience;
        while !self.is_open(host) {
            if Instant::now() >= until {
                let was_warm = self.is_warm(host);
                self.set_warm(host, false);
                return Err(if was_warm {
                    Lost::Unknown("the link is silent".to_owned())
                } else {
                    Lost::Unreachable("no answer".to_owned())
                });
            }
            sleep(LOOK).await;
        }
        let login = if self.is_warm(host) { 0 } else { LOGIN_MS };
        let (way, slow) =
            self.world.quietly(|inside| (inside.chance.between(1, 4), inside.hosts[host].slow_ms));
        sleep(Duration::from_millis(way + login + slow)).await;
        self.set_warm(host, true);
        Ok(())
    }

    fn start(&self, host: usize, script: &str) -> Result<Remote, Lost> {
        let program = Program::parse(script).map_err(|why| {
            self.world.break_down(format!("{why}:\n{script}"));
            Lost::Unreachable(why)
        })?;
        let (out, lines) = mpsc::unbounded_channel();
        let (boot, number) = self.world.quietly(|inside| (inside.hosts[host].boot, inside.next_job()));
        let job = HostJob { world: self.world.clone(), host, boot, number, program, out };
        let kill = CancellationToken::new();
        let end = tokio::spawn(job.run(kill.clone()));
        Ok(Remote { lines, end, kill })
    }

    async fn converse(&self, host: usize, script: &str, lines: &LineSink) -> Result<Exit, Lost> {
        self.connect(host).await?;
        let mut remote = self.start(host, script)?;
        // Whoever stops listening ends the program, as far as the link carries that.
        let leash = Leash { wire: self, host, guard: Some(remote.kill.clone().drop_guard()) };
        let mut silent_since: Option<Instant> = None;
        loop {
            let open = self.is_open(host);
            silent_since = if open { None } else { silent_since.or_else(|| Some(Instant::now())) };
            if silent_since.is_some_and(|since| since.elapsed() >= KEEPALIVE) {
                self.set_warm(host, false);
                drop(leash);
                return Err(Lost::Unknown("the link was lost".to_owned()));
            }
            tokio::select! {
                biased;
                Some(line) = remote.lines.recv(), if open => {
                    let _ = lines.send(line);
                }
                ended = &mut remote.end, if open => {
                    while let Ok(line) = remote.lines.try_recv() {
                        let _ = lines.send(line);
                    }
                    leash.let_go();
                    return match ended {
                        Ok(Ok(code)) => Ok(Exit(code)),
                        _ => Err(Lost::Unknown("the program is gone".to_owned())),
                    };
                }
                () = sleep(LOOK) => {}
            }
        }
    }
}

/// Kills the program when it is dropped, if the host can be reached; else the program goes on.
struct Leash<'a> {
    wire: &'a Wire,
    host: usize,
    guard: Option<DropGuard>,
}

impl Leash<'_> {
    fn let_go(mut self) {
        if let Some(guard) = self.guard.take() {
            guard.disarm();
        }
    }
}

impl Drop for Leash<'_> {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take()
            && !self.wire.is_open(self.host)
        {
            guard.disarm();
        }
    }
}

impl Transport for Wire {
    fn run<'a>(&'a self, host: &'a HostName, job: Job, lines: LineSink) -> BoxFuture<'a, Result<Exit, Lost>> {
        async move {
            let Some(at) = self.world.host(host) else {
                self.world.break_down(format!("a job for {host}, which is no host"));
                return Err(Lost::Unreachable("no such host".to_owned()));
            };
            let until = Instant::now() + job.deadline;
            let ended = {
                let talk = self.converse(at, &job.script, &lines);
                tokio::pin!(talk);
                tokio::select! {
                    biased;
                    () = job.cancel.cancelled() => Err(true),
                    ended = &mut talk => Ok(ended),
                    () = sleep_until(until) => Err(false),
                }
            };
            let Err(cancelled) = ended else { return ended.unwrap_or(Err(Lost::TimedOut { killed: false })) };
            let killed = self.is_open(at);
            sleep(if killed { Duration::from_millis(5) } else { KILL }).await;
            Err(if cancelled { Lost::Cancelled { killed } } else { Lost::TimedOut { killed } })
        }
        .boxed()
    }

    fn warm<'a>(&'a self, host: &'a HostName) -> BoxFuture<'a, Result<(), Lost>> {
        async move {
            match self.world.host(host) {
                Some(at) => self.connect(at).await,
                None => Err(Lost::Unreachable("no such host".to_owned())),
            }
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
}
