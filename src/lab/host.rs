//! One host's power switch and console: on (and really ready), off at once, and commands run inside it without its
//! network.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::options::Kind;
use super::state::{Host, State};
use super::tool::{find, run, tool};
use super::{cgroup, network};

const POWER_ON: &str = include_str!("power_on.sh");
const SSH_PORT: u16 = 22;
const BOOT_DEADLINE: Duration = Duration::from_mins(1);
const START_DEADLINE: Duration = Duration::from_secs(10);
const BANNER_TIMEOUT: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Clock, modules and ports belong to the machine, not to a host. `power_on.sh` takes the same from all other processes.
const KEEP_OFF_MACHINE: &str = "--bounding-set=-sys_time,-sys_module,-sys_rawio";
const HOST_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Writes the script that powers hosts on into the lab's folder.
pub(super) fn install_script(state: &State) -> Result<()> {
    let file = script(state);
    fs::write(&file, POWER_ON).with_context(|| format!("cannot write {}", file.display()))
}

fn script(state: &State) -> PathBuf {
    state.dir.join("power_on.sh")
}

/// Connects a host, starts it and waits until a command over ssh succeeds. Returns how long that took.
pub(super) fn power_on(state: &State, host: &Host, stop: &AtomicBool) -> Result<Duration> {
    let start = Instant::now();
    let context = || format!("cannot power {} on", host.name);
    network::connect_host(state, host).with_context(context)?;
    launch(state, host).with_context(context)?;
    wait_ready(state, host, stop).with_context(context)?;
    Ok(start.elapsed())
}

/// Power cut, if there is power: first the cable, so that no dying process says goodbye to anyone, then everything at once.
pub(super) fn power_off(state: &State, host: &Host) -> Result<()> {
    let connected = network::is_connected(state, host);
    if connected {
        network::cut(state, host, network::Cut::Carrier)?;
    }
    cgroup::kill(&state.host_cgroup(host))?;
    network::disconnect_host(state, host, connected)
}

/// Whether a host has power.
pub(super) fn is_on(state: &State, host: &Host) -> bool {
    cgroup::is_populated(&state.host_cgroup(host))
}

fn launch(state: &State, host: &Host) -> Result<()> {
    cgroup::create(&state.host_cgroup(host))?;
    let log = fs::File::create(log_file(state, host))?;
    let kind = match host.kind {
        Kind::Light => "light",
        Kind::Systemd => "systemd",
    };
    let status = tool("setsid")
        .args([OsStr::new("--fork"), OsStr::new("sh"), script(state).as_os_str(), OsStr::new(kind)])
        .env("HOST", host.name.as_str())
        .env("NETNS", network::namespace(state, host.name.as_str()))
        .env("GROUP", state.cgroup())
        .env("DISK", state.host_dir(host))
        .env("SHARED", state.shared())
        .env("SSHD", find("sshd").context("no sshd: apt-get install openssh-server")?)
        .current_dir("/")
        .stdout(log.try_clone()?)
        .stderr(log)
        .status()?;
    ensure!(status.success(), "setsid: {status}");
    Ok(())
}

fn wait_ready(state: &State, host: &Host, stop: &AtomicBool) -> Result<()> {
    let start = Instant::now();
    let mut seen = false;
    loop {
        let on = is_on(state, host);
        seen |= on;
        if (seen && !on) || (!seen && start.elapsed() > START_DEADLINE) {
            bail!("it died while starting{}", last_words(state, host));
        }
        if stop.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        if on && has_banner(state, host) && ssh_works(state, host) {
            return Ok(());
        }
        if start.elapsed() > BOOT_DEADLINE {
            bail!("no command over ssh succeeded within {BOOT_DEADLINE:?}{}", last_words(state, host));
        }
        thread::sleep(LOOK_AGAIN);
    }
}

fn has_banner(state: &State, host: &Host) -> bool {
    let address = SocketAddr::from((state.address(host), SSH_PORT));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, BANNER_TIMEOUT) else { return false };
    let mut banner = [0; 4];
    stream.set_read_timeout(Some(BANNER_TIMEOUT)).is_ok()
        && stream.read_exact(&mut banner).is_ok()
        && &banner == b"SSH-"
}

fn ssh_works(state: &State, host: &Host) -> bool {
    let mut ssh = tool("ssh");
    ssh.arg("-F").arg(state.ssh_dir().join("config"));
    ssh.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=5", host.name.as_str(), "true"]);
    run(&mut ssh).is_ok()
}

