//! What a run that ended means for its services: where they are now, and what is not tried again for a while.

use super::core::{Core, Owner};
use super::effect::{Act, ActEnd, ActId, ActOutcome, Effect, Memory};
use super::happening::Happening;
use super::service::Service;
use crate::plan::Operation;
use crate::site::id::ServiceName;

/// When no host could take a service, the pool is asked again after this.
const NOBODY_MS: u64 = 5_000;

/// How long a hook that said no is not asked again.
const VETOED_MS: u64 = 60_000;

/// A plan that was only written down is not written again before.
const PLANNED_MS: u64 = 60_000;

impl Core {
    /// A run that was asked for ended.
    pub(super) fn take_end(&mut self, id: ActId, end: ActEnd) {
        let Some(act) = self.under_way.remove(&id) else { return };
        for name in &act.services {
            let Some(mut service) = self.services.remove(name) else { continue };
            if service.act == Some(id) {
                self.ended(name, &mut service, &act, &end);
            }
            self.services.insert(name.clone(), service);
            self.touch_at(Owner::Service(name.clone()), self.now.mono_ms);
        }
        let because = match &end.outcome {
            ActOutcome::Planned { file } => {
                let (services, file) = (act.services, file.clone());
                return self.tell(Happening::Planned { services, operation: act.operation, file });
            }
            // What was vetoed is told as held.
            ActOutcome::Done | ActOutcome::Vetoed { .. } => return,
            ActOutcome::NoCandidate { because }
            | ActOutcome::EvidenceMissing { because }
            | ActOutcome::Undone { because }
            | ActOutcome::Stuck { because }
            | ActOutcome::Stale { because } => because.clone(),
        };
        if act.operation != Operation::Reprotect || !matches!(end.outcome, ActOutcome::NoCandidate { .. }) {
            let (services, operation) = (act.services, act.operation);
            self.tell(Happening::Failed { services, operation, because, run: end.run });
        }
    }

    fn ended(&mut self, name: &ServiceName, service: &mut Service, act: &Act, end: &ActEnd) {
        let (now, at_ms) = (self.now.mono_ms, self.now.wall_ms);
        let moved = end.moved.contains(name);
        service.act = None;
        service.act_ended_ms = now;
        service.next_round_ms = now;
        service.copy.bad = 0;
        if let Some(stray) = self.strays.get(name) {
            // What is known of it is what the run may have mended.
            let host = stray.host.clone();
            self.look_at(&host);
        }
        if moved && act.operation != Operation::Reprotect {
            service.taken_over = Some((at_ms, now));
            let memory = Memory::Takeover { at_ms };
            self.effect(Effect::Remember { service: name.clone(), memory });
            // Another host is measured from now on.
            service.gauges.clear();
            self.tell_move(name, service, act, end);
        }
        match &end.outcome {
            ActOutcome::Done => service.copy.rest(now),
            ActOutcome::Planned { .. } => {
                service.nobody = Some(("its plan was written down".to_owned(), now + PLANNED_MS));
                service.copy.retry_ms = now + PLANNED_MS;
            }
            ActOutcome::NoCandidate { because } if act.operation == Operation::Reprotect => {
                service.copy.failed(now);
                because.clone_into(&mut service.copy.why);
            }
            ActOutcome::NoCandidate { because } => service.nobody = Some((because.clone(), now + NOBODY_MS)),
            ActOutcome::Vetoed { because } => service.vetoed = Some((because.clone(), now + VETOED_MS)),
            outcome if act.operation == Operation::Reprotect => {
                service.copy.failed(now);
                service.copy.left |= matches!(outcome, ActOutcome::Stuck { .. });
            }
            ActOutcome::EvidenceMissing { because } => {
                service.nobody = Some((
                    because.clone(),
                    now + self.watched(name).map_or(1000, |watched| watched.interval_ms),
                ));
            }
            ActOutcome::Undone { because } | ActOutcome::Stuck { because } if !moved => {
                let memory = Memory::Latch { at_ms, because: because.clone() };
                self.effect(Effect::Remember { service: name.clone(), memory });
            }
            ActOutcome::Undone { .. } | ActOutcome::Stuck { .. } => {
                service.copy.failed(now);
            }
            ActOutcome::Stale { .. } => self.effect(Effect::Reconcile),
        }
    }

    /// It serves elsewhere now, whatever became of its protection.
    fn tell_move(&mut self, name: &ServiceName, service: &Service, act: &Act, end: &ActEnd) {
        let back_ms = service.moved_ms.unwrap_or(self.now.mono_ms);
        let row = self.row(name).cloned();
        self.tell(Happening::Moved {
            service: name.clone(),
            operation: act.operation,
            primary: row.as_ref().and_then(|row| row.primary.clone()),
            secondary: row.as_ref().and_then(|row| row.secondary.clone()),
            outage_ms: service.out_since_ms.map(|since| back_ms.saturating_sub(since)),
            run: end.run.clone(),
        });
    }
}
