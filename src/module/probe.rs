//! `probe`: a check from the controller, made as a client of the service would. Here it is only rendered; the
//! sending is in [`crate::probe`].

use serde::{Deserialize, Serialize};

use super::{Context, ModuleError, dns};
pub use crate::site::action::FailOn;
use crate::site::action::{DnsProbe, HttpProbe, ProbeArgs, ProbeSpec, Rcode};
use crate::site::quantity::TimeSpan;
use crate::site::source::Sp;

/// A rendered check, made by the controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    Icmp {
        host: String,
        timeout_ms: u64,
    },
    Tcp {
        host: String,
        port: u16,
        timeout_ms: u64,
    },
    Http {
        url: String,
        status: u16,
        contains: Option<String>,
        #[serde(default, skip_serializing_if = "Tls::is_default")]
        tls: Tls,
        #[serde(default)]
        fail_on: FailOn,
        timeout_ms: u64,
    },
    Smtp {
        host: String,
        port: u16,
        helo: Option<String>,
        from: Option<String>,
        to: Option<String>,
        fail_on: FailOn,
        timeout_ms: u64,
    },
    Dns {
        server: String,
        port: u16,
        question: dns::Question,
        rcode: Rcode,
        answer: Option<String>,
        timeout_ms: u64,
    },
    Command {
        argv: Vec<String>,
        timeout_ms: u64,
    },
    Plugin {
        argv: Vec<String>,
        fail_on: FailOn,
        timeout_ms: u64,
    },
}

/// What an `https:` client makes of certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tls {
    /// Those that sign; the system's if absent.
    pub ca: Option<Authority>,
    /// Accepts any.
    pub insecure: bool,
    /// Warns when the server's ends within this many milliseconds.
    pub expires_in_ms: Option<u64>,
}

/// Certificates that are trusted, in PEM.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// A file on the controller, read when the check is made.
    Path(String),
    /// A file of the site.
    Pem(String),
}

impl Tls {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How long a probe without a `timeout` waits for its answer.
pub const DEFAULT_TIMEOUT: TimeSpan = TimeSpan::from_secs(2);

impl Probe {
    /// How long it may take in all.
    pub fn timeout_ms(&self) -> u64 {
        match self {
            Self::Icmp { timeout_ms, .. }
            | Self::Tcp { timeout_ms, .. }
            | Self::Http { timeout_ms, .. }
            | Self::Smtp { timeout_ms, .. }
            | Self::Dns { timeout_ms, .. }
            | Self::Command { timeout_ms, .. }
            | Self::Plugin { timeout_ms, .. } => *timeout_ms,
        }
    }

    /// What makes it fail.
    pub fn fail_on(&self) -> FailOn {
        match self {
            Self::Http { fail_on, .. } | Self::Smtp { fail_on, .. } | Self::Plugin { fail_on, .. } => {
                *fail_on
            }
            Self::Icmp { .. } | Self::Tcp { .. } | Self::Dns { .. } | Self::Command { .. } => {
                FailOn::Critical
            }
        }
    }
}

impl std::fmt::Display for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = match self {
            Self::Icmp { host, .. } => format!("icmp {host}"),
            Self::Tcp { host, port, .. } => format!("tcp {host}:{port}"),
            Self::Http { url, status, contains, .. } => match contains {
                Some(text) => format!("http {url} → {status}, with `{text}`"),
                None => format!("http {url} → {status}"),
            },
            Self::Smtp { host, port, to, .. } => match to {
                Some(to) => format!("smtp {host}:{port} → mail for {to}"),
                None => format!("smtp {host}:{port}"),
            },
            Self::Dns { server, port, question, rcode, answer, .. } => match answer {
                Some(answer) => format!("dns {question} @{server}:{port} → `{answer}`"),
                None => format!("dns {question} @{server}:{port} → {rcode}"),
            },
            Self::Command { argv, .. } => format!("command {}", argv.join(" ")),
            Self::Plugin { argv, .. } => format!("plugin {}", argv.join(" ")),
        };
        f.pad(&words)
    }
}

