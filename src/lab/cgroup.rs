//! A host's control group: the one handle on all of its processes. Counts, freezes and kills them as a whole.
//!
//! Works on any cgroup2 folder; knows no host. Kernel: `Documentation/admin-guide/cgroup-v2.rst`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

const KILL_DEADLINE: Duration = Duration::from_secs(10);
const FREEZE_DEADLINE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Makes the group, if it is not there.
pub(super) fn create(group: &Path) -> Result<()> {
    fs::create_dir_all(group).with_context(|| format!("cannot make the control group {}", group.display()))
}

/// Whether any process lives in the group or below it. A group that is not there has none.
pub(super) fn is_populated(group: &Path) -> bool {
    event(group, "populated")
}

/// Whether every process of the group and below is frozen.
pub(super) fn is_frozen(group: &Path) -> bool {
    event(group, "frozen")
}

/// The processes of the group and of all groups below it, as this namespace numbers them.
pub(super) fn processes(group: &Path) -> Vec<i32> {
    let mut found = Vec::new();
    for folder in tree(group) {
        let listed = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        found.extend(listed.lines().filter_map(|pid| pid.parse::<i32>().ok()));
    }
    found
}

/// Freezes or thaws the whole group and waits until it is so.
pub(super) fn set_frozen(group: &Path, frozen: bool) -> Result<()> {
    let file = group.join("cgroup.freeze");
    fs::write(&file, if frozen { "1" } else { "0" })
        .with_context(|| format!("cannot write {}", file.display()))?;
    let done = wait_until(FREEZE_DEADLINE, || is_frozen(group) == frozen);
    if done { Ok(()) } else { bail!("{} did not change within {FREEZE_DEADLINE:?}", group.display()) }
}

/// Kills every process of the group and below at once, waits until they are gone, and removes the groups.
pub(super) fn kill(group: &Path) -> Result<()> {
    if !group.is_dir() {
        return Ok(());
    }
    if is_populated(group) && fs::write(group.join("cgroup.kill"), "1").is_err() {
        kill_one_by_one(group);
    }
    if !wait_until(KILL_DEADLINE, || !is_populated(group)) {
        bail!("processes {:?} of {} survive being killed", processes(group), group.display());
    }
    // A group stays busy for a moment after its last process was reaped.
    if !wait_until(KILL_DEADLINE, || remove(group).is_ok()) {
        remove(group).with_context(|| format!("cannot remove {}", group.display()))?;
    }
    Ok(())
}

/// Removes a tree of empty groups, deepest first. Also serves version 1 hierarchies.
pub(super) fn remove(group: &Path) -> io::Result<()> {
    for folder in tree(group).iter().rev() {
        match fs::remove_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Kernels before 5.14 have no `cgroup.kill`: hold everything still, so that nothing forks away, then kill each.
fn kill_one_by_one(group: &Path) {
    let _ = set_frozen(group, true);
    for pid in processes(group).into_iter().filter_map(Pid::from_raw) {
        // One that is gone already is what we want.
        let _ = kill_process(pid, Signal::KILL);
    }
    let _ = fs::write(group.join("cgroup.freeze"), "0");
}

/// The group's folder and all below it, parents before children.
fn tree(group: &Path) -> Vec<PathBuf> {
    let mut folders = vec![group.to_owned()];
    let mut next = 0;
    while let Some(folder) = folders.get(next) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let below: Vec<_> =
            entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()).collect();
        folders.extend(below);
        next += 1;
    }
    folders
}

fn event(group: &Path, name: &str) -> bool {
    let events = fs::read_to_string(group.join("cgroup.events")).unwrap_or_default();
    events.lines().any(|line| line.split_once(' ') == Some((name, "1")))
}

/// Looks until `done` or until the deadline; says which.
pub(super) fn wait_until(deadline: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + deadline;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(LOOK_AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_not_there_is_empty_and_dead() {
        let group = Path::new("/nonexistent/group");
        assert!(!is_populated(group) && !is_frozen(group));
        assert!(processes(group).is_empty());
        kill(group).unwrap();
    }

    #[test]
    fn trees_list_parents_first_and_are_removed_whole() {
        let dir = tempfile::tempdir().unwrap();
        let group = dir.path().join("lab");
        fs::create_dir_all(group.join("h1/app/worker")).unwrap();
        assert_eq!(tree(&group)[0], group);
        assert_eq!(tree(&group).len(), 4);
        remove(&group).unwrap();
        assert!(!group.exists());
    }
}
