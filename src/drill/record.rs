//! What a drill found: one JSON document, schema `reveille.drill/1`, written anew after each round, so that a drill that
//! was stopped goes on where it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cell::{Cell, Fault, Interval, Wanted};
use crate::site::id::{HostName, ServiceName};

/// The version of the document.
pub const SCHEMA: &str = "reveille.drill/1";

const DRILL: &str = "fault";

/// All rounds of a drill, and what they were made on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    pub schema: String,
    /// `fault`; the document of `drill wake` says `wake`.
    pub drill: String,
    pub machine: Machine,
    /// Programs by name.
    pub versions: BTreeMap<String, String>,
    /// Of the random instants; absent where documents of several were put together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    pub wanted: Wanted,
    /// What was measured how, one paragraph each.
    pub method: Vec<String>,
    pub rounds: Vec<Round>,
}

/// What the lab ran on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub cores: u32,
    pub cpu: String,
    pub memory_mib: u64,
    pub kernel: String,
    pub system: String,
}

/// One failure and what followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    pub service: ServiceName,
    pub fault: Fault,
    pub interval_s: Interval,
    /// From 1.
    pub round: u32,
    /// The instant of the failure.
    pub at: Timestamp,
    /// Where between two looks of the monitor it fell, from 0 to 1.
    pub phase: f64,
    /// What was done.
    pub how: String,
    /// How long that took.
    pub inject_ms: f64,
    pub from: HostName,
    pub to: Option<HostName>,
    /// What the monitor concluded.
    pub because: Option<String>,
    /// From the failure until the takeover starts.
    pub deterministic_s: Option<f64>,
    /// From there until a client is served again.
    pub migration_s: Option<f64>,
    /// Their sum.
    pub response_s: Option<f64>,
    /// The longest time between two answers that the client got.
    pub outage_ms: Option<f64>,
    /// Rounds of the monitor that the failure must last before it counts: more than one for some overload rules.
    pub looks: u32,
    /// Load average of the machine over one minute.
    pub load: f64,
    /// Takeovers that began by themselves between the end of the last round and this one's instant.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub disturbed: u32,
    /// Why there is no figure: there was no takeover, or no client was served again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Round {
    pub fn is_of(&self, cell: &Cell) -> bool {
        self.service == cell.service && self.fault == cell.fault && self.interval_s == cell.interval
    }
}

