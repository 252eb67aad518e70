//! How many looks came to which end, for metrics.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sight::Sight;
use crate::module::Outcome;

/// Looks by what they were at and what became of them, since the monitor began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Looks(BTreeMap<String, BTreeMap<String, u64>>);

impl Looks {
    pub(super) fn count(&mut self, sight: &Sight) {
        let (kind, outcome) = words(sight);
        match self.0.get_mut(kind).and_then(|outcomes| outcomes.get_mut(outcome)) {
            Some(count) => *count += 1,
            None => _ = self.0.entry(kind.to_owned()).or_default().insert(outcome.to_owned(), 1),
        }
    }

    /// Kind, outcome, how many.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.0.iter().flat_map(|(kind, outcomes)| {
            outcomes.iter().map(|(outcome, count)| (kind.as_str(), outcome.as_str(), *count))
        })
    }
}

fn words(sight: &Sight) -> (&'static str, &'static str) {
    let word = |ok: bool| if ok { "ok" } else { "failed" };
    match sight {
        Sight::Answers(answers) => {
            ("service", answers.values().find(|one| !one.is_ok()).map_or("ok", outcome))
        }
        Sight::Echo(one) => ("echo", outcome(one)),
        Sight::Sample(said) => ("sample", word(said.is_ok())),
        Sight::Testimony(said) => ("witness", word(said.is_ok())),
        Sight::Renewed(done) => ("renewal", word(done.is_ok())),
    }
}

fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answered { .. } => "ok",
        Outcome::Warned { .. } => "warned",
        Outcome::Wrong { .. } => "wrong",
        Outcome::Refused { .. } => "refused",
        Outcome::Unreachable { .. } => "unreachable",
        Outcome::TimedOut { .. } => "timeout",
        Outcome::Impossible { .. } => "impossible",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_answer_of_a_service_counts() {
        let answered = Outcome::Answered { detail: "200".to_owned(), latency_us: 900 };
        let silent = Outcome::TimedOut { after_ms: 500 };
        let answers = |one: &Outcome, other: &Outcome| {
            Sight::Answers([("a".to_owned(), one.clone()), ("b".to_owned(), other.clone())].into())
        };
        let mut looks = Looks::default();
        looks.count(&answers(&answered, &answered));
        looks.count(&answers(&answered, &silent));
        looks.count(&answers(&silent, &answered));
        looks.count(&Sight::Renewed(Err("gone".to_owned())));
        let counted: Vec<_> = looks.iter().collect();
        assert_eq!(counted, [("renewal", "failed", 1), ("service", "ok", 1), ("service", "timeout", 2)]);
    }
}
