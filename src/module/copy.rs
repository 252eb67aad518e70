//! `copy`: a file of the site, or a text, put on the host byte for byte.

use super::file::{Attributes, Content, absolute};
use super::{Context, ModuleError, Script};
use crate::site::action::CopyArgs;
use crate::site::source::Sp;

/// The largest file that may travel inside a step; bigger ones belong on shared storage.
const LIMIT_BYTES: usize = 1 << 20;

/// Compared by checksum, put in place in one move, the former file kept for the undo.
pub fn compile(args: &CopyArgs, cx: &Context) -> Result<Script, ModuleError> {
    let (bytes, src) = source(args, cx)?;
    let dest = destination(&args.dest, src.as_deref(), cx)?;
    if bytes.len() > LIMIT_BYTES {
        let message = format!("{} bytes are too many for a step; the limit is {LIMIT_BYTES}", bytes.len());
        return Err(ModuleError::at(args.src.as_ref().unwrap_or(&args.dest), message));
    }
    let attributes = Attributes::of(args.mode.as_ref(), args.owner.as_ref(), args.group.as_ref(), cx)?;
    Content { dest: &dest, bytes: &bytes, attributes, check: None }.script(format!("copy {dest}"))
}

/// The bytes, and the name of the file they are from.
fn source(args: &CopyArgs, cx: &Context) -> Result<(Vec<u8>, Option<String>), ModuleError> {
    match (&args.src, &args.content) {
        (Some(src), None) => {
            let name = cx.text(src)?;
            let bytes = (cx.file)(&name).map_err(|message| ModuleError::at(src, message))?;
            Ok((bytes, Some(name)))
        }
        (None, Some(content)) => Ok((cx.text(content)?.into_bytes(), None)),
        (Some(src), Some(_)) => Err(ModuleError::at(src, "`copy` takes `src` or `content`, not both")),
        (None, None) => Err(ModuleError::at(&args.dest, "`copy` needs `src` or `content`")),
    }
}

/// A `dest` that ends with `/` is a directory: the file keeps its name in it.
pub(super) fn destination(dest: &Sp<String>, src: Option<&str>, cx: &Context) -> Result<String, ModuleError> {
    let is_folder = cx.text(dest)?.ends_with('/');
    let path = absolute(dest, cx)?;
    match src.and_then(|src| src.rsplit('/').next()) {
        Some(name) if is_folder => Ok(format!("{}/{name}", path.trim_end_matches('/'))),
        None if is_folder => Err(ModuleError::at(dest, "`dest` is a directory; name the file too")),
        _ => Ok(path),
    }
}
