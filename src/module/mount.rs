//! `mount`: a file system at a path, or none. It does not touch `/etc/fstab`: what reveille mounts is gone after a
//! reboot, as the service is.

use super::file::absolute;
use super::words::Words;
use super::{Context, Library, ModuleError, Script};
use crate::site::action::{MountArgs, MountState};

/// Looks in the kernel's table, never at the mount point: that of a dead file server would hang.
pub fn compile(args: &MountArgs, cx: &Context) -> Result<Script, ModuleError> {
    let path = absolute(&args.path, cx)?;
    let src = cx.optional(args.src.as_ref())?;
    if args.state == MountState::Mounted && src.is_none() {
        return Err(ModuleError::at(
            &args.path,
            "`mount` needs `src`: a device, `server:/path` or a directory",
        ));
    }
    let fstype = cx.optional(args.fstype.as_ref())?;
    let opts = cx.optional(args.opts.as_ref())?;
    let state = match args.state {
        MountState::Mounted => "mounted",
        MountState::Unmounted => "unmounted",
    };
    let call = |name: &str| {
        Words::of(name)
            .word(state)
            .word(&path)
            .option("--src", src.as_ref())
            .option("--type", fstype.as_ref())
            .option("--opts", opts.as_ref())
            .line()
    };
    Ok(Script {
        summary: match &src {
            Some(src) => format!("{path} {state} from {src}"),
            None => format!("{path} {state}"),
        },
        look: Some(call("mount_is")?),
        act: call("mount_make")?,
        undo: Some(call("mount_back")?),
        changes: true,
        library: vec![Library::Undo, Library::Mount],
        programs: programs(fstype.as_deref(), args.state),
        ..Script::default()
    })
}

/// Whether the source answers, without mounting it. Nothing to ask for a step that only unmounts.
pub fn preflight(args: &MountArgs, cx: &Context) -> Result<Option<Script>, ModuleError> {
    let src = cx.optional(args.src.as_ref())?;
    let Some(src) = src.filter(|_| args.state == MountState::Mounted) else { return Ok(None) };
    let fstype = cx.optional(args.fstype.as_ref())?;
    Ok(Some(Script {
        summary: format!("{src} can be mounted"),
        act: Words::of("mount_answers").word(&src).option("--type", fstype.as_ref()).line()?,
        library: vec![Library::Undo, Library::Mount],
        ..Script::default()
    }))
}

/// What mount(8) calls for a file system that the kernel alone cannot mount.
fn programs(fstype: Option<&str>, state: MountState) -> Vec<String> {
    let helper = |fstype: &str| match fstype.strip_prefix("fuse.") {
        Some(program) => Some(program.to_owned()),
        None if ["nfs", "nfs4", "cifs", "glusterfs"].contains(&fstype) => Some(format!("mount.{fstype}")),
        None => None,
    };
    let helper = fstype.filter(|_| state == MountState::Mounted).and_then(helper);
    ["mount", "umount"].into_iter().map(str::to_owned).chain(helper).collect()
}
