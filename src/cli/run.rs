//! One execution of a plan: journal, signals, reports; then what the table needs besides the commits.

use std::collections::BTreeSet;
use std::io::IsTerminal;

use tokio::sync::mpsc;

use super::args::{Common, RunArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use super::prober::Client;
use super::session::{self, Session};
use super::signals::Signals;
use crate::engine::event::{Event, EventKind, RunEnd};
use crate::engine::recover::{self, OpenRun};
use crate::engine::{self, Fault, Inject, Interrupt, LatePlan, Moment, Reach, RunOptions, Tools};
use crate::plan::facts::SiteFacts;
use crate::plan::table::Table;
use crate::plan::{Operation, Plan, Request, StepRef};
use crate::report::{JsonLines, Lines, Progress, Report, Volume};
use crate::site::id::{HostName, ServiceName};
use crate::store::{new_run_id, update};

/// What came of a run.
pub struct Outcome {
    pub end: RunEnd,
    /// Whether some service got its primary before the end.
    pub moved: bool,
    /// From the start of the first step of a wake phase to the last answer after it.
    pub woke_ms: Option<u64>,
}

/// What a watcher of events keeps.
#[derive(Default)]
struct Seen {
    moved: BTreeSet<ServiceName>,
    wake: Option<(u64, u64)>,
}

impl Seen {
    fn note(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Committed { service, primary: Some(_), .. } => _ = self.moved.insert(service.clone()),
            EventKind::StepStarted { step, .. } if step.stage() == "wake" => {
                self.wake.get_or_insert((event.at_ms, event.at_ms));
            }
            EventKind::StepEnded { step, .. } if ["wake", "prove"].contains(&step.stage()) => {
                if let Some((_, end)) = &mut self.wake {
                    *end = event.at_ms;
                }
            }
            _ => {}
        }
    }
}

/// Runs the plan and shows it.
pub async fn run(
    common: &Common,
    session: &Session,
    plan: &Plan,
    table: &Table,
    args: &RunArgs,
    request: &Request,
) -> Result<Outcome, Failure> {
    let facts = SiteFacts::new();
    let planner = session.planner(table, &facts, request.clone());
    let late = LatePlan { plan, planner };
    let prober = Client;
    let tools = tools(session, &prober, &late);
    let options = options(common, session, args)?;
    let (sender, receiver) = mpsc::unbounded_channel();
    let watcher = tokio::spawn(watch(receiver, reporter(common)));
    let interrupt = session.interrupt();
    let signals = listen(interrupt.clone())?;
    let ended = engine::run(plan, tools, &options, sender, &interrupt).await;
    signals.abort();
    let seen = watcher.await.map_err(Failure::internal)?;
    let ending = ended.map_err(Failure::internal)?;
    forget_confirmations(session, plan, &seen.moved).await?;
    let woke_ms = seen.wake.map(|(start, end)| end.saturating_sub(start));
    Ok(Outcome { end: ending.end, moved: !seen.moved.is_empty(), woke_ms })
}

/// Takes back what an open run did for these services, and shows it.
pub async fn unwind(
    common: &Common,
    session: &Session,
    open: &OpenRun,
    services: &BTreeSet<ServiceName>,
) -> Result<RunEnd, Failure> {
    let (table, facts) = (session.stored().await?, SiteFacts::new());
    let request = Request::bare(
        open.plan.operation,
        ServiceName::clone(
            services.iter().next().ok_or_else(|| Failure::words(Exit::Internal, "nothing to take back"))?,
        ),
    );
    let late = LatePlan { plan: &open.plan, planner: session.planner(&table, &facts, request) };
    let tools = tools(session, &Client, &late);
    let (sender, receiver) = mpsc::unbounded_channel();
    let watcher = tokio::spawn(watch(receiver, reporter(common)));
    let interrupt = session.interrupt();
    let signals = listen(interrupt.clone())?;
    let ended = recover::unwind(open, services, tools, session.redact_fn(), sender, &interrupt).await;
    signals.abort();
    watcher.await.map_err(Failure::internal)?;
    Ok(ended.map_err(Failure::internal)?.end)
}

