//! What this machine must have before a lab can be made. Read-only; says everything that is missing at once.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::options::Kind;
use super::tool::{find, run, tool};

/// Programs a lab runs, and the Debian package each one is in.
const PROGRAMS: [(&str, &str); 13] = [
    ("ip", "iproute2"),
    ("bridge", "iproute2"),
    ("nft", "nftables"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("setsid", "util-linux"),
    ("setpriv", "util-linux"),
    ("pivot_root", "util-linux"),
    ("mount", "mount"),
    ("umount", "mount"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("sshd", "openssh-server"),
];

/// Fails with one message that names all that is missing and how to get it.
pub(super) fn check(kind: Kind) -> Result<()> {
    let missing = missing(kind);
    if missing.is_empty() {
        return Ok(());
    }
    bail!("this machine cannot run a lab:\n  {}", missing.join("\n  "))
}

/// Everything a lab needs and this machine lacks, one line each; empty when a lab can be made.
pub fn missing(kind: Kind) -> Vec<String> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("it must be root, to make namespaces and mounts: run it with sudo".to_owned());
    }
    missing.extend(missing_programs(kind));
    missing.extend(missing_kernel_features());
    missing
}

fn missing_programs(kind: Kind) -> Option<String> {
    let nspawn = (kind == Kind::Systemd).then_some(("systemd-nspawn", "systemd-container"));
    let lacking: Vec<_> =
        PROGRAMS.into_iter().chain(nspawn).filter(|(program, _)| find(program).is_none()).collect();
    if lacking.is_empty() {
        return None;
    }
    let programs: Vec<_> = lacking.iter().map(|(program, _)| *program).collect();
    let mut packages: Vec<_> = lacking.iter().map(|(_, package)| *package).collect();
    packages.sort_unstable();
    packages.dedup();
    Some(format!("no {}: apt-get install {}", programs.join(", "), packages.join(" ")))
}

fn missing_kernel_features() -> Vec<String> {
    let mut missing = Vec::new();
    for filesystem in ["overlay", "cgroup2"] {
        if !has_filesystem(filesystem) {
            missing.push(format!("no {filesystem} file system in this kernel"));
        }
    }
    for namespace in ["net", "pid", "mnt", "uts", "ipc", "cgroup"] {
        if !Path::new("/proc/self/ns").join(namespace).exists() {
            missing.push(format!("no {namespace} namespaces in this kernel"));
        }
    }
    missing
}

fn has_filesystem(name: &str) -> bool {
    let listed = || {
        let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
        known.lines().any(|line| line.split_whitespace().next_back() == Some(name))
    };
    // What is a module is listed only once loaded; a machine without modprobe has nothing to load.
    listed() || (run(tool("modprobe").arg(name)).is_ok() && listed())
}

/// Where cgroup2 is mounted on this machine, alone or beside version 1.
pub(super) fn cgroup2_mount() -> Option<PathBuf> {
    writable_cgroup2(&fs::read_to_string("/proc/self/mounts").unwrap_or_default())
}

fn writable_cgroup2(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (at, kind, options) = (words.next()?, words.next()?, words.next()?);
        let writable = options.split(',').any(|option| option == "rw");
        (kind == "cgroup2" && writable).then(|| PathBuf::from(at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cgroup2_is_found_beside_version_1() {
        let mounts = "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";
        assert_eq!(writable_cgroup2(mounts), Some("/sys/fs/cgroup/unified".into()));
    }

    #[test]
    fn a_read_only_cgroup2_is_of_no_use() {
        assert_eq!(writable_cgroup2("cgroup2 /sys/fs/cgroup cgroup2 ro,nosuid 0 0\n"), None);
        assert_eq!(writable_cgroup2(""), None);
    }
}
