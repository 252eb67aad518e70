//! What each module can be asked to do, as a user writes it under the module's key. The behaviour behind these
//! arguments is in [`crate::module`], one file per module.
//!
//! Strings may hold `{{ }}` unless said otherwise; they are rendered when a plan is made.

use super::address::ServiceAddress;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::TimeSpan;
use super::schema::one_key_of;
use super::shape::Argv;
use super::source::Sp;
pub use command::{CommandArgs, RunGuard, ShellArgs};
pub use ocf::{AgentName, OcfArgs, OcfState};
pub use probe::{
    CommandProbe, DnsProbe, FailOn, HttpProbe, IcmpProbe, PluginProbe, ProbeArgs, ProbeSpec, Rcode,
    RecordType, SmtpProbe, TcpProbe,
};

mod command;
mod ocf;
mod probe;

/// One module call: exactly one of these keys stands in each step.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Command(CommandArgs),
    Shell(ShellArgs),
    Copy(CopyArgs),
    Template(TemplateArgs),
    File(FileArgs),
    Mount(MountArgs),
    Process(ProcessArgs),
    Unit(UnitArgs),
    Ocf(OcfArgs),
    Address(AddressArgs),
    Sysctl(SysctlArgs),
    WaitFor(WaitForArgs),
    Probe(ProbeArgs),
}

impl Action {
    /// The keys of all modules.
    pub const NAMES: [&'static str; 13] = [
        "command", "shell", "copy", "template", "file", "mount", "process", "unit", "ocf", "address",
        "sysctl", "wait_for", "probe",
    ];

    /// The module's key in a playbook.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::Shell(_) => "shell",
            Self::Copy(_) => "copy",
            Self::Template(_) => "template",
            Self::File(_) => "file",
            Self::Mount(_) => "mount",
            Self::Process(_) => "process",
            Self::Unit(_) => "unit",
            Self::Ocf(_) => "ocf",
            Self::Address(_) => "address",
            Self::Sysctl(_) => "sysctl",
            Self::WaitFor(_) => "wait_for",
            Self::Probe(_) => "probe",
        }
    }
}

/// Puts a file of the site (`src`, below `templates/` or `files/`) or a text (`content`) on the host as it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = one_key_of(&["src", "content"])))]
pub struct CopyArgs {
    /// A file of the site.
    #[serde(default)]
    pub src: Option<Sp<String>>,
    /// The text itself.
    #[serde(default)]
    pub content: Option<Sp<String>>,
    /// The path on the host.
    pub dest: Sp<String>,
    /// Octal, quoted: `"0644"`. Absent: left as it is.
    #[serde(default)]
    pub mode: Option<Sp<String>>,
    /// A user, by name or number. Absent: left as it is.
    #[serde(default)]
    pub owner: Option<Sp<String>>,
    /// A group, by name or number. Absent: left as it is.
    #[serde(default)]
    pub group: Option<Sp<String>>,
}

/// Renders a template of the site and puts the result on the host.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateArgs {
    /// A file below `templates/`.
    pub src: Sp<String>,
    /// The path on the host.
    pub dest: Sp<String>,
    /// Checks the new file before it is put in place; `%s` is its path.
    #[serde(default)]
    pub validate: Option<Sp<String>>,
    /// Octal, quoted: `"0644"`. Absent: left as it is.
    #[serde(default)]
    pub mode: Option<Sp<String>>,
    /// A user, by name or number. Absent: left as it is.
    #[serde(default)]
    pub owner: Option<Sp<String>>,
    /// A group, by name or number. Absent: left as it is.
    #[serde(default)]
    pub group: Option<Sp<String>>,
}

/// Makes a directory or a link, an empty file, or removes what is there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileArgs {
    /// The path on the host.
    pub path: Sp<String>,
    /// What must be there.
    #[serde(default)]
    pub state: FileState,
    /// The target of a link.
    #[serde(default)]
    pub src: Option<Sp<String>>,
    /// Octal, quoted: `"0644"`. Absent: left as it is.
    #[serde(default)]
    pub mode: Option<Sp<String>>,
    /// A user, by name or number. Absent: left as it is.
    #[serde(default)]
    pub owner: Option<Sp<String>>,
    /// A group, by name or number. Absent: left as it is.
    #[serde(default)]
    pub group: Option<Sp<String>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileState {
    #[default]
    File,
    Directory,
    Link,
    /// Removed, whatever it is; a directory only when `recurse`-free removal (`rmdir`) is enough.
    Absent,
    /// Made if missing, else left.
    Touch,
}

/// Mounts a file system, or takes it away.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MountArgs {
    /// A device, `server:/path`, or a folder with `opts: bind`.
    #[serde(default)]
    pub src: Option<Sp<String>>,
    /// The mount point; made if missing.
    pub path: Sp<String>,
    /// `nfs`, `ext4`, …
    #[serde(default)]
    pub fstype: Option<Sp<String>>,
    /// As after `mount -o`.
    #[serde(default)]
    pub opts: Option<Sp<String>>,
    /// Whether it must be mounted.
    #[serde(default)]
    pub state: MountState,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MountState {
    #[default]
    Mounted,
    Unmounted,
}

