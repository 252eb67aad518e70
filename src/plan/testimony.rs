//! What a witness says of suspects. [`crate::module::witness`] is the question; a monitor reads each statement as it
//! comes, or the whole testimony. Pure data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::HostFacts;
use crate::module::witness::Question;
use crate::site::id::{HostName, ServiceName};

/// What was heard of one thing that was asked after. Silence, refusal and ignorance differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heard {
    /// A host: its kernel answers. Addresses: somebody holds one of them. A service: the expected answer came.
    Answered {
        detail: String,
    },
    /// Of a service: an answer that is not the expected one.
    Wrong {
        detail: String,
    },
    /// Of a service: the host is there, and nothing listens.
    Refused {
        detail: String,
    },
    Silent {
        for_ms: u64,
    },
    /// It could not be asked, or not in time; says nothing of the suspect.
    CannotTell {
        why: String,
    },
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    Host(HostName),
    /// The addresses of a service, on the witness's link.
    Address(ServiceName),
    /// A service through its address.
    Service(ServiceName),
}

/// One line of a testimony.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    pub about: Topic,
    pub heard: Heard,
}

/// All that one witness says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Testimony {
    pub hosts: BTreeMap<HostName, Heard>,
    /// Whether anyone answers for a service's addresses.
    pub addresses: BTreeMap<ServiceName, Heard>,
    /// Whether a service answers through its address.
    pub services: BTreeMap<ServiceName, Heard>,
    /// The witness of itself, or why it says nothing: a busy or confused one counts for less.
    pub facts: Result<HostFacts, String>,
}

impl Heard {
    pub fn is_answered(&self) -> bool {
        matches!(self, Self::Answered { .. })
    }

    /// One thing may be asked after in two ways: what proves more counts.
    fn weight(&self) -> u8 {
        match self {
            Self::CannotTell { .. } => 0,
            Self::Silent { .. } => 1,
            Self::Refused { .. } => 2,
            Self::Wrong { .. } => 3,
            Self::Answered { .. } => 4,
        }
    }
}

impl std::fmt::Display for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answered { detail } | Self::Wrong { detail } | Self::Refused { detail } => {
                f.write_str(detail)
            }
            Self::Silent { for_ms } => write!(f, "silent for {for_ms} ms"),
            Self::CannotTell { why } => write!(f, "cannot tell: {why}"),
        }
    }
}

impl Statement {
    /// Reads a line of the script's output; `None` for lines that are something else.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("witness ")?.splitn(4, ' ');
        let (topic, name, word) = (words.next()?, words.next()?, words.next()?);
        let about = match topic {
            "host" => Topic::Host(name.try_into().ok()?),
            "address" => Topic::Address(name.try_into().ok()?),
            "service" => Topic::Service(name.try_into().ok()?),
            _ => return None,
        };
        let detail = words.next().unwrap_or_default().to_owned();
        let heard = match word {
            "answered" => Heard::Answered { detail },
            "wrong" => Heard::Wrong { detail },
            "refused" => Heard::Refused { detail },
            "silent" => Heard::Silent { for_ms: detail.parse().ok()? },
            "cannot" => Heard::CannotTell { why: detail },
            _ => return None,
        };
        Some(Self { about, heard })
    }
}

impl Testimony {
    /// What a witness says that has not said anything.
    pub fn none(question: &Question, why: &str) -> Self {
        let nothing = || Heard::CannotTell { why: why.to_owned() };
        let doubts = || question.services.iter();
        Self {
            hosts: question.hosts.keys().map(|name| (name.clone(), nothing())).collect(),
            addresses: doubts()
                .filter(|(_, doubt)| !doubt.addresses.is_empty())
                .map(|(name, _)| (name.clone(), nothing()))
                .collect(),
            services: doubts()
                .filter(|(_, doubt)| doubt.probe.is_some())
                .map(|(name, _)| (name.clone(), nothing()))
                .collect(),
            facts: Err(why.to_owned()),
        }
    }

    /// The whole output, also one that was cut short: what is missing is not known.
    pub fn parse(question: &Question, lines: &[String]) -> Self {
        let mut testimony = Self::none(question, "no word of it came");
        lines.iter().filter_map(|line| Statement::parse(line)).for_each(|statement| testimony.add(statement));
        testimony.facts = HostFacts::parse(lines);
        testimony
    }

    /// Takes in one statement. What was not asked is passed over.
    pub fn add(&mut self, statement: Statement) {
        let Statement { about, heard } = statement;
        let so_far = match about {
            Topic::Host(name) => self.hosts.get_mut(&name),
            Topic::Address(name) => self.addresses.get_mut(&name),
            Topic::Service(name) => self.services.get_mut(&name),
        };
        if let Some(so_far) = so_far.filter(|so_far| so_far.weight() <= heard.weight()) {
            *so_far = heard;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::Probe;
    use crate::module::witness::Doubt;

    fn question() -> Question {
        let probe = Probe::Tcp { host: "10.0.0.80".to_owned(), port: 80, timeout_ms: 500 };
        let doubt = Doubt {
            addresses: vec!["10.0.0.80/24".parse().unwrap()],
            probe: Some(probe),
            ..Doubt::default()
        };
        Question {
            hosts: [(host("h1"), "10.0.0.1".to_owned()), (host("h2"), "10.0.0.2".to_owned())].into(),
            services: [(service("web"), doubt), (service("dns"), Doubt::default())].into(),
            ..Question::default()
        }
    }

    fn host(name: &str) -> HostName {
        name.try_into().unwrap()
    }

    fn service(name: &str) -> ServiceName {
        name.try_into().unwrap()
    }

    fn parse(text: &str) -> Testimony {
        Testimony::parse(&question(), &text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn each_answer_finds_its_place_and_the_rest_is_not_known() {
        let testimony = parse(
            "witness host h1 silent 400\nload1 0.5\nwitness address web silent 200\n\
             witness service web refused connection refused\nwitness host h9 answered echo\nwitness host h1 maybe x",
        );
        assert_eq!(testimony.hosts[&host("h1")], Heard::Silent { for_ms: 400 });
        assert!(matches!(testimony.hosts[&host("h2")], Heard::CannotTell { .. }));
        assert_eq!(testimony.addresses[&service("web")], Heard::Silent { for_ms: 200 });
        let refused = Heard::Refused { detail: "connection refused".to_owned() };
        assert_eq!(testimony.services[&service("web")], refused);
        assert_eq!((testimony.hosts.len(), testimony.addresses.len(), testimony.services.len()), (2, 1, 1));
        assert!(testimony.facts.is_err());
        let text = serde_json::to_string(&testimony).unwrap();
        assert_eq!(serde_json::from_str::<Testimony>(&text).unwrap(), testimony);
    }

    #[test]
    fn what_proves_more_counts_whichever_comes_first() {
        for text in [
            "witness host h1 answered echo\nwitness host h1 silent 400",
            "witness host h1 cannot no ping\nwitness host h1 silent 400\nwitness host h1 answered echo",
        ] {
            assert!(parse(text).hosts[&host("h1")].is_answered(), "{text}");
        }
    }
}
