//! Plans that are kept, to be approved first and applied then: with everything each was made from, so that whoever applies
//! it can say what is not as it was.
//!
//! Pure. The command line makes one of these beside a plan, writes it, and reads it again.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::facts::SiteFacts;
use super::table::Role;
use super::timing::hex;
use super::{Plan, PlanStep, Request, ServicePlan, render};
use crate::site::Site;
use crate::site::action::Action;
use crate::site::id::{HostName, ServiceName};
use crate::site::playbook::Phase;

/// The version of the format.
pub const SCHEMA: &str = "reveille.saved-plan/1";

/// Steps that are named one by one; the rest is counted.
const NAMED: usize = 8;

/// A plan, and what it was made from. No secret is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// [`SCHEMA`].
    pub schema: String,
    pub made: Made,
    pub asked: Asked,
    pub inputs: Inputs,
    /// What each host said of itself, or why it said nothing.
    pub facts: SiteFacts,
    pub plan: Plan,
    /// SHA-256 of the file's text with this left empty; hexadecimal.
    pub seal: String,
}

/// When, by whom, with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// RFC 3339.
    pub at: String,
    pub who: String,
    /// The machine the command ran on.
    pub host: String,
    pub argv: Vec<String>,
    /// Of reveille.
    pub version: String,
}

/// What was asked for: enough to ask for it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    #[serde(flatten)]
    pub request: Request,
    /// `-i`; empty: the site's own inventory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inventory: Vec<PathBuf>,
    /// `-e`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_vars: Vec<String>,
}

/// What went into the plan, as fingerprints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// Random, so that a secret cannot be guessed by its fingerprint, nor two files be compared.
    pub salt: String,
    /// Settings, playbooks, and the templates and files they put on hosts, by their path in the site.
    pub files: BTreeMap<String, String>,
    /// Every variable of a host that may be chosen, groups and `-e` included.
    pub variables: BTreeMap<HostName, String>,
    pub secrets: BTreeMap<String, String>,
    /// How each host is logged in to, and what is done about a key that is not known. In clear.
    pub logins: BTreeMap<HostName, String>,
}

impl Inputs {
    /// The fingerprints of what a plan for these services is made from.
    pub fn of(
        site: &Site,
        services: &[ServiceName],
        hosts: &[HostName],
        secrets: &serde_json::Map<String, serde_json::Value>,
        salt: &str,
    ) -> Self {
        let salted = |text: &str| digest(&[salt, "\n", text]);
        let variables = |host: &HostName| {
            let mut all = site.host_vars(host);
            all.extend(site.extra_vars.clone());
            let groups = site.inventory.group_names(host).join(",");
            (host.clone(), salted(&format!("{groups}\n{}", serde_json::Value::Object(all))))
        };
        Self {
            salt: salt.to_owned(),
            files: files(site, services),
            variables: hosts.iter().map(variables).collect(),
            secrets: secrets.iter().map(|(name, value)| (name.clone(), salted(&value.to_string()))).collect(),
            logins: BTreeMap::new(),
        }
    }
}

/// What the services are described by: `reveille.yml`, their playbooks, and the templates and files that these name.
fn files(site: &Site, services: &[ServiceName]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    if let Some(text) = site.settings_text() {
        found.insert("reveille.yml".to_owned(), digest(&[text]));
    }
    for playbook in services.iter().filter_map(|service| site.playbooks.get(service)) {
        let (path, text) = site.source_of(playbook);
        found.insert(path, digest(&[text]));
        for step in Phase::ALL.into_iter().flat_map(|phase| playbook.phase(phase)) {
            match &step.action.value {
                Action::Template(args) => templates(site, &args.src, &mut found),
                Action::Copy(args) => {
                    if let Some(src) = &args.src
                        && let Ok(bytes) = site.file(src)
                    {
                        found.insert(file_name(site, src), hex(&Sha256::digest(&bytes)));
                    }
                }
                _ => {}
            }
        }
    }
    found
}

/// A template; all of them where it names others, or is itself named by a variable.
fn templates(site: &Site, name: &str, found: &mut BTreeMap<String, String>) {
    let mut keep = |name: &str, text: &str| _ = found.insert(format!("templates/{name}"), digest(&[text]));
    match site.template(name) {
        Some(text) if !["include", "import", "extends"].iter().any(|word| text.contains(word)) => {
            keep(name, text);
        }
        _ => site.templates().for_each(|(name, text)| keep(name, text)),
    }
}

/// A file's path in the site.
fn file_name(site: &Site, name: &str) -> String {
    let path = site.file_path(name).unwrap_or_default();
    path.strip_prefix(&site.root).unwrap_or(&path).display().to_string()
}

