//! A ready check as the shell functions of `ready.sh` read it. Used by `process` and `unit`.

use super::words::Words;
use super::{Context, ModuleError};
use crate::site::action::Ready;
use crate::site::source::Sp;

/// `tcp:80`, `udp:53`, `file:/run/ready`, `command:test -e /run/ready`.
pub(super) fn check(ready: Option<&Sp<Ready>>, cx: &Context) -> Result<Option<String>, ModuleError> {
    let Some(ready) = ready else { return Ok(None) };
    Ok(Some(match &ready.value {
        Ready::Tcp(port) => format!("tcp:{port}"),
        Ready::Udp(port) => format!("udp:{port}"),
        Ready::File(path) => format!("file:{}", cx.text(path)?),
        Ready::Command(argv) => {
            let argv = cx.texts(argv)?;
            let Some((program, rest)) = argv.split_first() else {
                return Err(ModuleError::at(ready, "`command` has no program"));
            };
            format!("command:{}", Words::of(program).words(rest).line()?)
        }
    }))
}
