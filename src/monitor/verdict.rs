//! The verdict table: what is concluded from what was seen, row by row, with the sentence an operator reads.
//!
//! Called by [`super::inquiry`] with every new finding. Pure; [`TABLE`] is the whole of it, and prints itself.
//!
//! The first row that fits decides. A column that is not known yet holds up every row that asks for it, and so all
//! rows below: nothing is concluded from half a picture, and nothing is waited for that would not change the answer.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

pub use crate::plan::status::Verdict;

/// What is known about a service that missed a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    pub us: Known<Doubt>,
    pub service: Known<Service>,
    pub kernel: Known<Kernel>,
    pub shell: Known<Shell>,
    pub witnesses: Known<Witnessed>,
}

/// A column: its value, or nothing yet.
pub type Known<T> = Option<T>;

/// Whether we can trust what we see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// The gateway, or enough other hosts, answer.
    Fine,
    /// Most of what answered a moment ago is silent at once.
    Isolated,
}

/// The service through its address, as we are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    Answers,
    /// Nothing listens there, and somebody says so.
    Refuses,
    /// An answer, but not the right one.
    Wrong,
    /// As many probes as it takes are out, and none is answered.
    Silent,
    /// The same, and each had all its time.
    Mute,
    /// The check could not be made, or could not find out: nothing is known of the service.
    Unasked,
}

/// The kernel of the primary's host, as it answers us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    Answers,
    Silent,
}

/// A shell on the primary's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shell {
    /// It runs commands, and the service's processes are there.
    Alive,
    /// It runs commands, and a process of the service is gone.
    Gone,
    /// It runs nothing.
    Mute,
}

/// What other hosts see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Witnessed {
    /// One of them is served.
    Served,
    /// The host's kernel answers one of them, the service none.
    HostAlive,
    /// Neither host nor service answers any of them.
    Silent,
    /// Nobody could look.
    Nobody,
}

/// What follows from a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// All is well.
    Rest,
    /// Nothing is moved; it is looked at again.
    Wait,
    /// The service is moved, if policy and evidence allow it.
    Failover,
}

/// What a row asks of a column.
#[derive(Clone, Copy, Debug)]
pub enum Is<T: 'static> {
    Any,
    One(T),
    OneOf(&'static [T]),
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub us: Is<Doubt>,
    pub service: Is<Service>,
    pub kernel: Is<Kernel>,
    pub shell: Is<Shell>,
    pub witnesses: Is<Witnessed>,
    pub verdict: Verdict,
    pub then: Then,
    /// What an operator reads.
    pub because: &'static str,
}

use Is::{Any, One, OneOf};

/// Of a service that a check says nothing of.
pub const UNASKED: &str = "its check could not be made";

/// The table. Order matters.
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    Row { us: Any, service: One(Service::Answers), kernel: Any, shell: Any, witnesses: Any,
          verdict: Verdict::Ok, then: Then::Rest,
          because: "it answers" },
    Row { us: One(Doubt::Isolated), service: Any, kernel: Any, shell: Any, witnesses: Any,
          verdict: Verdict::Isolated, then: Then::Wait,
          because: "most of the site fell silent at once: it is this monitor that is cut off" },
    Row { us: Any, service: One(Service::Unasked), kernel: One(Kernel::Answers), shell: Any,
          witnesses: Any,
          verdict: Verdict::Unknown, then: Then::Wait,
          because: UNASKED },
    Row { us: Any, service: Any, kernel: Any, shell: Any, witnesses: One(Witnessed::Served),
          verdict: Verdict::Unreachable, then: Then::Wait,
          because: "other hosts are served: only the way from this monitor is broken" },
    Row { us: Any, service: One(Service::Refuses), kernel: Any, shell: Any, witnesses: Any,
          verdict: Verdict::ServiceDown, then: Then::Failover,
          because: "its host says that nothing listens" },
    Row { us: Any, service: One(Service::Wrong), kernel: Any, shell: Any, witnesses: Any,
          verdict: Verdict::ServiceDown, then: Then::Failover,
          because: "it gives wrong answers" },
    Row { us: Any, service: OneOf(&[Service::Silent, Service::Mute]), kernel: One(Kernel::Silent), shell: Any,
          witnesses: One(Witnessed::Silent),
          verdict: Verdict::HostDown, then: Then::Failover,
          because: "neither the service nor its host answers anybody" },
    Row { us: Any, service: One(Service::Unasked), kernel: One(Kernel::Silent), shell: Any,
          witnesses: One(Witnessed::Silent),
          verdict: Verdict::HostDown, then: Then::Failover,
          because: "neither the service nor its host answers anybody" },
    Row { us: Any, service: One(Service::Mute), kernel: Any, shell: One(Shell::Gone), witnesses: Any,
          verdict: Verdict::ServiceDown, then: Then::Failover,
          because: "its host runs, its process is gone" },
    Row { us: Any, service: One(Service::Mute), kernel: One(Kernel::Answers), shell: Any, witnesses: Any,
          verdict: Verdict::Frozen, then: Then::Failover,
          because: "its host's kernel answers and the service says nothing" },
    Row { us: Any, service: One(Service::Mute), kernel: One(Kernel::Silent), shell: Any,
          witnesses: One(Witnessed::HostAlive),
          verdict: Verdict::Frozen, then: Then::Failover,
          because: "other hosts reach its host, and are not served either" },
    Row { us: Any, service: One(Service::Mute), kernel: One(Kernel::Silent), shell: Any,
          witnesses: One(Witnessed::Nobody),
          verdict: Verdict::Unknown, then: Then::Wait,
          because: "it is silent, and nobody else could look" },
    Row { us: Any, service: One(Service::Unasked), kernel: Any, shell: Any, witnesses: Any,
          verdict: Verdict::Unknown, then: Then::Wait,
          because: UNASKED },
];

