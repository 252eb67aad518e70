//! What a batch says on its way and when it lands, or when the link to it is lost. A part of [`Dispatcher`].

use tokio::time::Instant;

use super::branch::Doom;
use super::dispatcher::Dispatcher;
use super::event::{EventKind, Level};
use super::job::{BatchEnd, How, Update};
use super::unwind::failure;
use crate::plan::ready::{Outcome, StepIndex};
use crate::transport::Lost;

impl Dispatcher<'_> {
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

    pub(super) fn handle_landed(&mut self, flight: usize, end: BatchEnd) {
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
    pub(super) fn handle_unknown(&mut self, rest: &[StepIndex], why: &str) {
        for step in rest {
            self.queue.begin(*step);
            self.steps[*step].acted = true;
            self.steps[*step].attempt = self.steps[*step].attempt.max(1);
        }
        for step in rest {
            self.attempted(*step, Outcome::Unknown, why);
        }
    }

    pub(super) fn handle_unsent(&mut self, flight: usize, because: &str) {
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
    pub(super) fn release(&mut self, steps: &[StepIndex]) {
        for step in steps {
            if self.queue.is_waiting(*step) {
                self.queue.release(*step);
            }
        }
        self.stop_doomed();
    }
}
