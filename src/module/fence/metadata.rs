//! What an agent says of itself, `-o metadata`: the options it knows, the actions it can do. An XML document, of which
//! only the tags `parameter` and `action` are looked at.

use roxmltree::Node;

use crate::module::agent_xml::{self, Described};
use crate::site::diagnostic::nearest;

/// An agent's options and actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    pub parameters: Vec<Parameter>,
    pub actions: Vec<String>,
}

/// One option of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub required: bool,
    /// Kept only for those who still use it.
    pub deprecated: bool,
    /// The older name of the same thing.
    pub obsoletes: Option<String>,
}

impl Metadata {
    /// # Errors
    /// The text describes no agent.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Described { parameters, actions } =
            agent_xml::described(text, parameter, |name, _| name.to_owned())?;
        Ok(Self { parameters, actions })
    }

    pub fn can(&self, action: &str) -> bool {
        self.actions.iter().any(|known| known == action)
    }

    /// Whether the agent has an option of this name.
    pub fn knows(&self, option: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter.name == option)
    }

    /// The option that was most likely meant.
    pub fn nearest(&self, option: &str) -> Option<&str> {
        nearest(option, self.parameters.iter().map(|parameter| parameter.name.as_str()))
    }

    /// For an option that is kept only for those who still use it: the ones that took its place, if the agent says.
    pub fn deprecated(&self, option: &str) -> Option<Vec<&str>> {
        self.parameters.iter().find(|parameter| parameter.name == option && parameter.deprecated)?;
        let heirs = self.parameters.iter().filter(|one| one.obsoletes.as_deref() == Some(option));
        Some(heirs.map(|one| one.name.as_str()).collect())
    }

    /// Options without which the agent will not work, and that are not among `given`.
    pub fn missing<'a>(&'a self, given: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = &'a str> + 'a {
        let needed = self
            .parameters
            .iter()
            .filter(|parameter| parameter.required && !parameter.deprecated && parameter.name != "action");
        let satisfied = move |parameter: &&Parameter| {
            given(&parameter.name) || parameter.obsoletes.as_deref().is_some_and(&given)
        };
        needed.filter(move |parameter| !satisfied(parameter)).map(|parameter| parameter.name.as_str())
    }
}

fn parameter(name: &str, node: Node<'_, '_>) -> Parameter {
    Parameter {
        name: name.to_owned(),
        required: node.attribute("required") == Some("1"),
        deprecated: node.attribute("deprecated") == Some("1"),
        obsoletes: node.attribute("obsoletes").map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = r#"<?xml version="1.0" ?>
<resource-agent name="fence_x" shortdesc="Fence agent for x = y">
<parameters>
	<parameter name="action" unique="0" required="1"/>
	<parameter name="ip" unique="0" required="1" obsoletes="ipaddr">
		<getopt mixed="-a, --ip=[ip]" />
	</parameter>
	<parameter name="ipaddr" unique="0" required="1" deprecated="1"/>
	<parameter unique='0' name='password'/>
</parameters>
<actions>
	<action name="on" automatic="0"/>
	<action name="off" />
	<action name="status" />
</actions>
</resource-agent>"#;

    #[test]
    fn options_and_actions_are_found() {
        let metadata = Metadata::parse(XML).unwrap();
        assert_eq!(metadata.actions, ["on", "off", "status"]);
        assert!(metadata.knows("ipaddr") && metadata.knows("password") && !metadata.knows("mixed"));
        assert_eq!(metadata.nearest("pasword"), Some("password"));
        let missing = |given: &'static [&str]| {
            metadata.missing(|name| given.contains(&name)).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(metadata.deprecated("ipaddr"), Some(vec!["ip"]));
        assert_eq!(metadata.deprecated("ip"), None);
        assert_eq!(missing(&["password"]), ["ip"]);
        assert!(missing(&["ip"]).is_empty() && missing(&["ipaddr"]).is_empty());
    }

    #[test]
    fn what_describes_no_agent_is_refused() {
        assert!(Metadata::parse("usage: fence_x [options]").is_err());
        assert!(Metadata::parse("").is_err());
    }
}
