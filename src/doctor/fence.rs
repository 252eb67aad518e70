//! Judges a host's fence devices: whether each would do what it is there for, on the night it is needed. Pure:
//! `cli::doctor` asks the agents. No device is ever asked to act.

use super::Finding;
use crate::module::fence::{Device, Metadata, OFF};
use crate::site::id::{HostName, ServiceName};

/// What was asked of one device and answered.
#[derive(Clone, Debug)]
pub struct Look {
    /// The agent's description of itself, as XML.
    pub metadata: Result<String, String>,
    /// The answer to `status`, or to `monitor` for an agent without it.
    pub answer: Result<Said, String>,
}

/// How an agent ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub code: Option<i32>,
    /// Exit code and complaint, for people.
    pub words: String,
}

/// Everything worth saying about one device. `reached`: its host answers.
pub fn examine(device: &Device, look: &Look, reached: bool) -> Vec<Finding> {
    let agent = device.name();
    let mut findings = match &look.metadata {
        Ok(text) => match Metadata::parse(text) {
            Ok(metadata) => described(device, &metadata),
            Err(why) => vec![undescribed(agent, &why)],
        },
        Err(why) if look.answer.is_ok() => vec![undescribed(agent, why)],
        // There is no such program, or it cannot be run: said once, below.
        Err(_) => Vec::new(),
    };
    findings.push(answered(device, &look.answer, reached));
    findings
}

/// A service that writes shared data and has no way out of a host that falls silent.
pub fn stranded(host: &HostName, services: Vec<ServiceName>) -> Option<Finding> {
    let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
    let what = format!(
        "{} would stay on {host} if it fell silent: it has no fence device",
        if names.is_empty() { return None } else { names.join(", ") }
    );
    let fix = "give it one, `reveille_fence` in the inventory; or be there to say `reveille confirm-dead`";
    Some(Finding::warning("fence", what, fix).of(services))
}

fn undescribed(agent: &str, why: &str) -> Finding {
    let fix = "its options cannot be checked; fence agents print an XML document for `-o metadata`";
    Finding::warning("fence", format!("{agent} does not describe itself: {why}"), fix)
}

fn described(device: &Device, metadata: &Metadata) -> Vec<Finding> {
    let agent = device.name();
    let mut findings = Vec::new();
    for option in device.options.keys().filter(|option| !metadata.knows(option)) {
        let fix = match metadata.nearest(option) {
            Some(best) => format!("did you mean `{best}`?"),
            None => format!("`{} -o metadata` lists its options", device.agent),
        };
        findings.push(Finding::error("fence", format!("{agent} knows no option `{option}`"), fix));
    }
    for option in device.options.keys() {
        let Some(heirs) = metadata.deprecated(option) else { continue };
        let fix = match heirs.as_slice() {
            [] => format!("`{} -o metadata` may say what took its place", device.agent),
            heirs => format!("use `{}`", heirs.join("` or `")),
        };
        findings.push(Finding::warning("fence", format!("`{option}` of {agent} is deprecated"), fix));
    }
    let missing: Vec<&str> = metadata.missing(|option| device.options.contains_key(option)).collect();
    if !missing.is_empty() {
        let what = format!("{agent} says that it needs `{}`", missing.join("`, `"));
        findings.push(Finding::warning("fence", what, "put it under `options`"));
    }
    let action = device.action.as_str();
    if !metadata.can(action) {
        findings.push(Finding::error(
            "fence",
            format!("{agent} cannot `{action}`"),
            "choose another `action`",
        ));
    }
    if device.asks_status() && !metadata.can("status") {
        let fix = "write `status: false`: then its word that the action succeeded is believed";
        findings.push(Finding::error("fence", format!("{agent} has no `status`"), fix));
    }
    findings
}

