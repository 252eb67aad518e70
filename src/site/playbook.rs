//! The language of `playbooks/*.yml`: one typed struct per thing a user can write, documented for the reader of
//! the schema. Filled by [`super::decode`]; read by everyone else. Nothing here renders, connects or decides.

use super::address::ServiceAddress;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::ProbeSpec;
use super::id::ServiceName;
use super::quantity::TimeSpan;
use super::schema::one_key_of;
use super::secret::SecretSource;
use super::shape::{OneOrMany, one_or_many};
use super::source::Sp;
pub use super::step::{Backoff, IfUnreachable, Step, Undo};

/// Variables as written: any YAML value; strings may hold `{{ }}`.
pub type VarMap = IndexMap<String, Sp<serde_json::Value>>;

/// One service: where it may run, how it is watched, and what to do to move it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
#[schemars(title = "reveille playbook")]
pub struct Playbook {
    /// The service's name; also its folder on hosts, `/run/reveille/NAME`.
    pub service: Sp<ServiceName>,
    /// What the service is, for people.
    #[serde(default)]
    pub description: Option<String>,
    /// The pool: an Ansible host pattern such as `web:!h9`, `all:&debian` or `~h[0-9]+`.
    pub hosts: Sp<String>,
    /// Service addresses, v4 or v6, with the prefix of the network they belong to.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<ServiceAddress>")]
    pub addresses: Vec<Sp<ServiceAddress>>,
    /// How much proof is needed before a second copy may be awake.
    #[serde(default)]
    pub data: DataPolicy,
    /// Which kinds of evidence may be used, in order of preference; by default what `data` allows.
    #[serde(default)]
    pub evidence: Option<Vec<Sp<EvidenceKind>>>,
    /// Variables for every step; they win over inventory variables and lose to `-e`.
    #[serde(default)]
    pub vars: VarMap,
    /// Values that must never be shown, by variable name.
    #[serde(default)]
    pub secrets: IndexMap<String, Sp<SecretSource>>,
    /// Named checks through the service address, as a client makes them.
    #[serde(default)]
    pub probes: IndexMap<String, Sp<ProbeSpec>>,
    /// When a service that still answers is too slow or its host too busy.
    #[serde(default)]
    pub overload: IndexMap<String, Sp<OverloadRule>>,
    /// How failures are noticed.
    #[serde(default)]
    pub detection: Detection,
    /// What may be done without a person.
    #[serde(default)]
    pub takeover: Takeover,
    /// Who may become primary or secondary, and who is preferred.
    #[serde(default)]
    pub placement: Placement,
    /// Makes a host able to run the service: files, mounts, checks. Changes nothing that serves.
    #[serde(default)]
    pub prepare: Vec<Sp<Step>>,
    /// Puts a ready copy to sleep on the secondary.
    #[serde(default)]
    pub sleep: Vec<Sp<Step>>,
    /// Wakes the sleeping copy.
    #[serde(default)]
    pub wake: Vec<Sp<Step>>,
    /// Brings the service address to the awake copy and proves that clients are answered.
    #[serde(default)]
    pub ifconfig: Vec<Sp<Step>>,
    /// Takes the service off a host: address first, then the process.
    #[serde(default)]
    pub teardown: Vec<Sp<Step>>,
}

impl Playbook {
    /// The steps of one phase, in the order they were written.
    pub fn phase(&self, phase: Phase) -> &[Sp<Step>] {
        match phase {
            Phase::Prepare => &self.prepare,
            Phase::Sleep => &self.sleep,
            Phase::Wake => &self.wake,
            Phase::Ifconfig => &self.ifconfig,
            Phase::Teardown => &self.teardown,
        }
    }

    /// Which evidence this service accepts, best first.
    pub fn evidence_policy(&self) -> Vec<EvidenceKind> {
        match &self.evidence {
            Some(kinds) => kinds.iter().map(|kind| kind.value).collect(),
            None => self.data.evidence().to_vec(),
        }
    }
}

/// One of the five small graphs of steps a playbook is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Prepare,
    Sleep,
    Wake,
    Ifconfig,
    Teardown,
}

impl Phase {
    pub const ALL: [Self; 5] = [Self::Prepare, Self::Sleep, Self::Wake, Self::Ifconfig, Self::Teardown];