/// A process of the service, started detached and kept under a name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessArgs {
    /// Names the process for later steps; not templated.
    pub name: Sp<String>,
    /// Program and arguments; stays in the foreground. Needed wherever the process may have to be started.
    #[serde(default)]
    #[schemars(with = "Option<Argv>")]
    pub command: Option<Vec<Sp<String>>>,
    /// What the process must be.
    pub state: ProcessState,
    /// How to tell that a freshly started process is ready.
    #[serde(default)]
    pub ready: Option<Sp<Ready>>,
    /// How it is put to sleep.
    #[serde(default)]
    pub method: SleepMethod,
    /// Runs as this user.
    #[serde(default)]
    pub user: Option<Sp<String>>,
    /// The working directory.
    #[serde(default)]
    pub chdir: Option<Sp<String>>,
    /// Environment variables of the process, beside the step's.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, ScalarText>")]
    pub environment: IndexMap<String, Sp<String>>,
    /// The signal that asks it to stop.
    #[serde(default = "term")]
    pub stop_signal: String,
    /// How long it may take to stop before it is killed.
    #[serde(default = "ten_seconds")]
    pub stop_timeout: TimeSpan,
    /// How long what the first process leaves behind may go on by itself before it is asked to stop, too.
    #[serde(default = "no_time")]
    pub stop_grace: TimeSpan,
}

fn term() -> String {
    "TERM".to_owned()
}

fn no_time() -> TimeSpan {
    TimeSpan::from_secs(0)
}

fn ten_seconds() -> TimeSpan {
    TimeSpan::from_secs(10)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessState {
    /// Started, ready, and its whole tree frozen.
    Asleep,
    /// Running. A sleeping one is woken.
    Awake,
    /// Stopped, its whole tree gone.
    Absent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SleepMethod {
    /// The cgroup freezer where the host has one, else signals.
    #[default]
    Auto,
    /// A cgroup v2 or v1 freezer; an error where there is none.
    Freezer,
    /// SIGSTOP and SIGCONT to the whole process group.
    Signals,
}

/// What must hold on the host itself before a process counts as ready.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// Something listens on this TCP port.
    Tcp(u16),
    /// Something is bound to this UDP port.
    Udp(u16),
    /// This path exists.
    File(Sp<String>),
    /// This program exits with 0.
    Command(#[schemars(with = "Argv")] Vec<Sp<String>>),
}

/// A systemd unit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitArgs {
    /// `apache2.service`; `.service` may be left out.
    pub name: Sp<String>,
    /// What the unit must be.
    pub state: UnitState,
    /// How to tell that a freshly started unit is ready.
    #[serde(default)]
    pub ready: Option<Sp<Ready>>,
    /// Whether the unit starts at boot. A service that reveille moves should not.
    #[serde(default)]
    pub enabled: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnitState {
    /// Started, ready, and frozen (`systemctl freeze`).
    Asleep,
    /// Active and not frozen.
    Awake,
    /// Inactive.
    Stopped,
}

/// The service addresses.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressArgs {
    /// What the addresses must be on this host.
    pub state: AddressState,
    /// Only these; by default every address of the service.
    #[serde(default)]
    pub addresses: Option<Vec<Sp<ServiceAddress>>>,
    /// The network device; by default the one on the address's network.
    #[serde(default)]
    pub device: Option<Sp<String>>,
    /// The kernel drops the address by itself this long after the last renewal.
    #[serde(default)]
    pub lease: Option<Sp<TimeSpan>>,
    /// How long to listen for another holder before an address is taken.
    #[serde(default)]
    pub duplicate_check: Option<Sp<TimeSpan>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AddressState {
    /// Held here: checked for another holder, added, announced, announced again.
    Up,
    /// Not held here: traffic dropped, its connections ended, removed.
    Absent,
    /// Not held, but a process may already bind to it.
    Staged,
}

/// Kernel parameters.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SysctlArgs {
    /// `net.ipv4.ip_nonlocal_bind`
    pub name: Sp<String>,
    /// The value; written for now, not for the next boot.
    pub value: Sp<ScalarText>,
}

/// A text, number or boolean, kept as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScalarText(pub String);

impl JsonSchema for ScalarText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ScalarText".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// Waits on the host until something holds; fails at the step's timeout.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitForArgs {
    /// Something listens on this TCP port.
    Tcp(u16),
    /// Something is bound to this UDP port.
    Udp(u16),
    /// This path exists.
    File(Sp<String>),
    /// This path does not exist.
    Absent(Sp<String>),
    /// This program exits with 0.
    Command(#[schemars(with = "Argv")] Vec<Sp<String>>),
}
