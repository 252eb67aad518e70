//! Takes a lab away, whatever is left of it: complete, half made, or its maker killed. Finds parts by the names they
//! get from the lab's folder, not by what the state says should be there. Doing it twice does no harm.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::state::{State, tag};
use super::tool::{run, tool};
use super::{cgroup, inventory, network, preflight};

/// Source name of the tmpfs on a lab's folder, by which a mount is known to be a lab's.
pub(super) const MOUNT_SOURCE: &str = "reveille-lab";
const UNMOUNT_DEADLINE: Duration = Duration::from_secs(2);

/// Removes processes, network, control groups, mounts, folder and inventory of the lab in `dir`.
///
/// Goes on after a failure and reports all of them at the end.
pub(super) fn tear_down(dir: &Path) -> Result<()> {
    let tag = tag(dir);
    let state = State::load(dir).ok().flatten();
    let cgroup2 = state.as_ref().map(|state| state.cgroup2.clone()).or_else(preflight::cgroup2_mount);
    let results = [
        cgroup2.map_or(Ok(()), |root| cgroup::kill(&root.join(&tag))),
        network::remove_all(&tag),
        remove_version_1_groups(&tag),
        state.and_then(|state| state.inventory).map_or(Ok(()), |file| inventory::remove(&file, dir)),
        unmount(dir),
    ];
    let failures: Vec<String> =
        results.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    if failures.is_empty() {
        Ok(())
    } else {
        bail!("parts of the lab in {} are left: {}", dir.display(), failures.join("; "))
    }
}

/// Whether anything of a lab in `dir` is there.
pub(super) fn is_there(dir: &Path) -> bool {
    let tag = tag(dir);
    let grouped = preflight::cgroup2_mount().is_some_and(|root| root.join(&tag).exists());
    !lab_mounts(dir).is_empty() || grouped || Path::new("/sys/class/net").join(&tag).exists()
}

/// `systemd-nspawn` makes groups of the same name in the version 1 hierarchies of a machine that has both.
fn remove_version_1_groups(tag: &str) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for line in mounts.lines() {
        let mut words = line.split(' ').skip(1);
        if let (Some(at), Some("cgroup")) = (words.next(), words.next()) {
            let group = Path::new(at).join(tag);
            if group.is_dir() && !cgroup::wait_until(UNMOUNT_DEADLINE, || cgroup::remove(&group).is_ok()) {
                bail!("cannot remove the control group {}", group.display());
            }
        }
    }
    Ok(())
}

fn unmount(dir: &Path) -> Result<()> {
    let mounts = lab_mounts(dir);
    for at in mounts.iter().rev() {
        let plainly = || run(tool("umount").arg(at)).is_ok();
        if !cgroup::wait_until(UNMOUNT_DEADLINE, plainly) {
            // Somebody's shell stands in it: it goes when they leave.
            run(tool("umount").arg("--lazy").arg(at))?;
        }
    }
    if mounts.is_empty() {
        return Ok(());
    }
    fs::remove_dir(dir).with_context(|| format!("cannot remove {}", dir.display()))
}

/// The mounts at and below a lab's folder, in the order they were made; none if the folder is no lab's.
fn lab_mounts(dir: &Path) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts_of_lab(&mounts, dir)
}

fn mounts_of_lab(mounts: &str, dir: &Path) -> Vec<PathBuf> {
    let parsed = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.next()?, Path::new(words.next()?)))
    });
    let below: Vec<_> = parsed.filter(|(_, at)| at.starts_with(dir)).collect();
    if !below.iter().any(|(source, at)| *source == MOUNT_SOURCE && *at == dir) {
        return Vec::new();
    }
    below.into_iter().map(|(_, at)| at.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_labs_own_folder_is_unmounted() {
        let mounts = "tmpfs /run tmpfs rw 0 0\nreveille-lab /run/x tmpfs rw 0 0\ncgroup2 /run/x/cgroup cgroup2 rw 0 0\n";
        assert_eq!(
            mounts_of_lab(mounts, Path::new("/run/x")),
            [Path::new("/run/x"), Path::new("/run/x/cgroup")]
        );
        assert!(mounts_of_lab(mounts, Path::new("/run")).is_empty());
        assert!(mounts_of_lab(mounts, Path::new("/run/xy")).is_empty());
    }
}