fn log_file(state: &State, host: &Host) -> PathBuf {
    state.host_dir(host).join("log")
}

/// The end of what a host printed while starting.
fn last_words(state: &State, host: &Host) -> String {
    let log = fs::read_to_string(log_file(state, host)).unwrap_or_default();
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(5)..].join("; ");
    if last.is_empty() { String::new() } else { format!(": {last}") }
}

/// Replaces `/etc/hosts` of a running host.
pub(super) fn write_hosts_file(state: &State, host: &Host, text: &str) -> Result<()> {
    let file = PathBuf::from(format!("/proc/{}/root/etc/hosts", pid1(state, host)?));
    fs::write(&file, text).with_context(|| format!("cannot write /etc/hosts of {}", host.name))
}

/// The process id, here, of a host's pid 1.
pub(super) fn pid1(state: &State, host: &Host) -> Result<i32> {
    let candidates = cgroup::processes(&state.host_cgroup(host)).into_iter().filter_map(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some((pid_namespace_depth_of_pid1(&status)?, pid))
    });
    // A service within the host may have a pid namespace, and so a pid 1, of its own further down.
    let (_, pid) = candidates
        .min()
        .with_context(|| format!("{name} is off: `reveille lab boot {name}`", name = host.name))?;
    Ok(pid)
}

/// How many pid namespaces deep a process is, if it is pid 1 of an inner one. `NSpid: 4711 1`
fn pid_namespace_depth_of_pid1(status: &str) -> Option<usize> {
    let ids: Vec<&str> =
        status.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_whitespace().collect();
    (ids.len() > 1 && ids.last() == Some(&"1")).then_some(ids.len())
}

/// A command line that runs `argv` inside a host, without using its network, as one of its processes.
///
/// On a frozen host the command stays outside of the frozen group: one can look, and it ends.
pub(super) fn console(state: &State, host: &Host, argv: &[OsString]) -> Result<Command> {
    let pid = pid1(state, host)?;
    let frozen = cgroup::is_frozen(&state.host_cgroup(host));
    let group = if frozen { state.cgroup() } else { cgroup_of(state, pid)? };
    let mut command = joining(&group);
    command.args(["nsenter", "-t", &pid.to_string(), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--"]);
    command.args(["env", "-i", "-C", "/root", "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/bash"]);
    command.arg(format!("PATH={HOST_PATH}"));
    if let Some(term) = std::env::var_os("TERM") {
        let mut variable = OsString::from("TERM=");
        variable.push(term);
        command.arg(variable);
    }
    command.args(["setpriv", KEEP_OFF_MACHINE]).args(argv);
    Ok(command)
}

/// A command line that runs `argv` on the client: this machine's files, the client's network.
pub(super) fn on_client(state: &State, argv: &[OsString]) -> Result<Command> {
    let group = state.cgroup().join("client");
    cgroup::create(&group)?;
    let mut command = joining(&group);
    let mut enter = OsString::from("--net=");
    enter.push(network::namespace_file(&network::namespace(state, "client")));
    command.arg("nsenter").arg(enter).arg("--").args(argv);
    Ok(command)
}

/// `sh` that puts itself into a control group and becomes the words that follow.
fn joining(group: &std::path::Path) -> Command {
    let mut command = tool("sh");
    command
        .args(["-c", r#"echo 0 >"$1" || exit 125; shift; exec "$@""#, "sh"])
        .arg(group.join("cgroup.procs"));
    command
}

/// The group a process is in: with systemd, a host's pid 1 lives further down, and groups above it take no processes.
fn cgroup_of(state: &State, pid: i32) -> Result<PathBuf> {
    let file = format!("/proc/{pid}/cgroup");
    let text = fs::read_to_string(&file).or_else(|error| match error.kind() {
        ErrorKind::NotFound => bail!("the host went off just now"),
        _ => Err(error).context(file),
    })?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/")).context("no cgroup2 group")?;
    Ok(state.cgroup2.join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pid_1_is_told_by_its_innermost_number() {
        assert_eq!(pid_namespace_depth_of_pid1("Name:\tsh\nNSpid:\t4711\t1\n"), Some(2));
        assert_eq!(pid_namespace_depth_of_pid1("NSpid:\t4712\t9\n"), None);
        assert_eq!(pid_namespace_depth_of_pid1("NSpid:\t1\n"), None, "this machine's own");
        assert_eq!(pid_namespace_depth_of_pid1("NSpid:\t4713\t20\t1\n"), Some(3));
    }
}
