//! `command`: one program with fixed arguments. No shell reads them: a value is one argument, whatever it holds.

use super::words::Words;
use super::{Context, ModuleError, NEEDS_ACTION, Script};
use crate::site::action::{CommandArgs, RunGuard};
use crate::site::source::Span;

/// Always acts, unless `creates` or `removes` says that there is nothing to do.
pub fn compile(args: &CommandArgs, cx: &Context) -> Result<Script, ModuleError> {
    let words = cx.texts(&args.argv)?;
    let Some((program, rest)) = words.split_first() else {
        return Err(ModuleError { span: Span::default(), message: "`command` has no program".to_owned() });
    };
    let line = Words::of(program).words(rest).line()?;
    let place = Place::of(&args.guard, cx)?;
    Ok(Script {
        summary: format!("command {line}"),
        look: place.look()?,
        act: format!("{}{}{line}", place.enter()?, assignments(cx)?),
        changes: true,
        programs: vec![program.clone()],
        ..Script::default()
    })
}

/// `A=1 B='two words' `, to stand before a command.
fn assignments(cx: &Context) -> Result<String, ModuleError> {
    cx.environment.iter().map(|(name, value)| Ok(format!("{name}={} ", quoted(value)?))).collect()
}

fn quoted(value: &str) -> Result<String, ModuleError> {
    Ok(Words::of(value).line()?)
}

/// Where a `command` or `shell` runs and when it has nothing to do, rendered.
pub(super) struct Place {
    creates: Option<String>,
    removes: Option<String>,
    chdir: Option<String>,
}

impl Place {
    pub(super) fn of(guard: &RunGuard, cx: &Context) -> Result<Self, ModuleError> {
        Ok(Self {
            creates: cx.optional(guard.creates.as_ref())?,
            removes: cx.optional(guard.removes.as_ref())?,
            chdir: cx.optional(guard.chdir.as_ref())?,
        })
    }

    /// `cd … || exit`, if anything is to be done elsewhere.
    pub(super) fn enter(&self) -> Result<String, ModuleError> {
        match &self.chdir {
            Some(folder) => Ok(format!("{} || exit\n", Words::of("cd").word("--").word(folder).line()?)),
            None => Ok(String::new()),
        }
    }

    /// Relative paths are meant from `chdir`.
    pub(super) fn look(&self) -> Result<Option<String>, ModuleError> {
        let mut done = Vec::new();
        if let Some(path) = &self.creates {
            done.push(format!("[ -e {} ]", quoted(path)?));
        }
        if let Some(path) = &self.removes {
            done.push(format!("[ ! -e {} ]", quoted(path)?));
        }
        if done.is_empty() {
            return Ok(None);
        }
        Ok(Some(format!("{}{} || exit {NEEDS_ACTION}", self.enter()?, done.join(" || "))))
    }
}

/// `export` lines for a shell text.
pub(super) fn exports(cx: &Context) -> Result<String, ModuleError> {
    cx.environment.iter().map(|(name, value)| Ok(format!("export {name}={}\n", quoted(value)?))).collect()
}
