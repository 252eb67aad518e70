//! The folder this process keeps its control sockets in: private, short enough for a socket's path, gone at the end.
//! `OpenSsh` makes one. What an earlier process that was killed left behind is removed on the way.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A socket's path holds 107 bytes; ours adds `/PID-xxxxxx/mxxx/master.` and the 16 letters ssh appends for a moment.
const LONGEST_BASE: usize = 60;

/// A folder of our own under the user's runtime folder.
pub(super) fn create() -> io::Result<TempDir> {
    let base = base()?;
    sweep(&base);
    tempfile::Builder::new().prefix(&format!("{}-", std::process::id())).tempdir_in(&base)
}

/// The folder for the sockets of connections that stay for later processes.
pub(super) fn kept() -> io::Result<PathBuf> {
    let dir = base()?.join("kept");
    own(&dir, rustix::process::getuid().as_raw())?;
    Ok(dir)
}

/// `$XDG_RUNTIME_DIR/reveille`, or `/tmp/reveille-UID` where there is none or its path is too long.
fn base() -> io::Result<PathBuf> {
    let uid = rustix::process::getuid().as_raw();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(|dir| PathBuf::from(dir).join("reveille"));
    let usable =
        |dir: &PathBuf| dir.is_absolute() && dir.as_os_str().len() <= LONGEST_BASE && own(dir, uid).is_ok();
    if let Some(dir) = runtime.filter(usable) {
        return Ok(dir);
    }
    let dir = PathBuf::from(format!("/tmp/reveille-{uid}"));
    own(&dir, uid)?;
    Ok(dir)
}

/// Makes `dir`, or makes sure that it is ours alone: `/tmp` is everybody's.
fn own(dir: &Path, uid: u32) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let found = fs::symlink_metadata(dir)?;
    if found.is_dir() && found.uid() == uid && found.mode() & 0o777 == 0o700 {
        return Ok(());
    }
    Err(io::Error::other(format!("{} exists and is not a private folder of this user", dir.display())))
}

/// Removes the folders of processes that are no more. Their masters, if any, end by themselves when idle.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.split_once('-')).map(|(pid, _)| pid);
        let gone =
            owner.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists());
        if gone {
            _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_can_enter_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let uid = scratch.path().metadata().unwrap().uid();
        let dir = scratch.path().join("d");
        assert!(own(&dir, uid).is_ok() && own(&dir, uid).is_ok());
        assert!(own(&dir, uid + 1).is_err(), "another user's");
        DirBuilder::new().mode(0o755).create(scratch.path().join("open")).unwrap();
        assert!(own(&scratch.path().join("open"), uid).is_err());
        std::os::unix::fs::symlink(&dir, scratch.path().join("link")).unwrap();
        assert!(own(&scratch.path().join("link"), uid).is_err());
    }

    #[test]
    fn leftovers_of_the_dead_are_swept_and_those_of_the_living_stay() {
        let base = tempfile::tempdir().unwrap();
        let dead = base.path().join("4194399-abc");
        let living = base.path().join(format!("{}-abc", std::process::id()));
        fs::create_dir(&dead).unwrap();
        fs::create_dir(&living).unwrap();
        sweep(base.path());
        assert!(!dead.exists() && living.exists());
    }
}
