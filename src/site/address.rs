//! A service address with the prefix of the network it belongs to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `10.83.0.80/24`: the address is held as a single host (/32 or /128); the prefix only says which network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceAddress(IpNet);

impl ServiceAddress {
    pub fn ip(self) -> IpAddr {
        self.0.addr()
    }

    /// The network that hosts must have to hold this address.
    pub fn network(self) -> IpNet {
        self.0.trunc()
    }
}

impl FromStr for ServiceAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.parse::<IpAddr>().is_ok() {
            return Err(format!("address `{text}` has no prefix; write for example `{text}/24`"));
        }
        let net: IpNet = text
            .parse()
            .map_err(|_| format!("`{text}` is not an address with a prefix such as `10.0.0.80/24`"))?;
        let whole_network = net.addr() == net.network() && net.prefix_len() < net.max_prefix_len() - 1;
        if whole_network {
            Err(format!("`{text}` is a network, not an address in it"))
        } else {
            Ok(Self(net))
        }
    }
}

impl TryFrom<String> for ServiceAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ServiceAddress> for String {
    fn from(address: ServiceAddress) -> String {
        address.to_string()
    }
}

impl fmt::Display for ServiceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl JsonSchema for ServiceAddress {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ServiceAddress".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "reveille-address",
            "description": "An IPv4 or IPv6 address with the prefix of its network: `10.83.0.80/24`, `2001:db8::80/64`."
        })
    }
}
