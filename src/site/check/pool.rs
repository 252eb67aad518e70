//! The hosts a playbook may use, as far as the inventory tells.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::site::address::ServiceAddress;
use crate::site::id::HostName;
use crate::site::playbook::VarMap;

/// The hosts of `hosts:`. Empty when they are not known: then nothing is said about what they lack.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub(super) hosts: Vec<PoolHost>,
}

#[derive(Debug)]
pub(super) struct PoolHost {
    pub(super) name: HostName,
    pub(super) vars: VarMap,
    /// `reveille_networks`.
    pub(super) networks: Vec<IpNet>,
}

impl PoolHost {
    /// Whether the host has an interface in the address's network; `None` if the inventory does not tell.
    pub(super) fn reaches(&self, address: ServiceAddress) -> Option<bool> {
        let managed = self.vars.get("ansible_host").or(self.vars.get("ansible_ssh_host"));
        let managed: Option<IpAddr> = managed.and_then(|host| host.value.as_str()?.parse().ok());
        let named = self.networks.iter().any(|network| network.contains(&address.ip()));
        match managed {
            Some(ip) => Some(named || address.network().contains(&ip)),
            None if self.networks.is_empty() => None,
            None => Some(named),
        }
    }
}
