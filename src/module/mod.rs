//! What a step does, as shell: typed arguments in, a look / act / undo [`Script`] out. One module per file.
//!
//! Pure: nothing here connects, reads files or knows the time. A plan holds what this returns, and the engine runs
//! just that; so what `plan` prints is what happens.

pub mod address;
mod agent_xml;
mod cksum;
pub mod command;
pub mod copy;
pub mod dns;
pub mod doctor;
pub mod facts;
pub mod fence;
pub mod file;
pub mod guard;
mod measure;
pub mod mount;
pub mod ocf;
mod outcome;
pub mod probe;
pub mod process;
mod ready;
pub mod role;
pub mod sample;
pub mod shell;
pub mod sysctl;
pub mod template;
pub mod unit;
mod url;
pub mod wait_for;
pub mod witness;
mod words;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use measure::Measure;
pub use outcome::Outcome;
pub use probe::Probe;
pub use words::NulByte;

use crate::site::action::{Action, ProbeSpec};
use crate::site::address::ServiceAddress;
use crate::site::id::{Epoch, ServiceName};
use crate::site::source::{Sp, Span};

/// What one step brings about on one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// One line for people: `process httpd asleep`, `address 10.83.0.80 up`.
    pub summary: String,
    /// Reads only. Exit 0: all is as wanted already; exit [`NEEDS_ACTION`]: `act` is needed; anything else: failed.
    /// Absent: always act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<String>,
    /// Brings it about; exit 0 is success. Empty for steps that only look.
    pub act: String,
    /// Takes back what `act` did. Runs only if `act` was begun; must bear being run after a partial `act`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// Prints a unified diff of what `act` would change. Reads only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// Whether `act` counts as a change (`false` for waits and checks).
    pub changes: bool,
    /// Shell functions the texts above call; each is sent along once per script.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub library: Vec<Library>,
    /// Programs the host must have, for `doctor`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
}

impl Script {
    /// Whether it only looks at, and writes, a few files that we bring. What `validate` says of a file that changes
    /// is part of that.
    pub fn is_brief(&self) -> bool {
        let files = [Library::File, Library::Role, Library::Undo];
        !self.library.is_empty() && self.library.iter().all(|library| files.contains(library))
    }
}

/// `look`'s exit code for "not so yet: act".
pub const NEEDS_ACTION: i32 = 10;

/// A named group of shell functions, kept as a real shell file beside the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Library {
    Address,
    File,
    Mount,
    Ocf,
    Process,
    Ready,
    Role,
    Sysctl,
    Undo,
    Unit,
    Wait,
}

impl Library {
    /// The functions themselves: POSIX shell, safe to read in any order.
    pub fn text(self) -> &'static str {
        match self {
            Self::Address => {
                concat!(
                    include_str!("sh/address.sh"),
                    include_str!("sh/announce.sh"),
                    include_str!("sh/ask.sh")
                )
            }
            Self::File => include_str!("sh/file.sh"),
            Self::Mount => include_str!("sh/mount.sh"),
            Self::Ocf => include_str!("sh/ocf.sh"),
            Self::Process => concat!(
                include_str!("sh/record.sh"),
                include_str!("sh/tree.sh"),
                include_str!("sh/start.sh"),
                include_str!("sh/process.sh")
            ),
            Self::Ready => include_str!("sh/ready.sh"),
            Self::Role => include_str!("sh/role.sh"),
            Self::Sysctl => include_str!("sh/sysctl.sh"),
            Self::Undo => include_str!("sh/undo.sh"),
            Self::Unit => concat!(include_str!("sh/record.sh"), include_str!("sh/unit.sh")),
            Self::Wait => include_str!("sh/wait.sh"),
        }
    }
}

/// Everything a module may use beside its own arguments.
pub struct Context<'a> {
    pub service: &'a ServiceName,
    pub epoch: Epoch,
    pub addresses: &'a [ServiceAddress],
    /// Device named for the host (`reveille_device`), if any.
    pub device: Option<&'a str>,
    /// How long the step may take.
    pub timeout_ms: u64,
    /// The step's `environment`, rendered.
    pub environment: &'a [(String, String)],
    /// The playbook's named probes.
    pub probes: &'a IndexMap<String, Sp<ProbeSpec>>,
    /// Renders a template string of the step for its host.
    pub render: &'a dyn Fn(&str) -> Result<String, String>,
    /// Renders a shell text so that values stay data.
    pub render_shell: &'a dyn Fn(&str) -> Result<String, String>,
    /// Renders a template of the site, by its name below `templates/`.
    pub template: &'a dyn Fn(&str) -> Result<String, String>,
    /// A file of the site as it is: below `files/`, or `templates/`.
    pub file: &'a dyn Fn(&str) -> Result<Vec<u8>, String>,
}

impl Context<'_> {
    /// One argument, rendered.
    fn text(&self, argument: &Sp<String>) -> Result<String, ModuleError> {
        (self.render)(argument).map_err(|message| ModuleError { span: argument.span, message })
    }

    /// One argument that may be absent, rendered.
    fn optional(&self, argument: Option<&Sp<String>>) -> Result<Option<String>, ModuleError> {
        argument.map(|argument| self.text(argument)).transpose()
    }

    /// A list of arguments, each rendered and still one.
    fn texts(&self, arguments: &[Sp<String>]) -> Result<Vec<String>, ModuleError> {
        arguments.iter().map(|argument| self.text(argument)).collect()
    }
}

/// What a step came to: shell on its host, or a check from the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiled {
    Script(Script),
    Probe(Probe),
}

/// Why a step cannot be compiled for a host, and the argument that is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ModuleError {
    pub span: Span,
    pub message: String,
}

impl ModuleError {
    /// Blames one argument.
    fn at<T>(argument: &Sp<T>, message: impl Into<String>) -> Self {
        Self { span: argument.span, message: message.into() }
    }
}

impl From<NulByte> for ModuleError {
    fn from(error: NulByte) -> Self {
        Self { span: Span::default(), message: error.to_string() }
    }
}

/// Turns a step's module call into what will be done.
pub fn compile(action: &Action, cx: &Context) -> Result<Compiled, ModuleError> {
    let script = match action {
        Action::Command(args) => command::compile(args, cx),
        Action::Shell(args) => shell::compile(args, cx),
        Action::Copy(args) => copy::compile(args, cx),
        Action::Template(args) => template::compile(args, cx),
        Action::File(args) => file::compile(args, cx),
        Action::Mount(args) => mount::compile(args, cx),
        Action::Process(args) => process::compile(args, cx),
        Action::Unit(args) => unit::compile(args, cx),
        Action::Ocf(args) => ocf::compile(args, cx),
        Action::Address(args) => address::compile(args, cx),
        Action::Sysctl(args) => sysctl::compile(args, cx),
        Action::WaitFor(args) => wait_for::compile(args, cx),
        Action::Probe(args) => return probe::compile(args, cx).map(Compiled::Probe),
    }?;
    Ok(Compiled::Script(script))
}

/// What can be asked of a host long before the step is run there: succeeds if nothing stands in its way, else says
/// what does. Reads only. `None` for modules that have nothing to ask beside their programs.
pub fn preflight(action: &Action, cx: &Context) -> Result<Option<Script>, ModuleError> {
    match action {
        Action::Mount(args) => mount::preflight(args, cx),
        Action::Address(args) => address::preflight(args, cx),
        Action::Ocf(args) => ocf::preflight(args, cx),
        _ => Ok(None),
    }
}
