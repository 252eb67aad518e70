//! The life of a monitor: stands by until it may lead, sees to what was cut short, makes the old leader's epochs stale,
//! and then drives. Loses the lease, and stands by again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::act::Beside;
use super::drive::{Clock, Drive, Shown, Stop};
use super::field::Field;
use super::supervisor::Supervisor;
use super::tape::Tape;
use crate::engine::recover::{self, OpenRun, RecoverError, Recovery};
use crate::engine::{Interrupt, LatePlan};
use crate::module::guard::{self, Mode};
use crate::monitor::{Act, Config, Core, Happening, Remembered, Told};
use crate::plan::facts::SiteFacts;
use crate::plan::reconcile::reconcile;
use crate::plan::table::Table;
use crate::plan::{Operation, Request};
use crate::site::id::{HostName, ServiceName};
use crate::store::{AcquireError, CommitError, Held, Holder, Keeper, Lease, StoreError, update};

/// The longest time after which who stands by asks for the lease again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// How long a new leader waits for the word of hosts that are silent: it has a site to watch.
const STOCK_TIME: Duration = Duration::from_secs(2);

/// What a host gets to make a new epoch its own.
const EPOCH_TIME: Duration = Duration::from_secs(3);

/// How a monitor is run.
pub struct Options {
    pub holder: Holder,
    /// How long the lease lasts without a renewal.
    pub ttl: Duration,
    /// One round, then the end.
    pub once: bool,
}

/// A monitor.
pub struct Watch {
    pub field: Arc<Field>,
    pub config: Config,
    pub options: Options,
    pub shown: UnboundedSender<Shown>,
    /// Cancelled by a signal.
    pub stop: CancellationToken,
    pub tape: Tape,
    /// Who started us, and wants to know that we live.
    pub supervisor: Supervisor,
}

/// How it ended.
#[derive(Debug)]
pub enum Ended {
    /// Asked to, or its one round is done.
    Done { view: Option<Box<crate::monitor::view::View>> },
    /// `--once`, and another leads.
    Held(Box<Held>),
}

/// It cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Recover(#[from] RecoverError),
}

impl Watch {
    /// Watches until it is asked to stop.
    ///
    /// # Errors
    /// The store fails.
    pub async fn run(mut self) -> Result<Ended, WatchError> {
        let ended = self.stand_by_and_lead().await;
        self.field.hooks_end().await;
        ended
    }

    async fn stand_by_and_lead(&mut self) -> Result<Ended, WatchError> {
        loop {
            let lease = match self.acquire().await? {
                Standing::Leads(lease) => *lease,
                Standing::Held(held) => return Ok(Ended::Held(held)),
                Standing::Stopped => return Ok(Ended::Done { view: None }),
            };
            let keeper = Keeper::new(Arc::clone(&self.field.store), lease.clone());
            let led = Box::pin(self.lead(&lease)).await;
            keeper.release().await;
            let (stop, core) = led?;
            if stop == Stop::Asked || stop == Stop::RoundDone {
                self.supervisor.stopping();
                return Ok(Ended::Done { view: Some(Box::new(core.view())) });
            }
            tracing::warn!(?stop, "standing by again");
            if stop == Stop::CutOff {
                self.tell(Happening::StepsDown {});
                self.until_heard().await;
            }
        }
    }

