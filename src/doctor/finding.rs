//! What doctor reports: findings, grouped by host and by service. The JSON document is `reveille.doctor/1`.

use serde::Serialize;

use crate::site::id::{HostName, ServiceName};

/// The version of the document.
pub const SCHEMA: &str = "reveille.doctor/1";

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Works, and may not when it matters.
    Warning,
    /// An operation would fail.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `login`, `sudo`, `program`, `clock` …
    pub check: &'static str,
    pub severity: Severity,
    /// Services that depend on it; empty when all do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceName>,
    pub what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    pub fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, severity: Severity::Ok, services: Vec::new(), what: what.into(), fix: None }
    }

    pub fn warning(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, fix: Some(fix.into()), ..Self::ok(check, what) }
    }

    pub fn error(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { severity: Severity::Error, ..Self::warning(check, what, fix) }
    }

    #[must_use]
    pub fn of(mut self, services: impl IntoIterator<Item = ServiceName>) -> Self {
        self.services = services.into_iter().collect();
        self
    }
}

/// One host and what was found there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostReport {
    pub host: HostName,
    pub reachable: bool,
    /// From nothing to a first command; `None` if there was no login.
    pub login_ms: Option<u64>,
    /// One command over a warm connection.
    pub command_ms: Option<u64>,
    pub findings: Vec<Finding>,
}

/// One service and what was found on the network between its hosts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceReport {
    pub service: ServiceName,
    pub findings: Vec<Finding>,
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub schema: &'static str,
    pub errors: usize,
    pub warnings: usize,
    pub unreachable: Vec<HostName>,
    pub hosts: Vec<HostReport>,
    pub services: Vec<ServiceReport>,
}

impl Report {
    pub fn new(hosts: Vec<HostReport>, services: Vec<ServiceReport>) -> Self {
        let findings = || {
            let of_hosts = hosts.iter().flat_map(|host| &host.findings);
            of_hosts.chain(services.iter().flat_map(|service| &service.findings))
        };
        let count = |severity| findings().filter(|finding| finding.severity == severity).count();
        let silent = hosts.iter().filter(|host| !host.reachable);
        Self {
            schema: SCHEMA,
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            unreachable: silent.map(|host| host.host.clone()).collect(),
            hosts,
            services,
        }
    }
}
