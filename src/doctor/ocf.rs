//! Judges what steps want of OCF agents by what each host's agents say of themselves: parameters, actions, times. Pure:
//! [`crate::module::doctor`] has the agents asked.

use super::answer::Described;
use super::needs::{Agent, Use};
use super::{Answer, Finding, package};
use crate::module::ocf::{Metadata, NO_AGENT};
use crate::site::action::{AgentName, OcfState};
use crate::site::diagnostic::nearest;
use crate::site::quantity::TimeSpan;

/// Everything worth saying about the agents of one host, each thing once.
pub(super) fn examine(answer: &Answer, agents: &[Agent]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (place, agent) in agents.iter().enumerate() {
        let Some(described) = answer.agents.get(&place) else { continue };
        for finding in judge(agent, described) {
            match findings.iter_mut().find(|known| known.what == finding.what) {
                Some(known) => known.services.extend(finding.services),
                None => findings.push(finding),
            }
        }
    }
    for finding in &mut findings {
        finding.services.sort();
        finding.services.dedup();
    }
    findings
}

fn judge(agent: &Agent, described: &Described) -> Vec<Finding> {
    let all = |finding: Finding| vec![finding.of(agent.uses.iter().map(|one| one.service.clone()))];
    if described.code == NO_AGENT {
        return all(missing(agent, &described.text));
    }
    match Metadata::parse(&described.text) {
        Ok(metadata) => {
            let wrong: Vec<Finding> =
                agent.uses.iter().flat_map(|one| wrong(&agent.name, one, &metadata)).collect();
            if wrong.is_empty() {
                return all(Finding::ok("ocf", format!("{} knows what it is asked for", agent.name)));
            }
            wrong
        }
        Err(why) => {
            let what = format!("{} does not describe itself: {why} (exit {})", agent.name, described.code);
            all(Finding::warning("ocf", what, "its parameters cannot be checked; `meta-data` prints them"))
        }
    }
}

fn missing(agent: &Agent, others: &str) -> Finding {
    let AgentName { provider, kind } = &agent.name;
    let steps: Vec<&str> = agent.uses.iter().map(|one| one.step.as_str()).collect();
    let what = format!("no OCF agent {}, needed by {}", agent.name, steps.join(", "));
    let fix = match nearest(kind, others.lines().map(str::trim)) {
        Some(best) => format!("did you mean `{provider}:{best}`?"),
        None if others.trim().is_empty() => package::agents(provider),
        None => format!("correct `agent`, or put it below /usr/lib/ocf/resource.d/{provider}"),
    };
    let place = agent.uses.first().map(|one| format!("{}: ", one.place)).unwrap_or_default();
    Finding::error("ocf", place + &what, fix)
}

/// What one step asks of an agent that cannot be had.
fn wrong(agent: &AgentName, one: &Use, metadata: &Metadata) -> Vec<Finding> {
    let mut findings = parameters(agent, one, metadata);
    findings.extend(required(agent, one, metadata));
    findings.extend(actions(agent, one, metadata));
    findings.extend(time(agent, one, metadata));
    findings.into_iter().map(|finding| finding.of([one.service.clone()])).collect()
}

fn parameters(agent: &AgentName, one: &Use, metadata: &Metadata) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ((name, value), place) in one.resource.params.iter().zip(&one.places) {
        let Some(parameter) = metadata.parameter(name) else {
            let fix = match metadata.nearest(name) {
                Some(best) => format!("did you mean `{best}`?"),
                None => format!("it knows {}", listed(metadata)),
            };
            let what = format!("{place}: {agent} has no parameter `{name}`");
            findings.push(Finding::error("ocf", what, fix));
            continue;
        };
        // Not the value itself: it may be a secret.
        if let Some(refusal) = parameter.kind.refuses(value) {
            let what = format!("{place}: `{name}` of {agent} {refusal}");
            findings.push(Finding::error("ocf", what, "correct the value in `params`"));
        }
        if parameter.deprecated {
            let fix = match parameter.replaced_by.as_slice() {
                [] => format!("see `{name}` in the agent's description"),
                better => format!("use `{}`", better.join("` or `")),
            };
            let what = format!("{place}: `{name}` of {agent} is deprecated");
            findings.push(Finding::warning("ocf", what, fix));
        }
    }
    findings
}

fn listed(metadata: &Metadata) -> String {
    let names: Vec<String> = metadata.parameters.iter().map(|one| format!("`{}`", one.name)).collect();
    if names.is_empty() { "no parameters".to_owned() } else { names.join(", ") }
}

fn required(agent: &AgentName, one: &Use, metadata: &Metadata) -> Option<Finding> {
    let given = |name: &str| one.resource.params.iter().any(|(known, _)| known == name);
    let missing: Vec<&str> = metadata
        .parameters
        .iter()
        .filter(|parameter| parameter.required && !parameter.deprecated && !given(&parameter.name))
        .map(|parameter| parameter.name.as_str())
        .collect();
    (!missing.is_empty()).then(|| {
        let what = format!("{}: {agent} needs `{}`", one.place, missing.join("`, `"));
        Finding::error("ocf", what, "put it under `params`")
    })
}

