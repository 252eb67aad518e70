//! Whole runs against made-up hosts, in paused time.

mod accounts;
mod crash;
mod failing;
mod fencing;
mod going;
mod leased;

use crate::plan::Plan;
use crate::site::playbook::EvidenceKind::{LinkSilent, Released};
use crate::site::playbook::IfUnreachable;

use super::rig::{plan, sets, step};
use crate::plan::table::ServiceState;
use crate::plan::{Commit, PlanStep, UndoWork, Work};
use crate::site::id::Epoch;

/// A small switchover from h1 to h2, h3 becoming the secondary: what is set on a host says what it holds.
fn switchover() -> Plan {
    plan(
        vec![
            gives_up("address"),
            gives_up("process").needs(&["h1/address"]),
            step("h2", "silent", "say nobody", ""),
            step("-", "evidence", "", "")
                .work(Work::Join)
                .any(Released, &["h1/address", "h1/process"])
                .any(LinkSilent, &["h2/silent"]),
            sets("h2", "awake").needs(&["-/evidence"]),
            sets("h2", "held").needs(&["h2/awake"]),
            step("-", "commit", "", "").work(commit()).needs(&["h2/held"]),
            sets("h3", "asleep").needs(&["-/commit"]),
        ],
        Some("-/commit"),
    )
}

/// h1 lets go of something it has from the start.
fn gives_up(key: &str) -> PlanStep {
    step("h1", key, &format!("unset {key}"), &format!("set {key}"))
}

fn commit() -> Work {
    let (primary, secondary) = (Some(super::rig::host("h2")), None);
    Work::Commit(Commit { primary, secondary, epoch: Epoch(2), state: ServiceState::Unprotected })
}

/// The old primary may be dead.
fn hopeful(step: PlanStep) -> PlanStep {
    PlanStep { if_unreachable: IfUnreachable::Continue, advisory: true, ..step }
}

fn without_undo(step: PlanStep) -> PlanStep {
    PlanStep { undo: UndoWork::Nothing, ..step }
}
