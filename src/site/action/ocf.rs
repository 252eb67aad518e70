//! `ocf`: a resource run by an OCF agent, and the names of such agents.

use std::fmt;
use std::str::FromStr;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ScalarText;
use crate::site::source::Sp;

/// Something that an OCF resource agent of the host starts, stops and looks at. Debian's `resource-agents` brings many.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OcfArgs {
    /// `heartbeat:apache`; not templated.
    pub agent: Sp<AgentName>,
    /// Tells several of one agent apart; not templated. By default the agent's own name.
    #[serde(default)]
    pub name: Option<Sp<String>>,
    /// The agent's parameters.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, ScalarText>")]
    pub params: IndexMap<String, Sp<ScalarText>>,
    /// What it must be.
    pub state: OcfState,
}

impl OcfArgs {
    /// What it is called on the host, within its service.
    pub fn instance(&self) -> &str {
        self.name.as_ref().map_or(self.agent.kind.as_str(), |name| name.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OcfState {
    /// Running, by the agent's own word.
    Started,
    /// Not running, and the agent finds nothing that would keep it from being started here.
    Startable,
    /// Not running.
    Stopped,
}

impl OcfState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Startable => "startable",
            Self::Stopped => "stopped",
        }
    }
}

/// An agent below `/usr/lib/ocf/resource.d`: its provider's folder and its file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgentName {
    pub provider: String,
    /// The file's name: `apache`.
    pub kind: String,
}

impl FromStr for AgentName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // As Pacemaker writes it.
        let short = text.strip_prefix("ocf:").unwrap_or(text);
        let Some((provider, kind)) = short.split_once(':') else {
            return Err(format!("`{text}` is no agent: write its provider, too, as in `heartbeat:{text}`"));
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let is_name =
            |part: &str| !part.is_empty() && !part.starts_with(['.', '-']) && part.chars().all(plain);
        if !is_name(provider) || !is_name(kind) {
            return Err(format!("`{text}` is no agent such as `heartbeat:apache`"));
        }
        Ok(Self { provider: provider.to_owned(), kind: kind.to_owned() })
    }
}

impl TryFrom<String> for AgentName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<AgentName> for String {
    fn from(agent: AgentName) -> String {
        agent.to_string()
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}", self.provider, self.kind))
    }
}

impl JsonSchema for AgentName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AgentName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "reveille-agent",
            "description": "An OCF resource agent by its provider and name: `heartbeat:apache`."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_a_provider_and_a_name() {
        let agent: AgentName = "ocf:heartbeat:IPaddr2".parse().unwrap();
        assert_eq!(agent.to_string(), "heartbeat:IPaddr2");
        assert_eq!("heartbeat:apache".parse::<AgentName>().unwrap().kind, "apache");
        let refusal = |text: &str| text.parse::<AgentName>().unwrap_err();
        assert!(refusal("apache").contains("`heartbeat:apache`"));
        for wrong in ["heartbeat:", ":apache", "heartbeat:../../sh", "systemd:a b", "a:b:c", "ocf:x:.hidden"]
        {
            assert_eq!(refusal(wrong), format!("`{wrong}` is no agent such as `heartbeat:apache`"));
        }
    }
}