/// The check a `probe` step asks for: a named one of the playbook, or the one written in place.
pub fn compile(args: &ProbeArgs, cx: &Context) -> Result<Probe, ModuleError> {
    match args {
        ProbeArgs::Inline(spec) => render(spec, cx),
        ProbeArgs::Named(name) => match cx.probes.get(name.as_str()) {
            Some(spec) => render(spec, cx),
            None => Err(ModuleError::at(name, format!("no probe is named `{}`", name.value))),
        },
    }
}

/// Renders a check for one host.
pub fn render(spec: &ProbeSpec, cx: &Context) -> Result<Probe, ModuleError> {
    Ok(match spec {
        ProbeSpec::Icmp(icmp) => {
            Probe::Icmp { host: cx.text(&icmp.host)?, timeout_ms: timeout_ms(icmp.timeout.as_ref()) }
        }
        ProbeSpec::Tcp(tcp) => Probe::Tcp {
            host: cx.text(&tcp.host)?,
            port: tcp.port,
            timeout_ms: timeout_ms(tcp.timeout.as_ref()),
        },
        ProbeSpec::Http(http) => Probe::Http {
            url: cx.text(&http.url)?,
            status: http.status,
            contains: cx.optional(http.contains.as_ref())?,
            tls: tls(http, cx)?,
            fail_on: http.fail_on,
            timeout_ms: timeout_ms(http.timeout.as_ref()),
        },
        ProbeSpec::Smtp(smtp) => Probe::Smtp {
            host: cx.text(&smtp.host)?,
            port: smtp.port,
            helo: line(smtp.helo.as_ref(), cx)?,
            from: line(smtp.from.as_ref(), cx)?,
            to: line(smtp.to.as_ref(), cx)?,
            fail_on: smtp.fail_on,
            timeout_ms: timeout_ms(smtp.timeout.as_ref()),
        },
        ProbeSpec::Dns(dns) => Probe::Dns {
            server: cx.text(&dns.server)?,
            port: dns.port,
            question: question(dns, cx)?,
            rcode: dns.rcode,
            answer: cx.optional(dns.answer.as_ref())?,
            timeout_ms: timeout_ms(dns.timeout.as_ref()),
        },
        ProbeSpec::Command(command) => Probe::Command {
            argv: cx.texts(&command.argv)?,
            timeout_ms: timeout_ms(command.timeout.as_ref()),
        },
        ProbeSpec::Plugin(plugin) => Probe::Plugin {
            argv: cx.texts(&plugin.argv)?,
            fail_on: plugin.fail_on,
            timeout_ms: timeout_ms(plugin.timeout.as_ref()),
        },
    })
}

fn tls(http: &HttpProbe, cx: &Context) -> Result<Tls, ModuleError> {
    let ca = match (&http.ca, cx.optional(http.ca.as_ref())?) {
        (_, Some(path)) if path.starts_with('/') => Some(Authority::Path(path)),
        (Some(written), Some(name)) => {
            let bytes = (cx.file)(&name).map_err(|message| ModuleError::at(written, message))?;
            Some(Authority::Pem(String::from_utf8_lossy(&bytes).into_owned()))
        }
        _ => None,
    };
    Ok(Tls {
        ca,
        insecure: http.insecure,
        expires_in_ms: http.expires_in.as_ref().map(|span| ms(span.value)),
    })
}

/// A part of a dialogue: with a line end in it, it would be two.
fn line(text: Option<&Sp<String>>, cx: &Context) -> Result<Option<String>, ModuleError> {
    let rendered = cx.optional(text)?;
    match (text, &rendered) {
        (Some(text), Some(line)) if line.contains(['\r', '\n']) => {
            Err(ModuleError::at(text, "more than one line"))
        }
        _ => Ok(rendered),
    }
}

fn question(dns: &DnsProbe, cx: &Context) -> Result<dns::Question, ModuleError> {
    let name = cx.text(&dns.name)?;
    dns::Question::new(&name, dns.kind)
        .ok_or_else(|| ModuleError::at(&dns.name, format!("`{name}` is no name that DNS can ask for")))
}

fn timeout_ms(given: Option<&Sp<TimeSpan>>) -> u64 {
    ms(given.map_or(DEFAULT_TIMEOUT, |span| span.value))
}

fn ms(span: TimeSpan) -> u64 {
    u64::try_from(span.0.as_millis()).unwrap_or(u64::MAX)
}
