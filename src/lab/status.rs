//! What the lab is like now, asked of the kernel each time. `reveille lab status`, schema `reveille.lab/1`.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::network::{self, Link};
use super::options::Kind;
use super::state::{Host, State};
use super::{cgroup, host, ssh_keys};
use crate::site::id::HostName;

const SCHEMA: &str = "reveille.lab/1";

/// The whole lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub schema: String,
    pub dir: PathBuf,
    pub subnet: Ipv4Net,
    /// This machine's address in the lab.
    pub controller: Ipv4Addr,
    pub client: Ipv4Addr,
    /// What hosts see as `/srv/shared`.
    pub shared: PathBuf,
    /// The private key that opens every host.
    pub key: PathBuf,
    pub inventory: Option<PathBuf>,
    pub hosts: Vec<HostStatus>,
}

/// One host of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStatus {
    pub host: HostName,
    pub address: Ipv4Addr,
    pub mac: String,
    pub kind: Kind,
    pub power: Power,
    pub link: Link,
    /// Number of its processes.
    pub processes: usize,
}

/// Whether a host acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    On,
    /// Its kernel answers (ping, TCP handshakes), its processes do not.
    Frozen,
    Off,
}

impl Status {
    pub(super) fn observe(state: &State) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            dir: state.dir.clone(),
            subnet: state.subnet,
            controller: state.controller_address(),
            client: state.client_address(),
            shared: state.shared(),
            key: ssh_keys::user_key(state),
            inventory: state.inventory.clone(),
            hosts: state.hosts.iter().map(|host| HostStatus::observe(state, host)).collect(),
        }
    }
}

impl HostStatus {
    fn observe(state: &State, host: &Host) -> Self {
        let (group, address) = (state.host_cgroup(host), state.address(host));
        let power = match (host::is_on(state, host), cgroup::is_frozen(&group)) {
            (false, _) => Power::Off,
            (true, true) => Power::Frozen,
            (true, false) => Power::On,
        };
        Self {
            host: host.name.clone(),
            address,
            mac: state.mac(address),
            kind: host.kind,
            power,
            link: if power == Power::Off { Link::None } else { network::link(state, host) },
            processes: cgroup::processes(&group).len(),
        }
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::On => "on",
            Self::Frozen => "frozen",
            Self::Off => "off",
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "lab {} on {}: client {}, controller {}",
            self.dir.display(),
            self.subnet,
            self.client,
            self.controller
        )?;
        writeln!(f, "{:<6} {:<16} {:<8} {:<7} {:<13} PROCESSES", "HOST", "ADDRESS", "KIND", "POWER", "LINK")?;
        for host in &self.hosts {
            let kind = match host.kind {
                Kind::Light => "light",
                Kind::Systemd => "systemd",
            };
            let (address, link) = (host.address.to_string(), host.link);
            writeln!(
                f,
                "{:<6} {address:<16} {kind:<8} {:<7} {link:<13} {}",
                host.host, host.power, host.processes
            )?;
        }
        Ok(())
    }
}
