//! The lab's network: a switch (a bridge in a namespace of its own, out of reach of this machine's firewall), one cable
//! from it to each host, one to the client and one to this machine, the controller.
//!
//! Cables are veth pairs. A cable's end at the switch is called after what it leads to. Knows no processes.

use std::fmt;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::cgroup::wait_until;
use super::state::{Host, State};
use super::tool::{run, run_with_input, tool};

/// How a host is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// The cable is pulled: the host sees that its carrier is gone.
    #[default]
    Carrier,
    /// The switch drops everything: the host sees nothing wrong with its own interface.
    Silent,
    /// What this machine sends to the host is lost; the other way, and all other pairs, work.
    OneWay,
}

/// What a cable is like now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    Up,
    /// [`Cut::Carrier`]
    Cut,
    /// [`Cut::Silent`]
    CutSilent,
    /// [`Cut::OneWay`]
    CutOneWay,
    /// No cable: the host is off.
    None,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "up",
            Self::Cut => "cut",
            Self::CutSilent => "cut-silent",
            Self::CutOneWay => "cut-one-way",
            Self::None => "none",
        })
    }
}

/// This machine has the network, or part of it, somewhere else.
#[derive(Debug, thiserror::Error)]
#[error("subnet {subnet} overlaps {route} of this machine: choose another with --subnet")]
pub struct SubnetInUse {
    pub subnet: Ipv4Net,
    /// The route that leads there, and its interface.
    pub route: String,
}

/// Fails if this machine already routes part of `subnet` somewhere else.
pub(super) fn refuse_overlap(subnet: Ipv4Net) -> Result<()> {
    let routes = run(tool("ip").args(["-j", "-4", "route", "show", "table", "main"]))?;
    overlapping_route(&routes, subnet)?.map_or(Ok(()), |route| Err(SubnetInUse { subnet, route }.into()))
}

fn overlapping_route(routes: &str, subnet: Ipv4Net) -> Result<Option<String>> {
    #[derive(Deserialize)]
    struct Route {
        dst: String,
        #[serde(default)]
        dev: String,
    }
    let routes: Vec<Route> = if routes.trim().is_empty() {
        Vec::new()
    } else {
        serde_json::from_str(routes).context("cannot read what `ip route` prints")?
    };
    let overlapping = routes.into_iter().find(|route| {
        let net = route.dst.parse().or_else(|_| route.dst.parse::<Ipv4Addr>().map(Ipv4Net::from));
        net.is_ok_and(|net: Ipv4Net| net.contains(&subnet) || subnet.contains(&net))
    });
    Ok(overlapping.map(|route| format!("{} on {}", route.dst, route.dev)))
}

/// Makes the switch, the client and this machine's interface in the lab.
pub(super) fn create(state: &State) -> Result<()> {
    let (tag, switch) = (state.tag(), namespace(state, "switch"));
    let (address, mac) = (state.controller_address(), state.mac(state.controller_address()));
    batch(
        None,
        &format!(
            "netns add {switch}\n\
             link add {tag} address {mac} type veth peer name controller netns {switch}\n\
             addr add {address}/{prefix} brd + dev {tag}\n\
             {twin}\
             link set {tag} up\n",
            prefix = state.subnet.prefix_len(),
            twin = twin_line(address, &tag),
        ),
    )?;
    batch(
        Some(&switch),
        "link add bridge type bridge forward_delay 0 stp_state 0 mcast_snooping 0\n\
         link set bridge up\n\
         link set controller master bridge up\n",
    )?;
    connect(state, "client", state.client_address())
}

/// Gives a host its network namespace and a cable to the switch.
pub(super) fn connect_host(state: &State, host: &Host) -> Result<()> {
    connect(state, host.name.as_str(), state.address(host))
}

/// Takes a host's cable, if it has one, and its namespace away, with every address, route, rule and socket in it.
pub(super) fn disconnect_host(state: &State, host: &Host, connected: bool) -> Result<()> {
    let name = host.name.as_str();
    if connected {
        batch(Some(&namespace(state, "switch")), &format!("link del {name}\n"))?;
    }
    if namespace_file(&namespace(state, name)).exists() {
        run(tool("ip").args(["netns", "del", &namespace(state, name)]))?;
    }
    Ok(())
}

