//! Whether any journal is missing: each says which one goes before it. Pure. Called by `audit`, once every journal is
//! proven by itself.

use std::collections::BTreeMap;

use super::Proven;
use crate::site::id::RunId;

/// What is known of journals that lie elsewhere: the seals that others may go on from, by run.
pub type Elsewhere = BTreeMap<RunId, Vec<String>>;

/// A journal whose place in the chain is not proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub run: RunId,
    pub because: String,
}

/// Every journal that does not go on from one that is there. `None` stands for a journal that is there and broken: that
/// is said already.
pub fn gaps(journals: &BTreeMap<RunId, Option<Proven>>, elsewhere: &Elsewhere) -> Vec<Gap> {
    let mut chained = false;
    let mut found = Vec::new();
    for (run, proven) in journals {
        let Some(proven) = proven else { continue };
        let because = match &proven.before {
            Some(before) => {
                chained = true;
                gap(&before.run, &before.seal, journals, elsewhere)
            }
            // Journals of before there was a chain come first.
            None if chained && !proven.seals.is_empty() => {
                Some("it does not say which journal goes before it".to_owned())
            }
            None => None,
        };
        found.extend(because.map(|because| Gap { run: run.clone(), because }));
    }
    found
}

/// Why a journal cannot go on from `seal` of the run `before`.
fn gap(
    before: &RunId,
    seal: &str,
    journals: &BTreeMap<RunId, Option<Proven>>,
    elsewhere: &Elsewhere,
) -> Option<String> {
    let known = match (journals.get(before), elsewhere.get(before)) {
        (Some(None), _) => return None,
        (Some(Some(proven)), _) => &proven.seals,
        (None, Some(seals)) => seals,
        (None, None) => return Some(format!("the journal of {before}, which goes before it, is missing")),
    };
    // It was begun while the other had no line yet.
    let is_there = seal.is_empty() || known.iter().any(|one| one == seal);
    (!is_there).then(|| format!("{before}, which goes before it, lacks the record it goes on from"))
}

#[cfg(test)]
mod tests {
    use super::super::Before;
    use super::*;

    fn run(name: &str) -> RunId {
        name.try_into().unwrap()
    }

    fn proven(seals: &[&str], before: Option<(&str, &str)>) -> Proven {
        let before = before.map(|(name, seal)| Before { run: run(name), seal: seal.to_owned() });
        Proven { seals: seals.iter().map(ToString::to_string).collect(), torn: false, before }
    }

    fn found(journals: &[(&str, Option<Proven>)], elsewhere: &[(&str, &str)]) -> Vec<String> {
        let journals = journals.iter().map(|(name, proven)| (run(name), proven.clone())).collect();
        let elsewhere = elsewhere.iter().map(|(name, seal)| (run(name), vec![(*seal).to_owned()])).collect();
        gaps(&journals, &elsewhere).into_iter().map(|gap| format!("{}: {}", gap.run, gap.because)).collect()
    }

    #[test]
    fn a_whole_chain_has_no_gap() {
        let old = ("1", Some(proven(&["a"], None)));
        let chain = [
            old.clone(),
            ("2", Some(proven(&["b", "c"], Some(("1", "a"))))),
            ("3", Some(proven(&["d"], Some(("2", "b"))))),
            ("4", Some(proven(&["e"], Some(("3", ""))))),
        ];
        assert_eq!(found(&chain, &[]), [""; 0]);
        assert_eq!(found(&chain[1..], &[("1", "a")]), [""; 0], "the oldest one lies elsewhere");
        assert_eq!(found(&[old, ("2", None), chain[2].clone()], &[]), [""; 0], "said already");
    }

    #[test]
    fn what_is_missing_or_cut_is_named() {
        let two = || ("2", Some(proven(&["b", "c"], Some(("1", "a")))));
        let three = || ("3", Some(proven(&["d"], Some(("2", "c")))));
        assert_eq!(
            found(&[("1", Some(proven(&["a"], None))), three()], &[]),
            ["3: the journal of 2, which goes before it, is missing"]
        );
        assert_eq!(
            found(&[("1", Some(proven(&["x"], None))), two()], &[]),
            ["2: 1, which goes before it, lacks the record it goes on from"]
        );
        assert_eq!(
            found(&[two(), ("3", Some(proven(&["d"], None)))], &[("1", "a")]),
            ["3: it does not say which journal goes before it"]
        );
        assert_eq!(
            found(&[two()], &[("1", "z")]),
            ["2: 1, which goes before it, lacks the record it goes on from"]
        );
    }
}