/// The row that decides, or none while something that would decide is not known.
pub fn conclude(findings: Findings) -> Option<&'static Row> {
    for row in TABLE {
        match row.fits(findings) {
            Fit::Yes => return Some(row),
            Fit::NotYet => return None,
            Fit::No => {}
        }
    }
    None
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Yes,
    NotYet,
    No,
}

impl Row {
    /// The worst fit of the columns: one that contradicts rules the row out, whatever else is not known.
    fn fits(&self, findings: Findings) -> Fit {
        let fits = [
            self.us.fits(findings.us),
            self.service.fits_service(findings.service),
            self.kernel.fits(findings.kernel),
            self.shell.fits(findings.shell),
            self.witnesses.fits(findings.witnesses),
        ];
        fits.into_iter().max().unwrap_or(Fit::No)
    }
}

impl<T: PartialEq + Copy> Is<T> {
    fn holds(&self, value: T) -> bool {
        match self {
            Self::Any => true,
            Self::One(wanted) => *wanted == value,
            Self::OneOf(wanted) => wanted.contains(&value),
        }
    }

    fn fits(&self, value: Known<T>) -> Fit {
        match (self, value) {
            (Self::Any, _) => Fit::Yes,
            (_, None) => Fit::NotYet,
            (_, Some(value)) if self.holds(value) => Fit::Yes,
            (_, Some(_)) => Fit::No,
        }
    }
}

impl Is<Service> {
    /// As every column; but silence may still become an answer, or be confirmed, where the row asks for that.
    fn fits_service(&self, value: Known<Service>) -> Fit {
        match (self, value) {
            (Self::One(Service::Mute), Some(Service::Silent)) => Fit::NotYet,
            // It does not answer now; should it, the inquiry is over at once.
            (Self::One(Service::Answers), None) => Fit::No,
            _ => self.fits(value),
        }
    }
}

/// The table as text, for `--help` and the book: one line per row.
pub fn as_text() -> String {
    let mut text = String::from(
        "this monitor | service      | host's kernel | shell | other hosts | verdict      | then\n",
    );
    for row in TABLE {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:12} | {:12} | {:13} | {:5} | {:11} | {:12} | {:8} {}",
            word(&row.us),
            word(&row.service),
            word(&row.kernel),
            word(&row.shell),
            word(&row.witnesses),
            row.verdict.as_str(),
            kebab(&row.then),
            row.because,
        );
    }
    text
}

/// The same as a graph in mermaid: each row one way from what is seen to what follows.
pub fn as_mermaid() -> String {
    let mut text = String::from("flowchart LR\n  look([a look is missed])\n");
    for (number, row) in TABLE.iter().enumerate() {
        let seen: Vec<String> = [
            ("us", word(&row.us)),
            ("service", word(&row.service)),
            ("kernel", word(&row.kernel)),
            ("shell", word(&row.shell)),
            ("others", word(&row.witnesses)),
        ]
        .into_iter()
        .filter(|(_, word)| word != "any")
        .map(|(column, word)| format!("{column}: {word}"))
        .collect();
        let _ = writeln!(
            text,
            "  look -->|{}| r{number}[{}]\n  r{number} --> {}",
            seen.join(", "),
            row.verdict.as_str(),
            kebab(&row.then)
        );
    }
    text
}

