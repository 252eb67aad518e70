//! A site's texts for another network: every address of one /24 network moved to another, host part kept. Pure.

use std::net::Ipv4Addr;

use regex::Regex;

/// From one network to another, both by their first three numbers.
#[derive(Clone, Debug)]
pub struct Renumber {
    /// `10.83.0`, as in addresses.
    forward: Swap,
    /// `0.83.10`, as in names of reverse zones.
    backward: Swap,
}

#[derive(Clone, Debug)]
struct Swap {
    found: Regex,
    to: String,
}

impl Renumber {
    /// `None` where nothing is to be changed.
    pub fn new(from: Ipv4Addr, to: Ipv4Addr) -> Option<Self> {
        let (old, new) = (numbers(from), numbers(to));
        let turned = |numbers: &[String; 3]| numbers.iter().rev().cloned().collect::<Vec<_>>().join(".");
        // What stands before must not be part of the address, nor what stands behind part of its last number.
        let forward = format!(r"(^|[^0-9.]){}($|[^0-9])", regex::escape(&old.join(".")));
        let backward = format!(r"(^|[^0-9.]|[^0-9.][0-9]+\.){}(\.in-addr)", regex::escape(&turned(&old)));
        let swap = |found: &str, to: String| Some(Swap { found: Regex::new(found).ok()?, to });
        let renumber =
            Self { forward: swap(&forward, new.join("."))?, backward: swap(&backward, turned(&new))? };
        (old != new).then_some(renumber)
    }

    /// `10.83.0.80`, `10.83.0.0/24`, `10.83.0`, and `80.0.83.10.in-addr.arpa`: but not `110.83.0.80` or `10.83.01`.
    pub fn text(&self, text: &str) -> String {
        // Twice: what ends one match may stand before the next.
        let swaps = [&self.backward, &self.forward, &self.backward, &self.forward];
        swaps.into_iter().fold(text.to_owned(), |text, swap| swap.apply(&text))
    }
}

impl Swap {
    fn apply(&self, text: &str) -> String {
        self.found.replace_all(text, format!("${{1}}{}${{2}}", self.to)).into_owned()
    }
}

fn numbers(address: Ipv4Addr) -> [String; 3] {
    let octets = address.octets();
    [octets[0], octets[1], octets[2]].map(|octet| octet.to_string())
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
