//! The site that a world is made after: real playbooks, read and checked as a user's are.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;

use super::world::Known;
use crate::monitor::{Config, Wishes};
use crate::site::diagnostic::Severity;
use crate::site::id::{HostName, ServiceName};
use crate::site::load::LoadOptions;
use crate::site::{Site, check};

/// What a site has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    pub hosts: usize,
    pub services: Vec<Kind>,
    /// Hosts with a fence device, from the first.
    pub fenced: usize,
}

/// One service of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    pub data: Data,
    /// The lifetime of its address, in seconds.
    pub lease_s: Option<u64>,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.data.as_str())?;
        match self.lease_s {
            Some(lease) => write!(f, " with an address lease of {lease} s"),
            None => Ok(()),
        }
    }
}

/// As a playbook's `data:`, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Data {
    None,
    SharedRead,
    SharedWrite,
}

impl Data {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SharedRead => "shared-read",
            Self::SharedWrite => "shared-write",
        }
    }
}

/// A site and what the world knows of it.
pub(super) struct Made {
    pub site: Site,
    pub config: Config,
    pub hosts: Vec<HostName>,
    pub services: BTreeMap<ServiceName, Known>,
}

/// How often services and hosts are looked at, in milliseconds.
pub(super) const INTERVAL_MS: u64 = 1000;

/// How long one look may take.
pub(super) const TIMEOUT_MS: u64 = 500;

/// # Errors
/// The site cannot be written or is not valid; then the simulation is wrong.
pub(super) fn make(shape: &Shape) -> anyhow::Result<Made> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    std::fs::create_dir_all(root.join("playbooks"))?;
    std::fs::create_dir_all(root.join("inventory"))?;
    std::fs::write(root.join("reveille.yml"), "timeout: 10s\nmonitor_lease: 3s\n")?;
    std::fs::write(root.join("inventory/hosts.yml"), inventory(shape))?;
    for (at, kind) in shape.services.iter().enumerate() {
        std::fs::write(root.join(format!("playbooks/s{}.yml", at + 1)), playbook(at, *kind))?;
    }
    let (site, mut wrong) = Site::load(root, &LoadOptions::default());
    wrong.extend(check::check(&site));
    wrong.retain(|found| found.severity == Severity::Error);
    anyhow::ensure!(wrong.is_empty(), "the simulated site is not valid: {wrong:?}");
    let hosts: Vec<HostName> = site.inventory.hosts().cloned().collect();
    let services = site
        .playbooks
        .iter()
        .zip(&shape.services)
        .map(|((name, playbook), kind)| {
            let address: IpAddr = playbook.addresses[0].value.ip();
            let lease_ms = kind.lease_s.map(|lease| lease * 1000);
            (name.clone(), Known { address, data: playbook.data, lease_ms })
        })
        .collect();
    let config = Config::of(&site, &Wishes { gateway: true, hosts: hosts.clone(), ..Wishes::default() });
    Ok(Made { site, config, hosts, services })
}

fn inventory(shape: &Shape) -> String {
    let mut text = String::from("pool:\n  hosts:\n");
    for at in 1..=shape.hosts {
        let fence = "{ reveille_fence: { agent: fence_sim } }";
        let vars = if at <= shape.fenced { fence } else { "{}" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    h{at}: {vars}");
    }
    text
}

fn playbook(at: usize, kind: Kind) -> String {
    let data = kind.data.as_str();
    let lease = kind.lease_s.map(|lease| format!(", lease: {lease}s")).unwrap_or_default();
    format!(
        r#"service: s{number}
hosts: pool
addresses: [10.0.0.{address}/24]
data: {data}
probes:
  page: {{ tcp: {{ host: "{{{{ address }}}}", port: 80, timeout: {TIMEOUT_MS}ms }} }}
detection: {{ interval: {INTERVAL_MS}ms, timeout: {TIMEOUT_MS}ms, confirm: 3, witnesses: 2 }}
takeover: {{ hold_down: 5s, max_per_day: 1000 }}
overload:
  load: {{ load_per_cpu: 4.0, for: 3 }}
prepare:
  - id: ready
    command: ["true"]
    changed_when: false
sleep:
  - id: start
    process: {{ name: program, command: [program], state: asleep, ready: {{ tcp: 80 }} }}
wake:
  - id: resume
    process: {{ name: program, state: awake }}
ifconfig:
  - id: claim
    address: {{ state: up{lease} }}
  - id: serving
    needs: [claim]
    probe: page
    retries: 20
    delay: 50ms
teardown:
  - id: release
    address: {{ state: absent }}
  - id: stop
    needs: [release]
    process: {{ name: program, state: absent }}
"#,
        number = at + 1,
        address = 200 + at,
    )
}
