//! How a run comes to its end: what a doomed service did is taken back, optional steps are dismissed, the last record
//! and the last event are written. A part of [`Dispatcher`].

use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::time::Instant;

use super::Ending;
use super::branch::{Branch, Doom, Unwinding, worst};
use super::dispatcher::Dispatcher;
use super::event::{EventKind, Level, ManualCommand};
use super::record::Record;
use super::teller::millis;
use super::unwind::{self, Taking, Unwinder};
use super::work::{Message, Unrecorded};
use crate::plan::ready::{Outcome, StepIndex};
use crate::plan::table::{Row, ServiceState};
use crate::plan::{PlanStep, StepRef};
use crate::site::id::ServiceName;

/// How long a dismissed step has to end.
const LEAVE_TAKING: Duration = Duration::from_millis(300);

impl<'a> Dispatcher<'a> {
    /// Takes back what a doomed service did, once nothing of it is under way.
    pub(super) fn start_unwinding(&mut self) {
        for at in 0..self.branches.len() {
            if self.branches[at].unwinding == Unwinding::NotNeeded
                && self.branches[at].doom.is_some()
                && !self.under_way(&self.branches[at].service)
            {
                self.branches[at].unwinding = Unwinding::UnderWay;
                self.unwind(at);
            }
        }
    }

    fn under_way(&self, service: &ServiceName) -> bool {
        let of = |step: &StepIndex| self.planned(*step).service == *service;
        let flying = self.flights.values().any(|flight| flight.steps.iter().any(of));
        flying || (0..self.queue.len()).any(|step| self.queue.is_running(step) && of(&step))
    }

    fn unwind(&mut self, at: usize) {
        let branch = &self.branches[at];
        let because = branch.doom.as_ref().map(Doom::because).unwrap_or_default();
        if branch.is_given_up() {
            let text = format!("{}: nothing is taken back: {because}", branch.service);
            self.teller.notice(Level::Error, &text);
            self.branches[at].unwinding = Unwinding::Complete { moved: false };
            return;
        }
        let takings = self.takings(&branch.service.clone());
        let unwinder = Unwinder {
            epochs: unwind::epochs(self.plan),
            tools: self.tools,
            plan: self.plan,
            clerk: self.clerk.clone(),
            teller: self.teller.clone(),
            cancel: self.root.child_token(),
        };
        let unwinding =
            async move { Message::Unwound { branch: at, unwound: unwinder.unwind(takings, because).await } };
        self.running.push(unwinding.boxed());
    }

    /// What the service's steps did that can be taken back.
    fn takings(&self, service: &ServiceName) -> Vec<Taking<'a>> {
        let acted = (0..self.steps.len())
            .filter(|step| self.steps[*step].acted && self.planned(*step).service == *service);
        let taking = |at: StepIndex| {
            let step: &'a PlanStep = &self.plan.steps[at];
            let progress = &self.steps[at];
            let (work, undo) =
                progress.compiled.as_ref().map_or((&step.work, &step.undo), |(work, undo)| (work, undo));
            Some(Taking { step, how: unwind::way(work, undo, progress.replaced.clone())? })
        };
        acted.filter_map(taking).collect()
    }

    /// Nobody waits for optional steps once all else has ended.
    pub(super) fn dismiss_optional(&mut self) {
        if self.dismissed.is_some() {
            return;
        }
        let ended = |step: &StepIndex| self.queue.outcome(*step).is_some();
        let mut open = (0..self.queue.len()).filter(|step| !ended(step)).peekable();
        let unwinding = self.branches.iter().any(|branch| branch.unwinding == Unwinding::UnderWay);
        if unwinding || open.peek().is_none() || !open.all(|step| self.planned(step).optional) {
            return;
        }
        self.dismissed = Some(Instant::now() + LEAVE_TAKING);
        let stopped = self.queue.stop("nobody waits for it", |_| true);
        self.settle(stopped);
        for step in 0..self.steps.len() {
            if self.queue.outcome(step).is_none() {
                self.steps[step].cancel.cancel();
            }
        }
        self.flights.values().for_each(|flight| flight.cancel.cancel());
    }

    /// Optional steps that do not even end when told to: their hosts are lost, and end them by themselves.
    pub(super) fn leave_behind(&mut self) {
        self.running.clear();
        for step in 0..self.steps.len() {
            if self.queue.outcome(step).is_none() {
                self.end(step, Outcome::Cancelled, "cancelled, and its end not seen");
            }
        }
    }

    pub(super) async fn conclude(mut self) -> Ending {
        let end = worst(self.branches.iter().map(Branch::end));
        let manual: Vec<ManualCommand> = self.branches.iter().flat_map(Branch::manual).collect();
        let left = self.branches.iter().any(|branch| self.is_left(branch));
        self.mark_stuck().await;
        let recap = self.recap.lines();
        let record =
            Record::RunEnded { end: end.clone(), recap: recap.clone(), manual: manual.clone(), left };
        if let Err(lost) = self.clerk.journal.keep(&record).await {
            self.teller.notice(Level::Error, &lost.to_string());
        }
        self.teller.tell(EventKind::RunEnded {
            end: end.clone(),
            recap: recap.clone(),
            duration_ms: millis(self.teller.elapsed()),
            manual: manual.clone(),
        });
        Ending { end, recap, manual }
    }

    /// Something of the service was neither finished nor taken back.
    fn is_left(&self, branch: &Branch) -> bool {
        let of = |step: &StepIndex| self.planned(*step).service == branch.service;
        let acted = || (0..self.steps.len()).filter(of).any(|step| self.steps[step].acted);
        branch.is_left() || matches!(branch.doom, Some(Doom::LeaseLost { .. })) && acted()
    }

    /// So that `status` says it, also from another machine.
    async fn mark_stuck(&mut self) {
        let stuck: Vec<ServiceName> = self
            .branches
            .iter()
            .filter(|branch| matches!(branch.unwinding, Unwinding::Incomplete(_)) && !branch.is_given_up())
            .map(|branch| branch.service.clone())
            .collect();
        for service in stuck {
            let (run, epoch) = (self.options.run.clone(), self.epoch(&service));
            let stuck = |now: Option<&Row>| {
                let (state, last_run) = (ServiceState::Stuck, Some(run.clone()));
                let none = || Row { primary: None, secondary: None, epoch, state, last_run: None };
                Ok(Row { state, last_run, ..now.cloned().unwrap_or_else(none) })
            };
            let step = StepRef(format!("{service}/-/stuck"));
            if let Err(why) = self.clerk.change(&step, &service, Unrecorded::GoOn, stuck).await {
                self.teller.notice(Level::Warning, &format!("{service} is not marked stuck: {why}"));
            }
        }
    }
}
