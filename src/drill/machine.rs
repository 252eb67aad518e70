//! What a drill ran on: figures mean little without it.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use super::record::Machine;
use crate::site::action::Action;
use crate::site::playbook::{Phase, Playbook};

/// This machine.
pub fn machine() -> Machine {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let kib = field(&memory, "MemTotal").and_then(|size| size.split(' ').next()?.parse::<u64>().ok());
    Machine {
        cores: std::thread::available_parallelism()
            .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1)),
        cpu: field(&info, "model name").unwrap_or("unknown").to_owned(),
        memory_mib: kib.unwrap_or_default() / 1024,
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        system: system
            .lines()
            .find_map(|line| line.strip_prefix("PRETTY_NAME="))
            .map_or("unknown".to_owned(), |name| name.trim_matches('"').to_owned()),
    }
}

/// `MemTotal:    24683504 kB`
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

/// The load average over one minute.
pub(super) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default()
}

/// This program, the ssh it uses, and the Debian packages of what the service runs.
pub(super) fn versions(playbook: &Playbook) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::from([("reveille".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    versions.extend(["ssh", "sshd"].into_iter().chain(programs(playbook)).filter_map(package));
    versions
}

/// What its processes are started by.
fn programs(playbook: &Playbook) -> impl Iterator<Item = &str> {
    let steps = [Phase::Sleep, Phase::Wake].into_iter().flat_map(|phase| playbook.phase(phase));
    steps.filter_map(|step| match &step.action.value {
        Action::Process(process) => Some(process.command.as_ref()?.first()?.value.as_str()),
        _ => None,
    })
}

/// The Debian package of a program, and its version.
fn package(program: &str) -> Option<(String, String)> {
    let script = "file=$(readlink -f \"$(command -v \"$1\")\") && package=$(dpkg-query -S \"$file\" 2>/dev/null) || exit 1\n\
                  dpkg-query -W -f '${Package} ${Version}' \"${package%%:*}\"";
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let output = Command::new("sh")
        .args(["-c", script, "sh", program])
        .env("PATH", path)
        .stdin(Stdio::null())
        .output();
    let output = output.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_once(' ').map(|(package, version)| (package.to_owned(), version.to_owned()))
}
