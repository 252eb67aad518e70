//! Keys made for one lab and thrown away with it: the user's, and one per host, with a `known_hosts` that is complete
//! from the start, so that strict checking works.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::state::{Host, State};
use super::tool::{run, tool};

/// Makes the user's key and an ssh configuration, for `ssh -F DIR/ssh/config h1`.
pub(super) fn create_user_key(state: &State) -> Result<()> {
    let dir = state.ssh_dir();
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    make_key(&user_key(state), "reveille lab")
}

/// Makes the key of each of `hosts`, and names all hosts in `known_hosts` and the ssh configuration.
pub(super) fn create_host_keys(state: &State, hosts: &[Host]) -> Result<()> {
    for host in hosts {
        make_key(&host_key(state, host), host.name.as_str())?;
    }
    write(&state.ssh_dir().join("known_hosts"), &known_hosts(state)?)?;
    write(&state.ssh_dir().join("config"), &ssh_config(state))
}

/// The private key that opens every host of the lab.
pub(super) fn user_key(state: &State) -> PathBuf {
    state.ssh_dir().join("id")
}

/// The private host key of one host; its public half ends in `.pub`.
pub(super) fn host_key(state: &State, host: &Host) -> PathBuf {
    state.ssh_dir().join(format!("host_{}", host.name))
}

fn make_key(file: &Path, comment: &str) -> Result<()> {
    if !file.with_extension("pub").exists() {
        // A private key without its public half was left by a maker killed half-way.
        let _ = fs::remove_file(file);
        run(tool("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]).arg(file))?;
    }
    Ok(())
}

fn known_hosts(state: &State) -> Result<String> {
    let mut text = String::new();
    for host in &state.hosts {
        let file = host_key(state, host).with_extension("pub");
        let key = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let (v4, name) = (state.address(host), &host.name);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name},{v4},{v6} {key}", v6 = State::twin(v4), key = key.trim());
    }
    Ok(text)
}

fn ssh_config(state: &State) -> String {
    let mut text = String::new();
    for host in &state.hosts {
        let _ = writeln!(text, "Host {}\n  HostName {}", host.name, state.address(host));
    }
    let dir = state.ssh_dir();
    let _ = writeln!(
        text,
        "Host *\n  User root\n  IdentityFile {id}\n  IdentitiesOnly yes\n  UserKnownHostsFile {known}\n  \
         GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  HostKeyAlgorithms ssh-ed25519",
        id = user_key(state).display(),
        known = dir.join("known_hosts").display(),
    );
    text
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