/// Whether a host has a cable, cut or not.
pub(super) fn is_connected(state: &State, host: &Host) -> bool {
    run(tool("ip").args(["-n", &namespace(state, "switch"), "link", "show", "dev", host.name.as_str()]))
        .is_ok()
}

fn connect(state: &State, name: &str, address: Ipv4Addr) -> Result<()> {
    let (here, switch) = (namespace(state, name), namespace(state, "switch"));
    run(tool("ip").args(["netns", "add", &here]))?;
    let mac = state.mac(address);
    batch(
        Some(&switch),
        &format!(
            "link add {name} type veth peer name eth0 address {mac} netns {here}\n\
             link set {name} master bridge up\n"
        ),
    )?;
    batch(
        Some(&here),
        &format!(
            "link set lo up\n\
             addr add {address}/{prefix} brd + dev eth0\n\
             {twin}\
             link set eth0 up\n",
            prefix = state.subnet.prefix_len(),
            twin = twin_line(address, "eth0"),
        ),
    )
}

fn twin_line(address: Ipv4Addr, device: &str) -> String {
    if Path::new("/proc/sys/net/ipv6").exists() {
        format!("addr add {}/64 dev {device} nodad\n", State::twin(address))
    } else {
        String::new()
    }
}

/// Cuts a host off.
pub(super) fn cut(state: &State, host: &Host, cut: Cut) -> Result<()> {
    let (switch, name) = (namespace(state, "switch"), host.name.as_str());
    match cut {
        Cut::Carrier => batch(Some(&switch), &format!("link set {name} down\n")),
        Cut::Silent => set_port_state(&switch, name, PORT_DISABLED),
        Cut::OneWay => {
            let (table, from) = (one_way_table(host), state.mac(state.controller_address()));
            let rule = format!("ether saddr {from} oifname \"{name}\" drop");
            let rules = format!(
                "table bridge {table} {{\n chain cut {{\n type filter hook forward priority 0;\n {rule};\n }}\n}}\n"
            );
            in_switch(state, &["nft", &rules]).map(drop)
        }
    }
}

/// Undoes every kind of cut and waits until the cable carries again: after a lost carrier the kernel takes up to a
/// second, as a real interface does.
pub(super) fn heal(state: &State, host: &Host) -> Result<()> {
    let (switch, name) = (namespace(state, "switch"), host.name.as_str());
    batch(Some(&switch), &format!("link set {name} up\n"))?;
    // Refused until the port has its carrier back.
    let forwards = || set_port_state(&switch, name, PORT_FORWARDING).is_ok();
    ensure!(wait_until(CARRIER_DEADLINE, forwards), "{name} got no carrier within {CARRIER_DEADLINE:?}");
    if has_one_way_cut(state, host) {
        in_switch(state, &["nft", "delete", "table", "bridge", &one_way_table(host)])?;
    }
    let carries = || is_operational(&switch, name) && is_operational(&namespace(state, name), "eth0");
    ensure!(wait_until(CARRIER_DEADLINE, carries), "{name} got no carrier within {CARRIER_DEADLINE:?}");
    Ok(())
}

/// Whether the kernel sends through a device: RFC 2863's operational status, not only the carrier.
fn is_operational(namespace: &str, device: &str) -> bool {
    let shown = run(tool("ip").args(["-n", namespace, "-o", "link", "show", "dev", device]));
    shown.is_ok_and(|line| line.contains(" state UP "))
}

const CARRIER_DEADLINE: Duration = Duration::from_secs(5);
const PORT_DISABLED: &str = "0";
const PORT_FORWARDING: &str = "3";

fn set_port_state(switch: &str, port: &str, port_state: &str) -> Result<()> {
    run(tool("bridge").args(["-n", switch, "link", "set", "dev", port, "state", port_state]))?;
    Ok(())
}

/// What a host's cable is like.
pub(super) fn link(state: &State, host: &Host) -> Link {
    let switch = namespace(state, "switch");
    let Ok(port) = run(tool("bridge").args(["-n", &switch, "link", "show", "dev", host.name.as_str()]))
    else {
        return Link::None;
    };
    match port_link(&port) {
        Link::Up if has_one_way_cut(state, host) => Link::CutOneWay,
        link => link,
    }
}

