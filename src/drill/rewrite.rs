//! A site's texts for another network: every address of one /24 network moved to another, host part kept. Pure.

use std::net::Ipv4Addr;

use regex::{Captures, Regex};

/// From one network to another, both by their first three numbers.
#[derive(Clone, Debug)]
pub struct Renumber {
    from: [u8; 3],
    to: [u8; 3],
    found: Regex,
}

impl Renumber {
    /// `None` where nothing is to be changed.
    pub fn new(from: Ipv4Addr, to: Ipv4Addr) -> Option<Self> {
        let ([a, b, c, _], [x, y, z, _]) = (from.octets(), to.octets());
        let pattern =
            format!(r"(?P<before>^|[^0-9.])(?P<net>{a}\.{b}\.{c}|{c}\.{b}\.{a})(?P<after>$|[^0-9])");
        let found = Regex::new(&pattern).ok()?;
        ([a, b, c] != [x, y, z]).then_some(Self { from: [a, b, c], to: [x, y, z], found })
    }

    /// `10.83.0.80`, `10.83.0.0/24`, `10.83.0`, and `80.0.83.10.in-addr.arpa`: but not `110.83.0.80` or `10.83.01`.
    pub fn text(&self, text: &str) -> String {
        let [a, b, c] = self.from;
        let [x, y, z] = self.to;
        let forward = format!("{a}.{b}.{c}");
        let replace = |found: &Captures<'_>| {
            let net = if found["net"] == forward { format!("{x}.{y}.{z}") } else { format!("{z}.{y}.{x}") };
            format!("{}{net}{}", &found["before"], &found["after"])
        };
        // Twice: what stands behind one match may stand before the next.
        let once = self.found.replace_all(text, &replace).into_owned();
        let reverse = Regex::new(&format!(r"(?P<host>[^0-9.][0-9]+\.){c}\.{b}\.{a}\.in-addr"));
        let once = match reverse {
            Ok(reverse) => reverse.replace_all(&once, format!("${{host}}{z}.{y}.{x}.in-addr")).into_owned(),
            Err(_) => once,
        };
        self.found.replace_all(&once, replace).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(text: &str) -> String {
        let [from, to] = ["10.83.0.80", "10.97.3.1"].map(|text| text.parse().unwrap());
        Renumber::new(from, to).unwrap().text(text)
    }

    #[test]
    fn addresses_networks_and_reverse_zones_move() {
        assert_eq!(moved("Listen 10.83.0.80:80"), "Listen 10.97.3.80:80");
        assert_eq!(moved("10.83.0.80 10.83.0.81"), "10.97.3.80 10.97.3.81");
        assert_eq!(moved("10.83.0.0/24;10.83.0"), "10.97.3.0/24;10.97.3");
        assert_eq!(moved("Connect:10.83.0 RELAY"), "Connect:10.97.3 RELAY");
        assert_eq!(moved("zone \"0.83.10.in-addr.arpa\""), "zone \"3.97.10.in-addr.arpa\"");
        assert_eq!(moved(" 80.0.83.10.in-addr.arpa."), " 80.3.97.10.in-addr.arpa.");
    }

    #[test]
    fn what_only_looks_alike_stays() {
        for text in ["110.83.0.80", "1.10.83.0.80", "10.83.01", "10.83.1.80", "v10x83x0"] {
            assert_eq!(moved(text), text);
        }
    }

    #[test]
    fn a_network_is_not_moved_to_itself() {
        let address = |text: &str| text.parse().unwrap();
        assert!(Renumber::new(address("10.83.0.80"), address("10.83.0.7")).is_none());
    }
}