impl SavedPlan {
    /// The text of the file, sealed. `redact` takes secrets out.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn to_text(&self, redact: impl Fn(&str) -> String) -> Result<String, serde_json::Error> {
        let open = Self { seal: String::new(), ..self.clone() };
        let text = redact(&(serde_json::to_string_pretty(&open)? + "\n"));
        let seal = digest(&[&text]);
        Ok(match text.rfind(EMPTY_SEAL) {
            Some(at) => format!("{}\"seal\": \"{seal}\"{}", &text[..at], &text[at + EMPTY_SEAL.len()..]),
            None => text,
        })
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`Unreadable`]
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let head: Head = serde_json::from_str(text).map_err(|_| Unreadable::NoPlan)?;
        if head.schema != SCHEMA {
            return Err(Unreadable::Other(head.schema));
        }
        let saved: Self = serde_json::from_str(text).map_err(Unreadable::Wrong)?;
        let seal = format!("\"seal\": \"{}\"", saved.seal);
        let at = text.rfind(&seal).ok_or(Unreadable::Edited)?;
        let open = format!("{}{EMPTY_SEAL}{}", &text[..at], &text[at + seal.len()..]);
        if digest(&[&open]) == saved.seal { Ok(saved) } else { Err(Unreadable::Edited) }
    }

    /// What is not as it was when this was saved, by what the same question gives `now`: nothing, if it is the same plan.
    /// What hosts said counts as far as something was decided by it.
    pub fn changes(&self, now: &Self) -> Vec<Change> {
        let mut found = Vec::new();
        if self.made.version != now.made.version {
            let (was, is) = (self.made.version.clone(), now.made.version.clone());
            found.push(Change::Version { was, is });
        }
        let (was, is) = (&self.inputs, &now.inputs);
        found.extend(inputs("", &was.files, &is.files));
        found.extend(inputs("a variable of ", &was.variables, &is.variables));
        found.extend(inputs("the secret ", &was.secrets, &is.secrets));
        found.extend(inputs("the login to ", &was.logins, &is.logins));
        for service in &self.plan.services {
            match now.plan.services.iter().find(|other| other.service == service.service) {
                Some(other) => decided(service, other, &mut found),
                None => {
                    found
                        .push(Change::Input { what: format!("service {}", service.service), how: How::Gone });
                }
            }
        }
        found.extend(steps(&self.plan, &now.plan));
        found
    }
}

const EMPTY_SEAL: &str = "\"seal\": \"\"";

/// Why a file is no saved plan.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("it is no saved plan")]
    NoPlan,
    #[error("it is `{0}`, not `{SCHEMA}`")]
    Other(String),
    #[error("it cannot be read")]
    Wrong(#[source] serde_json::Error),
    /// Its seal is not that of its text.
    #[error("it was edited after it was saved")]
    Edited,
}

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Version {
        was: String,
        is: String,
    },
    Input {
        what: String,
        how: How,
    },
    /// A decision that the hosts' facts would lead to now.
    Decision {
        service: ServiceName,
        what: &'static str,
        was: String,
        is: String,
        why: Option<String>,
    },
    Step {
        step: String,
        how: How,
    },
    MoreSteps(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Changed,
    Gone,
    New,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "has changed",
            Self::Gone => "is gone",
            Self::New => "is new",
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { was, is } => write!(f, "reveille was {was}, and is {is}"),
            Self::Input { what, how } => write!(f, "{what} {how}"),
            Self::Decision { service, what, was, is, why } => {
                write!(f, "{service}: {what} would be {is}, not {was}")?;
                why.as_ref().map_or(Ok(()), |why| write!(f, " ({was}: {why})"))
            }
            Self::Step { step, how } => write!(f, "step {step} {how}"),
            Self::MoreSteps(count) => write!(f, "and {count} more steps"),
        }
    }
}

fn inputs<'a, K: Ord + fmt::Display>(
    kind: &'a str,
    was: &'a BTreeMap<K, String>,
    is: &'a BTreeMap<K, String>,
) -> impl Iterator<Item = Change> {
    differing(was, is).map(move |(name, how)| Change::Input { what: format!("{kind}{name}"), how })
}

/// What was decided for a service, and would be decided otherwise.
fn decided(was: &ServicePlan, is: &ServicePlan, found: &mut Vec<Change>) {
    let name = |host: &Option<HostName>| host.as_ref().map_or("nobody".to_owned(), ToString::to_string);
    let mut differs = |what: &'static str, was_this: String, is_this: String, why: Option<String>| {
        if was_this != is_this {
            let service = was.service.clone();
            found.push(Change::Decision { service, what, was: was_this, is: is_this, why });
        }
    };
    differs("the old primary", name(&was.from), name(&is.from), None);
    let primary = story(is, was.to.as_ref(), Role::Primary);
    differs("the primary", name(&was.to), name(&is.to), primary);
    let secondary = story(is, was.secondary.as_ref(), Role::Secondary);
    differs("the secondary", name(&was.secondary), name(&is.secondary), secondary);
    differs("its epoch", was.epoch.to_string(), is.epoch.to_string(), None);
}

/// What is said now of a host that was chosen then.
fn story(now: &ServicePlan, host: Option<&HostName>, role: Role) -> Option<String> {
    let table = now.placement.iter().find(|table| table.role == role)?;
    let candidate = table.candidates.iter().find(|candidate| Some(&candidate.host) == host)?;
    Some(render::text::story(candidate))
}

/// Steps that differ: the first ones by name.
fn steps(was: &Plan, is: &Plan) -> Vec<Change> {
    let by_id = |plan: &Plan| -> BTreeMap<String, PlanStep> {
        plan.steps.iter().map(|step| (step.id.to_string(), step.clone())).collect()
    };
    let (was, is) = (by_id(was), by_id(is));
    let mut found: Vec<Change> =
        differing(&was, &is).map(|(step, how)| Change::Step { step: step.clone(), how }).collect();
    if found.len() > NAMED {
        let more = found.len() - NAMED;
        found.truncate(NAMED);
        found.push(Change::MoreSteps(more));
    }
    found
}

/// What is not the same in both, in order.
fn differing<'a, K: Ord, V: PartialEq>(
    was: &'a BTreeMap<K, V>,
    is: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, How)> {
    let changed = was.iter().filter_map(|(name, before)| match is.get(name) {
        None => Some((name, How::Gone)),
        Some(after) if after != before => Some((name, How::Changed)),
        Some(_) => None,
    });
    changed.chain(is.keys().filter(|name| !was.contains_key(*name)).map(|name| (name, How::New)))
}

fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hex(&hasher.finalize())
}
