//! What a lab consists of: `lab.json` in its folder, written before anything is made, so that every later command needs
//! only `--dir`. Holds what was decided, never what is the case now: whether a host runs is asked of the kernel.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::fence::FenceKind;
use super::options::{Kind, address_in};
use crate::site::id::HostName;

const SCHEMA: &str = "reveille.lab-state/1";
const CLIENT: u8 = 200;
const CONTROLLER: u8 = 254;

/// One rehearsal host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    pub name: HostName,
    pub number: u8,
    pub kind: Kind,
}

/// A lab's description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    schema: String,
    /// Whether folder, names and network were all made; false in what a killed `up` left behind.
    claimed: bool,
    pub dir: PathBuf,
    pub subnet: Ipv4Net,
    /// Mount point of the cgroup2 tree the hosts' groups are in.
    pub cgroup2: PathBuf,
    /// The inventory file `up` wrote.
    pub inventory: Option<PathBuf>,
    /// The fence device that the inventory names for each host.
    #[serde(default)]
    pub fence: Option<FenceKind>,
    pub hosts: Vec<Host>,
}

impl State {
    pub(super) fn new(dir: &Path, subnet: Ipv4Net, cgroup2: PathBuf) -> Self {
        let dir = dir.to_owned();
        Self {
            schema: SCHEMA.to_owned(),
            claimed: false,
            dir,
            subnet,
            cgroup2,
            inventory: None,
            fence: None,
            hosts: Vec::new(),
        }
    }

    pub(super) fn is_claimed(&self) -> bool {
        self.claimed
    }

    pub(super) fn set_claimed(&mut self) {
        self.claimed = true;
    }

