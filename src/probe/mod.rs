//! Makes the checks that `module::probe` rendered, from where this program runs. Called by the engine for `probe`
//! steps, and by whoever watches. Each check has its own deadline and never waits longer; none of them retries.

mod command;
mod http;
mod icmp;
mod tcp;

use std::io;
use std::time::{Duration, Instant};

pub(crate) use command::Group;

pub use crate::module::{Outcome, Probe};

/// Makes one check. Cancel-safe: dropping the future ends the check and everything it started.
pub async fn ask(probe: &Probe) -> Outcome {
    if let Probe::Http { url, .. } = probe {
        http::prepare(url).await;
    }
    let after_ms = probe.timeout_ms();
    let check = async {
        match probe {
            Probe::Icmp { host, .. } => icmp::ask(host).await,
            Probe::Tcp { host, port, .. } => tcp::ask(host, *port).await,
            Probe::Http { url, status, contains, .. } => http::ask(url, *status, contains.as_deref()).await,
            Probe::Command { argv, .. } => command::ask(argv).await,
        }
    };
    match tokio::time::timeout(Duration::from_millis(after_ms), check).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::TimedOut { after_ms },
    }
}

fn answered(detail: impl Into<String>, since: Instant) -> Outcome {
    Outcome::Answered { detail: detail.into(), latency_us: micros(since) }
}

fn wrong(detail: impl Into<String>, since: Instant) -> Outcome {
    Outcome::Wrong { detail: detail.into(), latency_us: micros(since) }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// What a failed send or connect says of the target.
fn failed(error: &io::Error) -> Outcome {
    let detail = error.to_string();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Outcome::Refused { detail },
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Outcome::Unreachable { detail },
        _ => Outcome::Impossible { detail },
    }
}

/// `::1` where a user wrote `[::1]`, as in a URL.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}
