//! A few hosts on one wire, each a network namespace: enough to see who answers for an address.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use reveille::module::Library;

use super::{assemble, feed};

/// Hosts `a`, `b` and `c` with `10.99.0.1` to `.3` and `fd99::1` to `::3`, gone when this is dropped.
pub struct Net {
    tag: String,
    state: tempfile::TempDir,
}

const HOSTS: [&str; 3] = ["a", "b", "c"];

impl Net {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let tag = format!("rvm{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let net = Self { tag, state: tempfile::tempdir().unwrap() };
        for name in HOSTS.iter().chain(&["wire"]) {
            ip(&format!("netns add {}", net.namespace(name)));
        }
        let wire = net.namespace("wire");
        ip(&format!("-n {wire} link add wire type bridge"));
        ip(&format!("-n {wire} link set wire up"));
        for (host, number) in HOSTS.iter().zip(1..) {
            let namespace = net.namespace(host);
            ip(&format!("-n {wire} link add name port-{host} type veth peer name eth0 netns {namespace}"));
            ip(&format!("-n {wire} link set port-{host} master wire up"));
            ip(&format!("-n {namespace} link set lo up"));
            ip(&format!("-n {namespace} link set eth0 up"));
            ip(&format!("-n {namespace} addr add 10.99.0.{number}/24 dev eth0"));
            ip(&format!("-n {namespace} addr add fd99::{number}/64 dev eth0 nodad"));
        }
        net
    }

    fn namespace(&self, host: &str) -> String {
        format!("{}-{host}", self.tag)
    }

    /// A command that will run on a host.
    pub fn command(&self, host: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(host), program]);
        command
    }

    /// The service's folder on a host.
    pub fn state(&self, host: &str) -> PathBuf {
        let folder = self.state.path().join(host);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Runs a step's text on a host.
    pub fn run(&self, host: &str, text: &str) -> Output {
        let script = assemble(&[Library::Undo, Library::Address], &self.state(host), text);
        feed(&mut self.command(host, "sh"), &script)
    }

    /// Runs a text that must succeed.
    pub fn ok(&self, host: &str, text: &str) {
        let output = self.run(host, text);
        assert!(output.status.success(), "{host}: {text}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The exit code of a text.
    pub fn code(&self, host: &str, text: &str) -> i32 {
        self.run(host, text).status.code().unwrap()
    }

    /// The hardware address of a host.
    pub fn mac(&self, host: &str) -> String {
        let output = self.run(host, "cat /sys/class/net/eth0/address; ip -o link show dev eth0");
        let text = String::from_utf8(output.stdout).unwrap();
        text.split("link/ether ").nth(1).unwrap().split(' ').next().unwrap().to_owned()
    }

    /// Whether one host's neighbour entry for an address names another host.
    pub fn believes(&self, host: &str, address: &str, holder: &str) -> bool {
        let entry = self.run(host, &format!("ip neigh show {address} dev eth0")).stdout;
        String::from_utf8(entry).unwrap().contains(&self.mac(holder))
    }

    /// Makes sure that a host has a neighbour entry for an address.
    pub fn talk(&self, host: &str, address: &str) {
        self.ok(host, &format!("ping -c 1 -W 2 {address} >/dev/null"));
    }

    /// A program that runs until the test ends.
    pub fn spawn(&self, host: &str, program: &str, arguments: &[&str]) -> Running {
        let mut command = self.command(host, program);
        Running(command.args(arguments).stdout(Stdio::piped()).stdin(Stdio::piped()).spawn().unwrap())
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for host in HOSTS.iter().chain(&["wire"]) {
            let _ = Command::new("ip").args(["netns", "del", &self.namespace(host)]).status();
        }
    }
}

/// A child that is killed in the end.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

/// Waits until something holds; fails where it does not within five seconds.
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    within(Duration::from_secs(5), what, holds);
}

pub fn within(limit: Duration, what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether any file is in a folder.
pub fn holds_files(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}
