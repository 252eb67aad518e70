//! What the monitor is to remember when it restarts, and what people told it: pauses, takeovers, latches. Part of the
//! [`super::table::Table`]; decides nothing but whether a pause holds.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::table::Table;
use crate::site::id::{HostName, ServiceName};

/// How long a takeover counts, in milliseconds: budgets are per day.
const DAY_MS: u64 = 24 * 3600 * 1000;

/// A person's word that nothing is to be moved. Observation goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub scope: Scope,
    /// Unix time in milliseconds; `None`: until somebody resumes.
    #[serde(default)]
    pub until_ms: Option<u64>,
    pub because: String,
    pub by: String,
    /// Unix time in milliseconds.
    #[serde(default)]
    pub since_ms: u64,
}

/// What a pause is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    Site,
    Service(ServiceName),
    Host(HostName),
}

/// A name that does not say what is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadScope {
    #[error("`{name}` is a service and a host")]
    Ambiguous { name: String },
    #[error("there is no service or host `{name}`")]
    Unknown { name: String, nearest: Option<String> },
}

impl Scope {
    /// What `name` means among these; `service:NAME` and `host:NAME` where a name alone is not enough.
    ///
    /// # Errors
    /// [`BadScope`]: it is both, or neither.
    pub fn named<'a>(
        name: &str,
        services: impl Iterator<Item = &'a ServiceName>,
        hosts: impl Iterator<Item = &'a HostName>,
    ) -> Result<Self, BadScope> {
        let services: Vec<&ServiceName> = services.collect();
        let hosts: Vec<&HostName> = hosts.collect();
        let service = |name: &str| services.iter().find(|one| one.as_str() == name).copied().cloned();
        let host = |name: &str| hosts.iter().find(|one| one.as_str() == name).copied().cloned();
        let prefixed = || {
            let of_service = name.strip_prefix("service:").and_then(service).map(Self::Service);
            of_service.or_else(|| name.strip_prefix("host:").and_then(host).map(Self::Host))
        };
        match (service(name), host(name)) {
            (Some(_), Some(_)) => Err(BadScope::Ambiguous { name: name.to_owned() }),
            (Some(service), None) => Ok(Self::Service(service)),
            (None, Some(host)) => Ok(Self::Host(host)),
            (None, None) => prefixed().ok_or_else(|| {
                let services = services.iter().map(|service| service.as_str());
                let known = services.chain(hosts.iter().map(|host| host.as_str()));
                let nearest = crate::site::diagnostic::nearest(name, known).map(str::to_owned);
                BadScope::Unknown { name: name.to_owned(), nearest }
            }),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site => f.write_str("the site"),
            Self::Service(service) => write!(f, "service {service}"),
            Self::Host(host) => write!(f, "host {host}"),
        }
    }
}

impl Pause {
    pub fn holds(&self, now_ms: u64) -> bool {
        self.until_ms.is_none_or(|until| now_ms < until)
    }
}

/// `the site is paused until 2026-11-23T12:00:00Z by root: new switch`.
impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is paused", self.scope)?;
        let until = self.until_ms.and_then(|until| i64::try_from(until).ok());
        if let Some(until) = until.and_then(|until| jiff::Timestamp::from_millisecond(until).ok()) {
            write!(f, " until {until:.0}")?;
        }
        write!(f, " by {}: {}", self.by, self.because)
    }
}

/// What counts for the next decision about a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyMemory {
    /// When the monitor took the service over, within the last day; Unix time in milliseconds, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takeovers: Vec<u64>,
    /// Set by a takeover that failed: nothing more is tried until somebody acknowledges it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latched: Option<Latch>,
}

/// A takeover that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latch {
    /// Unix time in milliseconds.
    pub at_ms: u64,
    pub because: String,
}

impl Table {
    /// The pause that holds for this service now, with these hosts taking part; the widest one.
    pub fn paused(&self, service: &ServiceName, hosts: &[HostName], now_ms: u64) -> Option<&Pause> {
        let rank = |pause: &&Pause| match &pause.scope {
            Scope::Site => Some(0),
            Scope::Service(paused) if paused == service => Some(1),
            Scope::Host(paused) if hosts.contains(paused) => Some(2),
            Scope::Service(_) | Scope::Host(_) => None,
        };
        self.pauses
            .iter()
            .filter(|pause| pause.holds(now_ms) && rank(pause).is_some())
            .min_by_key(|pause| rank(pause))
    }

    /// In the place of another pause of the same scope.
    pub fn pause(&mut self, pause: Pause) {
        self.pauses.retain(|other| other.scope != pause.scope);
        self.pauses.push(pause);
    }

    /// Ends the pause of this scope; says which it was.
    pub fn resume(&mut self, scope: &Scope) -> Option<Pause> {
        let at = self.pauses.iter().position(|pause| pause.scope == *scope)?;
        Some(self.pauses.remove(at))
    }

    /// What is remembered of this service.
    pub fn memory(&self, service: &ServiceName) -> PolicyMemory {
        self.policy.get(service).cloned().unwrap_or_default()
    }

    /// A takeover that counts for hold-down and budget.
    pub fn took_over(&mut self, service: &ServiceName, now_ms: u64) {
        self.policy.entry(service.clone()).or_default().takeovers.push(now_ms);
        self.prune(now_ms);
    }

    /// Nothing more is to be tried for this service until somebody acknowledges why.
    pub fn latch(&mut self, service: &ServiceName, latch: Latch) {
        self.policy.entry(service.clone()).or_default().latched = Some(latch);
    }

