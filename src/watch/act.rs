//! Does what the core decided: plans with the facts at hand, runs the plan, tries the next host if one fails.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::drive::Shown;
use super::field::Field;
use crate::engine::event::{Event, EventKind, RunEnd};
use crate::engine::gather::{self, Question};
use crate::engine::{self, Interrupt, LatePlan, Reach, RunOptions, next_attempt};
use crate::monitor::{Act, ActEnd, ActOutcome, Input};
use crate::plan::facts::SiteFacts;
use crate::plan::reconcile::reconcile;
use crate::plan::table::{Pause, Scope, Table};
use crate::plan::{Plan, PlanError, Request, timing};
use crate::site::id::{HostName, RunId, ServiceName};
use crate::store::new_run_id;

/// Attempts with other hosts before the act is given up.
const ATTEMPTS: usize = 4;

/// What goes on beside an act.
pub(super) struct Beside<'a> {
    pub shown: &'a UnboundedSender<Shown>,
    pub interrupt: &'a Interrupt,
    /// Told the table as soon as a service has moved, long before it is protected again.
    pub inputs: Option<&'a UnboundedSender<Input>>,
}

impl Field {
    /// Plans and runs until it is done or nothing is left to try. The caller holds the lease.
    pub(super) async fn act(&self, act: &Act, facts: SiteFacts, beside: Beside<'_>) -> ActEnd {
        if let Err(because) = self.hook_before(act).await {
            let because = (self.redact)(&because);
            return ActEnd { run: None, outcome: ActOutcome::Vetoed { because }, moved: Vec::new() };
        }
        let ended = self.try_hosts(act, facts, beside).await;
        self.hook_after(act, &ended);
        ended
    }

