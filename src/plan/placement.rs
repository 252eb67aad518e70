//! Chooses a host for a role: filter, score, fixed tie-break; every candidate's story is kept.
//!
//! The paper's "scheduling table" step: light load, no role yet, verified now.

use std::collections::BTreeMap;

use super::facts::{HostFacts, SiteFacts};
use super::table::{Role, Table};
use super::{Candidate, PlacementTable, Rejection};
use crate::site::id::{HostName, ServiceName};

/// Loads per CPU that differ by less than this are equal: two looks at one idle machine never agree exactly.
const LOAD_STEP: f64 = 0.5;

/// What a role on any service costs a candidate, so that hosts without one come first.
const ROLE_COST: f64 = 1000.0;

/// What a sleeping copy that can be woken is worth: more than any load, and than the roles of a real site.
const COPY_WORTH: f64 = 100_000.0;

/// One choice to be made.
pub struct Question<'a> {
    pub role: Role,
    pub service: &'a ServiceName,
    /// Candidates in inventory order; the earlier wins a tie.
    pub pool: &'a [HostName],
    pub facts: &'a SiteFacts,
    /// Hosts that are out before anything else is looked at.
    pub excluded: &'a BTreeMap<HostName, Rejection>,
    /// How many roles each host holds, by the table and by choices made earlier in this plan.
    pub roles: &'a BTreeMap<HostName, usize>,
    /// The host that keeps a sleeping copy which can be woken, if any.
    pub holder: Option<&'a HostName>,
    /// The inventory's `reveille_weight` of a host.
    pub weight: &'a dyn Fn(&HostName) -> f64,
    pub require: &'a [String],
    pub prefer: &'a [Wish],
    /// Whether a step of the service would run this program on that host.
    pub runs: &'a dyn Fn(&HostName, &str) -> bool,
    /// Evaluates an expression with this host as `host` and its facts as `facts`.
    pub evaluate: &'a dyn Fn(&HostName, &str) -> Result<Answer, String>,
}

/// A preference of the playbook.
#[derive(Clone, Debug)]
pub struct Wish {
    pub when: Option<String>,
    pub value: Option<String>,
    pub weight: f64,
}

/// What an expression came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    Bool(bool),
    Number(f64),
}

/// Scores every host of the pool and chooses the best, if any is left.
pub fn choose(question: &Question<'_>) -> PlacementTable {
    let lightest = question
        .facts
        .values()
        .filter_map(|facts| facts.as_ref().ok())
        .map(|facts| facts.load_per_cpu)
        .fold(f64::INFINITY, f64::min);
    let candidates: Vec<Candidate> =
        question.pool.iter().map(|host| question.candidate(host, lightest)).collect();
    let chosen = candidates
        .iter()
        .filter_map(|candidate| candidate.score.map(|score| (score, &candidate.host)))
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, host)| host.clone());
    PlacementTable { role: question.role, chosen, candidates }
}

impl Question<'_> {
    fn candidate(&self, host: &HostName, lightest: f64) -> Candidate {
        match self.admit(host).and_then(|facts| self.parts(host, facts, lightest)) {
            Ok(parts) => {
                let score = parts.iter().map(|(_, points)| points).sum();
                Candidate { host: host.clone(), score: Some(score), parts, rejected: None }
            }
            Err(rejection) => {
                Candidate { host: host.clone(), score: None, parts: Vec::new(), rejected: Some(rejection) }
            }
        }
    }

    /// Whether the host may be considered at all.
    fn admit(&self, host: &HostName) -> Result<&HostFacts, Rejection> {
        if let Some(rejection) = self.excluded.get(host) {
            return Err(rejection.clone());
        }
        let facts = match self.facts.get(host) {
            Some(Ok(facts)) => facts,
            Some(Err(detail)) => return Err(Rejection::Unreachable { detail: detail.clone() }),
            None => return Err(Rejection::Unreachable { detail: "was not asked".to_owned() }),
        };
        if let Some(program) = facts.missing.iter().find(|program| (self.runs)(host, program)) {
            return Err(Rejection::MissingProgram { program: program.clone() });
        }
        for expression in self.require {
            match (self.evaluate)(host, expression) {
                Ok(Answer::Bool(true)) => {}
                Ok(Answer::Bool(false)) => {
                    return Err(Rejection::Requirement { expression: expression.clone() });
                }
                Ok(Answer::Number(_)) => {
                    let detail = "is a number, not true or false".to_owned();
                    return Err(Rejection::RequirementError { expression: expression.clone(), detail });
                }
                Err(detail) => {
                    return Err(Rejection::RequirementError { expression: expression.clone(), detail });
                }
            }
        }
        Ok(facts)
    }

    fn parts(
        &self,
        host: &HostName,
        facts: &HostFacts,
        lightest: f64,
    ) -> Result<Vec<(String, f64)>, Rejection> {
        let mut parts = Vec::new();
        let roles = self.roles.get(host).copied().unwrap_or(0);
        if roles > 0 {
            let roles = f64::from(u32::try_from(roles).unwrap_or(u32::MAX));
            parts.push(("roles".to_owned(), -ROLE_COST * roles));
        }
        let steps = ((facts.load_per_cpu - lightest).max(0.0) / LOAD_STEP).floor();
        parts.push(("load".to_owned(), 0.0 - steps));
        let weight = (self.weight)(host);
        if weight != 0.0 {
            parts.push(("weight".to_owned(), weight));
        }
        if self.holder == Some(host) {
            parts.push(("sleeping copy".to_owned(), COPY_WORTH));
        }
        for wish in self.prefer {
            if let Some(part) = self.wish(host, wish)? {
                parts.push(part);
            }
        }
        Ok(parts)
    }

    fn wish(&self, host: &HostName, wish: &Wish) -> Result<Option<(String, f64)>, Rejection> {
        let ask = |expression: &String| {
            (self.evaluate)(host, expression)
                .map_err(|detail| Rejection::RequirementError { expression: expression.clone(), detail })
        };
        if let Some(when) = &wish.when {
            let holds = ask(when)? == Answer::Bool(true);
            if wish.value.is_none() {
                return Ok(holds.then(|| (when.clone(), wish.weight)));
            }
            if !holds {
                return Ok(None);
            }
        }
        let Some(value) = &wish.value else { return Ok(None) };
        let points = match ask(value)? {
            Answer::Number(number) => number,
            Answer::Bool(flag) => f64::from(u8::from(flag)),
        };
        Ok(Some((value.clone(), points * wish.weight)))
    }
}