    /// Releases latch, hold-down and budget of this service; says what was forgotten.
    pub fn acknowledge(&mut self, service: &ServiceName) -> Option<PolicyMemory> {
        self.policy.remove(service)
    }

    /// Forgets pauses that have run out, and takeovers of more than a day ago.
    pub fn prune(&mut self, now_ms: u64) {
        self.pauses.retain(|pause| pause.holds(now_ms));
        for memory in self.policy.values_mut() {
            memory.takeovers.retain(|at| now_ms.saturating_sub(*at) < DAY_MS);
        }
        self.policy.retain(|_, memory| *memory != PolicyMemory::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(scope: Scope, until_ms: Option<u64>) -> Pause {
        Pause { scope, until_ms, because: "new switch".into(), by: "ops".into(), since_ms: 0 }
    }

    fn web() -> ServiceName {
        "web".try_into().unwrap()
    }

    fn hosts(names: &[&str]) -> Vec<HostName> {
        names.iter().map(|name| (*name).try_into().unwrap()).collect()
    }

    fn table(pauses: Vec<Pause>) -> Table {
        Table { pauses, ..Table::default() }
    }

    #[test]
    fn a_pause_holds_for_what_it_names_until_its_time() {
        let [h1, h2] = [hosts(&["h1"]), hosts(&["h2"])];
        let of_host = table(vec![pause(Scope::Host(h1[0].clone()), Some(100))]);
        assert!(of_host.paused(&web(), &h1, 99).is_some());
        assert_eq!(of_host.paused(&web(), &h1, 100), None);
        assert_eq!(of_host.paused(&web(), &h2, 99), None);
        let other = table(vec![pause(Scope::Service("mail".try_into().unwrap()), None)]);
        assert_eq!(other.paused(&web(), &h1, 99), None);
        let for_ever = table(vec![pause(Scope::Site, None)]);
        assert!(for_ever.paused(&web(), &[], u64::MAX).is_some());
    }

    #[test]
    fn a_name_is_a_service_or_a_host_or_must_say_which() {
        let services = [web(), "h1".try_into().unwrap()];
        let hosts = hosts(&["h1", "h2"]);
        let named = |name: &str| Scope::named(name, services.iter(), hosts.iter());
        assert_eq!(named("web"), Ok(Scope::Service(web())));
        assert_eq!(named("h2"), Ok(Scope::Host(hosts[1].clone())));
        assert_eq!(named("h1"), Err(BadScope::Ambiguous { name: "h1".into() }));
        assert_eq!(named("host:h1"), Ok(Scope::Host(hosts[0].clone())));
        assert_eq!(named("service:h1"), Ok(Scope::Service(services[1].clone())));
        let nearest = Some("web".to_owned());
        assert_eq!(named("wbe"), Err(BadScope::Unknown { name: "wbe".into(), nearest }));
    }

    #[test]
    fn the_widest_pause_is_named() {
        let table = table(vec![pause(Scope::Service(web()), None), pause(Scope::Site, Some(50))]);
        assert_eq!(table.paused(&web(), &[], 49).unwrap().scope, Scope::Site);
        assert_eq!(table.paused(&web(), &[], 50).unwrap().scope, Scope::Service(web()));
    }

    #[test]
    fn a_new_pause_takes_the_place_of_the_old_one_and_resume_ends_that_alone() {
        let mut table = table(vec![pause(Scope::Site, Some(5)), pause(Scope::Service(web()), None)]);
        table.pause(pause(Scope::Site, Some(9)));
        assert_eq!(table.pauses.len(), 2);
        assert_eq!(table.resume(&Scope::Site).unwrap().until_ms, Some(9));
        assert_eq!(table.resume(&Scope::Site), None);
        assert_eq!(table.pauses.len(), 1);
    }

    #[test]
    fn takeovers_count_for_a_day_and_an_acknowledgement_forgets_all() {
        let mut table = Table::default();
        table.took_over(&web(), 1000);
        table.took_over(&web(), 1000 + DAY_MS - 1);
        assert_eq!(table.memory(&web()).takeovers.len(), 2);
        table.prune(1000 + DAY_MS);
        assert_eq!(table.memory(&web()).takeovers, [1000 + DAY_MS - 1]);
        table.latch(&web(), Latch { at_ms: 7, because: "h2 did not wake".into() });
        assert!(table.acknowledge(&web()).unwrap().latched.is_some());
        assert_eq!(table.acknowledge(&web()), None);
        table.took_over(&web(), 1);
        table.prune(1 + DAY_MS);
        assert!(table.policy.is_empty());
    }

    #[test]
    fn a_pause_reads_as_a_sentence() {
        let pause = pause(Scope::Service(web()), Some(1_795_417_503_007));
        assert_eq!(pause.to_string(), "service web is paused until 2026-11-23T07:05:03Z by ops: new switch");
    }

    #[test]
    fn a_table_of_before_is_read_and_an_empty_memory_is_not_written() {
        let text = r#"{"revision": 3, "services": {}}"#;
        let table: Table = serde_json::from_str(text).unwrap();
        assert_eq!(table, Table { revision: 3, ..Table::default() });
        let written = serde_json::to_string(&table).unwrap();
        assert!(!written.contains("pauses") && !written.contains("policy"), "{written}");
        let full = Table { pauses: vec![pause(Scope::Host(hosts(&["h1"])[0].clone()), None)], ..table };
        let back: Table = serde_json::from_str(&serde_json::to_string(&full).unwrap()).unwrap();
        assert_eq!(back, full);
    }
}