fn actions(agent: &AgentName, one: &Use, metadata: &Metadata) -> Vec<Finding> {
    let lacks = |action: &&str| !metadata.can(action);
    let mut findings: Vec<Finding> = ["start", "stop", "monitor"]
        .iter()
        .filter(|action| lacks(action))
        .map(|action| {
            let fix = "it is no resource agent that can be used so: use `command` or `process`";
            Finding::error("ocf", format!("{agent} cannot {action}"), fix)
        })
        .collect();
    if one.resource.state == OcfState::Startable && lacks(&"validate-all") {
        let fix = "a copy is found fit although it may not start: `reveille drill wake` shows";
        findings.push(Finding::warning("ocf", format!("{agent} has no validate-all"), fix));
    }
    findings
}

/// The agent's own advice for what the step has it do.
fn time(agent: &AgentName, one: &Use, metadata: &Metadata) -> Option<Finding> {
    let (does, actions): (_, &[&str]) = match one.resource.state {
        OcfState::Started => ("start", &["start", "monitor"]),
        OcfState::Startable => return None,
        OcfState::Stopped => ("stop", &["stop", "monitor"]),
    };
    let advised = actions.iter().filter_map(|action| metadata.advised(action)).max()?;
    if u128::from(one.timeout_ms) >= advised.as_millis() {
        return None;
    }
    let (advised, has) = (TimeSpan(advised), TimeSpan(std::time::Duration::from_millis(one.timeout_ms)));
    let what = format!("{}: {agent} would be given {advised} to {does}, and has {has}", one.place);
    Some(Finding::warning("ocf", what, format!("`timeout: {advised}`, unless you know that it is quicker")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;
    use crate::module::ocf::Resource;
    use crate::site::source::{Sp, Span};

    const XML: &str = r#"<resource-agent name="lamp"><parameters>
<parameter name="file" required="1"/>
<parameter name="port"><content type="integer"/></parameter>
<parameter name="prt"><deprecated><replaced-with name="port"/></deprecated></parameter>
</parameters><actions><action name="start" timeout="40s"/><action name="stop" timeout="60s"/><action name="monitor"/>
<action name="validate-all"/></actions></resource-agent>"#;

    fn agent(state: OcfState, params: &[(&str, &str)], timeout_ms: u64) -> Agent {
        let name: AgentName = "x:lamp".parse().unwrap();
        let sp = |text: &str| Sp::new(text.to_owned(), Span::default());
        let resource = Resource {
            agent: Sp::new(name.clone(), Span::default()),
            state,
            params: params.iter().map(|(name, value)| ((*name).to_owned(), sp(value))).collect(),
        };
        let one = Use {
            service: "web".parse().unwrap(),
            step: "wake.start".to_owned(),
            places: params.iter().map(|(name, _)| format!("web.yml:{name}")).collect(),
            place: "web.yml:1:1".to_owned(),
            resource,
            timeout_ms,
        };
        Agent { name, uses: vec![one] }
    }

    fn found(agent: Agent, lines: &[&str]) -> Vec<(Severity, String)> {
        let answer = Answer::parse(lines.iter().copied());
        examine(&answer, &[agent])
            .into_iter()
            .filter(|finding| finding.severity > Severity::Ok)
            .map(|finding| (finding.severity, format!("{} | {}", finding.what, finding.fix.unwrap())))
            .collect()
    }

    fn judged(agent: Agent) -> Vec<(Severity, String)> {
        let lines: Vec<String> = XML.lines().map(|line| format!("agent 0 0 {line}")).collect();
        found(agent, &lines.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn what_fits_is_well() {
        assert_eq!(judged(agent(OcfState::Started, &[("file", "/x"), ("port", "80")], 40_000)), []);
        assert_eq!(judged(agent(OcfState::Startable, &[("file", "/x")], 1)), []);
    }

    #[test]
    fn each_wrong_parameter_is_named_with_its_place() {
        let wrong =
            judged(agent(OcfState::Stopped, &[("fil", "/x"), ("port", "http"), ("prt", "8")], 60_000));
        let wrong: Vec<&str> = wrong.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(
            wrong,
            [
                "web.yml:fil: x:lamp has no parameter `fil` | did you mean `file`?",
                "web.yml:port: `port` of x:lamp is not a whole number | correct the value in `params`",
                "web.yml:prt: `prt` of x:lamp is deprecated | use `port`",
                "web.yml:1:1: x:lamp needs `file` | put it under `params`",
            ]
        );
    }

    #[test]
    fn a_step_that_has_less_time_than_the_agent_asks_for_is_a_warning() {
        let wrong = judged(agent(OcfState::Started, &[("file", "/x")], 30_000));
        let expected = "web.yml:1:1: x:lamp would be given 40s to start, and has 30s | \
                        `timeout: 40s`, unless you know that it is quicker";
        assert_eq!(wrong, [(Severity::Warning, expected.to_owned())]);
    }

    #[test]
    fn an_agent_that_is_not_there_is_named_with_what_is() {
        let lamp = || agent(OcfState::Started, &[], 30_000);
        let near = found(lamp(), &["agent 0 66 lamps", "agent 0 66 Dummy"]);
        assert!(near[0].1.ends_with("no OCF agent x:lamp, needed by wake.start | did you mean `x:lamps`?"));
        let none = found(lamp(), &["agent 0 66 "]);
        assert!(none[0].1.contains("provider"), "{none:?}");
        let broken = found(lamp(), &["agent 0 1 usage: lamp"]);
        assert_eq!(broken[0].0, Severity::Warning);
    }
}
