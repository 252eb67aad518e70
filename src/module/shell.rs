//! `shell`: a POSIX shell text. Values in it arrive as data: the renderer given by the context sees to that.

use super::command::{Place, exports};
use super::{Context, ModuleError, Script};
use crate::site::action::ShellArgs;

/// Always acts, unless `creates` or `removes` says that there is nothing to do.
pub fn compile(args: &ShellArgs, cx: &Context) -> Result<Script, ModuleError> {
    let text = (cx.render_shell)(&args.cmd).map_err(|message| ModuleError::at(&args.cmd, message))?;
    let place = Place::of(&args.guard, cx)?;
    Ok(Script {
        summary: summary(&text),
        look: place.look()?,
        act: format!("{}{}{text}", place.enter()?, exports(cx)?),
        changes: true,
        ..Script::default()
    })
}

/// The first line that says something.
fn summary(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let more = if lines.next().is_some() { " …" } else { "" };
    format!("shell {first}{more}")
}
