//! The rehearsal lab: real hosts on one Linux machine, for the demo, the tests, drills and a user's own rehearsals.
//!
//! A host is a set of namespaces with a copy-on-write disk, an sshd, optionally a systemd, and a cable to a switch. It
//! can be cut off, power-cut and frozen. `reveille lab …` and tests call it; it knows nothing of services, plans or
//! transports. Needs root. Calls block; `meter` alone is asynchronous.

mod cgroup;
pub mod cli;
mod disk;
mod fence;
mod host;
mod inventory;
pub mod meter;
mod meter_cli;
mod network;
mod options;
mod preflight;
mod share;
mod ssh_keys;
mod state;
mod status;
mod teardown;
mod tool;
mod up;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

pub use self::cli::LabArgs;
pub use self::fence::FenceKind;
pub use self::meter_cli::command as meter_command;
pub use self::network::{Cut, Link, SubnetInUse};
pub use self::options::{DEFAULT_DIR, DEFAULT_SUBNET, Kind, MAX_HOSTS, Options};
pub use self::preflight::missing;
pub use self::share::shared_site;
pub use self::state::{Host, State};
pub use self::status::{HostStatus, Power, Status};
pub use self::tool::ToolError;

/// The client's name where a host's is expected.
pub const CLIENT: &str = "client";

/// A lab that is up.
#[derive(Debug)]
pub struct Lab {
    state: State,
}

/// How long work goes on telling, and being told to stop.
pub struct Progress<'a> {
    /// Receives one line for each thing worth knowing.
    pub note: &'a (dyn Fn(&str) + Sync),
    /// Set by the caller to give up; what was made is taken away again.
    pub stop: &'a AtomicBool,
}

impl Lab {
    /// Makes the lab, or what is missing of it: absent hosts are added, dead ones powered on. Waits until commands over
    /// ssh succeed on all hosts. If that fails, everything this call made is taken away.
    ///
    /// # Errors
    /// Not root, a missing program or kernel feature, a subnet in use, a host that does not come up within a minute.
    pub fn up(options: &Options, progress: &Progress) -> Result<Self> {
        up::up(options, progress).map(|state| Self { state })
    }

    /// The lab in `dir`.
    pub fn open(dir: &Path) -> Result<Self> {
        options::validate_dir(dir)?;
        let state = State::load(dir)?
            .with_context(|| format!("no lab in {}: `reveille lab up` makes one", dir.display()))?;
        Ok(Self { state })
    }

    /// Takes the lab in `dir` away, also a half-made one. Says whether there was any.
    pub fn down(dir: &Path) -> Result<bool> {
        options::validate_dir(dir)?;
        ensure!(rustix::process::geteuid().is_root(), "only root can take a lab down: run it with sudo");
        let there = teardown::is_there(dir);
        // Whoever else is at work on this lab finishes first. The lock lies on a file system that is to go: no longer held.
        drop(lock(&dir.join("lock")).ok());
        teardown::tear_down(dir)?;
        Ok(there)
    }

    /// What namespaces, interface and control group of a lab in `dir` are called, whether or not it is up.
    pub fn tag(dir: &Path) -> String {
        state::tag(dir)
    }

    /// What was decided about this lab: names, addresses, folders.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// A host's address, or the client's.
    pub fn address(&self, place: &str) -> Result<Ipv4Addr> {
        if place == CLIENT {
            return Ok(self.state.client_address());
        }
        Ok(self.state.address(self.state.host(place)?))
    }

    /// A host's hardware address.
    pub fn mac(&self, host: &str) -> Result<String> {
        Ok(self.state.mac(self.state.address(self.state.host(host)?)))
    }

    /// The inventory file `up` wrote.
    pub fn inventory(&self) -> Option<&Path> {
        self.state.inventory.as_deref()
    }

    /// An ssh configuration that knows hosts, keys and host keys: `ssh -F FILE h1`.
    pub fn ssh_config(&self) -> PathBuf {
        self.state.ssh_dir().join("config")
    }

