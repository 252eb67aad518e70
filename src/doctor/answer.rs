//! What a host says to the scripts of [`crate::module::doctor`].

use std::collections::{BTreeMap, BTreeSet};

/// One host's answer, as far as it went. What it did not say is `None` and is not judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub uid: Option<u32>,
    /// Whether reveille's folder can be written or made.
    pub writable: Option<bool>,
    /// KiB free where that folder is.
    pub free_kib: Option<u64>,
    pub freezer: Option<Freezer>,
    pub max_sessions: Option<u32>,
    /// Hardware addresses, lower case.
    pub macs: BTreeSet<String>,
    pub missing: BTreeSet<String>,
    /// By the place of the question: exit code and first line.
    pub checks: BTreeMap<usize, (i32, String)>,
    /// By the place of the question.
    pub agents: BTreeMap<usize, Described>,
    /// What each command pays for the login shell's start files.
    pub login_ms: Option<u64>,
    pub shell: Option<String>,
    /// The first line the login shell prints by itself.
    pub noise: Option<String>,
}

/// What an OCF agent said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    pub code: i32,
    pub text: String,
}

/// What would put processes to sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freezer {
    V2,
    V1,
    None,
}

impl Answer {
    /// Reads the lines; those it does not know are passed over.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut answer = Self::default();
        for line in lines {
            if let Some((key, value)) = line.split_once(' ') {
                answer.read(key, value);
            }
        }
        answer
    }

    fn read(&mut self, key: &str, value: &str) {
        match key {
            "uid" => self.uid = value.parse().ok(),
            "writable" => self.writable = Some(value == "yes"),
            "run_free_kib" => self.free_kib = value.parse().ok(),
            "freezer" => {
                self.freezer = match value {
                    "v2" => Some(Freezer::V2),
                    "v1" => Some(Freezer::V1),
                    _ => Some(Freezer::None),
                }
            }
            "max_sessions" => self.max_sessions = value.parse().ok(),
            "mac" => _ = self.macs.insert(value.to_lowercase()),
            "missing" => _ = self.missing.insert(value.to_owned()),
            "login_ms" => self.login_ms = value.parse().ok(),
            "shell" => self.shell = Some(value.to_owned()),
            "noise" => self.noise = Some(value.to_owned()),
            "check" => self.checks.extend(check(value)),
            "agent" => _ = self.describe(value),
            _ => {}
        }
    }

    /// `NUMBER CODE LINE`, for each line.
    fn describe(&mut self, value: &str) -> Option<()> {
        let mut words = value.splitn(3, ' ');
        let (place, code) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let described = self.agents.entry(place).or_default();
        described.code = code;
        described.text.extend([words.next().unwrap_or_default(), "\n"]);
        Some(())
    }
}

/// `NUMBER CODE TEXT`, `TEXT` being the first line
fn check(value: &str) -> Option<(usize, (i32, String))> {
    let (place, rest) = value.split_once(' ')?;
    let (code, text) = rest.split_once(' ').unwrap_or((rest, ""));
    Some((place.parse().ok()?, (code.parse().ok()?, text.trim().to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_line_by_line() {
        let lines = [
            "motd of the day",
            "uid 0",
            "writable yes",
            "freezer v2",
            "mac AA:bb:00:00:00:01",
            "missing my tool",
            "check 0 0 ",
            "check 1 1 no device in the network of 10.0.0.80/24",
            "agent 2 0 <a>",
            "agent 2 0   <b />",
            "agent 3 66 ",
            "max_sessions 10",
        ];
        let answer = Answer::parse(lines);
        assert_eq!((answer.uid, answer.writable, answer.freezer), (Some(0), Some(true), Some(Freezer::V2)));
        assert!(answer.missing.contains("my tool") && answer.macs.contains("aa:bb:00:00:00:01"));
        assert_eq!(answer.checks[&0], (0, String::new()));
        assert_eq!(answer.checks[&1].1, "no device in the network of 10.0.0.80/24");
        assert_eq!(answer.agents[&2], Described { code: 0, text: "<a>\n  <b />\n".to_owned() });
        assert_eq!(answer.agents[&3].code, 66);
        assert_eq!((answer.max_sessions, answer.free_kib), (Some(10), None));
    }
}
