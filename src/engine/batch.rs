//! Which steps travel together: a ready step, and what may follow it on the same host in the same program.
//!
//! Pure. Steps that are [brief](crate::module::Script::is_brief) go together as soon as nothing else holds them up, also where
//! they could run side by side: the way to the host takes longer than they do. Of others only a chain is taken: where two
//! could follow, they would rather run side by side than one after the other, so the batch ends there.

use crate::plan::ready::{Queue, StepIndex};
use crate::plan::{PlanStep, Work};

/// The most steps in one program: an early outcome should not wait in a pipe behind a long tail.
const LONGEST: usize = 32;

/// The batch that begins with `first`, which is ready. `alone` keeps a step out of batches.
pub(super) fn gather(
    steps: &[PlanStep],
    queue: &Queue,
    first: StepIndex,
    alone: impl Fn(StepIndex) -> bool,
) -> Vec<StepIndex> {
    let mut batch = vec![first];
    let leads = travels(&steps[first]) && steps[first].guards.failed_when.is_none() && !alone(first);
    while leads && batch.len() < LONGEST {
        let may_come = |step: &StepIndex| {
            !batch.contains(step)
                && fits(&steps[first], &steps[*step])
                && !alone(*step)
                && queue.waits_only_for(*step, &batch)
        };
        let all_brief = batch.iter().all(|step| is_brief(&steps[*step]));
        let brief = (0..steps.len()).filter(|step| all_brief && is_brief(&steps[*step])).find(may_come);
        let followers = batch.iter().flat_map(|step| queue.successors(*step)).filter(may_come);
        match brief.or_else(|| only(followers)) {
            Some(next) => batch.push(next),
            None => break,
        }
    }
    batch
}

/// The one that all of them are.
fn only(mut steps: impl Iterator<Item = StepIndex>) -> Option<StepIndex> {
    let first = steps.next()?;
    steps.all(|step| step == first).then_some(first)
}

fn fits(first: &PlanStep, next: &PlanStep) -> bool {
    let together = next.service == first.service && next.host == first.host && next.run_as == first.run_as;
    together && travels(next) && next.guards.failed_when.is_none() && next.guards.when.is_none()
}

/// Whether nothing has to be decided here before the step that follows it.
fn travels(step: &PlanStep) -> bool {
    let decided_here = step.guards.until.is_some() || step.attempts.retries > 0;
    matches!(step.work, Work::Script(_)) && step.skip.is_none() && !decided_here
}

fn is_brief(step: &PlanStep) -> bool {
    matches!(&step.work, Work::Script(script) if script.is_brief())
}
