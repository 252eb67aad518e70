//! `process`: a program of the service, started detached and kept under a name; asleep, awake or absent as a whole
//! tree. The work is done by `process_asleep`, `process_awake` and `process_absent` of `sh/process.sh`.
//!
//! Asleep means frozen by a cgroup freezer where the host has one (v2 before v1), else stopped by signals; either way
//! proven for every process of the tree. Awake means that nothing of it is frozen or stopped, not that it serves: that
//! takes a probe of its protocol, since the kernel accepts connections for a sleeping process too.
//!
//! What the program writes goes to `/run/reveille/SERVICE/proc/NAME/log`, begun anew with each start. That is memory:
//! a program that writes much there should log elsewhere.

use super::words::Words;
use super::{Context, Library, ModuleError, Script, ready};
use crate::site::action::{ProcessArgs, ProcessState, SleepMethod};
use crate::site::quantity::TimeSpan;
use crate::site::source::Sp;

/// Looks at the whole tree; acts when it is not as wanted, or when a sleeping copy was started by other words.
pub fn compile(args: &ProcessArgs, cx: &Context) -> Result<Script, ModuleError> {
    let name = file_name(&args.name)?;
    let state = match args.state {
        ProcessState::Asleep => "asleep",
        ProcessState::Awake => "awake",
        ProcessState::Absent => "absent",
    };
    let start = start(args, cx)?;
    let call = |function: &str| Words::of(function).word(name).words(&start).line();
    Ok(Script {
        summary: format!("process {name} {state}"),
        look: Some(Words::of("process_is").word(state).word(name).words(&start).line()?),
        act: call(&format!("process_{state}"))?,
        undo: Some(Words::of("process_undo").word(state).word(name).line()?),
        changes: true,
        library: vec![Library::Process, Library::Ready, Library::Undo],
        programs: programs(args, cx)?,
        ..Script::default()
    })
}

/// The words that say how it is started: settings, then `--` and the program with its arguments.
fn start(args: &ProcessArgs, cx: &Context) -> Result<Vec<String>, ModuleError> {
    let mut words = vec![];
    let mut option = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    };
    option("--stop", stop(args)?);
    let Some(command) = args.command.as_ref().filter(|_| args.state != ProcessState::Absent) else {
        return refuse_idle_words(args).map(|()| words);
    };
    option("--method", method(args.method));
    option("--ready", ready::check(args.ready.as_ref(), cx)?);
    option("--user", args.user.as_ref().map(|user| user_name(user, cx)).transpose()?);
    option("--chdir", cx.optional(args.chdir.as_ref())?);
    for (name, value) in environment(args, cx)? {
        option("--env", Some(format!("{name}={value}")));
    }
    words.push("--".to_owned());
    let argv = cx.texts(command)?;
    if argv.is_empty() {
        return Err(ModuleError::at(&args.name, "`command` has no program"));
    }
    words.extend(argv);
    Ok(words)
}

/// Without a program, words that say how one is started would be dropped in silence.
fn refuse_idle_words(args: &ProcessArgs) -> Result<(), ModuleError> {
    if args.command.is_some() {
        return Ok(());
    }
    let idle = [
        ("ready", args.ready.as_ref().map(|ready| ready.span)),
        ("user", args.user.as_ref().map(|user| user.span)),
        ("chdir", args.chdir.as_ref().map(|chdir| chdir.span)),
        ("environment", args.environment.values().next().map(|value| value.span)),
    ];
    match idle.into_iter().find_map(|(key, span)| Some((key, span?))) {
        None => Ok(()),
        Some((key, span)) => Err(ModuleError {
            span,
            message: format!("`{key}` says how the process is started, but there is no `command`"),
        }),
    }
}

fn method(method: SleepMethod) -> Option<String> {
    match method {
        SleepMethod::Auto => None,
        SleepMethod::Freezer => Some("freezer".to_owned()),
        SleepMethod::Signals => Some("signals".to_owned()),
    }
}

/// `TERM:10s`; nothing when both are the default, so that what the process was started with counts.
fn stop(args: &ProcessArgs) -> Result<Option<String>, ModuleError> {
    let signal = args.stop_signal.strip_prefix("SIG").unwrap_or(&args.stop_signal);
    if signal.is_empty() || !signal.chars().all(|c| c.is_ascii_alphanumeric()) {
        let message = format!("`{}` is not a signal such as `TERM`, `INT` or `USR1`", args.stop_signal);
        return Err(ModuleError::at(&args.name, message));
    }
    if signal == "TERM" && args.stop_timeout == TimeSpan::from_secs(10) {
        return Ok(None);
    }
    let limit = args.stop_timeout.0;
    let limit = match limit.subsec_millis() {
        0 => format!("{}s", limit.as_secs()),
        _ => format!("{}ms", limit.as_millis()),
    };
    Ok(Some(format!("{signal}:{limit}")))
}

/// The step's environment, then the process's own, which wins.
fn environment(args: &ProcessArgs, cx: &Context) -> Result<Vec<(String, String)>, ModuleError> {
    let mut variables = cx.environment.to_vec();
    variables.retain(|(name, _)| !args.environment.contains_key(name));
    for (name, value) in &args.environment {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(letters) {
            return Err(ModuleError::at(value, format!("`{name}` is not a variable a shell can set")));
        }
        variables.push((name.clone(), cx.text(value)?));
    }
    Ok(variables)
}

/// The shell looks up the user's home by name, so the name must be no more than one.
fn user_name(user: &Sp<String>, cx: &Context) -> Result<String, ModuleError> {
    let name = cx.text(user)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    match !name.is_empty() && !name.starts_with(['-', '.']) && name.chars().all(plain) {
        true => Ok(name),
        false => Err(ModuleError::at(user, format!("`{name}` is not a user name"))),
    }
}

/// It becomes a folder, and a cgroup, of that name.
fn file_name(name: &Sp<String>) -> Result<&str, ModuleError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    match !name.value.is_empty() && !name.value.starts_with(['-', '.']) && name.value.chars().all(plain) {
        true => Ok(&name.value),
        false => Err(ModuleError::at(
            name,
            format!("`{}` is not a process name: letters, digits, `_.-`", name.value),
        )),
    }
}

fn programs(args: &ProcessArgs, cx: &Context) -> Result<Vec<String>, ModuleError> {
    let mut programs: Vec<String> = ["awk", "find", "flock", "setsid"].map(str::to_owned).to_vec();
    if let Some(program) = args.command.as_ref().and_then(|command| command.first()) {
        programs.push(cx.text(program)?);
    }
    Ok(programs)
}
