//! Makes connections: takes up one that an earlier process kept, or logs in. `openssh` runs it as a task per host.
//!
//! The master process is started here rather than by the `openssh` crate, which would take unknown host keys and ssh
//! options its own way, and could not end a login that hangs. Everything after the login goes through the crate.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use openssh::Session;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use super::master::Master;
use super::ssh_args::{self, Resolved};
use super::{Destination, HostKeyPolicy, Lost, ssh_log};

/// An idle master ends by itself after this: one whose owner was killed does not stay for ever.
const IDLE: Duration = Duration::from_mins(1);

/// A kept connection proves itself within this, or a new one is made.
const RESUMED_ANSWER: Duration = Duration::from_secs(1);

/// Where connections stay open for later processes.
#[derive(Clone, Debug)]
pub(super) struct Keep {
    /// Holds their control sockets.
    pub(super) dir: PathBuf,
    /// How long an unused one stays.
    pub(super) idle: Duration,
}

impl Keep {
    /// One socket for each way to say how to reach a host.
    fn socket(&self, destination: &Destination) -> PathBuf {
        let reach = ssh_args::reach(destination);
        let way = format!("{:?} {:?} {reach:?}", destination.address, destination.host_keys);
        let digest = Sha256::digest(way.as_bytes());
        self.dir.join(format!("{:016x}", digest[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))))
    }
}

/// Connects, and runs a first command: the first costs some 50 ms more than all later ones. All of it ends within the
/// destination's `connect_timeout`.
pub(super) async fn connect(
    destination: Destination,
    dir: PathBuf,
    keep: Option<Keep>,
) -> Result<Master, Lost> {
    let within = destination.connect_timeout;
    let connected = timeout(within, resume_or_login(&destination, &dir, keep.as_ref()));
    connected.await.unwrap_or_else(|_| Err(Lost::Unreachable(format!("no login within {within:?}"))))
}

async fn resume_or_login(destination: &Destination, dir: &Path, keep: Option<&Keep>) -> Result<Master, Lost> {
    let Some(keep) = keep else {
        let master_dir = login(destination, dir, IDLE).await?;
        let session = Session::new_native_mux(master_dir);
        let root = is_root(&session).await.unwrap_or_default();
        return Ok(Master::new(session, root, None));
    };
    let socket = keep.socket(destination);
    if let Some(master) = resume(&socket).await {
        return Ok(master);
    }
    let master_dir = login(destination, dir, keep.idle).await?;
    std::fs::rename(master_dir.path().join(SOCKET), &socket)
        .map_err(|error| failed("keep the connection", &error))?;
    let session = Session::resume_mux(socket.clone().into(), None);
    let root = is_root(&session).await.unwrap_or_default();
    Ok(Master::new(session, root, Some(socket)))
}

/// Takes up a kept connection if it is there and answers.
async fn resume(socket: &Path) -> Option<Master> {
    if !socket.exists() {
        return None;
    }
    let session = Session::resume_mux(socket.into(), None);
    if let Ok(Some(root)) = timeout(RESUMED_ANSWER, is_root(&session)).await {
        return Some(Master::new(session, root, Some(socket.to_owned())));
    }
    _ = std::fs::remove_file(socket);
    None
}

/// Runs the first command. `None` when it did not run; the first job will then say why.
async fn is_root(session: &Session) -> Option<bool> {
    let mut command = session.raw_command("id -u");
    command.stdin(openssh::Stdio::null()).stderr(openssh::Stdio::null());
    let output = command.output().await.ok()?;
    Some(output.stdout.trim_ascii() == b"0")
}

/// What the `openssh` crate expects the control socket to be called.
const SOCKET: &str = "master";

/// Starts a master; `ssh -f` returns when the login succeeded. Its control socket is in the folder returned.
async fn login(destination: &Destination, dir: &Path, idle: Duration) -> Result<TempDir, Lost> {
    let resolved = resolve(destination).await?;
    let dir = tempfile::Builder::new().prefix("m").rand_bytes(3).tempdir_in(dir);
    let dir = dir.map_err(|error| failed("make a folder for ssh's socket", &error))?;
    let log = dir.path().join("log");
    let new_keys = destination.host_keys == HostKeyPolicy::AcceptNew || resolved.accepts_new_keys;
    let checking = if new_keys { "StrictHostKeyChecking=accept-new" } else { "StrictHostKeyChecking=yes" };
    let mut ssh = ssh();
    ssh.args(["-f", "-N", "-o", "ControlMaster=yes", "-o", checking]);
    ssh.arg("-o").arg(format!("ControlPersist={}", idle.as_secs().max(1)));
    ssh.arg("-S").arg(dir.path().join(SOCKET)).arg("-E").arg(&log);
    ssh.args(ssh_args::reach(destination)).arg("--").arg(&destination.address);
    if !ssh.status().await.map_err(|error| failed("start ssh", &error))?.success() {
        return Err(Lost::Unreachable(ssh_log::reason(&std::fs::read_to_string(&log).unwrap_or_default())));
    }
    Ok(dir)
}

/// What ssh's whole configuration says of the destination.
async fn resolve(destination: &Destination) -> Result<Resolved, Lost> {
    let mut ssh = ssh();
    ssh.args(ssh_args::reach(destination)).arg("-G").arg("--").arg(&destination.address);
    ssh.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = ssh.output().await.map_err(|error| failed("start ssh", &error))?;
    if !output.status.success() {
        return Err(Lost::Unreachable(ssh_log::reason(&String::from_utf8_lossy(&output.stderr))));
    }
    Ok(Resolved::parse(&String::from_utf8_lossy(&output.stdout)))
}

/// Out of the terminal's process group (the first Ctrl-C drains, it does not cut), and gone when we stop waiting.
fn ssh() -> Command {
    let mut ssh = Command::new("ssh");
    ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).kill_on_drop(true);
    ssh
}

fn failed(what: &str, error: &std::io::Error) -> Lost {
    Lost::Unreachable(format!("failed to {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_a_host_keeps_its_own_connection() {
        let keep = Keep { dir: PathBuf::from("/run/x"), idle: IDLE };
        let plain = Destination::new("h1");
        let other = Destination { user: Some("ops".into()), ..plain.clone() };
        assert_eq!(keep.socket(&plain), keep.socket(&plain.clone()));
        assert_ne!(keep.socket(&plain), keep.socket(&other));
        assert_eq!(keep.socket(&plain).as_os_str().len(), "/run/x/".len() + 16);
    }
}
