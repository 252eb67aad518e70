//! The controller's way out: asked whether it is us who are cut off.

use std::net::{IpAddr, Ipv4Addr};

/// Where the kernel keeps its routes.
const ROUTES: &str = "/proc/net/route";

/// The gateway of the default route, if there is one.
pub fn gateway() -> Option<IpAddr> {
    parse(&std::fs::read_to_string(ROUTES).ok()?)
}

/// `eth0 00000000 0100000A …`: destination and gateway as hexadecimal words in the machine's byte order (proc(5)).
fn parse(routes: &str) -> Option<IpAddr> {
    routes.lines().skip(1).find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (destination, gateway) = (words.next()?, words.next()?);
        let gateway = u32::from_str_radix(gateway, 16).ok()?;
        (destination == "00000000" && gateway != 0).then(|| Ipv4Addr::from(gateway.to_ne_bytes()).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_names_it() {
        let routes = "Iface\tDestination\tGateway\tFlags\neth0\t0000020A\t00000000\t0001\neth0\t00000000\t0102000A\t0003\n";
        let little = cfg!(target_endian = "little");
        assert_eq!(parse(routes), little.then(|| "10.0.2.1".parse().unwrap()));
        assert_eq!(parse("Iface\n"), None);
    }
}
