//! What becomes of the run when something ends: an attempt, a step, a batch, an unwinding, or everyone's patience.
//! The second half of [`Dispatcher`]: nothing here waits.

use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::time::{Instant, sleep};

use super::dispatcher::Dispatcher;
use super::event::{EventKind, Level, StepResult};
use super::inject::Moment;
use super::job::{Batch, Report};
use super::record::Record;
use super::script::{self, Frame, Reach};
use super::teller::millis;
use super::unwind::{failure, run_as};
use super::work::{Committed, Message, look};
use crate::module::NEEDS_ACTION;
use crate::plan::ready::{Outcome, StepIndex};
use crate::site::playbook::{Backoff, IfUnreachable};

/// The longest pause between two attempts, however often it was doubled.
const LONGEST_DELAY: Duration = Duration::from_mins(5);

impl Dispatcher<'_> {
    pub(super) fn handle(&mut self, message: Message) {
        match message {
            Message::Landed { flight, end } => self.handle_landed(flight, end),
            Message::Unsent { flight, because } => self.handle_unsent(flight, &because),
            Message::Probed { step, outcome: None } => self.end(step, Outcome::Cancelled, "cancelled"),
            Message::Probed { step, outcome: Some(answer) } => {
                self.steps[step].report = Report {
                    code: i32::from(!answer.ok),
                    stdout: answer.detail.clone(),
                    ..Report::default()
                };
                let outcome = if answer.ok { Outcome::Ok } else { Outcome::Failed };
                self.judged(step, outcome, &answer.detail);
            }
            Message::Fenced { step, how } => self.handle_fenced(step, how),
            Message::Waited { step, over } => self.handle_waited(step, over),
            Message::Committed { step, result } => self.handle_committed(step, result),
            Message::Looked { step, done: Ok(()) } => {
                self.end(step, Outcome::Changed, "the link was lost; a look shows that it is done");
            }
            Message::Looked { step, done: Err(why) } => self.end(step, Outcome::Unknown, &why),
            Message::RetryDue { step } => self.handle_retry(step),
            Message::Unwound { branch, unwound } => self.handle_unwound(branch, unwound),
        }
    }

    /// A script ran to its end.
    pub(super) fn reported(&mut self, step: StepIndex, report: Report) {
        let script = self.script(step);
        let changes = script.is_some_and(|script| script.changes);
        let (outcome, detail) = match report.code {
            0 if report.acted && changes => (Outcome::Changed, String::new()),
            0 => (Outcome::Ok, String::new()),
            NEEDS_ACTION if self.options.reach == Reach::Look => {
                (if changes { Outcome::Changed } else { Outcome::Ok }, "would act".to_owned())
            }
            _ if self.options.reach == Reach::Look => {
                (Outcome::Changed, format!("cannot tell beforehand: {}", failure(&report)))
            }
            _ => (Outcome::Failed, failure(&report)),
        };
        self.steps[step].report = report;
        self.judged(step, outcome, &detail);
    }

    /// Lets `failed_when`, `changed_when` and `until` have their say.
    pub(super) fn judged(&mut self, step: StepIndex, outcome: Outcome, detail: &str) {
        match self.judge(step, outcome, detail) {
            Ok((outcome, detail)) => self.attempted(step, outcome, &detail),
            Err(detail) => self.end(step, Outcome::Failed, &detail),
        }
    }

    /// An attempt is over: another one, a look, or the end of the step.
    pub(super) fn attempted(&mut self, step: StepIndex, outcome: Outcome, detail: &str) {
        let injected = self.injected(step, Moment::After);
        let (outcome, detail) = injected.map_or((outcome, detail), |fault| (fault, "injected"));
        match outcome {
            Outcome::Unknown if self.can_look(step) => self.look(step),
            Outcome::Failed | Outcome::TimedOut if self.may_retry(step) => self.retry(step, detail),
            outcome => self.end(step, outcome, detail),
        }
    }

    fn may_retry(&self, step: StepIndex) -> bool {
        self.steps[step].attempt <= self.planned(step).attempts.retries && !self.is_doomed(step)
    }

    fn retry(&mut self, step: StepIndex, detail: &str) {
        let planned = self.planned(step);
        let attempt = self.steps[step].attempt;
        self.teller.tell(EventKind::StepRetry {
            step: planned.id.clone(),
            attempt,
            of: planned.attempts.retries + 1,
            detail: self.teller.redacted(detail),
        });
        let delay = Duration::from_millis(planned.attempts.delay_ms);
        let delay = match planned.attempts.backoff {
            Backoff::Fixed => delay,
            Backoff::Exponential => delay.saturating_mul(1 << (attempt - 1).min(16)).min(LONGEST_DELAY),
        };
        let cancel = self.steps[step].cancel.clone();
        let due = async move {
            tokio::select! {
                () = sleep(delay) => {}
                () = cancel.cancelled() => {}
            }
            Message::RetryDue { step }
        };
        self.running.push(due.boxed());
    }

    fn handle_retry(&mut self, step: StepIndex) {
        if self.steps[step].cancel.is_cancelled() {
            self.end(step, Outcome::Cancelled, "cancelled");
        } else if self.is_doomed(step) {
            self.end(step, Outcome::Failed, "not tried again, since the run is being taken back");
        } else {
            self.start(step);
        }
    }

    /// A look is worth its time where the step's success is needed.
    fn can_look(&self, step: StepIndex) -> bool {
        let planned = self.planned(step);
        let needed = planned.if_unreachable == IfUnreachable::Fail && !planned.advisory;
        needed && !self.root.is_cancelled() && self.script(step).is_some_and(|script| script.look.is_some())
    }

    fn look(&mut self, step: StepIndex) {
        let planned = self.planned(step);
        let Some(script) = self.script(step) else { return };
        let nonce = script::nonce();
        let epoch = self.epoch(&planned.service);
        let frame = Frame {
            run: &self.options.run,
            service: &planned.service,
            epoch,
            nonce: &nonce,
            reach: Reach::Look,
            diff: false,
        };
        let program = frame.compose([script]);
        let host = planned.host.clone().unwrap_or_else(script::controller);
        let (tools, cancel, allowed) = (self.tools, self.steps[step].cancel.clone(), self.timeout(step));
        self.teller.notice(Level::Warning, &format!("{}: outcome unknown; looking", planned.id));
        let looked = async move {
            let (run_as, timeouts) = (run_as(planned), vec![allowed]);
            let batch = Batch { host: &host, run_as, program, nonce, timeouts, cancel: cancel.child_token() };
            Message::Looked { step, done: look(tools, batch, Instant::now() + allowed, cancel).await }
        };
        self.running.push(looked.boxed());
    }

    /// The step is over. Tells everyone, and what else is over by it.
    pub(super) fn end(&mut self, step: StepIndex, outcome: Outcome, detail: &str) {
        let ended = outcome.clone();
        let others = self.queue.finish(step, outcome);
        self.publish(step, &ended, detail);
        self.weigh(step, &ended, detail);
        self.settle(others);
        self.rouse();
        self.stop_doomed();
    }

    /// Steps that ended without having been started.
    pub(super) fn settle(&mut self, ended: Vec<(StepIndex, Outcome)>) {
        for (step, outcome) in ended {
            let detail = match &outcome {
                Outcome::NotReached(reason) => reason.to_string(),
                Outcome::Skipped(skip) => skip.to_string(),
                _ => String::new(),
            };
            self.publish(step, &outcome, &detail);
            self.weigh(step, &outcome, &detail);
        }
    }

    /// Event, journal, recap, register.
    fn publish(&mut self, step: StepIndex, outcome: &Outcome, detail: &str) {
        let planned = self.planned(step);
        let result = StepResult::from(outcome);
        let hidden = planned.no_log && !matches!(outcome, Outcome::Skipped(_) | Outcome::NotReached(_));
        let detail = if hidden && !detail.is_empty() { "hidden (no_log)" } else { detail };
        let progress = &self.steps[step];
        let started = progress.attempt > 0;
        let duration_ms =
            if started { millis(self.teller.elapsed().saturating_sub(progress.began)) } else { 0 };
        self.clerk.journal.note(&Record::StepOutcome {
            step: planned.id.clone(),
            result,
            acted: progress.acted,
            detail: detail.to_owned(),
            duration_ms,
        });
        let diff = (!progress.report.diff.is_empty() && !planned.no_log)
            .then(|| self.teller.redacted(&progress.report.diff));
        self.teller.tell(EventKind::StepEnded {
            step: planned.id.clone(),
            result,
            detail: self.teller.redacted(detail),
            duration_ms,
            diff,
            advisory: planned.advisory,
        });
        self.recap.count(planned.host.as_ref(), result, planned.advisory);
        if let Some(name) = &planned.register {
            let value = self.result(step, outcome);
            let scope = (planned.service.clone(), planned.host.clone());
            self.registers.entry(scope).or_default().insert(name.clone(), value);
        }
    }

    pub(super) fn is_unsettled(&self, step: StepIndex) -> bool {
        self.queue.outcome(step).is_none()
    }

    fn handle_committed(&mut self, step: StepIndex, result: Result<Committed, String>) {
        let planned = self.planned(step);
        let committed = match result {
            Ok(committed) => committed,
            Err(detail) => return self.attempted(step, Outcome::Failed, &detail),
        };
        if let crate::plan::Work::Commit(commit) = &planned.work {
            self.teller.tell(EventKind::Committed {
                service: planned.service.clone(),
                primary: commit.primary.clone(),
                secondary: commit.secondary.clone(),
                epoch: commit.epoch,
            });
        }
        self.steps[step].acted = committed.replaced.is_some();
        let outcome = if committed.replaced.is_some() { Outcome::Changed } else { Outcome::Ok };
        self.steps[step].replaced = committed.replaced;
        self.attempted(step, outcome, "");
    }
}

impl From<&Outcome> for StepResult {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Ok => Self::Ok,
            Outcome::Changed => Self::Changed,
            Outcome::Skipped(_) => Self::Skipped,
            Outcome::Failed => Self::Failed,
            Outcome::TimedOut => Self::TimedOut,
            Outcome::Unreachable => Self::Unreachable,
            Outcome::Unknown => Self::Unknown,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::NotReached(_) => Self::NotReached,
        }
    }
}
