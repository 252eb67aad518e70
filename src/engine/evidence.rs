//! Evidence: which way to it came true, the acts that only serve to get some, and that they are not begun, or given up,
//! once there is any. A part of [`Dispatcher`].

use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::time::sleep;

use super::branch::Doom;
use super::dispatcher::Dispatcher;
use super::event::{EventKind, Level};
use super::job::Report;
use super::record::Record;
use super::work::{Fenced, Message};
use crate::plan::ready::{Outcome, Skip, StepIndex};
use crate::plan::{Fence, PlanStep, StepRef, Wait, Work};
use crate::site::id::ServiceName;
use crate::site::playbook::EvidenceKind;

impl Dispatcher<'_> {
    /// Says which way the step's `any_of` came true, and gives up what only served to get there by another.
    pub(super) fn name_evidence(&mut self, step: StepIndex) {
        let planned = self.planned(step);
        let Some(way) = self.queue.alternative(step).and_then(|way| planned.any_of.get(way)) else { return };
        let service = planned.service.clone();
        // Which of several devices did it is known only now.
        let fenced = (way.evidence == EvidenceKind::Fenced).then(|| self.fence_words(&service)).flatten();
        let words = fenced.unwrap_or_else(|| way.words.clone());
        self.clerk.journal.note(&Record::Evidence {
            service: service.clone(),
            evidence: way.evidence,
            words: words.clone(),
        });
        self.teller.tell(EventKind::Evidence {
            service: service.clone(),
            kind: way.evidence,
            words: self.teller.redacted(&words),
        });
        self.give_up_moot(&service);
    }

    fn fence_words(&self, service: &ServiceName) -> Option<String> {
        let fence = |step: &StepIndex| {
            let planned = self.planned(*step);
            planned.service == *service && matches!(planned.work, Work::Fence(_))
        };
        let words = |step: StepIndex| self.steps[step].report.stdout.clone();
        (0..self.steps.len()).find(fence).map(words).filter(|words| !words.is_empty())
    }

    /// Whether the step only serves to get evidence that is there by now.
    pub(super) fn is_moot(&self, step: StepIndex) -> bool {
        let planned = self.planned(step);
        serves_evidence(planned) && self.has_evidence(&planned.service)
    }

    fn has_evidence(&self, service: &ServiceName) -> bool {
        let mut joins = (0..self.steps.len())
            .filter(|step| {
                let planned = self.planned(*step);
                planned.service == *service && !planned.any_of.is_empty()
            })
            .peekable();
        joins.peek().is_some() && joins.all(|join| self.queue.alternative(join).is_some())
    }

    /// A fence that was begun is not stopped: half a fence is worse than one too many.
    fn give_up_moot(&mut self, service: &ServiceName) {
        for step in 0..self.steps.len() {
            let planned = self.planned(step);
            if planned.service != *service || !self.is_moot(step) {
                continue;
            }
            if self.queue.is_waiting(step) {
                self.end(step, Outcome::Skipped(Skip::NotNeeded), &Skip::NotNeeded.to_string());
            } else if matches!(planned.work, Work::Wait(_)) {
                self.steps[step].cancel.cancel();
            }
        }
    }

    /// Fences a host, written down first.
    pub(super) fn fence(&mut self, step: StepIndex, fence: &Fence) {
        let kept = self.clerk.journal.keep(&Record::StepIntent { steps: self.intents(&[step]) });
        self.steps[step].acted = true;
        // Only the second signal ends it half-way.
        let (tools, cancel, fence) = (self.tools, self.root.clone(), fence.clone());
        let fenced = async move {
            if let Err(lost) = kept.await {
                return Message::Fenced { step, how: Fenced::Unrecorded(lost.to_string()) };
            }
            let how = tokio::select! {
                () = cancel.cancelled() => Fenced::Stopped,
                outcome = tools.fencer.fence(&fence) => Fenced::Done(outcome),
            };
            Message::Fenced { step, how }
        };
        self.running.push(fenced.boxed());
    }

    pub(super) fn handle_fenced(&mut self, step: StepIndex, how: Fenced) {
        match how {
            Fenced::Done(outcome) => {
                let words = outcome.words;
                let report = Report {
                    code: i32::from(!outcome.confirmed),
                    stdout: words.clone(),
                    ..Report::default()
                };
                self.steps[step].report = report;
                let ended = if outcome.confirmed { Outcome::Changed } else { Outcome::Failed };
                self.attempted(step, ended, &words);
            }
            Fenced::Stopped => {
                self.end(step, Outcome::Unknown, "stopped half-way: nobody knows whether the host is off");
            }
            Fenced::Unrecorded(because) => {
                self.steps[step].acted = false;
                self.teller.notice(Level::Error, &because);
                let unfinished = |at: &usize| self.is_unfinished(*at);
                for at in (0..self.branches.len()).filter(unfinished).collect::<Vec<_>>() {
                    self.doom(at, Doom::Failed { because: because.clone() });
                }
                self.end(step, Outcome::Failed, &because);
            }
        }
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, step: StepIndex, wait: &Wait) {
        let (cancel, time) = (self.steps[step].cancel.clone(), Duration::from_millis(wait.at_most_ms));
        let waited = async move {
            tokio::select! {
                () = cancel.cancelled() => Message::Waited { step, over: false },
                () = sleep(time) => Message::Waited { step, over: true },
            }
        };
        self.running.push(waited.boxed());
        self.rouse();
    }

    /// Ends the waiting for steps that have ended.
    pub(super) fn rouse(&mut self) {
        for step in 0..self.steps.len() {
            if self.queue.is_running(step) && self.is_waited_out(step) {
                self.steps[step].cancel.cancel();
            }
        }
    }

    fn is_waited_out(&self, step: StepIndex) -> bool {
        let Work::Wait(wait) = &self.planned(step).work else { return false };
        let ended = |id: &StepRef| {
            let at = self.plan.steps.iter().position(|step| step.id == *id);
            at.is_none_or(|at| self.queue.outcome(at).is_some())
        };
        !wait.or_end_of.is_empty() && wait.or_end_of.iter().all(ended)
    }

    pub(super) fn handle_waited(&mut self, step: StepIndex, over: bool) {
        if over || self.is_waited_out(step) {
            self.end(step, Outcome::Ok, "");
        } else if self.is_moot(step) {
            self.end(step, Outcome::Skipped(Skip::NotNeeded), &Skip::NotNeeded.to_string());
        } else {
            self.end(step, Outcome::Cancelled, "cancelled");
        }
    }
}

/// Whether a step is there for the evidence alone, and costs something.
fn serves_evidence(step: &PlanStep) -> bool {
    matches!(step.work, Work::Fence(_) | Work::Wait(_))
}
