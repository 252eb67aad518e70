//! What must be known of the old primary before the new one may act, and how the plan comes to know it. Pure.

use std::fmt::Write;

use super::link;
use crate::page::{Esc, table};
use crate::plan::{Plan, ServicePlan};
use crate::site::playbook::EvidenceKind;

pub(super) fn evidence(html: &mut String, plan: &Plan) {
    for service in plan.services.iter().filter(|service| !service.evidence.is_empty()) {
        of_service(html, plan, service);
    }
}

fn of_service(html: &mut String, plan: &Plan, service: &ServicePlan) {
    let accepted: Vec<&str> = service.evidence.iter().copied().map(EvidenceKind::as_str).collect();
    let alternatives =
        plan.steps.iter().filter(|step| step.service == service.service).flat_map(|step| &step.any_of);
    let rows: Vec<Vec<String>> = alternatives
        .map(|one| {
            let steps: Vec<String> = one.steps.iter().map(|step| link(plan, step)).collect();
            vec![one.evidence.as_str().to_owned(), Esc(&one.words).to_string(), steps.join(", ")]
        })
        .collect();
    let _ = writeln!(
        html,
        "<p><b>{}</b> accepts, best first: {}. Without any of it nothing is moved.</p>",
        Esc(&service.service),
        Esc(accepted.join(", "))
    );
    let name = format!("Tried for {}, side by side; the first that holds is enough", service.service);
    table(html, &name, &["Evidence", "What would be known", "By these steps"], &rows);
}