    /// Whether this phase has ended on a host before the other begins there. `teardown` stands apart.
    pub fn comes_before(self, other: Self) -> bool {
        self < other && other != Self::Teardown
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Sleep => "sleep",
            Self::Wake => "wake",
            Self::Ifconfig => "ifconfig",
            Self::Teardown => "teardown",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What two awake copies could spoil.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataPolicy {
    /// No data outside the host: two awake copies only confuse clients.
    None,
    /// Shared data, read only.
    #[default]
    SharedRead,
    /// Shared data that the service writes: a second awake copy would destroy it.
    SharedWrite,
}

impl DataPolicy {
    /// The evidence that is enough for this kind of data, best first.
    pub fn evidence(self) -> &'static [EvidenceKind] {
        use EvidenceKind::{Fenced, Human, LeaseExpired, LinkSilent, Released};
        match self {
            Self::None | Self::SharedRead => &[Released, Fenced, LeaseExpired, LinkSilent, Human],
            Self::SharedWrite => &[Released, Fenced, Human],
        }
    }
}

/// How one can know that the old primary no longer acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// The old primary ran its teardown and said so.
    Released,
    /// A fence device confirmed that it is off, or cut off from the store.
    Fenced,
    /// The kernel lifetime of the service address has run out.
    LeaseExpired,
    /// Nobody on the new primary's network answers for the service address.
    LinkSilent,
    /// A person said `reveille confirm-dead HOST`.
    Human,
}

impl EvidenceKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Fenced => "fenced",
            Self::LeaseExpired => "lease-expired",
            Self::LinkSilent => "link-silent",
            Self::Human => "human",
        }
    }
}

/// How failures are noticed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Detection {
    /// Time between two looks at the service.
    pub interval: Sp<TimeSpan>,
    /// How long one look may take.
    pub timeout: Sp<TimeSpan>,
    /// Misses in a row, re-probes included, before a verdict.
    pub confirm: u32,
    /// Other hosts asked to look before a verdict.
    pub witnesses: u32,
}

impl Default for Detection {
    fn default() -> Self {
        Self {
            interval: Sp::new(TimeSpan::from_secs(4), super::source::Span::default()),
            timeout: Sp::new(TimeSpan::from_millis(500), super::source::Span::default()),
            confirm: 3,
            witnesses: 2,
        }
    }
}

/// What may be done without a person.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Takeover {
    /// Whether a confirmed verdict is acted upon.
    pub mode: TakeoverMode,
    /// No second takeover of this service within this time.
    pub hold_down: TimeSpan,
    /// No further takeover of this service once there were this many within 24 hours.
    pub max_per_day: u32,
}

impl Default for Takeover {
    fn default() -> Self {
        Self { mode: TakeoverMode::Auto, hold_down: TimeSpan::from_secs(600), max_per_day: 6 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TakeoverMode {
    /// Act on a confirmed verdict.
    #[default]
    Auto,
    /// Only write down the plan that would have run.
    PlanOnly,
}

/// One overload rule: exactly one measure, and for how many rounds it must hold.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = one_key_of(&["load_per_cpu", "processes", "latency", "queue"])))]
pub struct OverloadRule {
    /// Load average over one minute, divided by the number of CPUs.
    #[serde(default)]
    pub load_per_cpu: Option<Sp<f64>>,
    /// More processes of one name than the host can carry.
    #[serde(default)]
    pub processes: Option<Sp<ProcessCount>>,
    /// A probe that answers too late.
    #[serde(default)]
    pub latency: Option<Sp<LatencyLimit>>,
    /// Messages waiting in the mail queue.
    #[serde(default)]
    pub queue: Option<Sp<QueueLimit>>,
    /// Rounds in a row before the rule counts.
    #[serde(default = "one", rename = "for")]
    pub rounds: u32,
}

fn one() -> u32 {
    1
}

/// More processes of one name than the host can carry.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessCount {
    /// The process name, as `/proc/PID/comm` has it.
    #[serde(rename = "match")]
    pub name: String,
    /// The rule holds above this many.
    pub above: u32,
}

/// A named probe that answers too late.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencyLimit {
    /// A name under `probes`.
    pub probe: Sp<String>,
    /// The rule holds above this time.
    pub above: TimeSpan,
}

/// A queue directory that fills up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueLimit {
    /// The folder on the host.
    pub path: String,
    /// The rule holds above this many files.
    pub above: u32,
}

/// Who may become primary or secondary, and who is preferred.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Placement {
    /// Expressions over `host` and `facts` that must all be true; sizes may be written as `256MiB`.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
    pub require: Vec<Sp<String>>,
    /// What makes one candidate better than another.
    pub prefer: Vec<Sp<Preference>>,
}

/// Adds to a candidate's score: `weight` if `when` is true, or `value × weight`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a preference", extend("oneOf" = one_key_of(&["when", "value"])))]
pub struct Preference {
    /// An expression over `host`, `primary` and `facts` that is true or false.
    #[serde(default)]
    pub when: Option<Sp<String>>,
    /// An expression over `host`, `primary` and `facts` that is a number.
    #[serde(default)]
    pub value: Option<Sp<String>>,
    /// What it counts; negative for what is to be avoided.
    pub weight: Sp<f64>,
}
