//! Runs a program on a simulated host: the guard, then step after step, each command taking its time. Jobs go on without
//! whoever sent them; they end with the host, or when they are killed.

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Duration, sleep};
use tokio_util::sync::CancellationToken;

use super::host::{Host, Ms, Share};
use super::program::{Program, Step, Words};
use super::run::Broken;
use super::world::{Inside, World};
use crate::module::NEEDS_ACTION;
use crate::module::guard::STALE;
use crate::transport::Line;

/// How long the guard waits for scripts of an older epoch.
const GUARD_WAIT_MS: u64 = 5000;

/// How often a standing program looks whether its host was thawed.
const THAW_MS: u64 = 20;

/// The host went down under the program, or somebody killed it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone;

/// A program on its host.
pub(super) struct Job {
    pub world: World,
    pub host: usize,
    pub boot: u64,
    pub number: u64,
    pub program: Program,
    pub out: UnboundedSender<Line>,
}

/// What a command said with its end.
pub(super) struct Said {
    pub code: i32,
    pub words: String,
}

impl Said {
    pub(super) fn ok() -> Self {
        Self { code: 0, words: String::new() }
    }

    pub(super) fn code(code: i32) -> Self {
        Self { code, words: String::new() }
    }

    pub(super) fn failed(words: impl Into<String>) -> Self {
        Self { code: 1, words: words.into() }
    }

    /// For a look: so already, or not.
    pub(super) fn is(so: bool) -> Self {
        Self::code(if so { 0 } else { NEEDS_ACTION })
    }
}

impl Job {
    /// Runs to the end, or until killed; the exit code.
    pub(super) async fn run(self, kill: CancellationToken) -> Result<i32, Gone> {
        let ended = tokio::select! {
            biased;
            () = kill.cancelled() => {
                self.cut_short();
                Err(Gone)
            }
            ended = self.all() => ended,
        };
        self.leave();
        ended
    }

    async fn all(&self) -> Result<i32, Gone> {
        if let Some(code) = self.enter().await? {
            return Ok(code);
        }
        for (place, step) in self.program.steps.iter().enumerate() {
            if self.step(place, step).await? != 0 {
                break;
            }
        }
        Ok(0)
    }

    async fn step(&self, place: usize, step: &Step) -> Result<i32, Gone> {
        self.mark(&format!("begin {place}"));
        let mut code = NEEDS_ACTION;
        if let Some(look) = &step.look {
            self.mark(&format!("look {place}"));
            code = self.body(look).await?;
        }
        if let Some(act) = step.act.as_ref().filter(|_| code == NEEDS_ACTION) {
            self.mark(&format!("act {place}"));
            code = self.body(act).await?;
        }
        self.mark(&format!("end {place} {code}"));
        Ok(code)
    }

    async fn body(&self, commands: &[Words]) -> Result<i32, Gone> {
        for words in commands {
            let said = self.command(words).await?;
            if !said.words.is_empty() {
                self.say(Line::Err(said.words));
            }
            if said.code != 0 {
                return Ok(said.code);
            }
        }
        Ok(0)
    }

    /// The guard. An exit code if it refuses.
    async fn enter(&self) -> Result<Option<i32>, Gone> {
        let (service, epoch) = (&self.program.service, self.program.epoch);
        self.nap(1).await?;
        if !self.program.writes {
            let found =
                self.with(|host| host.shares.get(service).map(|share| share.epoch).unwrap_or_default())?;
            return Ok(self.refuse(found.0));
        }
        let deadline = self.world.now() + GUARD_WAIT_MS;
        loop {
            let entered = self.with(|host| {
                let share = host.shares.entry(service.clone()).or_default();
                let alone = share.writers.iter().all(|(other, _)| *other == epoch);
                if share.epoch < epoch && alone {
                    share.epoch = epoch;
                }
                if share.epoch == epoch {
                    share.writers.push((epoch, self.number));
                }
                share.epoch
            })?;
            if entered >= epoch {
                return Ok(self.refuse(entered.0));
            }
            if self.world.now() >= deadline {
                self.say(Line::Err("commands of an older epoch are still running".to_owned()));
                return Ok(Some(1));
            }
            self.nap(20).await?;
        }
    }

    fn refuse(&self, found: u64) -> Option<i32> {
        let obeys = self.world.see(|inside| inside.rule == Some(Broken::Epochs));
        (found > self.program.epoch.0 && !obeys).then(|| {
            self.say(Line::Out(format!("epoch {found}")));
            STALE
        })
    }

    fn leave(&self) {
        let _ = self.with(|host| {
            if let Some(share) = host.shares.get_mut(&self.program.service) {
                share.writers.retain(|(_, job)| *job != self.number);
            }
        });
    }

    /// Lets so much time go by, and more on a slow host; stands still while the host does.
    pub(super) async fn nap(&self, ms: Ms) -> Result<(), Gone> {
        let more = self.world.see(|inside| inside.hosts[self.host].slow_ms);
        sleep(Duration::from_millis(ms + if ms > 2 { more } else { 0 })).await;
        while self.see(|inside| inside.hosts[self.host].frozen)? {
            sleep(Duration::from_millis(THAW_MS)).await;
        }
        Ok(())
    }

    /// Looks at the host, or changes it, now.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Host) -> T) -> Result<T, Gone> {
        self.inside(|inside| act(&mut inside.hosts[self.host]))
    }

    pub(super) fn see<T>(&self, look: impl FnOnce(&Inside) -> T) -> Result<T, Gone> {
        self.world.see(|inside| {
            let host = &inside.hosts[self.host];
            if host.up && host.boot == self.boot { Ok(look(inside)) } else { Err(Gone) }
        })
    }

    pub(super) fn inside<T>(&self, act: impl FnOnce(&mut Inside) -> T) -> Result<T, Gone> {
        self.world.with(|inside| {
            let host = &inside.hosts[self.host];
            if host.up && host.boot == self.boot { Ok(act(inside)) } else { Err(Gone) }
        })
    }

    /// The same for the service's share of the host.
    pub(super) fn share<T>(&self, act: impl FnOnce(&mut Share) -> T) -> Result<T, Gone> {
        self.with(|host| act(host.shares.entry(self.program.service.clone()).or_default()))
    }

    pub(super) fn tell(&self, what: &str) {
        let service = &self.program.service;
        self.world.quietly(|inside| {
            let line = format!("{}: {service}: {what}", inside.hosts[self.host].name);
            inside.tell(line);
        });
    }

    fn mark(&self, words: &str) {
        let line = format!("{} {words}", self.program.nonce);
        self.say(Line::Out(line.clone()));
        self.say(Line::Err(line));
    }

    fn say(&self, line: Line) {
        // Whoever does not listen any more has missed it.
        let _ = self.out.send(line);
    }
}
