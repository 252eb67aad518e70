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
    let words = words(args, cx)?;
    let call = |function: &str| Words::of(function).word(name).words(&words).line();
    Ok(Script {
        summary: format!("process {name} {state}"),
        look: Some(Words::of("process_is").word(state).word(name).words(&words).line()?),
        act: call(&format!("process_{state}"))?,
        undo: Some(Words::of("process_undo").word(state).word(name).line()?),
        changes: true,
        library: vec![Library::Process, Library::Ready, Library::Undo],
        programs: programs(args, cx)?,
        ..Script::default()
    })
}

/// The words that say how it is started: settings, then `--` and the program with its arguments.
fn words(args: &ProcessArgs, cx: &Context) -> Result<Vec<String>, ModuleError> {
    let mut words = vec![];
    let mut option = |key: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [key.to_owned(), value]));
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
    if command.is_empty() {
        return Err(ModuleError::at(&args.name, "`command` has no program"));
    }
    words.push("--".to_owned());
    words.extend(cx.texts(command)?);
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

/// `TERM:10s`, `TERM:10s:200ms`; nothing when all are the default, so that what the process was started with counts.
fn stop(args: &ProcessArgs) -> Result<Option<String>, ModuleError> {
    let signal = args.stop_signal.strip_prefix("SIG").unwrap_or(&args.stop_signal);
    if signal.is_empty() || !signal.chars().all(|c| c.is_ascii_alphanumeric()) {
        let message = format!("`{}` is not a signal such as `TERM`, `INT` or `USR1`", args.stop_signal);
        return Err(ModuleError::at(&args.name, message));
    }
    let grace = args.stop_grace;
    if grace.0 > args.stop_timeout.0 {
        return Err(ModuleError::at(&args.name, "`stop_grace` is longer than `stop_timeout`"));
    }
    if signal == "TERM" && args.stop_timeout == TimeSpan::from_secs(10) && grace.0.is_zero() {
        return Ok(None);
    }
    let mut stop = format!("{signal}:{}", time(args.stop_timeout));
    if !grace.0.is_zero() {
        stop.extend([":", &time(grace)]);
    }
    Ok(Some(stop))
}

fn time(span: TimeSpan) -> String {
    match span.0.subsec_millis() {
        0 => format!("{}s", span.0.as_secs()),
        _ => format!("{}ms", span.0.as_millis()),
    }
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
    if name.is_empty() || name.starts_with(['-', '.']) || !name.chars().all(plain) {
        return Err(ModuleError::at(user, format!("`{name}` is not a user name")));
    }
    Ok(name)
}

/// It becomes a folder, and a cgroup, of that name.
fn file_name(name: &Sp<String>) -> Result<&str, ModuleError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.starts_with(['-', '.']) || !name.chars().all(plain) {
        let message = format!("`{}` is not a process name: letters, digits, `_.-`", name.value);
        return Err(ModuleError::at(name, message));
    }
    Ok(name)
}

