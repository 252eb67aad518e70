//! What hosts said of themselves, just now, in one round trip each. Gathered by the engine, read by placement.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::table::Role;
use crate::site::id::{Epoch, HostName, ServiceName};

/// Every host that was asked, with its answer or why there is none.
pub type SiteFacts = BTreeMap<HostName, Result<HostFacts, String>>;

/// One host's answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// One-minute load average.
    pub load1: f64,
    pub cpus: u32,
    /// `load1 / cpus`.
    pub load_per_cpu: f64,
    /// Bytes.
    pub mem_available: u64,
    /// Bytes.
    pub mem_total: u64,
    /// Every address on every device, loopback apart.
    pub addresses: Vec<HeldAddress>,
    /// What the host keeps under `/run/reveille`, by service.
    pub services: BTreeMap<ServiceName, Trace>,
    /// Programs that were asked about and are not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Milliseconds since 1970 by the host's clock.
    pub clock_ms: u64,
    /// The kernel's boot id: a change means a reboot.
    pub boot_id: String,
    /// Milliseconds since the host booted, by `/proc/uptime`: hundredths of a second, suspended time included.
    #[serde(default)]
    pub uptime_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAddress {
    pub device: String,
    pub address: IpAddr,
    pub prefix: u8,
}

/// A service as one host knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub epoch: Epoch,
    pub role: Option<Role>,
    /// By the name the playbook gave it.
    pub processes: BTreeMap<String, ProcessFact>,
}

/// A recorded process, looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessFact {
    Asleep,
    Awake,
    /// Recorded, but gone; or its pid now belongs to something else.
    Dead,
}

impl HostFacts {
    /// Reads what `sh/facts.sh` prints, line by line. Lines it does not know are passed over.
    ///
    /// # Errors
    /// A known line that cannot be read, or one without which a host cannot be judged is missing.
    pub fn parse(lines: &[String]) -> Result<Self, String> {
        let mut facts = Self::default();
        let mut seen = BTreeSet::new();
        for line in lines {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let known = facts.read(&words).ok_or_else(|| format!("facts line `{line}` cannot be read"))?;
            seen.extend(known.then(|| words[0]));
        }
        if let Some(missing) = REQUIRED.iter().find(|key| !seen.contains(*key)) {
            return Err(format!("the host's facts lack `{missing}`"));
        }
        facts.load_per_cpu = facts.load1 / f64::from(facts.cpus.max(1));
        Ok(facts)
    }

    /// Takes in one line; `Some(false)` when it says nothing to us, `None` when it makes no sense.
    fn read(&mut self, words: &[&str]) -> Option<bool> {
        match *words {
            ["load1", value] => self.load1 = value.parse().ok()?,
            ["cpus", value] => self.cpus = value.parse().ok()?,
            ["mem_total_kib", value] => self.mem_total = kibibytes(value)?,
            ["mem_available_kib", value] => self.mem_available = kibibytes(value)?,
            ["clock_ms", value] => self.clock_ms = value.parse().ok()?,
            ["boot_id", value] => value.clone_into(&mut self.boot_id),
            ["uptime_ms", value] => self.uptime_ms = value.parse().ok()?,
            ["service", name, "epoch", epoch, "role", role] => {
                let trace = self.trace(name)?;
                trace.epoch = Epoch(epoch.parse().ok()?);
                trace.role = match role {
                    "primary" => Some(Role::Primary),
                    "secondary" => Some(Role::Secondary),
                    "-" => None,
                    _ => return None,
                };
            }
            ["process" | "unit", service, name, state] => {
                let fact = process_fact(state)?;
                self.trace(service)?.processes.insert(name.to_owned(), fact);
            }
            [number, device, "inet" | "inet6", ref rest @ ..] if number.ends_with(':') => {
                let held = held(device, rest)?;
                // Loopback holds nothing that anyone else could.
                self.addresses.extend((held.device != "lo").then_some(held));
            }
            _ => return Some(false),
        }
        Some(true)
    }

    fn trace(&mut self, service: &str) -> Option<&mut Trace> {
        Some(self.services.entry(ServiceName::try_from(service).ok()?).or_default())
    }
}

/// Without these a host can be neither placed on nor trusted.
const REQUIRED: [&str; 6] = ["load1", "cpus", "mem_total_kib", "mem_available_kib", "clock_ms", "boot_id"];

fn kibibytes(text: &str) -> Option<u64> {
    text.parse::<u64>().ok()?.checked_mul(1024)
}

fn process_fact(text: &str) -> Option<ProcessFact> {
    match text {
        "asleep" => Some(ProcessFact::Asleep),
        "awake" => Some(ProcessFact::Awake),
        "dead" => Some(ProcessFact::Dead),
        _ => None,
    }
}

/// The rest of a line of `ip -o addr`: `10.0.0.1/24 …`, or `10.0.0.1 peer 10.0.0.2/32 …`.
fn held(device: &str, rest: &[&str]) -> Option<HeldAddress> {
    let (address, prefix) = match *rest {
        [address, "peer", peer, ..] => (address, peer.split_once('/')?.1),
        [address, ..] => address.split_once('/')?,
        [] => return None,
    };
    let device = device.split('@').next()?.to_owned();
    Some(HeldAddress { device, address: address.parse().ok()?, prefix: prefix.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "\
load1 1.50
cpus 4
mem_total_kib 2048
mem_available_kib 1024
boot_id d62855e0-7bdf-4b2e-bdb7-a5ea164e0ea2
clock_ms 1795420170212
uptime_ms 00120
kernel_of_next_year 7
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
4: eth0    inet 10.83.0.2/24 brd 10.83.0.255 scope global eth0\\       valid_lft forever
4: eth0    inet6 fd00::2/64 scope global nodad \\       valid_lft forever preferred_lft forever
5: tun0@if6    inet 10.9.0.1 peer 10.9.0.2/32 scope global tun0
service web epoch 4 role secondary
process web httpd asleep
unit web apache2.service dead
service dns epoch 2 role -";

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_answer_becomes_facts() {
        let facts = HostFacts::parse(&lines(ANSWER)).unwrap();
        assert!((facts.load_per_cpu - 0.375).abs() < f64::EPSILON);
        assert_eq!((facts.mem_total, facts.mem_available), (2 << 20, 1 << 20));
        assert_eq!(facts.uptime_ms, 120, "no octal number");
        let held: Vec<String> =
            facts.addresses.iter().map(|a| format!("{} {}/{}", a.device, a.address, a.prefix)).collect();
        assert_eq!(held, ["eth0 10.83.0.2/24", "eth0 fd00::2/64", "tun0 10.9.0.1/32"]);
        let web = &facts.services[&ServiceName::try_from("web").unwrap()];
        assert_eq!((web.epoch, web.role), (Epoch(4), Some(Role::Secondary)));
        assert_eq!(web.processes["httpd"], ProcessFact::Asleep);
        assert_eq!(web.processes["apache2.service"], ProcessFact::Dead);
        assert_eq!(facts.services[&ServiceName::try_from("dns").unwrap()].role, None);
    }

    #[test]
    fn a_broken_or_short_answer_is_refused_with_its_reason() {
        let broken = ANSWER.replace("httpd asleep", "httpd snoring");
        let refusal = HostFacts::parse(&lines(&broken)).unwrap_err();
        assert_eq!(refusal, "facts line `process web httpd snoring` cannot be read");
        let short = ANSWER.replace("boot_id ", "boot ");
        assert_eq!(HostFacts::parse(&lines(&short)).unwrap_err(), "the host's facts lack `boot_id`");
    }
}
