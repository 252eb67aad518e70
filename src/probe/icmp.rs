//! One echo request (RFC 792, RFC 4443). A socket of its own for each: replies are matched by host and sequence number
//! only where the kernel chooses the identifier.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use surge_ping::{Client, Config, ICMP, PingIdentifier, PingSequence, SurgeError};

use super::{Outcome, bare, failed};

/// The caller's deadline comes first.
const LONGER_THAN_ANY_DEADLINE: Duration = Duration::from_hours(1);

pub(super) async fn ask(host: &str) -> Outcome {
    let to = match resolve(host).await {
        Ok(to) => to,
        Err(error) => return Outcome::Impossible { detail: format!("{host}: {error}") },
    };
    let client = match Client::new(&config(to)) {
        Ok(client) => client,
        Err(error) => return Outcome::Impossible { detail: no_socket(&error) },
    };
    let mut pinger = client.pinger(to, identifier()).await;
    pinger.timeout(LONGER_THAN_ANY_DEADLINE);
    match pinger.ping(PingSequence(0), &[]).await {
        Ok((_, latency)) => Outcome::Answered {
            detail: format!("{to} echoes"),
            latency_us: u64::try_from(latency.as_micros()).unwrap_or(u64::MAX),
        },
        Err(SurgeError::IOError(error)) => failed(&error),
        Err(error) => Outcome::Impossible { detail: error.to_string() },
    }
}

async fn resolve(host: &str) -> io::Result<IpAddr> {
    let mut found = tokio::net::lookup_host((bare(host), 0)).await?;
    found.next().map(|to| to.ip()).ok_or_else(|| io::Error::other("no address"))
}

fn config(to: IpAddr) -> Config {
    let kind = if to.is_ipv4() { ICMP::V4 } else { ICMP::V6 };
    Config::builder().kind(kind).build()
}

/// Tells our replies from those of others on a raw socket, which hears them all.
fn identifier() -> PingIdentifier {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    #[expect(clippy::cast_possible_truncation, reason = "any sixteen bits will do")]
    let start = std::process::id() as u16;
    PingIdentifier(start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn no_socket(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "not allowed to send echo requests; as root: sysctl -w net.ipv4.ping_group_range='0 2147483647', \
             or setcap cap_net_raw+ep on this program"
                .to_owned()
        }
        _ => format!("no socket for echo requests: {error}"),
    }
}
