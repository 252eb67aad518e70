//! Where a host is and how to log in there: the inventory's `ansible_*` connection variables, as the transports
//! take them. Made by the caller from the site; knows nothing of ssh's command line (see `ssh_args`).

use std::path::PathBuf;
use std::time::Duration;

use crate::site::secret::Secret;

/// How to reach one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// `ansible_host`, or the inventory's name. It is what `Host` blocks of `~/.ssh/config` are matched against.
    pub address: String,
    pub port: Option<u16>,
    pub user: Option<String>,
    pub identity: Option<PathBuf>,
    /// `ansible_ssh_common_args`, split into words: ssh's own options (`-J`, `-o`, `-F` …), passed on as they are.
    pub options: Vec<String>,
    pub host_keys: HostKeyPolicy,
    /// A host that says nothing for three times this long is lost. Whole seconds, at least one.
    pub keepalive: Duration,
    /// From the start of `ssh` to a finished login with a first command run.
    pub connect_timeout: Duration,
    /// What sudo is told when it asks for one. Without it sudo must not ask.
    pub become_password: Option<Secret>,
    /// `ansible_connection: local`: this machine, without ssh; of the rest nothing counts.
    pub local: bool,
}

impl Destination {
    /// The host at `address`, with everything else as ssh's own configuration has it.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            port: None,
            user: None,
            identity: None,
            options: Vec::new(),
            host_keys: HostKeyPolicy::default(),
            keepalive: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(6),
            become_password: None,
            local: false,
        }
    }

    /// This machine, without ssh.
    pub fn local() -> Self {
        Self { local: true, ..Self::new("localhost") }
    }

    /// Silence longer than this is a lost link.
    pub(super) fn patience(&self) -> Duration {
        self.keepalive.max(Duration::from_secs(1)) * 3
    }
}

/// What to do with the key of a host that `known_hosts` does not have. A key that differs is always refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostKeyPolicy {
    /// Refuse, unless ssh's configuration or the host's options say `accept-new`. `no` counts as `accept-new`.
    #[default]
    Strict,
    /// Add it to `known_hosts` and go on.
    AcceptNew,
}
