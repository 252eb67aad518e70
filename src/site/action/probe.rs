//! Probes: checks from the controller, as a client of the service makes them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// A mail server's greeting and dialogue; the host alone is enough.
    Smtp(
        #[serde(deserialize_with = "text_or")]
        #[schemars(with = "TextOr<SmtpProbe>")]
        SmtpProbe,
    ),
    /// A question to a name server.
    Dns(DnsProbe),
    /// A program run on the controller; exit 0 is good. The argument list alone is enough.
    Command(CommandProbe),
    /// A Nagios plugin run on the controller. The argument list alone is enough.
    Plugin(PluginProbe),
}

/// What makes a check fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailOn {
    /// A warning is shown, and the service counts as well.
    #[default]
    Critical,
    /// A warning counts as a failure.
    Warning,
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
    /// Warns when the certificate ends within this time.
    #[serde(default)]
    pub expires_in: Option<Sp<TimeSpan>>,
    /// Certificates in PEM that alone are trusted: a path on the controller, or a file below `files/`.
    #[serde(default)]
    pub ca: Option<Sp<String>>,
    /// Accepts any certificate.
    #[serde(default)]
    pub insecure: bool,
    /// What makes it fail.
    #[serde(default)]
    pub fail_on: FailOn,
    /// How long the whole answer may take.
    #[serde(default)]
    pub timeout: Option<Sp<TimeSpan>>,
}

fn ok() -> u16 {
    200
}

/// A mail server's greeting and dialogue (RFC 5321), as far as it is told to go. Nothing is ever sent.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpProbe {
    /// A name or an address.
    pub host: Sp<String>,
    /// The TCP port.
    #[serde(default = "smtp_port")]
    pub port: u16,
    /// What the controller calls itself; its address if absent.
    #[serde(default)]
    pub helo: Option<Sp<String>>,
    /// A sender that must be accepted; with `to` alone, the empty one.
    #[serde(default)]
    pub from: Option<Sp<String>>,
    /// A recipient that must be accepted.
    #[serde(default)]
    pub to: Option<Sp<String>>,
    /// What makes it fail. A server that is too busy for one more client (421) is a warning.
    #[serde(default)]
    pub fail_on: FailOn,
    /// How long the whole dialogue may take.
    #[serde(default)]
    pub timeout: Option<Sp<TimeSpan>>,
}

fn smtp_port() -> u16 {
    25
}

/// A question to a name server (RFC 1035), over UDP, and over TCP if the answer does not fit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsProbe {
    /// The server: a name or an address.
    pub server: Sp<String>,
    /// Its port.
    #[serde(default = "dns_port")]
    pub port: u16,
    /// The name that is asked for.
    pub name: Sp<String>,
    /// The type of record.
    #[serde(default, rename = "type")]
    pub kind: RecordType,
    /// One of the records must be this; any will do if absent. As `dig +short` prints it.
    #[serde(default)]
    pub answer: Option<Sp<String>>,
    /// The expected status.
    #[serde(default)]
    pub rcode: Rcode,
    /// How long the answer may take.
    #[serde(default)]
    pub timeout: Option<Sp<TimeSpan>>,
}

fn dns_port() -> u16 {
    53
}

/// A type of DNS record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum RecordType {
    #[default]
    A,
    Aaaa,
    Cname,
    Mx,
    Ns,
    Ptr,
    Soa,
    Txt,
}

/// A DNS status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum Rcode {
    #[default]
    NoError,
    ServFail,
    NxDomain,
    Refused,
}

/// A Nagios plugin run on the controller: exit 0 is good, 1 a warning, 2 bad, anything else says nothing.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(from = "ListOr<PluginProbeMapping>")]
#[schemars(with = "ListOr<PluginProbeMapping>")]
pub struct PluginProbe {
    /// Program and arguments.
    pub argv: Vec<Sp<String>>,
    /// What makes it fail.
    pub fail_on: FailOn,
    /// How long it may run.
    pub timeout: Option<Sp<TimeSpan>>,
}

/// The long form of a `plugin` probe.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PluginProbeMapping {
    /// Program and arguments.
    argv: Argv,
    /// What makes it fail.
    #[serde(default)]
    fail_on: FailOn,
    /// How long it may run.
    timeout: Option<Sp<TimeSpan>>,
}

impl From<ListOr<PluginProbeMapping>> for PluginProbe {
    fn from(written: ListOr<PluginProbeMapping>) -> Self {
        match written {
            ListOr::List(Argv(argv)) => Self { argv, fail_on: FailOn::default(), timeout: None },
            ListOr::Mapping(PluginProbeMapping { argv: Argv(argv), fail_on, timeout }) => {
                Self { argv, fail_on, timeout }
            }
        }
    }
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
        Self {
            url,
            status: ok(),
            contains: None,
            expires_in: None,
            ca: None,
            insecure: false,
            fail_on: FailOn::default(),
            timeout: None,
        }
    }
}

impl FromText for SmtpProbe {
    fn from_text(host: Sp<String>) -> Self {
        Self {
            host,
            port: smtp_port(),
            helo: None,
            from: None,
            to: None,
            fail_on: FailOn::default(),
            timeout: None,
        }
    }
}
