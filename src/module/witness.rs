//! The script by which another host looks at suspects: is their kernel alive, does anyone answer for their services'
//! addresses, do the services answer through them. All at the same time, in one round trip.
//! [`crate::plan::testimony`] reads the answer.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::url::Url;
use super::words::{NulByte, Words};
use super::{Library, Probe};
use crate::site::address::ServiceAddress;
use crate::site::id::{Epoch, HostName, ServiceName};

/// What a witness is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Suspect hosts, and where they are: an IP address, or a name that the witness has to look up.
    pub hosts: BTreeMap<HostName, String>,
    pub services: BTreeMap<ServiceName, Doubt>,
    /// How long the link must be silent about an address, in milliseconds.
    pub link_silent_ms: u64,
    /// The witness's device for service addresses (`reveille_device`), if it is named.
    pub device: Option<String>,
}

/// A service that may not be there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// The service's epoch now. A silence that is heard counts for a plan of this epoch or the next.
    pub epoch: Epoch,
    pub addresses: Vec<ServiceAddress>,
    /// One of its probes, rendered. Whatever a client needs no certificate or credentials for can be asked.
    pub probe: Option<Probe>,
}

/// The number of a witness's question to a name server. It asks from a fresh port, and only to see whether it answers.
const DNS_ID: u16 = 0x7265;

/// The least time an answer is waited for, in milliseconds.
const LEAST_ASKING_MS: u64 = 350;

/// What forks and a busy host may add to it, in milliseconds.
const MARGIN_MS: u64 = 150;

impl Question {
    /// How long an answer is waited for, in milliseconds.
    fn asking_ms(&self) -> u64 {
        self.link_silent_ms.max(LEAST_ASKING_MS)
    }

    /// The longest the script takes once it runs, in milliseconds. The job's deadline has to leave room for the way.
    pub fn limit_ms(&self) -> u64 {
        self.asking_ms() + MARGIN_MS
    }

    /// Complete: needs no prelude. To be run as root, whom alone the kernel lets ask its neighbours; the way is left
    /// behind as the `link-silent` step of a plan leaves it, which then need not listen again.
    ///
    /// # Errors
    /// A host's address, a device or a probe holds a NUL byte.
    pub fn script(&self) -> Result<String, NulByte> {
        let mut script = String::new();
        for part in [
            include_str!("sh/record.sh"),
            include_str!("sh/facts.sh"),
            include_str!("sh/guard.sh"),
            include_str!("sh/crew.sh"),
            Library::Undo.text(),
            Library::Address.text(),
            include_str!("sh/talk.sh"),
            include_str!("sh/witness.sh"),
            &format!("asking={}", self.asking_ms()),
        ] {
            line(&mut script, part);
        }
        // The addresses first, and asked for before the next job begins: their window is what takes longest.
        for (name, doubt) in &self.services {
            if !doubt.addresses.is_empty() {
                line(&mut script, &self.address(name, doubt)?);
            }
        }
        for (name, doubt) in &self.services {
            if let Some(probe) = &doubt.probe {
                line(&mut script, &service(name, probe)?);
            }
        }
        for (name, address) in &self.hosts {
            line(&mut script, &job("host", name.as_str(), "witness_host").word(name).word(address).line()?);
        }
        line(&mut script, "crew_start facts witness_facts");
        line(&mut script, &format!("witness_end {}\ntrue", self.limit_ms()));
        Ok(script)
    }

    fn address(&self, name: &ServiceName, doubt: &Doubt) -> Result<String, NulByte> {
        let ask = Words::of("witness_address").word(name).word(doubt.epoch);
        ask.word(self.link_silent_ms).option("--device", self.device.as_ref()).words(&doubt.addresses).line()
    }
}

fn job(topic: &str, name: &str, function: &str) -> Words {
    Words::of("crew_start").word(format_args!("{topic}:{name}")).word(function)
}

/// How a witness asks what a probe asks.
fn service(name: &ServiceName, probe: &Probe) -> Result<String, NulByte> {
    let ask = job("service", name.as_str(), "witness_service").word(name);
    match probe {
        Probe::Icmp { host, .. } => {
            job("service", name.as_str(), "witness_echo").word("service").word(name).word(host).line()
        }
        Probe::Tcp { host, port, .. } => ask.word("talk_tcp").word(host).word(port).line(),
        Probe::Http { url, status, contains, .. } => match Url::parse(url) {
            Some(parts) => ask
                .word("talk_http")
                .words([url, parts.host])
                .word(parts.port)
                .word(parts.path)
                .word(status)
                .words(contains)
                .line(),
            None => cannot(name, "its probe's URL cannot be read"),
        },
        Probe::Smtp { host, port, .. } => {
            ask.word("talk_banner").word(host).word(port).word("220").word("421").line()
        }
        Probe::Dns { server, port, question, rcode, .. } => {
            let octal: Vec<String> =
                question.encode(DNS_ID).iter().map(|byte| format!("\\{byte:03o}")).collect();
            let expected = format!("{DNS_ID:04x} {}", rcode.code());
            ask.word("talk_dns").word(server).word(port).word(octal.concat()).word(expected).line()
        }
        Probe::Command { .. } | Probe::Plugin { .. } => {
            cannot(name, "its probe is a program on the controller")
        }
    }
}

fn cannot(name: &ServiceName, why: &str) -> Result<String, NulByte> {
    Words::of("witness_say").word("service").word(name).word("cannot").word(why).line()
}

fn line(script: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(script, "{}", text.trim_end_matches('\n'));
}