impl Document {
    pub fn new(machine: Machine, seed: u64, wanted: Wanted, method: Vec<String>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            drill: DRILL.to_owned(),
            machine,
            versions: BTreeMap::new(),
            seed: Some(seed),
            wanted,
            method,
            rounds: Vec::new(),
        }
    }

    /// # Errors
    /// The text is no document of this kind.
    pub fn parse(text: &str) -> Result<Self> {
        let document: Self = serde_json::from_str(text).context("it is no result of a drill")?;
        ensure!(document.schema == SCHEMA, "its schema is `{}`, not `{SCHEMA}`", document.schema);
        ensure!(document.drill == DRILL, "it is the result of `drill {}`", document.drill);
        Ok(document)
    }

    /// # Errors
    /// The file cannot be read, or is no document of this kind.
    pub fn load(file: &Path) -> Result<Self> {
        let read = fs::read_to_string(file).map_err(anyhow::Error::from);
        read.and_then(|text| Self::parse(&text)).with_context(|| format!("failed to read {}", file.display()))
    }

    /// Replaces the file, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, file: &Path) -> Result<()> {
        let mut new = file.as_os_str().to_owned();
        new.push(".new");
        let write = || {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&new, self.to_json()?)?;
            fs::rename(&new, file)?;
            Ok::<(), anyhow::Error>(())
        };
        write().with_context(|| format!("failed to write {}", file.display()))
    }

    /// One round a line, so that a person and a version control see what was added.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_json(&self) -> Result<String> {
        let head = serde_json::to_string_pretty(&Self { rounds: Vec::new(), ..self.clone() })?;
        let rounds: Vec<String> = self.rounds.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        let rounds = if rounds.is_empty() {
            "[]".to_owned()
        } else {
            format!("[\n    {}\n  ]", rounds.join(",\n    "))
        };
        Ok(head.replacen("\"rounds\": []", &format!("\"rounds\": {rounds}"), 1) + "\n")
    }

    /// The numbers of the rounds of this cell that are not there yet.
    pub fn missing(&self, cell: &Cell) -> Vec<u32> {
        let there =
            |number: &u32| self.rounds.iter().any(|round| round.is_of(cell) && round.round == *number);
        (1..=self.wanted.rounds).filter(|number| !there(number)).collect()
    }

    /// Goes on with what is in a file: more services, faults and intervals may be asked for, but a round is only one of
    /// N evenly spread ones for one N and one seed.
    ///
    /// # Errors
    /// Another seed, another number of rounds, or another machine.
    pub fn resume(&mut self, wanted: &Wanted, seed: Option<u64>, machine: &Machine) -> Result<()> {
        ensure!(
            self.wanted.rounds == wanted.rounds,
            "its cells have {} rounds, not {}: choose another file",
            self.wanted.rounds,
            wanted.rounds
        );
        if let (Some(seed), Some(before)) = (seed, self.seed) {
            ensure!(seed == before, "its seed is {before}, not {seed}: choose another file");
        }
        ensure!(self.machine == *machine, "it was begun on another machine: choose another file");
        self.wanted.merge(wanted);
        Ok(())
    }

    /// Puts the rounds of several documents together.
    ///
    /// # Errors
    /// None is given, or they are of different machines.
    pub fn merge(documents: Vec<Self>) -> Result<Self> {
        let mut documents = documents.into_iter();
        let mut all = documents.next().context("no result to show")?;
        for other in documents {
            ensure!(all.machine == other.machine, "results of different machines are not shown as one");
            all.seed = all.seed.filter(|seed| other.seed == Some(*seed));
            all.wanted.merge(&other.wanted);
            all.versions.extend(other.versions);
            let news = other.method.into_iter().filter(|paragraph| !all.method.contains(paragraph));
            let news: Vec<String> = news.collect();
            all.method.extend(news);
            all.rounds.extend(other.rounds);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::made_up;

    #[test]
    fn a_document_survives_its_file_and_has_a_round_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/er/rounds.json");
        let document = made_up::document();
        document.save(&file).unwrap();
        assert_eq!(Document::load(&file).unwrap(), document);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().filter(|line| line.contains("\"phase\"")).count(), document.rounds.len());
        let empty = Document { rounds: Vec::new(), ..document };
        assert_eq!(Document::parse(&empty.to_json().unwrap()).unwrap(), empty);
    }

    #[test]
    fn other_documents_are_refused() {
        let text = made_up::document().to_json().unwrap();
        assert!(Document::parse(&text.replace("drill/1", "drill/2")).is_err());
        let wake = text.replace("\"drill\": \"fault\"", "\"drill\": \"wake\"");
        assert_eq!(Document::parse(&wake).unwrap_err().to_string(), "it is the result of `drill wake`");
    }

    #[test]
    fn a_drill_goes_on_with_what_is_missing() {
        let mut document = made_up::document();
        let cell = document.wanted.cells()[3].clone();
        document.rounds.retain(|round| !round.is_of(&cell) || round.round == 2);
        assert_eq!(document.missing(&cell), [1, 3, 4]);
        let more = Wanted { intervals: vec!["16".parse().unwrap()], ..document.wanted.clone() };
        let machine = document.machine.clone();
        document.resume(&more, None, &machine).unwrap();
        assert_eq!(document.wanted.intervals.len(), 3);
        assert_eq!(document.missing(&cell), [1, 3, 4]);
    }

    #[test]
    fn what_would_not_fit_is_refused() {
        let document = made_up::document();
        let resume = |rounds: u32, seed: u64, cores: u32| {
            let wanted = Wanted { rounds, ..document.wanted.clone() };
            let machine = Machine { cores, ..document.machine.clone() };
            document.clone().resume(&wanted, Some(seed), &machine).map_err(|error| error.to_string())
        };
        assert_eq!(resume(4, 7, 2), Ok(()));
        assert!(resume(5, 7, 2).unwrap_err().contains("4 rounds, not 5"));
        assert!(resume(4, 8, 2).unwrap_err().contains("seed is 7"));
        assert!(resume(4, 7, 3).unwrap_err().contains("another machine"));
    }

    #[test]
    fn results_are_put_together_only_where_they_are_of_one_machine() {
        let document = made_up::document();
        let other = Document { seed: Some(8), ..document.clone() };
        let merged = Document::merge(vec![document.clone(), other.clone()]).unwrap();
        assert_eq!((merged.seed, merged.rounds.len()), (None, document.rounds.len() * 2));
        assert_eq!(merged.method, document.method);
        let elsewhere = Document { machine: Machine { cores: 64, ..document.machine.clone() }, ..other };
        assert!(Document::merge(vec![document, elsewhere]).is_err());
    }
}
