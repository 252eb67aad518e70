//! From the inventory's connection variables to a transport.

use std::collections::BTreeMap;
use std::time::Duration;

use super::args::Common;
use super::exit::Exit;
use super::failure::Failure;
use crate::site::Site;
use crate::site::id::HostName;
use crate::site::inventory::ConnectionKind;
use crate::site::secret::Secret;
use crate::site::settings;
use crate::transport::{Destination, HostKeyPolicy, Router};

/// The names under which steps run on this machine (`delegate_to: controller`).
const HERE: [&str; 2] = ["controller", "localhost"];

/// A transport to these hosts. Connects to nothing yet.
pub fn router(
    common: &Common,
    site: &Site,
    hosts: &[HostName],
    become_password: Option<&Secret>,
) -> Result<Router, Failure> {
    let mut destinations: BTreeMap<HostName, Destination> = BTreeMap::new();
    for host in hosts {
        destinations.insert(host.clone(), destination(common, site, host));
    }
    for here in HERE.into_iter().filter_map(|name| HostName::try_from(name).ok()) {
        destinations.entry(here).or_insert_with(Destination::local);
    }
    for destination in destinations.values_mut() {
        destination.become_password = become_password.cloned();
    }
    let wrong = |error| Failure::new(Exit::InvalidSite, error);
    let router = Router::new(destinations).map_err(wrong)?;
    match site.settings.ssh.keep_warm.0 {
        Duration::ZERO => Ok(router),
        idle => router.keep_warm(idle).map_err(wrong),
    }
}

fn destination(common: &Common, site: &Site, host: &HostName) -> Destination {
    let connection = site.connection(host, common.user.as_deref(), common.become_root);
    let ssh = &site.settings.ssh;
    Destination {
        address: connection.address,
        port: connection.port,
        user: connection.user,
        identity: connection.private_key_file,
        options: connection.ssh_args,
        host_keys: match ssh.host_keys {
            settings::HostKeyPolicy::Strict => HostKeyPolicy::Strict,
            settings::HostKeyPolicy::AcceptNew => HostKeyPolicy::AcceptNew,
        },
        keepalive: ssh.keepalive.0,
        connect_timeout: ssh.connect_timeout.0,
        become_password: None,
        local: connection.kind == ConnectionKind::Local,
    }
}

/// How a host is logged in to, in words: for people, and to notice a change.
pub fn login(common: &Common, site: &Site, host: &HostName) -> String {
    let Destination { address, port, user, identity, options, host_keys, local, .. } =
        destination(common, site, host);
    if local {
        return "this machine".to_owned();
    }
    let mut words = vec![user.map_or_else(|| address.clone(), |user| format!("{user}@{address}"))];
    words.extend(port.map(|port| format!("port {port}")));
    words.extend(identity.map(|file| format!("key {}", file.display())));
    words.push(match host_keys {
        HostKeyPolicy::Strict => "host keys: strict".to_owned(),
        HostKeyPolicy::AcceptNew => "host keys: accept new".to_owned(),
    });
    words.extend((!options.is_empty()).then(|| format!("options {}", options.join(" "))));
    words.join(", ")
}
