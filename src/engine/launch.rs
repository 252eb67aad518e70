//! How a step sets out: a batch is composed, journaled and sent; a probe asked; a row written. The part of
//! [`Dispatcher`] that makes futures; what they come back with is in [`super::settle`] and [`super::landing`].

use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::batch;
use super::dispatcher::{Dispatcher, Flight};
use super::job::Batch;
use super::record::{Intent, Record};
use super::script::{self, Frame, Reach};
use super::unwind::run_as;
use super::work::{Message, probe};
use crate::module::Script;
use crate::plan::Work;
use crate::plan::ready::{Outcome, Skip, StepIndex};
use crate::site::id::HostName;

/// A host that could not be reached is not tried again for this long.
const SILENT_FOR: Duration = Duration::from_secs(30);

impl Dispatcher<'_> {
    /// What the step does; compiled now if it could not be before.
    pub(super) fn work(&mut self, step: StepIndex) -> Result<Work, String> {
        let planned = self.planned(step);
        if matches!(planned.work, Work::Late { .. }) && self.steps[step].compiled.is_none() {
            let compiled = self.tools.late.compile(&planned.id, &self.scope(step))?;
            self.steps[step].compiled = Some(compiled);
        }
        Ok(self.steps[step].compiled.as_ref().map_or(&planned.work, |(work, _)| work).clone())
    }

    pub(super) fn set_out(&mut self, step: StepIndex, work: &Work) {
        let looking = self.options.reach == Reach::Look;
        match work {
            Work::Join => self.end(step, Outcome::Ok, ""),
            Work::Script(script) if looking && script.look.is_none() => self.pass_over(step),
            Work::Probe(_) | Work::Fence(_) | Work::Wait(_) | Work::Commit(_) if looking => {
                self.pass_over(step);
            }
            Work::Script(_) => self.send(step),
            Work::Probe(what) => {
                let (tools, cancel, what) = (self.tools, self.steps[step].cancel.clone(), what.clone());
                let until = Instant::now() + self.timeout(step);
                let answer = async move {
                    Message::Probed { step, outcome: probe(tools, &what, until, cancel).await }
                };
                self.running.push(answer.boxed());
            }
            Work::Fence(fence) => self.fence(step, fence),
            Work::Wait(wait) => self.wait(step, wait),
            Work::Commit(commit) => {
                let (clerk, commit, planned) = (self.clerk.clone(), commit.clone(), self.planned(step));
                let written = async move {
                    let result = clerk.commit(&planned.id, &planned.service, &commit).await;
                    Message::Committed { step, result }
                };
                self.running.push(written.boxed());
            }
            Work::Late { action, .. } => {
                self.end(step, Outcome::Failed, &format!("{action} could not be compiled"));
            }
        }
    }

    fn pass_over(&mut self, step: StepIndex) {
        self.end(step, Outcome::Skipped(Skip::CheckMode), "check mode");
    }

    /// Sends a script, and what may travel with it.
    fn send(&mut self, first: StepIndex) {
        let host = self.planned(first).host.clone().unwrap_or_else(script::controller);
        if let Some(why) = self.known_silent(&host) {
            return self.attempted(first, Outcome::Unreachable, &why);
        }
        let alone = |step| {
            let id = &self.planned(step).id;
            self.options.inject.iter().any(|inject| inject.step == *id)
                || (self.options.reach == Reach::Look && self.script(step).is_none_or(|s| s.look.is_none()))
        };
        let steps = batch::gather(&self.plan.steps, &self.queue, first, alone);
        steps[1..].iter().for_each(|step| self.queue.claim(*step));
        let number = self.next_flight;
        self.next_flight += 1;
        let cancel = self.steps[first].cancel.child_token();
        self.launch(number, &host, &steps, cancel.clone());
        self.flights.insert(number, Flight { host, steps, cancel });
    }

    fn launch(&mut self, number: usize, host: &HostName, steps: &[StepIndex], cancel: CancellationToken) {
        let kept = self.clerk.journal.keep(&Record::StepIntent { steps: self.intents(steps) });
        let (program, nonce) = self.program(steps);
        let timeouts = steps.iter().map(|step| self.timeout(*step)).collect();
        let (host, run_as) = (host.clone(), run_as(self.planned(steps[0])));
        let (transport, updates) = (self.tools.transport, self.updates.clone());
        let flight = async move {
            if let Err(lost) = kept.await {
                return Message::Unsent { flight: number, because: lost.to_string() };
            }
            let batch = Batch { host: &host, run_as, program, nonce, timeouts, cancel };
            // A dispatcher that is gone hears nothing.
            let end = batch.run(transport, |update| _ = updates.send((number, update))).await;
            Message::Landed { flight: number, end }
        };
        self.running.push(flight.boxed());
    }

    pub(super) fn intents(&self, steps: &[StepIndex]) -> Vec<Intent> {
        let intent = |(place, step): (usize, &StepIndex)| Intent {
            step: self.planned(*step).id.clone(),
            attempt: if place == 0 { self.steps[*step].attempt } else { self.steps[*step].attempt + 1 },
            compiled: self.steps[*step].compiled.clone(),
        };
        steps.iter().enumerate().map(intent).collect()
    }

    fn program(&self, steps: &[StepIndex]) -> (String, String) {
        let nonce = script::nonce();
        let service = &self.planned(steps[0]).service;
        let (reach, diff) = (self.options.reach, self.options.diff);
        let run = &self.options.run;
        let frame = Frame { run, service, epoch: self.epoch(service), nonce: &nonce, reach, diff };
        let scripts: Vec<&Script> = steps.iter().filter_map(|step| self.script(*step)).collect();
        (frame.compose(scripts), nonce)
    }

    /// Why the host is not even tried, if it just could not be reached.
    fn known_silent(&self, host: &HostName) -> Option<String> {
        let (since, why) = self.silent.get(host)?;
        (since.elapsed() < SILENT_FOR).then(|| why.clone())
    }
}
