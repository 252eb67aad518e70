//! What is not well in a picture of the site, worst first: what `watch --once` ends with.

use super::policy::Blocker;
use super::verdict::Verdict;
use super::view::{ServiceView, View};
use crate::plan::Operation;
use crate::plan::table::ServiceState;

/// How bad it is; the first is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// A person is needed.
    Stuck,
    /// Something should be done, and a rule, a pause or missing evidence is against it.
    Held,
    /// No host is fit: to take a service over, or to keep its copy.
    Nobody,
    /// It is not known whether clients are served.
    Unseen,
}

impl View {
    /// The worst that is the matter, in words; none if all is well.
    pub fn worst(&self) -> Option<(Trouble, String)> {
        let troubles = self.services.iter().filter_map(|service| Some((service.trouble()?, service)));
        let (trouble, service) = troubles.min_by_key(|(trouble, _)| *trouble)?;
        Some((trouble, format!("{}: {}", service.service, service.complaint())))
    }
}

impl ServiceView {
    fn trouble(&self) -> Option<Trouble> {
        if self.state == ServiceState::Absent {
            return None;
        }
        let against = self.held.as_ref().map(|held| held.blockers.as_slice()).unwrap_or_default();
        let moving = self.held.as_ref().is_some_and(|held| held.operation != Operation::Reprotect);
        let latched = |blocker: &Blocker| matches!(blocker, Blocker::Latched { .. });
        let nobody = |blocker: &Blocker| matches!(blocker, Blocker::NoCandidate { .. });
        let unseen = !matches!(self.verdict, Verdict::Ok | Verdict::Overloaded);
        if self.state == ServiceState::Stuck || against.iter().any(latched) {
            Some(Trouble::Stuck)
        } else if moving && !against.iter().all(nobody) {
            Some(Trouble::Held)
        } else if moving || self.lack.is_some() || self.state == ServiceState::Unprotected {
            Some(Trouble::Nobody)
        } else {
            unseen.then_some(Trouble::Unseen)
        }
    }

    fn complaint(&self) -> String {
        let Some(held) = &self.held else {
            return match &self.lack {
                Some(lack) => format!("unprotected: {lack}"),
                None => format!("{}: {}", self.verdict.as_str(), self.because),
            };
        };
        let against: Vec<String> =
            held.blockers.iter().map(|blocker| blocker.in_full(&self.service)).collect();
        format!("no {}: {}", held.operation.as_str(), against.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::view::Held;
    use super::*;

    fn web(state: ServiceState, verdict: Verdict, blockers: Option<Vec<Blocker>>) -> ServiceView {
        ServiceView {
            last_run: None,
            service: "web".try_into().unwrap(),
            state,
            verdict,
            because: "it answers".to_owned(),
            for_ms: 0,
            observed: Vec::new(),
            primary: None,
            secondary: None,
            epoch: 1,
            outage_ms: None,
            latency_us: None,
            acting: None,
            held: blockers.map(|blockers| Held { operation: Operation::Failover, blockers }),
            paused: None,
            gauges: BTreeMap::new(),
            lack: None,
        }
    }

    fn trouble(state: ServiceState, verdict: Verdict, blockers: Option<Vec<Blocker>>) -> Option<Trouble> {
        web(state, verdict, blockers).trouble()
    }

    #[test]
    fn each_trouble_has_its_name() {
        use ServiceState::{Absent, Down, Protected, Unprotected};
        let nobody = || Blocker::NoCandidate { because: "all are dead".to_owned(), for_ms: 5 };
        let busy = || Blocker::Budget { takeovers: 6, of: 6 };
        let latched = || Blocker::Latched { because: "it burned".to_owned() };
        assert_eq!(trouble(Protected, Verdict::Ok, None), None);
        assert_eq!(trouble(Absent, Verdict::Unknown, None), None);
        assert_eq!(trouble(Unprotected, Verdict::Ok, None), Some(Trouble::Nobody));
        assert_eq!(trouble(Protected, Verdict::Isolated, None), Some(Trouble::Unseen));
        assert_eq!(trouble(Down, Verdict::HostDown, Some(vec![nobody()])), Some(Trouble::Nobody));
        assert_eq!(trouble(Down, Verdict::HostDown, Some(vec![nobody(), busy()])), Some(Trouble::Held));
        assert_eq!(trouble(Down, Verdict::HostDown, Some(vec![busy(), latched()])), Some(Trouble::Stuck));
    }

    #[test]
    fn what_holds_it_is_said_with_its_way_out() {
        let held = web(ServiceState::Down, Verdict::HostDown, Some(vec![Blocker::Busy]));
        assert_eq!(
            held.complaint(),
            "no failover: another run has it in hand (what ends it: it ends by itself)"
        );
    }
}