fn answered(device: &Device, answer: &Result<Said, String>, reached: bool) -> Finding {
    let agent = device.name();
    let asked = if device.status { "status" } else { "monitor" };
    match answer {
        Ok(said) if said.code == Some(0) => Finding::ok("fence", format!("{agent} answers to {asked}")),
        Ok(said) if device.status && said.code == Some(OFF) && reached => {
            let fix = "the options seem to name another host: it would be the one to be fenced";
            Finding::error("fence", format!("{agent} says that this host is off, but it answers"), fix)
        }
        Ok(said) if device.status && said.code == Some(OFF) => {
            Finding::ok("fence", format!("{agent} says that the host is off"))
        }
        Ok(said) => {
            let fix = "a host that falls silent could not be fenced: check address, name and password of the device";
            Finding::error("fence", format!("{agent}: {asked} failed: {}", said.words), fix)
        }
        Err(why) => {
            let fix = format!(
                "install it on the controller (Debian: fence-agents, or its package), or correct `agent: {}`",
                device.agent
            );
            Finding::error("fence", why.clone(), fix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;
    use crate::site::inventory::{Confirms, FenceAction};

    const XML: &str = r#"<resource-agent name="fence_x"><parameter name="ip" required="1" obsoletes="ipaddr"/>
<parameter name="ipaddr" deprecated="1"/><parameter name="password"/>
<action name="off"/><action name="status"/></resource-agent>"#;

    fn device(options: &[&str]) -> Device {
        Device {
            agent: "fence_x".to_owned(),
            action: FenceAction::Off,
            options: options.iter().map(|name| ((*name).to_owned(), "v".to_owned())).collect(),
            confirms: Confirms::Power,
            status: true,
            timeout_ms: 1000,
        }
    }

    fn look(xml: &str, code: i32) -> Look {
        let answer = Ok(Said { code: Some(code), words: format!("exit {code}: no route") });
        Look { metadata: Ok(xml.to_owned()), answer }
    }

    fn wrong(device: &Device, look: &Look) -> Vec<(Severity, String)> {
        let findings =
            examine(device, look, true).into_iter().filter(|finding| finding.severity > Severity::Ok);
        findings
            .map(|finding| (finding.severity, format!("{} | {}", finding.what, finding.fix.unwrap())))
            .collect()
    }

    #[test]
    fn a_device_that_answers_and_is_asked_rightly_is_well() {
        assert_eq!(wrong(&device(&["ip", "password"]), &look(XML, 0)), []);
    }

    #[test]
    fn a_wrong_option_is_found_by_the_agents_own_description() {
        let found = wrong(&device(&["ip", "pasword"]), &look(XML, 0));
        assert_eq!(
            found,
            [(Severity::Error, "fence_x knows no option `pasword` | did you mean `password`?".into())]
        );
        let found = wrong(&device(&["ipaddr"]), &look(XML, 0));
        assert_eq!(found, [(Severity::Warning, "`ipaddr` of fence_x is deprecated | use `ip`".into())]);
        let found = wrong(&device(&[]), &look(XML, 0));
        assert!(found[0].1.starts_with("fence_x says that it needs `ip`"), "{found:?}");
    }

    #[test]
    fn what_an_agent_cannot_do_is_said_before_it_is_needed() {
        let found = wrong(&device(&["ip"]), &look(&XML.replace("status", "list"), 1));
        assert_eq!(found.len(), 2);
        assert!(found[0].1.contains("write `status: false`") && found[1].1.contains("exit 1: no route"));
        let off = wrong(&device(&["ip"]), &look(XML, OFF));
        assert!(off[0].1.contains("another host"));
        let silent = examine(&device(&["ip"]), &look(XML, OFF), false);
        assert_eq!(silent[0].severity, Severity::Ok, "a host that was fenced is off");
    }

    #[test]
    fn an_agent_that_is_not_there_is_said_once() {
        let none = "there is no program `fence_x` on the controller".to_owned();
        let look = Look { metadata: Err(none.clone()), answer: Err(none) };
        assert_eq!(wrong(&device(&["ip"]), &look).len(), 1);
    }
}