    /// Waits until a host that is not its own answers, or for the end. Who hears nobody cannot lead.
    async fn until_heard(&self) {
        let others = || self.config.hosts.iter().filter(|host| !self.config.own.contains(*host));
        loop {
            let heard = join_all(others().map(|host| self.field.hears(host))).await;
            if heard.contains(&true) || self.stop.is_cancelled() {
                return;
            }
            tokio::select! {
                () = sleep(self.options.ttl / 3) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Waits until it may lead.
    async fn acquire(&self) -> Result<Standing, WatchError> {
        let mut told: Option<Holder> = None;
        loop {
            let acquire = self.field.store.acquire(self.options.holder.clone(), self.options.ttl);
            let acquire = self.supervisor.alive_beside(acquire);
            let acquired = tokio::select! {
                acquired = acquire => acquired,
                () = self.stop.cancelled() => return Ok(Standing::Stopped),
            };
            let holder = match acquired {
                Ok(lease) => return Ok(Standing::Leads(Box::new(lease))),
                Err(AcquireError::Store(error)) => return Err(error.into()),
                Err(AcquireError::Held(holder)) => holder,
            };
            if self.options.once {
                return Ok(Standing::Held(Box::new(Held { holder: *holder, term: 0, fresh: true })));
            }
            if told.as_ref() != Some(&*holder) {
                self.supervisor.ready(&format!("stands by: {} leads", holder.name()));
                self.tell(Happening::StandsBy { leader: holder.name() });
                told = Some(*holder);
            }
            tokio::select! {
                () = sleep((self.options.ttl / 20).min(ASK_AGAIN)) => {}
                () = self.stop.cancelled() => return Ok(Standing::Stopped),
            }
        }
    }

    /// Sees to what was left, then watches until the end of the lease, or of all.
    async fn lead(&mut self, lease: &Lease) -> Result<(Stop, Core), WatchError> {
        self.tell(Happening::Leads { leader: lease.holder().name(), term: lease.term() });
        self.supervisor.ready(&format!("leads, term {}", lease.term()));
        let remembered = self.remembered().await;
        // Each of these ends in its own time, or is held up by a store that is.
        self.supervisor.alive_beside(Box::pin(self.take_stock(lease))).await?;
        let table = self.field.table().await?;
        let drive = Drive {
            field: Arc::clone(&self.field),
            lease,
            shown: self.shown.clone(),
            stop: self.stop.clone(),
            once: self.options.once,
            tape: &mut self.tape,
            supervisor: &self.supervisor,
            clock: Clock::start(),
        };
        let (stop, core) = drive.run(self.config.clone(), table, remembered).await;
        self.remember(&core).await;
        Ok((stop, core))
    }

    /// Table and hosts agree, nobody else's commands count, and nothing is half done.
    async fn take_stock(&self, lease: &Lease) -> Result<(), WatchError> {
        let patience = self.field.site.settings.ssh.connect_timeout.0.min(STOCK_TIME);
        let facts = self.field.gather_within(patience).await;
        update(&*self.field.store, |table| *table = reconcile(table, &facts)).await?;
        if lease.instead_of().is_some() {
            self.new_epochs(&facts).await?;
        }
        self.see_to_open_runs(lease).await
    }

    /// Whoever led before may only be asleep. It acts in the epochs it knows; these are over from now on, in the table and
    /// on every host that can be reached.
    async fn new_epochs(&self, facts: &SiteFacts) -> Result<(), WatchError> {
        let open = recover::open_runs(&*self.field.store)?;
        update(&*self.field.store, |table| recover::raise_epochs(table, &open)).await?;
        let table = self.field.table().await?;
        // Who is silent would only hold up the others; whoever reaches it next brings the new ones.
        let heard = self.config.hosts.iter().filter(|host| facts.get(*host).is_some_and(Result::is_ok));
        join_all(heard.map(|host| self.push_epochs(host, &table))).await;
        Ok(())
    }

    /// Every service of the host's pools, one after the other in one program.
    async fn push_epochs(&self, host: &HostName, table: &Table) {
        let of_host = |name: &&ServiceName| {
            self.config.services.get(*name).is_some_and(|watched| watched.pool.contains(host))
        };
        let mut script = String::new();
        for (name, row) in table.services.iter().filter(|(name, row)| of_host(name) && row.primary.is_some())
        {
            script.push_str("(\n");
            script.push_str(&guard::prelude(name, row.epoch, Mode::Write));
            script.push_str(") </dev/null\n");
        }
        script.push_str("true\n");
        let run_as = self.field.run_as(host);
        if let Err(why) = self.field.shell(host, script, run_as, EPOCH_TIME).await {
            tracing::info!(%host, %why, "it keeps its old epochs; whoever reaches it next brings the new ones");
        }
    }

    /// Finishes or takes back what an earlier process began. Read anew: until its epochs were over, it may have gone on.
    async fn see_to_open_runs(&self, lease: &Lease) -> Result<(), WatchError> {
        for open in recover::open_runs(&*self.field.store)? {
            if open.was_cut_short() && lease.is_ours() {
                self.see_to(&open, lease).await?;
            }
        }
        Ok(())
    }

    async fn see_to(&self, open: &OpenRun, lease: &Lease) -> Result<(), WatchError> {
        let interrupt = Interrupt::under(lease.clone());
        let mut decisions: Vec<(ServiceName, Recovery)> = Vec::new();
        for service in &open.services {
            let (fencer, answers) = (&*self.field.fencer, self.field.serves(service));
            let serves = recover::still_serves(&open.story, service, fencer, answers).await;
            decisions.push((service.clone(), recover::decide(&open.story, service, serves)));
        }
        let backward = decisions
            .iter()
            .filter(|(_, recovery)| matches!(recovery, Recovery::Unwind { .. }))
            .map(|(service, _)| service.clone())
            .collect();
        let services: Vec<ServiceName> = open.services.iter().cloned().collect();
        let because = format!("run {} was cut short", open.run);
        self.tell(Happening::Began { services, operation: open.plan.operation, because: because.clone() });
        let mut closed = false;
        if decisions.iter().any(|(_, recovery)| matches!(recovery, Recovery::Unwind { .. })) {
            self.unwind(open, &backward, &interrupt).await?;
            closed = true;
        }
        for (service, recovery) in decisions {
            if let Recovery::Forward { operation, to, .. } = recovery {
                self.finish(service, operation, to.as_ref(), &because, &interrupt).await?;
            }
        }
        if !closed {
            let redact = Arc::clone(&self.field.redact);
            recover::close(&*self.field.store, open, "finished by a monitor", redact).await?;
        }
        Ok(())
    }

    async fn unwind(
        &self,
        open: &OpenRun,
        services: &std::collections::BTreeSet<ServiceName>,
        interrupt: &Interrupt,
    ) -> Result<(), WatchError> {
        let (table, facts) = (self.field.table().await?, SiteFacts::new());
        let Some(first) = services.first() else { return Ok(()) };
        let request = Request::bare(open.plan.operation, first.clone());
        let late = LatePlan { plan: &open.plan, planner: self.field.planner(&table, &facts, request) };
        let (sender, mut events) = unbounded_channel();
        let redact = Arc::clone(&self.field.redact);
        let unwinding = recover::unwind(open, services, self.field.tools(&late), redact, sender, interrupt);
        let showing = async {
            while let Some(event) = events.recv().await {
                let _ = self.shown.send(Shown::Run(Box::new(event)));
            }
        };
        let (ended, ()) = tokio::join!(unwinding, showing);
        let ending = ended?;
        if !ending.manual.is_empty() {
            let services = services.iter().cloned().collect();
            let because = format!("{} of its steps are left for a person", ending.manual.len());
            let run = Some(open.run.clone());
            self.tell(Happening::Failed { services, operation: open.plan.operation, because, run });
        }
        Ok(())
    }

    /// The same operation once more, from how things are now.
    async fn finish(
        &self,
        service: ServiceName,
        operation: Operation,
        to: Option<&HostName>,
        because: &str,
        interrupt: &Interrupt,
    ) -> Result<(), WatchError> {
        let facts = self.field.gather().await;
        let table = reconcile(&self.field.table().await?, &facts);
        let moved =
            to.is_some() && table.services.get(&service).is_some_and(|row| row.primary.as_ref() == to);
        // It has moved already: what is left is its protection.
        let is_move = matches!(operation, Operation::Failover | Operation::Switchover);
        let operation = if is_move && moved { Operation::Deploy } else { operation };
        let act = Act::bare(operation, service.clone(), because);
        let beside = Beside { shown: &self.shown, interrupt, inputs: None };
        let end = self.field.act(&act, facts, beside).await;
        tracing::info!(%service, ?end, "what was cut short is seen to");
        Ok(())
    }

    /// What the last round counted. A monitor that stays begins anew, with its grace.
    async fn remembered(&self) -> Option<Remembered> {
        if !self.options.once {
            return None;
        }
        let counts = self.field.store.remembered().await;
        serde_json::from_value(counts.unwrap_or_else(|error| {
            tracing::warn!(%error, "what the last round counted is lost");
            None
        })?)
        .ok()
    }

    async fn remember(&self, core: &Core) {
        let counts = serde_json::to_value(core.remembered()).unwrap_or_default();
        if let Err(error) = self.field.store.remember(counts).await {
            tracing::warn!(%error, "what this monitor counted is lost");
        }
    }

    fn tell(&self, what: Happening) {
        let at_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
        // Nobody may be looking.
        let _ = self.shown.send(Shown::Told(Told { at_ms, what }));
    }
}

enum Standing {
    Leads(Box<Lease>),
    Held(Box<Held>),
    Stopped,
}
