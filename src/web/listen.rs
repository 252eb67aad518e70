//! Where the page is served, as `--listen` says it.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// `127.0.0.1:9464`, `[::1]:9464`; a port alone (`9464`, `:9464`) means this machine only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
            return Ok(Self((Ipv4Addr::LOCALHOST, port).into()));
        }
        let unclear =
            || format!("`{text}` is not an address with a port such as `127.0.0.1:9464` or `[::1]:9464`");
        text.parse().map(Self).map_err(|_| unclear())
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_this_machine_only() {
        for text in ["9464", ":9464", "127.0.0.1:9464"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), "127.0.0.1:9464");
        }
        assert_eq!("[::]:80".parse::<Listen>().unwrap().to_string(), "[::]:80");
        for text in ["", "localhost:80", "127.0.0.1", "0x50", "70000"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
