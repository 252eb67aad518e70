//! What to try after a run that did not end well: another host in the place of the one that failed.

use super::event::RunEnd;
use crate::plan::table::Role;
use crate::plan::{Operation, Plan, Request};

/// Changes the request to the next attempt, and says why; `None` where there is nothing to try again. `moved`: some
/// service got its primary before the end.
pub fn next_attempt(request: &mut Request, plan: &Plan, end: &RunEnd, moved: bool) -> Option<String> {
    let service = plan.services.first()?;
    match end {
        RunEnd::Undone { because } if request.operation == Operation::Failover && request.to.is_none() => {
            let to = service.to.clone()?;
            let words = format!("{to} failed as {}; the next host is tried: {because}", Role::Primary);
            request.tried.insert(to, because.clone());
            Some(words)
        }
        RunEnd::Undone { because } | RunEnd::Stuck { because }
            if moved && service.secondary.is_some() && request.operation != Operation::Teardown =>
        {
            let secondary = service.secondary.clone()?;
            let words =
                format!("{secondary} failed as {}; the next host is tried: {because}", Role::Secondary);
            request.tried.insert(secondary, because.clone());
            request.operation = Operation::Reprotect;
            request.to = None;
            Some(words)
        }
        _ => None,
    }
}