fn programs(args: &ProcessArgs, cx: &Context) -> Result<Vec<String>, ModuleError> {
    let mut programs: Vec<String> = ["awk", "find", "flock", "setsid"].map(str::to_owned).to_vec();
    if let Some(program) = args.command.as_ref().and_then(|command| command.first()) {
        programs.push(cx.text(program)?);
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::site::action::Ready;
    use crate::site::id::{Epoch, ServiceName};
    use crate::site::source::Span;

    fn sp<T>(value: T) -> Sp<T> {
        Sp::new(value, Span::default())
    }

    fn httpd(state: ProcessState) -> ProcessArgs {
        ProcessArgs {
            name: sp("httpd".to_owned()),
            command: None,
            state,
            ready: None,
            method: SleepMethod::Auto,
            user: None,
            chdir: None,
            environment: IndexMap::new(),
            stop_signal: "TERM".to_owned(),
            stop_timeout: TimeSpan::from_secs(10),
            stop_grace: TimeSpan::from_secs(0),
        }
    }

    fn command(argv: &[&str]) -> Vec<Sp<String>> {
        argv.iter().map(|word| sp((*word).to_owned())).collect()
    }

    fn compiled(args: &ProcessArgs) -> Result<Script, ModuleError> {
        let cx = Context {
            service: &ServiceName::try_from("web").unwrap(),
            epoch: Epoch(1),
            addresses: &[],
            device: None,
            timeout_ms: 30_000,
            environment: &[("LANG".to_owned(), "C".to_owned()), ("TZ".to_owned(), "UTC".to_owned())],
            probes: &IndexMap::new(),
            render: &|text| Ok(text.to_owned()),
            render_shell: &|text| Ok(text.to_owned()),
            file: &|_| Err("no files".to_owned()),
            template: &|_| Err("no templates".to_owned()),
        };
        compile(args, &cx)
    }

    #[test]
    fn a_plan_reads_as_what_will_be_done() {
        let mut args = httpd(ProcessState::Asleep);
        args.command = Some(command(&["apachectl", "-D", "FOREGROUND; reboot"]));
        args.ready = Some(sp(Ready::Tcp(80)));
        args.user = Some(sp("www-data".to_owned()));
        args.environment = [("TZ".to_owned(), sp("CET".to_owned()))].into_iter().collect();
        args.stop_signal = "SIGWINCH".to_owned();
        args.stop_timeout = TimeSpan::from_millis(1500);
        args.stop_grace = TimeSpan::from_millis(200);
        let script = compiled(&args).unwrap();
        let words = "--stop WINCH:1500ms:200ms --ready tcp:80 --user www-data --env 'LANG=C' --env 'TZ=CET' \
                     -- apachectl -D 'FOREGROUND; reboot'";
        assert_eq!(script.look.unwrap(), format!("process_is asleep httpd {words}"));
        assert_eq!(script.act, format!("process_asleep httpd {words}"));
        assert_eq!(script.undo.unwrap(), "process_undo asleep httpd");
    }

    #[test]
    fn a_wake_and_an_end_need_no_more_than_the_name() {
        let wake = compiled(&httpd(ProcessState::Awake)).unwrap();
        assert_eq!(
            (wake.act.as_str(), wake.summary.as_str()),
            ("process_awake httpd", "process httpd awake")
        );
        let mut end = httpd(ProcessState::Absent);
        end.command = Some(command(&["apachectl"]));
        assert_eq!(compiled(&end).unwrap().act, "process_absent httpd");
    }

    #[test]
    fn what_would_be_dropped_or_misread_is_refused() {
        let refusal = |change: &dyn Fn(&mut ProcessArgs)| {
            let mut args = httpd(ProcessState::Asleep);
            args.command = Some(command(&["httpd"]));
            change(&mut args);
            compiled(&args).unwrap_err().message
        };
        assert_eq!(
            refusal(&|args| (args.command, args.chdir) = (None, Some(sp("/srv".to_owned())))),
            "`chdir` says how the process is started, but there is no `command`"
        );
        assert_eq!(refusal(&|args| args.command = Some(vec![])), "`command` has no program");
        assert_eq!(
            refusal(&|args| args.user = Some(sp("a; reboot".to_owned()))),
            "`a; reboot` is not a user name"
        );
        assert_eq!(
            refusal(&|args| args.name = sp("../x".to_owned())),
            "`../x` is not a process name: letters, digits, `_.-`"
        );
        assert_eq!(
            refusal(&|args| args.stop_signal = "TERM 1".to_owned()),
            "`TERM 1` is not a signal such as `TERM`, `INT` or `USR1`"
        );
        assert_eq!(
            refusal(&|args| args.stop_grace = TimeSpan::from_secs(11)),
            "`stop_grace` is longer than `stop_timeout`"
        );
        let bad = |args: &mut ProcessArgs| {
            args.environment.insert("A-B".to_owned(), sp(String::new()));
        };
        assert_eq!(refusal(&bad), "`A-B` is not a variable a shell can set");
    }
}
