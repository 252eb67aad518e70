//! `unit`: a systemd unit; asleep (`systemctl freeze`), awake or stopped. The work is done by `unit_asleep`,
//! `unit_awake` and `unit_stopped` of `sh/unit.sh`.
//!
//! A unit with a watchdog is refused before anything changes: systemd kills it in its sleep. So is sleep where systemd
//! cannot freeze (before version 246, or without cgroup v2).

use super::words::Words;
use super::{Context, Library, ModuleError, Script, ready};
use crate::site::action::{UnitArgs, UnitState};
use crate::site::source::Sp;

/// Asks systemd for the unit's state and acts when it is another.
pub fn compile(args: &UnitArgs, cx: &Context) -> Result<Script, ModuleError> {
    let name = unit_name(&args.name, cx)?;
    let state = match args.state {
        UnitState::Asleep => "asleep",
        UnitState::Awake => "awake",
        UnitState::Stopped => "stopped",
    };
    let enabled = args.enabled.map(|enabled| if enabled { "yes" } else { "no" });
    let ready = ready::check(args.ready.as_ref(), cx)?;
    Ok(Script {
        summary: format!("unit {name} {state}"),
        look: Some(Words::of("unit_is").word(state).word(&name).option("--enabled", enabled).line()?),
        act: Words::of(&format!("unit_{state}"))
            .word(&name)
            .option("--ready", ready)
            .option("--enabled", enabled)
            .line()?,
        undo: Some(Words::of("unit_undo").word(state).word(&name).line()?),
        changes: true,
        library: vec![Library::Unit, Library::Ready, Library::Undo],
        programs: vec!["flock".to_owned(), "systemctl".to_owned()],
        ..Script::default()
    })
}

/// systemd.unit(5): letters, digits and `:-_.\`, and `@` before an instance.
fn unit_name(name: &Sp<String>, cx: &Context) -> Result<String, ModuleError> {
    let text = cx.text(name)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\' | '@');
    if text.is_empty() || text.starts_with(['-', '.']) || !text.chars().all(plain) {
        return Err(ModuleError::at(name, format!("`{text}` is not a unit name")));
    }
    Ok(text)
}
