//! What an agent says of itself, `meta-data`: the parameters it knows, and how long its actions may take. An XML
//! document (resource agent API 1.1, `ra-api.rng`); what it describes beside that is passed over.

use std::time::Duration;

use roxmltree::Node;

use crate::module::agent_xml::{self, Described};
use crate::site::diagnostic::nearest;

/// An agent's parameters and actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    pub parameters: Vec<Parameter>,
    /// Actions, and how long each should be given; none where the agent does not say.
    pub actions: Vec<(String, Option<Duration>)>,
}

/// One parameter of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub required: bool,
    pub kind: Kind,
    /// Kept only for those who still use it.
    pub deprecated: bool,
    /// What to use instead.
    pub replaced_by: Vec<String>,
}

/// What a value must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text; also where the agent says something that is not known here.
    Text,
    Integer,
    Boolean,
    /// One of these.
    Select(Vec<String>),
}

impl Metadata {
    /// # Errors
    /// The text describes no agent.
    pub fn parse(text: &str) -> Result<Self, String> {
        let action =
            |name: &str, node: Node<'_, '_>| (name.to_owned(), node.attribute("timeout").and_then(time));
        let Described { parameters, actions } = agent_xml::described(text, parameter, action)?;
        Ok(Self { parameters, actions })
    }

    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// The parameter that was most likely meant.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.parameters.iter().map(|parameter| parameter.name.as_str()))
    }

    pub fn can(&self, action: &str) -> bool {
        self.actions.iter().any(|(known, _)| known == action)
    }

    /// The longest that the agent would have an action given.
    pub fn advised(&self, action: &str) -> Option<Duration> {
        self.actions.iter().filter(|(known, _)| known == action).filter_map(|(_, timeout)| *timeout).max()
    }
}

fn parameter(name: &str, node: Node<'_, '_>) -> Parameter {
    let child = |tag: &'static str| node.children().find(move |child| child.has_tag_name(tag));
    let replaced = child("deprecated").into_iter().flat_map(|deprecated| {
        agent_xml::named(deprecated, "replaced-with").map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    });
    Parameter {
        name: name.to_owned(),
        required: node.attribute("required").is_some_and(is_true),
        kind: child("content").map_or(Kind::Text, kind),
        deprecated: child("deprecated").is_some() || node.attribute("deprecated").is_some_and(is_true),
        replaced_by: replaced.collect(),
    }
}

fn kind(content: Node<'_, '_>) -> Kind {
    match content.attribute("type") {
        Some("integer") => Kind::Integer,
        Some("boolean") => Kind::Boolean,
        Some("select") => {
            let options = content.children().filter(|child| child.has_tag_name("option"));
            Kind::Select(options.filter_map(|option| option.attribute("value")).map(str::to_owned).collect())
        }
        _ => Kind::Text,
    }
}

impl Kind {
    /// What is wrong with a value: `is not a whole number`.
    pub fn refuses(&self, value: &str) -> Option<String> {
        let fits = match self {
            Self::Text => true,
            Self::Integer => value.trim().parse::<i64>().is_ok(),
            Self::Boolean => is_true(value) || is_false(value),
            Self::Select(options) => options.is_empty() || options.iter().any(|option| option == value),
        };
        (!fits).then(|| match self {
            Self::Text => String::new(),
            Self::Integer => "is not a whole number".to_owned(),
            Self::Boolean => "is neither true nor false".to_owned(),
            Self::Select(options) => format!("is none of `{}`", options.join("`, `")),
        })
    }
}

/// What agents take for yes (`ocf_is_true` of `resource-agents`).
fn is_true(value: &str) -> bool {
    ["1", "yes", "true", "on", "ja"].contains(&value.to_lowercase().as_str())
}

fn is_false(value: &str) -> bool {
    ["0", "no", "false", "off", "nein"].contains(&value.to_lowercase().as_str())
}

/// `40s`, `40`, `500ms`, `2m` or `2min`.
fn time(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    Some(match text[digits..].trim() {
        "" | "s" | "sec" => Duration::from_secs(number),
        "ms" | "msec" => Duration::from_millis(number),
        "m" | "min" => Duration::from_secs(number.checked_mul(60)?),
        "h" | "hr" => Duration::from_secs(number.checked_mul(3600)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = r#"<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="lamp" version="1.1">
<!-- <parameter name="never"/> -->
<parameters>
<parameter name="file" required="1"><content type="string" default=""/></parameter>
<parameter name="port"><shortdesc lang="en">a &lt;port&gt;</shortdesc><content type="integer"/></parameter>
<parameter name="bright" required="0"><content type="boolean" default="false"/></parameter>
<parameter name="colour">
  <content type="select"><option value="red"/><option value="green"/></content>
</parameter>
<parameter name="bulb">
  <deprecated><replaced-with name="colour"/><desc>old</desc></deprecated><content type="string"/>
</parameter>
</parameters>
<actions>
<action name="start" timeout="40s"/>
<action name="stop" timeout="1min"/>
<action name="monitor" depth="0" timeout="20" interval="10"/>
<action name="monitor" depth="10" timeout="2500ms" interval="10"/>
<action name="meta-data"/>
</actions>
</resource-agent>"#;

    #[test]
    fn parameters_and_actions_are_found() {
        let metadata = Metadata::parse(XML).unwrap();
        assert!(metadata.parameter("file").unwrap().required && metadata.parameter("never").is_none());
        assert_eq!(metadata.nearest("prot"), Some("port"));
        let bulb = metadata.parameter("bulb").unwrap();
        assert!(bulb.deprecated && !metadata.parameter("colour").unwrap().deprecated);
        assert_eq!(bulb.replaced_by, ["colour"]);
        let advised = |action| metadata.advised(action).map(|time| time.as_millis());
        assert_eq!([advised("start"), advised("stop")], [Some(40_000), Some(60_000)]);
        assert_eq!([advised("monitor"), advised("meta-data")], [Some(20_000), None]);
        assert!(metadata.can("meta-data") && !metadata.can("promote"));
    }

    #[test]
    fn values_are_judged_by_their_kind() {
        let metadata = Metadata::parse(XML).unwrap();
        let refused = |name: &str, value: &str| metadata.parameter(name).unwrap().kind.refuses(value);
        assert_eq!(refused("port", "http").unwrap(), "is not a whole number");
        assert_eq!(refused("bright", "maybe").unwrap(), "is neither true nor false");
        assert_eq!(refused("colour", "blue").unwrap(), "is none of `red`, `green`");
        for (name, value) in [("port", "80"), ("bright", "No"), ("colour", "green"), ("file", "")] {
            assert_eq!(refused(name, value), None, "{name}={value}");
        }
    }

    #[test]
    fn what_describes_no_agent_is_refused() {
        for text in ["", "usage: lamp start", "<resource-agent name='x'/>", "<a><b></a>"] {
            assert!(Metadata::parse(text).is_err(), "{text}");
        }
    }
}
