//! Probes: checks from the controller, as a client of the service makes them.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::site::quantity::TimeSpan;
use crate::site::shape::{Argv, FromText, ListOr, TextOr, text_or};
use crate::site::source::Sp;

/// A check from the controller: a named probe of the playbook, or one written in place.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename = "$reveille::shape")]
#[schemars(untagged, rename = "ProbeArgs")]
pub enum ProbeArgs {
    #[serde(rename = "scalar")]
    Named(Sp<String>),
    #[serde(rename = "mapping")]
    Inline(Box<ProbeSpec>),
}

/// One check, made as a client of the service would.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProbeSpec {
    /// An echo request; the host alone is enough.
    Icmp(
        #[serde(deserialize_with = "text_or")]
        #[schemars(with = "TextOr<IcmpProbe>")]
        IcmpProbe,
    ),
    /// A TCP connection. It proves nothing about a process: the kernel accepts for a frozen one.
    Tcp(TcpProbe),
    /// An HTTP request and what must come back; the URL alone is enough.
    Http(
        #[serde(deserialize_with = "text_or")]
        #[schemars(with = "TextOr<HttpProbe>")]
        HttpProbe,
    ),
    /// A program run on the controller; exit 0 is good. The argument list alone is enough.
    Command(CommandProbe),
}

/// An echo request.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IcmpProbe {
    /// A name or an address.
    pub host: Sp<String>,
    /// How long to wait for the answer.
    #[serde(default)]
    pub timeout: Option<Sp<TimeSpan>>,
}

/// A TCP connection. It proves nothing about a process: the kernel accepts for a frozen one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpProbe {
    /// A name or an address.
    pub host: Sp<String>,
    /// The TCP port.
    pub port: u16,
    /// How long to wait for the connection.
    #[serde(default)]
    pub timeout: Option<Sp<TimeSpan>>,
}

/// An HTTP request and what must come back.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// `http://…` or `https://…`.
    pub url: Sp<String>,
    /// The expected status.
    #[serde(default = "ok")]
    pub status: u16,
    /// A text the body must hold.
    #[serde(default)]
    pub contains: Option<Sp<String>>,
    /// How long the whole answer may take.
    #[serde(default)]
    pub timeout: Option<Sp<TimeSpan>>,
}

fn ok() -> u16 {
    200
}

/// A program run on the controller; exit 0 is good.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(from = "ListOr<CommandProbeMapping>")]
#[schemars(with = "ListOr<CommandProbeMapping>")]
pub struct CommandProbe {
    /// Program and arguments.
    pub argv: Vec<Sp<String>>,
    /// How long it may run.
    pub timeout: Option<Sp<TimeSpan>>,
}

/// The long form of a `command` probe.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CommandProbeMapping {
    /// Program and arguments.
    argv: Argv,
    /// How long it may run.
    timeout: Option<Sp<TimeSpan>>,
}

impl From<ListOr<CommandProbeMapping>> for CommandProbe {
    fn from(written: ListOr<CommandProbeMapping>) -> Self {
        match written {
            ListOr::List(Argv(argv)) => Self { argv, timeout: None },
            ListOr::Mapping(CommandProbeMapping { argv: Argv(argv), timeout }) => Self { argv, timeout },
        }
    }
}

impl FromText for IcmpProbe {
    fn from_text(host: Sp<String>) -> Self {
        Self { host, timeout: None }
    }
}

impl FromText for HttpProbe {
    fn from_text(url: Sp<String>) -> Self {
        Self { url, status: ok(), contains: None, timeout: None }
    }
}