    async fn try_hosts(&self, act: &Act, facts: SiteFacts, beside: Beside<'_>) -> ActEnd {
        let mut request = act.request();
        let mut facts = facts;
        let mut ended = ActEnd { run: None, outcome: ActOutcome::Done, moved: Vec::new() };
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                facts = self.gather().await;
            }
            request.excluded = self.paused().await;
            let (plan, table) = match self.plan(&request, &facts).await {
                Ok(planned) => planned,
                // There was a way, and it failed: what failed is what counts.
                Err(_) if attempt > 0 => return ended,
                Err(outcome) => return ActEnd { outcome, ..ended },
            };
            if act.plan_only {
                return ActEnd { outcome: self.write_down(&plan), ..ended };
            }
            let ran = self.run(&plan, &table, &facts, &request, &beside).await;
            ended.run = ran.run;
            ended.moved.extend(ran.moved);
            let Some(end) = ran.end else {
                let because = ran.failed.unwrap_or_default();
                return ActEnd { outcome: ActOutcome::Stuck { because }, ..ended };
            };
            let again = next_attempt(&mut request, &plan, &end, !ended.moved.is_empty());
            ended.outcome = outcome(end);
            if again.is_none() {
                return ended;
            }
        }
        ended
    }

    /// Hosts that a person wants left alone.
    async fn paused(&self) -> BTreeMap<HostName, String> {
        let Ok(table) = self.table().await else { return BTreeMap::new() };
        let now = jiff::Timestamp::now().as_millisecond();
        let now = u64::try_from(now).unwrap_or_default();
        let paused = |pause: &Pause| match &pause.scope {
            Scope::Host(host) if pause.until_ms.is_none_or(|until| until > now) => {
                Some((host.clone(), format!("paused by {}: {}", pause.by, pause.because)))
            }
            _ => None,
        };
        table.pauses.iter().filter_map(paused).collect()
    }

    /// Every host's own word, asked for now.
    pub async fn gather(&self) -> SiteFacts {
        self.gather_within(self.site.settings.ssh.connect_timeout.0).await
    }

    /// The same, with less patience for hosts that are silent.
    pub(super) async fn gather_within(&self, patience: Duration) -> SiteFacts {
        let question = Question {
            hosts: self.hosts.clone(),
            programs: self.wanted.programs.iter().cloned().collect(),
            patience,
            ..Question::default()
        };
        gather::gather(&*self.transport, &question).await
    }

    async fn plan(&self, request: &Request, facts: &SiteFacts) -> Result<(Plan, Table), ActOutcome> {
        let stuck = |because: String| ActOutcome::NoCandidate { because };
        let table = self.table().await.map_err(|error| stuck(error.to_string()))?;
        let table = reconcile(&table, facts);
        let planner = self.planner(&table, facts, request.clone());
        let mut plan = planner.plan().map_err(|error| refused(&error, &*self.redact))?;
        plan.hash = timing::hash(&plan, &|text| (self.redact)(text));
        Ok((plan, table))
    }

    fn write_down(&self, plan: &Plan) -> ActOutcome {
        let file = self.plans.join(format!(
            "{}-{}.json",
            plan.operation.as_str(),
            &plan.hash[..12.min(plan.hash.len())]
        ));
        let written = serde_json::to_string_pretty(plan).map_err(std::io::Error::from).and_then(|text| {
            std::fs::create_dir_all(&self.plans)?;
            std::fs::write(&file, (self.redact)(&text))
        });
        match written {
            Ok(()) => ActOutcome::Planned { file: file.display().to_string() },
            Err(error) => ActOutcome::NoCandidate {
                because: format!("its plan cannot be written to {}: {error}", file.display()),
            },
        }
    }

    async fn run(
        &self,
        plan: &Plan,
        table: &Table,
        facts: &SiteFacts,
        request: &Request,
        beside: &Beside<'_>,
    ) -> Ran {
        let late = LatePlan { plan, planner: self.planner(table, facts, request.clone()) };
        let options = RunOptions {
            run: new_run_id(&*self.store, jiff::Timestamp::now()),
            forks: self.forks,
            reach: Reach::Act,
            diff: false,
            inject: Vec::new(),
            origin: self.origin.clone(),
            redact: std::sync::Arc::clone(&self.redact),
        };
        let (sender, receiver) = unbounded_channel();
        let running = engine::run(plan, self.tools(&late), &options, sender, beside.interrupt);
        let (ended, moved) = tokio::join!(running, self.forward(receiver, beside));
        match ended {
            Ok(ending) => Ran { run: Some(options.run), end: Some(ending.end), failed: None, moved },
            Err(error) => Ran { run: None, end: None, failed: Some(error.to_string()), moved },
        }
    }

    /// Passes events on; says which services got a primary.
    async fn forward(&self, mut events: UnboundedReceiver<Event>, beside: &Beside<'_>) -> Vec<ServiceName> {
        let mut moved = Vec::new();
        while let Some(event) = events.recv().await {
            if let EventKind::Committed { service, primary: Some(_), .. } = &event.kind
                && !moved.contains(service)
            {
                moved.push(service.clone());
                if let (Some(inputs), Ok(table)) = (beside.inputs, self.table().await) {
                    // The core may be gone.
                    let _ = inputs.send(Input::Table { table: Box::new(table) });
                }
            }
            // Nobody may be looking.
            let _ = beside.shown.send(Shown::Run(Box::new(event)));
        }
        moved
    }
}

/// What came of one attempt.
struct Ran {
    run: Option<RunId>,
    end: Option<RunEnd>,
    failed: Option<String>,
    moved: Vec<ServiceName>,
}

fn refused(error: &PlanError, redact: &dyn Fn(&str) -> String) -> ActOutcome {
    let because = redact(&error.to_string());
    match error {
        // It is done already.
        PlanError::AlreadyThere { .. } => ActOutcome::Done,
        _ => ActOutcome::NoCandidate { because },
    }
}

fn outcome(end: RunEnd) -> ActOutcome {
    match end {
        RunEnd::Done => ActOutcome::Done,
        RunEnd::Undone { because } => ActOutcome::Undone { because },
        RunEnd::Stuck { because } => ActOutcome::Stuck { because },
        RunEnd::Unreachable { host } => ActOutcome::NoCandidate { because: format!("{host} is unreachable") },
        RunEnd::EvidenceMissing { service } => {
            ActOutcome::EvidenceMissing { because: format!("no evidence for {service} was found in time") }
        }
        RunEnd::Stale { host, found } => ActOutcome::Stale {
            because: format!("{host} has seen epoch {found}: another controller is at work"),
        },
        RunEnd::LeaseLost { .. } => ActOutcome::Stale { because: "the lease was lost".to_owned() },
        RunEnd::Interrupted { signal } => {
            ActOutcome::Stale { because: format!("stopped by signal {signal}") }
        }
    }
}
