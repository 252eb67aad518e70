//! How a simulated monitor acts: the real planner makes the plan, the real engine runs it.

use serde_json::Map;
use tokio::sync::mpsc::unbounded_channel;

use super::monitor::{Monitor, redact};
use super::run::Broken;
use crate::engine::event::{EventKind, RunEnd};
use crate::engine::record::Origin;
use crate::engine::{self, Interrupt, Late, LatePlan, Reach, RunOptions, Tools, next_attempt};
use crate::monitor::{Act, ActEnd, ActOutcome};
use crate::plan::facts::SiteFacts;
use crate::plan::reconcile::reconcile;
use crate::plan::{Plan, PlanError, Planner, Stage};
use crate::site::id::{HostName, RunId};
use crate::store::{Lease, Store};

/// Attempts with other hosts before an act is given up.
const ATTEMPTS: usize = 4;

impl Monitor {
    pub(super) fn tools<'a>(&'a self, late: &'a dyn Late) -> Tools<'a> {
        Tools { transport: &self.eyes.wire, store: &self.store, prober: &self.eyes, fencer: &self.eyes, late }
    }

    /// Plans and runs until it is done or nothing is left to try.
    pub(super) async fn act(&self, act: &Act, facts: SiteFacts, lease: &Lease) -> ActEnd {
        let mut request = act.request();
        let mut facts = facts;
        let mut ended = ActEnd { run: None, outcome: ActOutcome::Done, moved: Vec::new() };
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                facts = self.gather().await;
            }
            let Ok(table) = self.store.load().await else {
                let outcome = ActOutcome::NoCandidate { because: "no store".to_owned() };
                return ActEnd { outcome, ..ended };
            };
            let table = reconcile(&table, &facts);
            let secrets = Map::new();
            let planner = || Planner {
                site: &self.made.site,
                table: &table,
                facts: &facts,
                secrets: &secrets,
                request: request.clone(),
            };
            let mut plan = match planner().plan() {
                Ok(plan) => plan,
                Err(_) if attempt > 0 => return ended,
                Err(error) => return ActEnd { outcome: refused(&error), ..ended },
            };
            self.break_rule(&mut plan);
            let late = LatePlan { plan: &plan, planner: planner() };
            let end = self.execute(&plan, &late, lease, &mut ended).await;
            self.tell(&format!("{} of {} ended: {end:?}", plan.operation.as_str(), act.services[0]));
            let again = next_attempt(&mut request, &plan, &end, !ended.moved.is_empty());
            ended.outcome = outcome(end);
            if again.is_none() {
                return ended;
            }
        }
        ended
    }

    /// Takes out of a plan what a broken rule would have in it.
    fn break_rule(&self, plan: &mut Plan) {
        for step in &mut plan.steps {
            match self.broken {
                Some(Broken::Evidence) => step.any_of.clear(),
                Some(Broken::Quarantine) if step.stage == Stage::Quarantine => {
                    step.skip = Some("broken".to_owned());
                }
                _ => {}
            }
        }
    }

    async fn execute(&self, plan: &Plan, late: &LatePlan<'_>, lease: &Lease, ended: &mut ActEnd) -> RunEnd {
        let run = self.run_id();
        self.tell(&format!(
            "{} of {} to {} begins",
            plan.operation.as_str(),
            plan.services[0].service,
            plan.services[0].to.as_ref().map_or("-", HostName::as_str),
        ));
        let moved = &plan.services[0];
        if let Some(from) = moved.from.as_ref().filter(|from| moved.to.as_ref() != Some(from)) {
            self.world.with(|inside| inside.leaves(&moved.service, from));
        }
        let options = RunOptions {
            run: run.clone(),
            forks: 20,
            reach: Reach::Act,
            diff: false,
            inject: Vec::new(),
            origin: Origin::default(),
            redact: redact(),
        };
        let (sender, mut events) = unbounded_channel();
        let interrupt = Interrupt::under(lease.clone());
        let ran = engine::run(plan, self.tools(late), &options, sender, &interrupt).await;
        while let Ok(event) = events.try_recv() {
            if let EventKind::Committed { service, primary: Some(_), .. } = event.kind
                && !ended.moved.contains(&service)
            {
                ended.moved.push(service);
            }
        }
        ended.run = Some(run);
        match ran {
            Ok(ending) => ending.end,
            Err(error) => RunEnd::Stuck { because: error.to_string() },
        }
    }

    /// Runs sort in the order they began.
    fn run_id(&self) -> RunId {
        let (now, number) = self.world.quietly(|inside| (inside.now, inside.next_job()));
        RunId::try_from(format!("r{now:09}-{number:06}")).expect("letters, digits and a dash")
    }
}

fn refused(error: &PlanError) -> ActOutcome {
    match error {
        PlanError::AlreadyThere { .. } => ActOutcome::Done,
        error => ActOutcome::NoCandidate { because: error.to_string() },
    }
}

fn outcome(end: RunEnd) -> ActOutcome {
    match end {
        RunEnd::Done => ActOutcome::Done,
        RunEnd::Undone { because } => ActOutcome::Undone { because },
        RunEnd::Stuck { because } => ActOutcome::Stuck { because },
        RunEnd::Unreachable { host } => ActOutcome::NoCandidate { because: format!("{host} is unreachable") },
        RunEnd::EvidenceMissing { .. } => ActOutcome::EvidenceMissing { because: "no evidence".to_owned() },
        RunEnd::Stale { host, found } => ActOutcome::Stale { because: format!("{host} is in epoch {found}") },
        RunEnd::Interrupted { .. } => ActOutcome::Stale { because: "stopped".to_owned() },
        RunEnd::LeaseLost { because } => ActOutcome::Stale { because },
    }
}