fn word<T: Serialize>(is: &Is<T>) -> String {
    match is {
        Is::Any => "any".to_owned(),
        Is::One(one) => kebab(one),
        Is::OneOf(some) => some.iter().map(kebab).collect::<Vec<_>>().join("/"),
    }
}

/// The word under which a value is written in recordings.
fn kebab<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent_host() -> Findings {
        Findings {
            us: Some(Doubt::Fine),
            service: Some(Service::Silent),
            kernel: Some(Kernel::Silent),
            shell: None,
            witnesses: Some(Witnessed::Silent),
        }
    }

    fn verdict(findings: Findings) -> Option<(Verdict, Then)> {
        conclude(findings).map(|row| (row.verdict, row.then))
    }

    #[test]
    fn a_dead_host_needs_all_voices_and_no_shell() {
        assert_eq!(verdict(silent_host()), Some((Verdict::HostDown, Then::Failover)));
        assert_eq!(verdict(Findings { us: None, ..silent_host() }), None);
        assert_eq!(verdict(Findings { kernel: None, ..silent_host() }), None);
        assert_eq!(verdict(Findings { witnesses: None, ..silent_host() }), None);
    }

    #[test]
    fn an_answer_ends_every_doubt() {
        let answers = Findings { service: Some(Service::Answers), ..Findings::default() };
        assert_eq!(verdict(answers), Some((Verdict::Ok, Then::Rest)));
    }

    #[test]
    fn a_check_that_could_not_be_made_says_nothing_of_the_service() {
        let unasked = Findings {
            us: Some(Doubt::Fine),
            service: Some(Service::Unasked),
            kernel: Some(Kernel::Answers),
            shell: Some(Shell::Gone),
            witnesses: Some(Witnessed::HostAlive),
        };
        assert_eq!(verdict(unasked), Some((Verdict::Unknown, Then::Wait)));
        let dead = Findings { service: Some(Service::Unasked), ..silent_host() };
        assert_eq!(verdict(dead), Some((Verdict::HostDown, Then::Failover)));
    }

    #[test]
    fn who_is_cut_off_moves_nothing() {
        let cut =
            Findings { us: Some(Doubt::Isolated), service: Some(Service::Silent), ..Findings::default() };
        assert_eq!(verdict(cut), Some((Verdict::Isolated, Then::Wait)));
    }

    #[test]
    fn a_witness_that_is_served_outweighs_a_refusal() {
        let refused = Findings {
            service: Some(Service::Refuses),
            kernel: Some(Kernel::Answers),
            witnesses: None,
            ..silent_host()
        };
        assert_eq!(verdict(refused), None, "the witnesses are heard first");
        let served = Findings { witnesses: Some(Witnessed::Served), ..refused };
        assert_eq!(verdict(served), Some((Verdict::Unreachable, Then::Wait)));
        let not = Findings { witnesses: Some(Witnessed::HostAlive), ..refused };
        assert_eq!(verdict(not), Some((Verdict::ServiceDown, Then::Failover)));
    }

    #[test]
    fn silence_with_a_living_kernel_is_given_its_whole_time() {
        let slow = Findings {
            kernel: Some(Kernel::Answers),
            shell: Some(Shell::Alive),
            witnesses: Some(Witnessed::HostAlive),
            ..silent_host()
        };
        assert_eq!(verdict(slow), None);
        let mute = Findings { service: Some(Service::Mute), ..slow };
        assert_eq!(verdict(mute), Some((Verdict::Frozen, Then::Failover)));
        let gone = Findings { shell: Some(Shell::Gone), ..mute };
        assert_eq!(verdict(gone), Some((Verdict::ServiceDown, Then::Failover)));
    }

    #[test]
    fn without_witnesses_silence_proves_nothing() {
        let alone = Findings {
            service: Some(Service::Mute),
            shell: Some(Shell::Mute),
            witnesses: Some(Witnessed::Nobody),
            ..silent_host()
        };
        assert_eq!(verdict(alone), Some((Verdict::Unknown, Then::Wait)));
    }

    #[test]
    fn the_table_prints_itself() {
        assert_eq!(as_text().lines().count(), TABLE.len() + 1);
        assert!(as_mermaid().contains("r1[isolated]"));
    }
}
