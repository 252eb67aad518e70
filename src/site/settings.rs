//! `reveille.yml`: what holds for the whole site. Every key has a default; an empty file is a good one.

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::notice::{Hooks, Notice};
use super::playbook::VarMap;
use super::quantity::TimeSpan;
use super::secret::SecretSource;
use super::shape::{OneOrMany, one_or_many};
use super::source::Sp;

/// The site's settings.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "reveille settings")]
pub struct Settings {
    /// Inventory files or folders, relative to the site.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<PathBuf>")]
    pub inventory: Vec<Sp<PathBuf>>,
    /// Where the scheduling table and the journals are kept: `file:FOLDER`, relative to the site.
    pub store: Sp<String>,
    /// How long whoever acts (a command, or the monitor that leads) may be silent before another takes over.
    pub monitor_lease: TimeSpan,
    /// How many hosts are worked on at the same time.
    pub forks: u32,
    /// The wall-clock limit of a step that names none.
    pub timeout: TimeSpan,
    /// How hosts are reached.
    pub ssh: SshSettings,
    /// How commands get other rights there.
    #[serde(rename = "become")]
    pub escalation: BecomeSettings,
    /// How long the network must be silent about a service address before nobody is believed to hold it. It is asked
    /// three times within that time; the kernel of a living neighbour answers within milliseconds.
    pub link_silent: TimeSpan,
    /// Defaults for every playbook and host; the weakest of all variables.
    pub vars: VarMap,
    /// Who is told what a monitor does.
    pub notices: Vec<Sp<Notice>>,
    /// Programs that take part in a monitor's takeovers.
    pub hooks: Hooks,
    /// Values that must never be shown, by variable name.
    pub secrets: IndexMap<String, Sp<SecretSource>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            inventory: vec![Sp::new(PathBuf::from("inventory"), super::source::Span::default())],
            store: Sp::new("file:.reveille".to_owned(), super::source::Span::default()),
            monitor_lease: TimeSpan::from_secs(3),
            forks: 20,
            timeout: TimeSpan::from_secs(30),
            ssh: SshSettings::default(),
            escalation: BecomeSettings::default(),
            link_silent: TimeSpan::from_millis(200),
            vars: VarMap::new(),
            notices: Vec::new(),
            hooks: Hooks::default(),
            secrets: IndexMap::new(),
        }
    }
}

/// How hosts are reached.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SshSettings {
    /// The longest a connection may take, login included.
    pub connect_timeout: TimeSpan,
    /// A host that is silent for three times this long is unreachable.
    pub keepalive: TimeSpan,
    /// Whether a host key seen for the first time is accepted.
    pub host_keys: HostKeyPolicy,
    /// How long an idle connection is kept for the next command; `0s` closes it at the end.
    pub keep_warm: TimeSpan,
}

impl Default for SshSettings {
    fn default() -> Self {
        Self {
            connect_timeout: TimeSpan::from_secs(5),
            keepalive: TimeSpan::from_secs(1),
            host_keys: HostKeyPolicy::Strict,
            keep_warm: TimeSpan::from_secs(0),
        }
    }
}

/// How commands get other rights.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BecomeSettings {
    /// The name, under `secrets`, of what sudo is told when it asks for a password. `-K` asks for one instead.
    pub password: Option<Sp<String>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeyPolicy {
    #[default]
    Strict,
    AcceptNew,
}
