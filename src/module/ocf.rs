//! `ocf`: something that an OCF resource agent starts, stops and looks at. The work is done by `ocf_started`,
//! `ocf_startable` and `ocf_stopped` of `sh/ocf.sh`; what an agent says of itself is read by [`Metadata`].
//!
//! An agent cannot freeze what it runs, so the sleeping copy of its service does not run: it is one that could be
//! started, by the agent's `validate-all`. Nothing is promoted: an agent that knows roles is started and stopped.

mod metadata;

pub use metadata::{Kind, Metadata, Parameter};

use super::words::Words;
use super::{Context, Library, ModuleError, Script};
use crate::site::action::{AgentName, OcfArgs, OcfState};
use crate::site::source::{Sp, Span};

/// What one step wants of an agent, rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub agent: Sp<AgentName>,
    pub state: OcfState,
    /// By the parameter's name, with the place of the value.
    pub params: Vec<(String, Sp<String>)>,
}

/// Asks the agent, and acts when it says that things are not as wanted.
pub fn compile(args: &OcfArgs, cx: &Context) -> Result<Script, ModuleError> {
    let name = instance(args)?;
    let state = args.state.as_str();
    let words = words(&resource(args, cx)?, cx);
    let call = |function: Words| function.word(&*args.agent).word(name).words(&words).line();
    Ok(Script {
        summary: format!("{} {name} {state}", *args.agent),
        look: Some(call(Words::of("ocf_is").word(state))?),
        act: call(Words::of(&format!("ocf_{state}")))?,
        undo: Some(call(Words::of("ocf_undo").word(state))?),
        changes: true,
        library: vec![Library::Ocf, Library::Undo],
        programs: ["flock", "setsid"].map(str::to_owned).to_vec(),
        ..Script::default()
    })
}

/// Whether the agent could start it, once the files it reads are there. Nothing to ask for one that is stopped.
pub fn preflight(args: &OcfArgs, cx: &Context) -> Result<Option<Script>, ModuleError> {
    if args.state == OcfState::Stopped {
        return Ok(None);
    }
    let words = words(&resource(args, cx)?, cx);
    Ok(Some(Script {
        summary: format!("{} could start {}", *args.agent, instance(args)?),
        act: Words::of("ocf_valid").word(&*args.agent).word(instance(args)?).words(&words).line()?,
        library: vec![Library::Ocf, Library::Undo],
        ..Script::default()
    }))
}

/// The script that prints what an agent says of itself.
pub fn describe(agent: &AgentName) -> Script {
    Script {
        summary: format!("what {agent} says of itself"),
        act: format!("ocf_describe {agent}"),
        library: vec![Library::Ocf],
        ..Script::default()
    }
}

/// The exit code of [`describe`] where there is no such agent; it then lists those that there are.
pub const NO_AGENT: i32 = 66;

/// The step's wishes, rendered.
pub fn resource(args: &OcfArgs, cx: &Context) -> Result<Resource, ModuleError> {
    let mut params = Vec::new();
    for (name, value) in &args.params {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(letters) {
            return Err(ModuleError::at(value, format!("`{name}` is not the name of a parameter")));
        }
        let text = cx.text(&Sp::new(value.0.clone(), value.span))?;
        params.push((name.clone(), Sp::new(text, value.span)));
    }
    Ok(Resource { agent: args.agent.clone(), state: args.state, params })
}

/// `--timeout 30000 --env LANG=C -- configfile=/etc/x`
fn words(resource: &Resource, cx: &Context) -> Vec<String> {
    let mut words = vec!["--timeout".to_owned(), cx.timeout_ms.to_string()];
    for (name, value) in cx.environment {
        words.extend(["--env".to_owned(), format!("{name}={value}")]);
    }
    words.push("--".to_owned());
    words.extend(resource.params.iter().map(|(name, value)| format!("{name}={}", value.value)));
    words
}

/// It becomes a folder, and part of what the agent is told to call it.
fn instance(args: &OcfArgs) -> Result<&str, ModuleError> {
    let name = args.instance();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.starts_with(['-', '.']) || !name.chars().all(plain) {
        let span = args.name.as_ref().map_or(Span::default(), |name| name.span);
        return Err(ModuleError { span, message: format!("`{name}` is not a name: letters, digits, `_.-`") });
    }
    Ok(name)
}
