//! Makes the checks that `module::probe` rendered, from where this program runs. Called by the engine for `probe`
//! steps, and by whoever watches. Each check has its own deadline and never waits longer; none of them retries.

mod certificate;
mod command;
mod dns;
mod http;
mod icmp;
mod plugin;
mod smtp;
mod tcp;

use std::io;
use std::time::{Duration, Instant};

pub(crate) use command::Group;

use crate::module::probe::FailOn;
pub use crate::module::{Outcome, Probe};

/// Makes one check. Cancel-safe: dropping the future ends the check and everything it started.
pub async fn ask(probe: &Probe) -> Outcome {
    if let Probe::Http { url, tls, .. } = probe {
        http::prepare(url, tls).await;
    }
    let after_ms = probe.timeout_ms();
    match tokio::time::timeout(Duration::from_millis(after_ms), Box::pin(make(probe))).await {
        Ok(outcome) => judge(outcome, probe.fail_on()),
        Err(_) => Outcome::TimedOut { after_ms },
    }
}

async fn make(probe: &Probe) -> Outcome {
    match probe {
        Probe::Icmp { host, .. } => icmp::ask(host).await,
        Probe::Tcp { host, port, .. } => tcp::ask(host, *port).await,
        Probe::Http { url, host, status, contains, tls, .. } => {
            http::ask(url, host.as_deref(), *status, contains.as_deref(), tls).await
        }
        Probe::Smtp { host, port, helo, from, to, .. } => {
            let (helo, from, to) = (helo.as_deref(), from.as_deref(), to.as_deref());
            smtp::ask(&smtp::Dialogue { host, port: *port, helo, from, to }).await
        }
        Probe::Dns { server, port, question, rcode, answer, .. } => {
            dns::ask(server, *port, question, rcode.code(), answer.as_deref()).await
        }
        Probe::Command { argv, .. } => command::ask(argv).await,
        Probe::Plugin { argv, .. } => plugin::ask(argv).await,
    }
}

/// A warning counts as whoever wrote the probe wants it.
fn judge(outcome: Outcome, fail_on: FailOn) -> Outcome {
    match outcome {
        Outcome::Warned { detail, latency_us } if fail_on == FailOn::Warning => {
            Outcome::Wrong { detail, latency_us }
        }
        other => other,
    }
}

fn answered(detail: impl Into<String>, since: Instant) -> Outcome {
    Outcome::Answered { detail: detail.into(), latency_us: micros(since) }
}

fn warned(detail: impl Into<String>, since: Instant) -> Outcome {
    Outcome::Warned { detail: detail.into(), latency_us: micros(since) }
}

fn wrong(detail: impl Into<String>, since: Instant) -> Outcome {
    Outcome::Wrong { detail: detail.into(), latency_us: micros(since) }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// What a failed send or connect says of the target. What only says something of this machine (no descriptor left, a
/// packet filter of its own) is no word against the service.
fn failed(error: &io::Error) -> Outcome {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable,
        NetworkUnreachable, TimedOut,
    };
    let detail = error.to_string();
    match error.kind() {
        ConnectionRefused | ConnectionReset | ConnectionAborted | BrokenPipe => Outcome::Refused { detail },
        HostUnreachable | NetworkUnreachable | TimedOut => Outcome::Unreachable { detail },
        _ => Outcome::Impossible { detail },
    }
}

/// `::1` where a user wrote `[::1]`, as in a URL.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}