/// How many roles each host holds by the table, one service left out.
pub fn roles_held(table: &Table, except: &ServiceName) -> BTreeMap<HostName, usize> {
    let mut held = BTreeMap::new();
    for (service, row) in &table.services {
        if service != except {
            for host in [&row.primary, &row.secondary].into_iter().flatten() {
                *held.entry(host.clone()).or_insert(0) += 1;
            }
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> HostName {
        name.try_into().unwrap()
    }

    fn facts(loads: &[(&str, f64)]) -> SiteFacts {
        let facts = |load| HostFacts { load_per_cpu: load, ..HostFacts::default() };
        loads.iter().map(|(name, load)| (host(name), Ok(facts(*load)))).collect()
    }

    fn ask(facts: &SiteFacts, roles: &[(&str, usize)], holder: Option<&str>) -> PlacementTable {
        let pool: Vec<_> = facts.keys().cloned().collect();
        let holder = holder.map(host);
        choose(&Question {
            role: Role::Secondary,
            service: &"web".try_into().unwrap(),
            pool: &pool,
            facts,
            excluded: &BTreeMap::new(),
            roles: &roles.iter().map(|(name, count)| (host(name), *count)).collect(),
            holder: holder.as_ref(),
            weight: &|host| if host.as_str() == "h9" { 0.5 } else { 0.0 },
            require: &[],
            prefer: &[],
            runs: &|_, program| program == "ours",
            evaluate: &|_, _| Err("no expressions here".to_owned()),
        })
    }

    #[test]
    fn nearly_equal_loads_tie_and_the_first_wins() {
        let table = ask(&facts(&[("h1", 0.31), ("h2", 0.02), ("h3", 0.0)]), &[], None);
        assert_eq!(table.chosen, Some(host("h1")));
    }

    #[test]
    fn a_loaded_host_gives_way() {
        let table = ask(&facts(&[("h1", 2.0), ("h2", 0.1)]), &[], None);
        assert_eq!(table.chosen, Some(host("h2")));
    }

    #[test]
    fn a_host_without_a_role_wins_over_a_lighter_one_with() {
        let table = ask(&facts(&[("h1", 0.0), ("h2", 3.0)]), &[("h1", 1)], None);
        assert_eq!(table.chosen, Some(host("h2")));
    }

    #[test]
    fn the_inventorys_weight_decides_among_equals() {
        let table = ask(&facts(&[("h1", 0.0), ("h9", 0.0)]), &[], None);
        assert_eq!(table.chosen, Some(host("h9")));
    }

    #[test]
    fn the_host_with_the_sleeping_copy_wins() {
        let table = ask(&facts(&[("h1", 0.0), ("h2", 0.0)]), &[], Some("h2"));
        assert_eq!(table.chosen, Some(host("h2")));
    }

    #[test]
    fn only_what_the_service_itself_runs_must_be_there() {
        let mut facts = facts(&[("h1", 0.0), ("h2", 0.0)]);
        facts.get_mut(&host("h1")).unwrap().as_mut().unwrap().missing = vec!["theirs".into(), "ours".into()];
        facts.get_mut(&host("h2")).unwrap().as_mut().unwrap().missing = vec!["theirs".into()];
        let table = ask(&facts, &[], None);
        assert_eq!(table.chosen, Some(host("h2")));
        let rejected = Rejection::MissingProgram { program: "ours".to_owned() };
        assert_eq!(table.candidates[0].rejected, Some(rejected));
    }

    #[test]
    fn an_unreachable_host_is_rejected_with_its_reason() {
        let mut facts = facts(&[("h1", 0.0)]);
        facts.insert(host("h0"), Err("no route".to_owned()));
        let table = ask(&facts, &[], None);
        assert_eq!(table.chosen, Some(host("h1")));
        assert_eq!(
            table.candidates[0].rejected,
            Some(Rejection::Unreachable { detail: "no route".to_owned() })
        );
    }
}
