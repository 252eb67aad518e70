//! What becomes of the run when something ends: an attempt, a step, a batch, an unwinding, or everyone's patience.
//! The second half of [`Dispatcher`]: nothing here waits.

use std::time::Duration;

use futures_util::future::FutureExt;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::branch::{Doom, Unwinding};
use super::conditions;
use super::dispatcher::Dispatcher;
use super::event::{EventKind, Level, ManualCommand, StepResult};
use super::inject::Moment;
use super::interrupt::Signals;
use super::job::{Batch, BatchEnd, How, Report, Update};
use super::record::Record;
use super::script::{self, Frame, Reach};
use super::teller::millis;
use super::unwind::{Unwound, failure, run_as};
use super::work::{Committed, Message, look};
use crate::module::NEEDS_ACTION;
use crate::plan::ready::{NotReached, Outcome, StepIndex};
use crate::site::playbook::{Backoff, IfUnreachable};
use crate::transport::Lost;

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
            Message::Committed { step, result } => self.handle_committed(step, result),
            Message::Looked { step, done: Ok(()) } => {
                self.end(step, Outcome::Changed, "the link was lost; a look shows that it is done");
            }
            Message::Looked { step, done: Err(why) } => self.end(step, Outcome::Unknown, &why),
            Message::RetryDue { step } => self.handle_retry(step),
            Message::Unwound { branch, unwound } => self.handle_unwound(branch, unwound),
        }
    }

    pub(super) fn handle_update(&mut self, flight: usize, update: Update) {
        let Some(flight) = self.flights.get(&flight) else { return };
        let at = |place: usize| flight.steps.get(place).copied();
        match update {
            Update::Begun { place: 0 } => {}
            Update::Begun { place } => {
                if let Some(step) = at(place).filter(|step| self.queue.is_waiting(*step)) {
                    self.queue.begin(step);
                    self.steps[step].attempt += 1;
                    self.steps[step].began = self.teller.elapsed();
                    let attempt = self.steps[step].attempt;
                    self.teller.tell(EventKind::StepStarted { step: self.planned(step).id.clone(), attempt });
                }
            }
            Update::Acting { place } => {
                if let Some(step) = at(place) {
                    self.steps[step].acted = true;
                }
            }
            Update::Line { place, stream, text } => {
                if let Some(step) = at(place).map(|step| self.planned(step)).filter(|step| !step.no_log) {
                    self.teller.output(&step.id, stream, &text);
                }
            }
            Update::Done { place, report } => {
                if let Some(step) = at(place) {
                    self.reported(step, report);
                }
            }
        }
    }

    /// A script ran to its end.
    fn reported(&mut self, step: StepIndex, report: Report) {
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
    fn judged(&mut self, step: StepIndex, outcome: Outcome, detail: &str) {
        match self.judge(step, outcome, detail) {
            Ok((outcome, detail)) => self.attempted(step, outcome, &detail),
            Err(detail) => self.end(step, Outcome::Failed, &detail),
        }
    }

    fn judge(
        &self,
        step: StepIndex,
        mut outcome: Outcome,
        detail: &str,
    ) -> Result<(Outcome, String), String> {
        let guards = &self.planned(step).guards;
        let mut detail = detail.to_owned();
        let holds = |guard, outcome: &Outcome| conditions::holds(guard, &self.scope_with(step, outcome));
        if let Some(guard) = &guards.failed_when {
            let failed = holds(guard, &outcome)?;
            (outcome, detail) = match (failed, outcome) {
                (true, _) => (Outcome::Failed, format!("`{}` is true", guard.expression)),
                (false, Outcome::Failed) if self.steps[step].report.acted => {
                    (Outcome::Changed, String::new())
                }
                (false, Outcome::Failed) => (Outcome::Ok, String::new()),
                (false, outcome) => (outcome, detail),
            };
        }
        if let (Some(guard), Outcome::Ok | Outcome::Changed) = (&guards.changed_when, &outcome) {
            outcome = if holds(guard, &outcome)? { Outcome::Changed } else { Outcome::Ok };
        }
        if let (Some(guard), Outcome::Ok | Outcome::Changed) = (&guards.until, &outcome)
            && !holds(guard, &outcome)?
        {
            return Ok((Outcome::Failed, format!("`{}` is still false", guard.expression)));
        }
        Ok((outcome, detail))
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
        let others = self.queue.finish(step, outcome.clone());
        self.publish(step, &outcome, detail);
        self.weigh(step, &outcome, detail);
        self.settle(others);
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
        });
        self.recap.count(planned.host.as_ref(), result, planned.advisory);
        if let Some(name) = &planned.register {
            let value = self.result(step, outcome);
            let scope = (planned.service.clone(), planned.host.clone());
            self.registers.entry(scope).or_default().insert(name.clone(), value);
        }
    }

    /// What the end of this step means for its service.
    fn weigh(&mut self, step: StepIndex, outcome: &Outcome, detail: &str) {
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

    fn branch_of(&self, step: StepIndex) -> Option<usize> {
        let service = &self.planned(step).service;
        self.branches.iter().position(|branch| branch.service == *service)
    }

    /// A service will not be completed; before its point of no return it is taken back.
    fn doom(&mut self, at: usize, doom: Doom) {
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

    fn is_doomed(&self, step: StepIndex) -> bool {
        self.branch_of(step).is_some_and(|at| self.branches[at].doom.is_some())
    }

    /// No step of a doomed service starts any more.
    fn stop_doomed(&mut self) {
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

    fn handle_landed(&mut self, flight: usize, end: BatchEnd) {
        let Some(flight) = self.flights.remove(&flight) else { return };
        let open = end.open.as_ref().and_then(|(place, _)| flight.steps.get(*place).copied());
        if let (Some(step), Some((_, report))) = (open, end.open) {
            self.steps[step].acted |= report.acted;
            self.steps[step].report = report;
        }
        let rest: Vec<StepIndex> =
            flight.steps.iter().copied().filter(|step| self.is_unsettled(*step)).collect();
        match end.how {
            How::Exit { code, preamble } => {
                let first = flight.steps[0];
                if let Some(step) = open {
                    self.steps[step].report.code = code;
                    let words = failure(&self.steps[step].report);
                    self.attempted(step, Outcome::Failed, &format!("its shell ended early: {words}"));
                } else if end.reached == 0 {
                    let words = format!("the host's guard failed, exit {code}: {}", preamble.trim());
                    self.attempted(first, Outcome::Failed, &words);
                }
            }
            How::Stale { found } => {
                let first = flight.steps[0];
                if let Some(at) = self.branch_of(first) {
                    self.doom(at, Doom::Stale { host: flight.host.clone(), found });
                }
                self.end(first, Outcome::Failed, &format!("the host has seen epoch {found}"));
            }
            How::Overdue { killed } => {
                let (outcome, words) = if killed {
                    (Outcome::TimedOut, "timed out")
                } else {
                    (Outcome::Unknown, "timed out, and could not be stopped")
                };
                if let Some(step) = open {
                    self.attempted(step, outcome, words);
                }
            }
            How::Lost(Lost::Cancelled { .. }) => {
                let first = (end.reached == 0).then_some(flight.steps[0]);
                if let Some(step) = open.or(first) {
                    self.end(step, Outcome::Cancelled, "cancelled");
                }
            }
            How::Lost(Lost::Unreachable(why)) if end.reached == 0 => {
                self.silent.insert(flight.host.clone(), (Instant::now(), why.clone()));
                self.attempted(flight.steps[0], Outcome::Unreachable, &why);
            }
            How::Lost(lost) => self.handle_unknown(&rest, &lost.to_string()),
        }
        self.release(&flight.steps);
    }

    /// The link was lost: of the steps that had not ended, any may have run.
    fn handle_unknown(&mut self, rest: &[StepIndex], why: &str) {
        for step in rest {
            self.queue.begin(*step);
            self.steps[*step].acted = true;
            self.steps[*step].attempt = self.steps[*step].attempt.max(1);
        }
        for step in rest {
            self.attempted(*step, Outcome::Unknown, why);
        }
    }

    fn handle_unsent(&mut self, flight: usize, because: &str) {
        let Some(flight) = self.flights.remove(&flight) else { return };
        self.teller.notice(Level::Error, because);
        // Without a journal nothing new is begun, for nobody.
        let unfinished = |at: &usize| self.is_unfinished(*at);
        for at in (0..self.branches.len()).filter(unfinished).collect::<Vec<_>>() {
            self.doom(at, Doom::Failed { because: because.to_owned() });
        }
        self.end(flight.steps[0], Outcome::Failed, because);
        self.release(&flight.steps);
        let stopped = self.queue.stop(because, |_| true);
        self.settle(stopped);
    }

    /// Steps of a batch that were not begun wait for their turn again.
    fn release(&mut self, steps: &[StepIndex]) {
        for step in steps {
            if self.queue.is_waiting(*step) {
                self.queue.release(*step);
            }
        }
        self.stop_doomed();
    }

    fn is_unsettled(&self, step: StepIndex) -> bool {
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

    fn handle_unwound(&mut self, at: usize, unwound: Unwound) {
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

    fn is_unfinished(&self, at: usize) -> bool {
        let service = &self.branches[at].service;
        (0..self.queue.len()).any(|step| self.is_unsettled(step) && self.planned(step).service == *service)
    }

    pub(super) fn injected(&self, step: StepIndex, when: Moment) -> Option<Outcome> {
        let id = &self.planned(step).id;
        let mut faults = self.options.inject.iter();
        faults.find(|inject| inject.step == *id && inject.when == when).map(|inject| inject.fault.outcome())
    }

    /// Says which way the step's `any_of` came true.
    pub(super) fn name_evidence(&self, step: StepIndex) {
        let planned = self.planned(step);
        let Some(way) = self.queue.alternative(step).and_then(|way| planned.any_of.get(way)) else { return };
        let (service, words) = (planned.service.clone(), way.words.clone());
        self.clerk.journal.note(&Record::Evidence {
            service: service.clone(),
            evidence: way.evidence,
            words: words.clone(),
        });
        self.teller.tell(EventKind::Evidence {
            service,
            kind: way.evidence,
            words: self.teller.redacted(&words),
        });
    }

    /// Results registered so far, as this step sees them: its own host's before those of others.
    pub(super) fn scope(&self, step: StepIndex) -> Map<String, Value> {
        let planned = self.planned(step);
        let (mut theirs, mut own) = (Map::new(), Map::new());
        for ((service, host), values) in &self.registers {
            if *service == planned.service {
                let scope = if *host == planned.host { &mut own } else { &mut theirs };
                scope.extend(values.clone());
            }
        }
        theirs.extend(own);
        theirs
    }

    fn scope_with(&self, step: StepIndex, outcome: &Outcome) -> Map<String, Value> {
        let mut scope = self.scope(step);
        if let Some(name) = &self.planned(step).register {
            scope.insert(name.clone(), self.result(step, outcome));
        }
        scope
    }

    /// A result in the words an Ansible user knows.
    fn result(&self, step: StepIndex, outcome: &Outcome) -> Value {
        let progress = &self.steps[step];
        let (stdout, stderr) =
            (progress.report.stdout.trim_end_matches('\n'), progress.report.stderr.trim_end_matches('\n'));
        let failed = matches!(outcome, Outcome::Failed | Outcome::TimedOut | Outcome::Unknown);
        json!({
            "rc": progress.report.code,
            "stdout": stdout,
            "stderr": stderr,
            "stdout_lines": stdout.lines().collect::<Vec<_>>(),
            "stderr_lines": stderr.lines().collect::<Vec<_>>(),
            "changed": *outcome == Outcome::Changed,
            "failed": failed,
            "skipped": matches!(outcome, Outcome::Skipped(_)),
            "unreachable": *outcome == Outcome::Unreachable,
            "attempts": progress.attempt,
        })
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
