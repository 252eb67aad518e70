//! What a step's end, a signal or a finished unwinding means for a whole service. A part of [`Dispatcher`]; the
//! service's state itself is [`super::branch`].

use super::branch::{Doom, Unwinding};
use super::dispatcher::Dispatcher;
use super::event::{Level, ManualCommand};
use super::interrupt::Signals;
use super::unwind::Unwound;
use crate::plan::ready::{NotReached, Outcome, StepIndex};
use crate::site::playbook::IfUnreachable;
use crate::store::Loss;

impl Dispatcher<'_> {
    /// What the end of this step means for its service.
    pub(super) fn weigh(&mut self, step: StepIndex, outcome: &Outcome, detail: &str) {
        let planned = self.planned(step);
        let expected = matches!(outcome, Outcome::Skipped(_)) || self.queue.succeeded(step);
        let stopped = matches!(outcome, Outcome::NotReached(NotReached::Stopped(_)));
        let left_out = matches!(outcome, Outcome::Unreachable | Outcome::Unknown)
            && planned.if_unreachable == IfUnreachable::Skip;
        if expected || stopped || left_out || planned.advisory || planned.optional {
            return;
        }
        let because = format!("{}: {detail}", planned.id);
        let doom = match (outcome, &planned.host) {
            (Outcome::NotReached(NotReached::NoAlternative), _) => Doom::EvidenceMissing,
            (Outcome::Unreachable, Some(host)) => Doom::Unreachable { host: host.clone(), because },
            _ => Doom::Failed { because },
        };
        if let Some(at) = self.branch_of(step) {
            self.doom(at, doom);
        }
    }

    pub(super) fn branch_of(&self, step: StepIndex) -> Option<usize> {
        let service = &self.planned(step).service;
        self.branches.iter().position(|branch| branch.service == *service)
    }

    /// A service will not be completed; before its point of no return it is taken back.
    pub(super) fn doom(&mut self, at: usize, doom: Doom) {
        let passed = self.branches[at].point.is_some_and(|point| self.queue.succeeded(point));
        if passed && !matches!(doom, Doom::Stale { .. }) {
            let why = self.teller.redacted(&doom.because());
            let service = &self.branches[at].service;
            let command = format!("reveille reprotect {service}");
            self.branches[at].left.push(ManualCommand { host: None, why, command });
        } else if self.branches[at].doom.is_none() {
            self.branches[at].doom = Some(doom);
        }
    }

    pub(super) fn is_doomed(&self, step: StepIndex) -> bool {
        self.branch_of(step).is_some_and(|at| self.branches[at].doom.is_some())
    }

    /// No step of a doomed service starts any more.
    pub(super) fn stop_doomed(&mut self) {
        for at in 0..self.branches.len() {
            let Some(doom) = &self.branches[at].doom else { continue };
            let (service, because) = (self.branches[at].service.clone(), doom.because());
            let plan = self.plan;
            let stopped = self.queue.stop(&because, |step| plan.steps[step].service == service);
            self.settle(stopped);
            for step in 0..self.steps.len() {
                if plan.steps[step].service == service && plan.steps[step].optional {
                    self.steps[step].cancel.cancel();
                }
            }
        }
    }

    pub(super) fn handle_unwound(&mut self, at: usize, unwound: Unwound) {
        for id in &unwound.undone {
            let host = self.plan.steps.iter().find(|step| step.id == *id).and_then(|step| step.host.as_ref());
            self.recap.count_undone(host);
        }
        self.branches[at].unwinding = if unwound.manual.is_empty() {
            Unwinding::Complete { moved: !unwound.undone.is_empty() || !unwound.kept.is_empty() }
        } else {
            Unwinding::Incomplete(unwound.manual)
        };
    }

    pub(super) fn handle_signals(&mut self, signals: Signals) {
        if signals.count >= 1 && self.signals == 0 {
            let text = format!("signal {}: ending in order; again to stop at once", signals.signal);
            self.teller.notice(Level::Warning, &text);
            for at in 0..self.branches.len() {
                let branch = &self.branches[at];
                let passed = branch.point.is_some_and(|point| self.queue.succeeded(point));
                if !passed && branch.doom.is_none() && self.is_unfinished(at) {
                    self.branches[at].doom = Some(Doom::Interrupted { signal: signals.signal });
                }
            }
        }
        if signals.count >= 2 && self.signals < 2 {
            self.teller.notice(Level::Error, "stopping at once");
            self.root.cancel();
            for at in 0..self.branches.len() {
                if self.branches[at].doom.is_none() && self.is_unfinished(at) {
                    self.branches[at].doom = Some(Doom::Interrupted { signal: signals.signal });
                }
            }
        }
        self.signals = signals.count;
        self.stop_doomed();
    }

    /// Somebody else may act from now on: all that is under way is stopped, and nothing is taken back.
    pub(super) fn handle_lease_lost(&mut self, loss: &Loss) {
        self.lease_lost = true;
        let because = loss.to_string();
        self.teller.notice(Level::Error, &format!("{because}: stopping at once"));
        self.root.cancel();
        for at in 0..self.branches.len() {
            let unwinding = self.branches[at].unwinding == Unwinding::UnderWay;
            if unwinding || self.is_unfinished(at) {
                self.branches[at].doom = Some(Doom::LeaseLost { because: because.clone() });
            }
        }
        self.stop_doomed();
    }

    pub(super) fn is_unfinished(&self, at: usize) -> bool {
        let service = &self.branches[at].service;
        (0..self.queue.len()).any(|step| self.is_unsettled(step) && self.planned(step).service == *service)
    }
}