/// `5: h1@if4: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master bridge state forwarding priority 32 cost 2`
fn port_link(port: &str) -> Link {
    let flags = port.split(['<', '>']).nth(1).unwrap_or_default();
    if port.trim().is_empty() {
        Link::None
    } else if !flags.split(',').any(|flag| flag == "UP") {
        Link::Cut
    } else if port.contains(" state disabled ") {
        Link::CutSilent
    } else {
        Link::Up
    }
}

fn has_one_way_cut(state: &State, host: &Host) -> bool {
    let tables = in_switch(state, &["nft", "list", "tables", "bridge"]).unwrap_or_default();
    tables.lines().any(|line| line.ends_with(&format!(" {}", one_way_table(host))))
}

/// What drops frames from this machine to the host.
fn one_way_table(host: &Host) -> String {
    format!("one-way-{}", host.name)
}

/// Runs a tool with the network of the switch.
fn in_switch(state: &State, argv: &[&str]) -> Result<String> {
    Ok(run(tool("ip").args(["netns", "exec", &namespace(state, "switch")]).args(argv))?)
}

/// The name of the network namespace of a host, `client` or `switch`.
pub(super) fn namespace(state: &State, place: &str) -> String {
    format!("{}-{place}", state.tag())
}

/// The file a network namespace can be entered by.
pub(super) fn namespace_file(name: &str) -> std::path::PathBuf {
    Path::new("/run/netns").join(name)
}

/// Removes all network parts called after `tag`, whatever state they are in.
pub(super) fn remove_all(tag: &str) -> Result<()> {
    if Path::new("/sys/class/net").join(tag).exists() {
        run(tool("ip").args(["link", "del", tag]))?;
    }
    let prefix = format!("{tag}-");
    for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) {
            // A file that is no namespace (its maker was killed half-way) is simply removed.
            run(tool("ip").args(["netns", "del", &name]))
                .map(|_| ())
                .or_else(|_| fs::remove_file(entry.path()))?;
        }
    }
    Ok(())
}

fn batch(namespace: Option<&str>, lines: &str) -> Result<()> {
    let mut ip = tool("ip");
    if let Some(name) = namespace {
        ip.args(["-n", name]);
    }
    run_with_input(ip.args(["-batch", "-"]), lines).map(|_| ()).context("cannot set the lab's network up")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = r#"[{"dst":"default","gateway":"172.16.0.1","dev":"eth0","flags":[]},
        {"dst":"10.83.4.0/24","dev":"rvabc","scope":"link","flags":[]},{"dst":"10.9.0.7","dev":"wg0","flags":[]}]"#;

    fn overlap(subnet: &str) -> Option<String> {
        overlapping_route(ROUTES, subnet.parse().unwrap()).unwrap()
    }

    #[test]
    fn subnets_in_use_are_noticed_from_both_sides() {
        assert_eq!(overlap("10.83.4.0/24").as_deref(), Some("10.83.4.0/24 on rvabc"));
        assert_eq!(overlap("10.80.0.0/12").as_deref(), Some("10.83.4.0/24 on rvabc"));
        assert_eq!(overlap("10.9.0.0/24").as_deref(), Some("10.9.0.7 on wg0"));
    }

    #[test]
    fn a_default_route_overlaps_nothing() {
        assert_eq!(overlap("10.83.5.0/24"), None);
        assert_eq!(overlapping_route("", "10.83.5.0/24".parse().unwrap()).unwrap(), None);
    }

    #[test]
    fn port_lines_are_understood() {
        let line = |flags: &str, state: &str| {
            format!("5: h1@if4: <{flags}> mtu 1500 master bridge state {state} priority 32 cost 2 \n")
        };
        assert_eq!(port_link(&line("BROADCAST,UP,LOWER_UP", "forwarding")), Link::Up);
        assert_eq!(port_link(&line("BROADCAST,UP,LOWER_UP", "disabled")), Link::CutSilent);
        assert_eq!(port_link(&line("BROADCAST,MULTICAST", "disabled")), Link::Cut);
        assert_eq!(port_link(""), Link::None);
    }

    #[test]
    fn links_read_the_same_in_json_and_tables() {
        for link in [Link::Up, Link::Cut, Link::CutSilent, Link::CutOneWay, Link::None] {
            assert_eq!(serde_json::to_value(link).unwrap(), link.to_string());
        }
    }
}
