//! What a user may choose about a lab, checked before anything is made. Pure.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::fence::FenceKind;

/// Where a lab lives when nobody says otherwise.
pub const DEFAULT_DIR: &str = "/run/reveille-lab";
/// The network of a lab when nobody says otherwise.
pub const DEFAULT_SUBNET: &str = "10.83.0.0/24";
/// Host numbers end before the client's address, `.200`.
pub const MAX_HOSTS: u8 = 199;

/// What a host boots into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// sshd and whatever is started over it; up in a fraction of a second.
    #[default]
    Light,
    /// A systemd of its own, under `systemd-nspawn --boot`.
    Systemd,
}

/// How a lab is to be made.
#[derive(Clone, Debug)]
pub struct Options {
    /// State, disks, keys and the shared folder; a tmpfs is mounted on it.
    pub dir: PathBuf,
    /// Hosts take `.1`, `.2` …, the client `.200`, the controller `.254`. `None`: the lab's own, or the default.
    pub subnet: Option<Ipv4Net>,
    /// How many hosts there are to be, `h1` to `hN`.
    pub hosts: u8,
    /// What hosts made now boot into.
    pub kind: Kind,
    /// Where the inventory goes. `None`: none is written.
    pub inventory: Option<PathBuf>,
    /// The fence device that the inventory names for each host. `None`: as before, at first none.
    pub fence: Option<FenceKind>,
    /// The program that the lab's fence agents call. `None`: this one.
    pub program: Option<PathBuf>,
}

impl Options {
    /// A lab of `hosts` light hosts in `dir`, everything else by default.
    pub fn new(dir: impl Into<PathBuf>, hosts: u8) -> Self {
        Self {
            dir: dir.into(),
            subnet: None,
            hosts,
            kind: Kind::Light,
            inventory: None,
            fence: None,
            program: None,
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        validate_dir(&self.dir)?;
        ensure!(
            (1..=MAX_HOSTS).contains(&self.hosts),
            "a lab has 1 to {MAX_HOSTS} hosts, not {}",
            self.hosts
        );
        if let Some(subnet) = self.subnet {
            validate_subnet(subnet)?;
        }
        Ok(())
    }
}

/// The folder's name ends up in mount options, an ssh configuration and an inventory, each with quoting of its own.
pub(super) fn validate_dir(dir: &Path) -> Result<()> {
    ensure!(dir.is_absolute(), "the lab's folder must be an absolute path, not `{}`", dir.display());
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    match dir.to_str() {
        Some(text) if text.chars().all(plain) && dir.components().count() > 1 && !text.contains("/..") => {
            Ok(())
        }
        _ => bail!("`{}` cannot hold a lab: use letters, digits, `.`, `_` and `-`", dir.display()),
    }
}

fn validate_subnet(subnet: Ipv4Net) -> Result<()> {
    ensure!(
        (8..=24).contains(&subnet.prefix_len()),
        "subnet {subnet} is too small: hosts take .1 to .199, /24 or wider is needed"
    );
    ensure!(
        subnet.network() == subnet.addr(),
        "{subnet} is an address within {}, not a subnet",
        subnet.trunc()
    );
    Ok(())
}

/// The address with this number in `subnet`.
pub(super) fn address_in(subnet: Ipv4Net, number: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(subnet.network()) + u32::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_subnet(subnet: &str) -> Options {
        Options { subnet: Some(subnet.parse().unwrap()), ..Options::new("/run/x", 2) }
    }

    #[test]
    fn plain_options_are_fine() {
        with_subnet("10.83.0.0/24").validate().unwrap();
        with_subnet("172.20.0.0/16").validate().unwrap();
    }

    #[test]
    fn a_subnet_must_hold_client_and_controller() {
        assert!(with_subnet("10.83.0.0/25").validate().is_err());
        assert!(with_subnet("10.83.0.7/24").validate().unwrap_err().to_string().contains("10.83.0.0/24"));
    }

    #[test]
    fn folders_that_break_mount_options_are_refused() {
        for dir in ["relative", "/", "/run/a b", "/run/a,b", "/run/a:b", "/run/../etc"] {
            assert!(Options::new(dir, 1).validate().is_err(), "{dir}");
        }
    }

    #[test]
    fn the_number_of_hosts_is_bounded() {
        assert!(Options::new("/run/x", 0).validate().is_err());
        assert!(Options::new("/run/x", 200).validate().is_err());
    }

    #[test]
    fn numbers_become_addresses() {
        assert_eq!(address_in("10.83.4.0/24".parse().unwrap(), 200), Ipv4Addr::new(10, 83, 4, 200));
    }
}
