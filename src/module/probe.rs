//! `probe`: a check from the controller, made as a client of the service would. Here it is only rendered; the
//! sending is in [`crate::probe`].

use serde::{Deserialize, Serialize};

use super::{Context, ModuleError};
use crate::site::action::{ProbeArgs, ProbeSpec};
use crate::site::quantity::TimeSpan;
use crate::site::source::Sp;

/// A rendered check, made by the controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    Icmp { host: String, timeout_ms: u64 },
    Tcp { host: String, port: u16, timeout_ms: u64 },
    Http { url: String, status: u16, contains: Option<String>, timeout_ms: u64 },
    Command { argv: Vec<String>, timeout_ms: u64 },
}

/// How long a probe without a `timeout` waits for its answer.
pub const DEFAULT_TIMEOUT: TimeSpan = TimeSpan::from_secs(2);

impl Probe {
    /// How long it may take in all.
    pub fn timeout_ms(&self) -> u64 {
        match self {
            Self::Icmp { timeout_ms, .. }
            | Self::Tcp { timeout_ms, .. }
            | Self::Http { timeout_ms, .. }
            | Self::Command { timeout_ms, .. } => *timeout_ms,
        }
    }
}

impl std::fmt::Display for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = match self {
            Self::Icmp { host, .. } => format!("icmp {host}"),
            Self::Tcp { host, port, .. } => format!("tcp {host}:{port}"),
            Self::Http { url, status, contains, .. } => match contains {
                Some(text) => format!("http {url} → {status}, with `{text}`"),
                None => format!("http {url} → {status}"),
            },
            Self::Command { argv, .. } => format!("command {}", argv.join(" ")),
        };
        f.pad(&words)
    }
}

/// The check a `probe` step asks for: a named one of the playbook, or the one written in place.
pub fn compile(args: &ProbeArgs, cx: &Context) -> Result<Probe, ModuleError> {
    match args {
        ProbeArgs::Inline(spec) => render(spec, cx),
        ProbeArgs::Named(name) => match cx.probes.get(name.as_str()) {
            Some(spec) => render(spec, cx),
            None => Err(ModuleError::at(name, format!("no probe is named `{}`", name.value))),
        },
    }
}

/// Renders a check for one host.
pub fn render(spec: &ProbeSpec, cx: &Context) -> Result<Probe, ModuleError> {
    Ok(match spec {
        ProbeSpec::Icmp(icmp) => {
            Probe::Icmp { host: cx.text(&icmp.host)?, timeout_ms: timeout_ms(icmp.timeout.as_ref()) }
        }
        ProbeSpec::Tcp(tcp) => Probe::Tcp {
            host: cx.text(&tcp.host)?,
            port: tcp.port,
            timeout_ms: timeout_ms(tcp.timeout.as_ref()),
        },
        ProbeSpec::Http(http) => Probe::Http {
            url: cx.text(&http.url)?,
            status: http.status,
            contains: cx.optional(http.contains.as_ref())?,
            timeout_ms: timeout_ms(http.timeout.as_ref()),
        },
        ProbeSpec::Command(command) => Probe::Command {
            argv: cx.texts(&command.argv)?,
            timeout_ms: timeout_ms(command.timeout.as_ref()),
        },
    })
}

fn timeout_ms(given: Option<&Sp<TimeSpan>>) -> u64 {
    let span = given.map_or(DEFAULT_TIMEOUT, |span| span.value);
    u64::try_from(span.0.as_millis()).unwrap_or(u64::MAX)
}