fn tools<'a>(session: &'a Session, prober: &'a Client, late: &'a LatePlan<'a>) -> Tools<'a> {
    let Session { transport, store, agents, .. } = session;
    Tools { transport, store, prober, fencer: agents, late }
}

fn options(common: &Common, session: &Session, args: &RunArgs) -> Result<RunOptions, Failure> {
    let forks = common.forks.unwrap_or(session.site.settings.forks as usize).max(1);
    Ok(RunOptions {
        run: new_run_id(&session.store, jiff::Timestamp::now()),
        forks,
        reach: Reach::Act,
        diff: args.diff,
        inject: args.inject.iter().map(|text| fault(text)).collect::<Result<_, _>>()?,
        origin: session::origin(),
        redact: session.redact_fn(),
    })
}

/// `web/h2/wake.resume=failed`, or `…=failed-after`: the step runs and its result is lost.
fn fault(text: &str) -> Result<Inject, Failure> {
    let usage = || {
        Failure::words(
            Exit::Usage,
            format!("--inject {text}: write STEP=failed, unreachable, timeout or unknown"),
        )
    };
    let (step, fault) = text.rsplit_once('=').ok_or_else(usage)?;
    let (fault, when) = match fault.strip_suffix("-after") {
        Some(fault) => (fault, Moment::After),
        None => (fault, Moment::Before),
    };
    let fault = match fault {
        "failed" => Fault::Failed,
        "unreachable" => Fault::Unreachable,
        "timeout" => Fault::Timeout,
        "unknown" => Fault::Unknown,
        _ => return Err(usage()),
    };
    Ok(Inject { step: StepRef(step.to_owned()), when, fault })
}

/// Bars on a terminal, lines elsewhere, JSON lines when asked for.
fn reporter(common: &Common) -> Box<dyn Report> {
    let volume = match (common.quiet, common.verbose) {
        (true, _) => Volume::Quiet,
        (false, 0) => Volume::Normal,
        (false, _) => Volume::Verbose,
    };
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if common.json {
        Box::new(JsonLines::new(std::io::stdout()))
    } else if std::io::stderr().is_terminal() && !dumb && volume != Volume::Quiet {
        Box::new(Progress::new(volume))
    } else {
        Box::new(Lines::new(std::io::stderr(), std::io::stdout(), volume))
    }
}

/// Shows events until the run's last one.
async fn watch(mut events: mpsc::UnboundedReceiver<Event>, mut report: Box<dyn Report>) -> Seen {
    let mut seen = Seen::default();
    while let Some(event) = events.recv().await {
        report.event(&event);
        seen.note(&event);
    }
    seen
}

/// Hands SIGINT and SIGTERM to the run.
fn listen(interrupt: Interrupt) -> Result<tokio::task::JoinHandle<()>, Failure> {
    let mut signals = Signals::listen()?;
    Ok(tokio::spawn(async move {
        let mut asked = false;
        loop {
            let signal = signals.next().await;
            if !asked {
                output::note("stopping: what runs is finished or taken back; once more stops at once");
            }
            asked = true;
            interrupt.raise(signal);
        }
    }))
}

/// A person's word that a host is dead is good for one failover.
async fn forget_confirmations(
    session: &Session,
    plan: &Plan,
    moved: &BTreeSet<ServiceName>,
) -> Result<(), Failure> {
    if plan.operation != Operation::Failover {
        return Ok(());
    }
    let used = plan.services.iter().filter(|service| moved.contains(&service.service));
    let dead: Vec<&HostName> = used.filter_map(|service| service.from.as_ref()).collect();
    update(&session.store, |table| table.confirmed_dead.retain(|host, _| !dead.contains(&host)))
        .await
        .map_err(Failure::internal)
}