    /// Puts the site at `root`, the keys to the hosts and `program` on the folder that all hosts share, for a monitor that
    /// runs on the hosts: `/srv/shared/reveille` there, with the store `state` beside `site`. The folder of the copied
    /// site, as seen from here.
    ///
    /// # Errors
    /// Files that cannot be read or written; settings that are no YAML.
    pub fn share_site(&self, root: &Path, program: &Path) -> Result<PathBuf> {
        share::share(&self.state, root, program)
    }

    /// Cuts a host off the network.
    pub fn cut(&self, host: &str, cut: Cut) -> Result<()> {
        let host = self.state.host(host)?;
        ensure!(host::is_on(&self.state, host), "{} is off: it has no cable to cut", host.name);
        if network::link(&self.state, host) != Link::Up {
            network::heal(&self.state, host)?;
        }
        network::cut(&self.state, host, cut)
    }

    /// Undoes every kind of [`Cut`].
    pub fn heal(&self, host: &str) -> Result<()> {
        let host = self.state.host(host)?;
        ensure!(host::is_on(&self.state, host), "{0} is off: `reveille lab boot {0}`", host.name);
        network::heal(&self.state, host)
    }

    /// Power cut: all processes gone at once and without a word, all addresses and routes with them. The disk stays.
    pub fn crash(&self, host: &str) -> Result<()> {
        let _lock = self.lock()?;
        host::power_off(&self.state, self.state.host(host)?)
    }

    /// Powers a host on that is off. Returns the time from then until a command over ssh succeeded.
    pub fn boot(&self, host: &str) -> Result<Duration> {
        let _lock = self.lock()?;
        let host = self.state.host(host)?;
        ensure!(!host::is_on(&self.state, host), "{} is on", host.name);
        // A host that ended by itself left its cable plugged in.
        host::power_off(&self.state, host)?;
        host::power_on(&self.state, host, &AtomicBool::new(false))
    }

    /// Freezes every process of a host; its kernel goes on answering.
    pub fn freeze(&self, host: &str) -> Result<()> {
        self.set_frozen(host, true)
    }

    /// Undoes [`Lab::freeze`].
    pub fn thaw(&self, host: &str) -> Result<()> {
        self.set_frozen(host, false)
    }

    fn set_frozen(&self, host: &str, frozen: bool) -> Result<()> {
        let host = self.state.host(host)?;
        ensure!(host::is_on(&self.state, host), "{} is off", host.name);
        cgroup::set_frozen(&self.state.host_cgroup(host), frozen)
    }

    /// A command line that runs `argv` on a host, by its console: also when it is cut off or frozen. On [`CLIENT`] it
    /// runs with this machine's files and the client's network. Standard input and output are the caller's to set.
    pub fn command<I>(&self, place: &str, argv: I) -> Result<Command>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let argv: Vec<OsString> = argv.into_iter().map(|word| word.as_ref().to_owned()).collect();
        ensure!(!argv.is_empty(), "no command given");
        let mut command = match place {
            CLIENT => host::on_client(&self.state, &argv)?,
            host => host::console(&self.state, self.state.host(host)?, &argv)?,
        };
        command.stdin(std::process::Stdio::inherit());
        Ok(command)
    }

    /// Runs a line of shell on a host or the client and returns what it printed; an error if it says no.
    pub fn sh(&self, place: &str, line: &str) -> Result<String> {
        let mut command = self.command(place, ["sh", "-c", line])?;
        Ok(tool::run(command.stdin(std::process::Stdio::null()))?)
    }

    /// What the lab is like now.
    pub fn status(&self) -> Status {
        Status::observe(&self.state)
    }

    fn lock(&self) -> Result<File> {
        lock(&self.state.dir.join("lock"))
    }
}

/// Waits for, and takes, the lock on `file`; given back when the result is dropped.
fn lock(file: &Path) -> Result<File> {
    let lock = || {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(file)?;
        file.lock().map(|()| file)
    };
    lock().with_context(|| format!("cannot lock {}", file.display()))
}
