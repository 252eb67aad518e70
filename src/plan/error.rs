//! Why there is no plan.

use super::table::Role;
use super::{PlacementTable, StepRef};
use crate::site::id::{HostName, ServiceName};
use crate::site::source::Span;

#[derive(Clone, Debug, thiserror::Error)]
pub enum PlanError {
    #[error("there is no playbook for service {service}")]
    UnknownService { service: ServiceName },
    #[error("service {service} is not deployed; run `reveille deploy {service}`")]
    NotDeployed { service: ServiceName },
    #[error("service {service} has no primary; run `reveille failover {service}`")]
    NoPrimary { service: ServiceName },
    #[error("{host} is not in the pool of {service}")]
    NotInPool { service: ServiceName, host: HostName },
    #[error("{service} already runs on {host}")]
    AlreadyThere { service: ServiceName, host: HostName },
    #[error("{host} does not answer and is {what} (service {service}): {detail}")]
    Unreachable { service: ServiceName, host: HostName, what: &'static str, detail: String },
    #[error("no host can be the {role} of {service}")]
    NoCandidate { service: ServiceName, role: Role, table: Option<Box<PlacementTable>> },
    #[error("no drill of {service}: {because}")]
    NoDrill { service: ServiceName, because: String },
    #[error("{}failed to render: {detail}", step.as_ref().map(|step| format!("{step}: ")).unwrap_or_default())]
    Render { place: Span, step: Option<StepRef>, detail: String },
    #[error("the plan has no step {step}")]
    UnknownStep { step: StepRef },
    #[error("the steps need each other in a circle: {0}")]
    Cycle(String),
}
