//! `wait_for`: waits on the host until a port, a path or a command says so. Changes nothing; the step's `timeout` is
//! its limit.

use super::words::Words;
use super::{Context, Library, ModuleError, NEEDS_ACTION, Script};
use crate::site::action::WaitForArgs;

/// Looks once; if that is not enough, acts by waiting.
pub fn compile(args: &WaitForArgs, cx: &Context) -> Result<Script, ModuleError> {
    let condition = condition(args, cx)?;
    let line = condition.line()?;
    Ok(Script {
        summary: format!("wait for {}", line.split_once(['_', ' ']).map_or(line.as_str(), |(_, rest)| rest)),
        look: Some(format!("{line} || exit {NEEDS_ACTION}")),
        act: format!("wait_until {line}"),
        library: vec![Library::Ready, Library::Wait],
        ..Script::default()
    })
}

fn condition(args: &WaitForArgs, cx: &Context) -> Result<Words, ModuleError> {
    Ok(match args {
        WaitForArgs::Tcp(port) => Words::of("ready_now").word(format!("tcp:{port}")),
        WaitForArgs::Udp(port) => Words::of("ready_now").word(format!("udp:{port}")),
        WaitForArgs::File(path) => Words::of("wait_file").word(cx.text(path)?),
        WaitForArgs::Absent(path) => Words::of("wait_absent").word(cx.text(path)?),
        WaitForArgs::Command(words) => Words::of("wait_command").words(cx.texts(words)?),
    })
}
