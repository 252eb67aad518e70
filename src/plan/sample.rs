//! What a host says of itself in one round of watching: its facts, and the counts that overload rules look at.
//! [`crate::module::sample`] is the question. Pure data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::HostFacts;

/// One host's answer in one round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub facts: HostFacts,
    /// How many processes of each wanted name there are; by the name that was wanted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub processes: BTreeMap<String, u32>,
    /// How many entries each wanted folder has; `None` for one that cannot be read, or not in time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queues: BTreeMap<String, Option<u32>>,
}

impl Sample {
    /// Reads what the script prints.
    ///
    /// # Errors
    /// As [`HostFacts::parse`]; or a count that is none.
    pub fn parse(lines: &[String]) -> Result<Self, String> {
        let mut sample = Self { facts: HostFacts::parse(lines)?, ..Self::default() };
        for line in lines {
            sample.read(line).ok_or_else(|| format!("sample line `{line}` cannot be read"))?;
        }
        Ok(sample)
    }

    /// Takes in one line; `None` when it makes no sense. What comes later for the same folder is right.
    fn read(&mut self, line: &str) -> Option<()> {
        if let Some(rest) = line.strip_prefix("processes ") {
            let (count, name) = rest.split_once(' ')?;
            self.processes.insert(name.to_owned(), count.parse().ok()?);
        } else if let Some(rest) = line.strip_prefix("queue ") {
            let (count, folder) = rest.split_once(' ')?;
            let count = if count == "-" { None } else { Some(count.parse().ok()?) };
            self.queues.insert(folder.to_owned(), count);
        } else if let Some(program) = line.strip_prefix("missing ") {
            self.facts.missing.push(program.to_owned());
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: &str =
        "load1 0.5\ncpus 2\nmem_total_kib 10\nmem_available_kib 5\nboot_id x\nclock_ms 7\nuptime_ms 9\n";

    fn parse(more: &str) -> Result<Sample, String> {
        Sample::parse(&format!("{FACTS}{more}").lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn counts_stand_beside_the_facts() {
        let sample = parse(
            "queue - /var/spool/a b\nqueue - /dead\nprocesses 12 apache2\nprocesses 0 no such\nqueue 3 /var/spool/a b",
        )
        .unwrap();
        assert_eq!(sample.facts.uptime_ms, 9);
        assert_eq!((sample.processes["apache2"], sample.processes["no such"]), (12, 0));
        assert_eq!((sample.queues["/var/spool/a b"], sample.queues["/dead"]), (Some(3), None));
        let text = serde_json::to_string(&sample).unwrap();
        assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), sample);
    }

    #[test]
    fn a_count_that_is_none_is_refused() {
        assert_eq!(
            parse("processes many apache2").unwrap_err(),
            "sample line `processes many apache2` cannot be read"
        );
    }
}