    /// Reads `DIR/lab.json`; `None` if there is no lab.
    pub(super) fn load(dir: &Path) -> Result<Option<Self>> {
        let file = dir.join("lab.json");
        match fs::read_to_string(&file) {
            Ok(text) => {
                let state =
                    serde_json::from_str(&text).with_context(|| format!("{} is damaged", file.display()))?;
                Ok(Some(state))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// Writes `DIR/lab.json`, whole or not at all.
    pub(super) fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("cannot write the lab's state")?;
        let (file, new) = (self.dir.join("lab.json"), self.dir.join("lab.json.new"));
        fs::write(&new, text + "\n")
            .and_then(|()| fs::rename(&new, &file))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// The host called `name`; the error lists those there are.
    pub(super) fn host(&self, name: &str) -> Result<&Host> {
        self.hosts.iter().find(|host| host.name.as_str() == name).with_context(|| {
            let names = self.hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(", ");
            format!("this lab has no host `{name}`, only {names}")
        })
    }

    /// Adds hosts up to `hN`; returns the new ones.
    pub(super) fn grow(&mut self, hosts: u8, kind: Kind) -> Vec<Host> {
        let known = u8::try_from(self.hosts.len()).unwrap_or(u8::MAX);
        let new: Vec<Host> =
            (known.saturating_add(1)..=hosts).map(|number| Host::new(number, kind)).collect();
        self.hosts.extend(new.iter().cloned());
        new
    }

    /// What this lab's network namespaces, its interface and its control group are called.
    pub fn tag(&self) -> String {
        tag(&self.dir)
    }

    /// A host's address.
    pub fn address(&self, host: &Host) -> Ipv4Addr {
        address_in(self.subnet, host.number)
    }

    /// The client's address, `.200`.
    pub fn client_address(&self) -> Ipv4Addr {
        address_in(self.subnet, CLIENT)
    }

    /// The address of this machine's root namespace in the lab, `.254`.
    pub fn controller_address(&self) -> Ipv4Addr {
        address_in(self.subnet, CONTROLLER)
    }

    /// The IPv6 twin of an address: `10.83.0.1` is `fd00:10:83:0::1`, read as decimal.
    pub(super) fn twin(address: Ipv4Addr) -> Ipv6Addr {
        // Each decimal octet is at most 255, so its digits are a valid 16-bit hexadecimal group.
        let group = |octet: u8| u16::from_str_radix(&octet.to_string(), 16).unwrap_or(0);
        let [a, b, c, d] = address.octets();
        Ipv6Addr::new(0xfd00, group(a), group(b), group(c), 0, 0, 0, group(d))
    }

    /// A hardware address that stays the same over power cuts and differs between labs.
    pub fn mac(&self, address: Ipv4Addr) -> String {
        let [x, y, z] = fingerprint(&self.dir);
        let [.., d] = address.octets();
        format!("02:{x:02x}:{y:02x}:{z:02x}:00:{d:02x}")
    }

    /// The control group of the whole lab.
    pub(super) fn cgroup(&self) -> PathBuf {
        self.cgroup2.join(self.tag())
    }

    /// The control group of one host: all its processes are in it or below.
    pub(super) fn host_cgroup(&self, host: &Host) -> PathBuf {
        self.cgroup().join(host.name.as_str())
    }

    /// A host's disk layers, log and mount point.
    pub(super) fn host_dir(&self, host: &Host) -> PathBuf {
        self.dir.join("hosts").join(host.name.as_str())
    }

    /// The folder all hosts see as `/srv/shared`.
    pub fn shared(&self) -> PathBuf {
        self.dir.join("shared")
    }

    /// The key made for this lab, `known_hosts` and an ssh configuration.
    pub fn ssh_dir(&self) -> PathBuf {
        self.dir.join("ssh")
    }
}

impl Host {
    pub(super) fn new(number: u8, kind: Kind) -> Self {
        let name = HostName::try_from(format!("h{number}")).expect("a letter and digits are a host name");
        Self { name, number, kind }
    }
}

/// Short enough for an interface name (15 bytes), different for different folders.
pub(super) fn tag(dir: &Path) -> String {
    let [x, y, z] = fingerprint(dir);
    format!("rv{x:02x}{y:02x}{z:02x}")
}

/// Three bytes that tell one folder from another.
fn fingerprint(dir: &Path) -> [u8; 3] {
    let digest = Sha256::digest(dir.as_os_str().as_encoded_bytes());
    [digest[0], digest[1], digest[2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State::new(
            Path::new("/run/lab-of-this-test"),
            "10.83.7.0/24".parse().unwrap(),
            "/sys/fs/cgroup".into(),
        )
    }

    #[test]
    fn growing_adds_only_what_is_missing() {
        let mut state = state();
        assert_eq!(state.grow(2, Kind::Light).len(), 2);
        let new = state.grow(3, Kind::Systemd);
        assert_eq!(new.iter().map(|host| host.name.as_str()).collect::<Vec<_>>(), ["h3"]);
        assert_eq!(state.grow(1, Kind::Light), []);
        assert_eq!(state.hosts[2].kind, Kind::Systemd);
    }

    #[test]
    fn addresses_follow_numbers() {
        let mut state = state();
        state.grow(2, Kind::Light);
        assert_eq!(state.address(&state.hosts[1]).to_string(), "10.83.7.2");
        assert_eq!(state.client_address().to_string(), "10.83.7.200");
        assert_eq!(State::twin(state.client_address()).to_string(), "fd00:10:83:7::200");
    }

    #[test]
    fn tags_fit_interface_names_and_tell_labs_apart() {
        let (one, other) = (tag(Path::new("/run/one")), tag(Path::new("/run/other")));
        assert_ne!(one, other);
        assert!(one.len() <= 15);
    }

    #[test]
    fn an_unknown_host_is_answered_with_the_known_ones() {
        let mut state = state();
        state.grow(2, Kind::Light);
        assert!(state.host("h3").unwrap_err().to_string().contains("h1, h2"));
    }

    #[test]
    fn the_state_survives_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::new(dir.path(), "10.83.7.0/24".parse().unwrap(), "/sys/fs/cgroup".into());
        state.grow(3, Kind::Light);
        state.save().unwrap();
        assert_eq!(State::load(dir.path()).unwrap(), Some(state));
        assert_eq!(State::load(Path::new("/nonexistent/lab")).unwrap(), None);
    }
}
