//! One inquiry: what is asked at once when a service misses a look, and what the answers add up to.
//!
//! Opened by [`super::service`], fed with every sight, asked for [`Findings`] after each. It never waits for the next
//! round: re-probes go out at short spacing, the suspect's host is asked directly, other hosts are asked to look, and
//! the rest of the site is asked whether it is us. Knows the time only as it is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::looks::{Ask, Ids};
use super::sight::{LookId, Sight, Target, Testimony};
use super::verdict::{Doubt, Findings, Kernel, Service, Shell, Witnessed};
use crate::module::Outcome;
use crate::plan::facts::ProcessFact;
use crate::site::id::{HostName, ServiceName};

/// Probes at short spacing before they become rarer.
const DENSE: usize = 8;

/// Echoes to each host before its silence counts.
const ECHOES: usize = 2;

/// Silence of others counts after this long at the earliest.
const LEAST_SILENCE_MS: u64 = 60;

/// What a witness gets beyond its listening and probing: login, script, a busy machine.
const WITNESS_MARGIN_MS: u64 = 700;

/// What an inquiry is about, fixed when it opens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    pub service: ServiceName,
    pub suspect: HostName,
    /// Who may be asked to look, best first. Never the suspect.
    pub witnesses: Vec<HostName>,
    /// How many of them must agree, where so many can be asked.
    pub needed: usize,
    /// Hosts that answered a moment ago: their silence would be ours.
    pub others: Vec<HostName>,
    pub gateway: bool,
    /// After this long without an answer there is something to worry about.
    pub hedge_ms: u64,
    pub timeout_ms: u64,
    pub confirm: usize,
    pub listen_ms: u64,
}

/// Something sent that may be answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Try {
    look: LookId,
    sent_ms: u64,
    seen: Option<Sight>,
}

/// An inquiry under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inquiry {
    pub subject: Subject,
    pub opened_ms: u64,
    /// When the probe was sent that was missed first: the outage began at most one interval before.
    pub missed_ms: u64,
    probes: Vec<Try>,
    echoes: Vec<Try>,
    shell: Option<Try>,
    witnesses: BTreeMap<HostName, Try>,
    others: BTreeMap<HostName, Vec<Try>>,
    gateway: Vec<Try>,
}

impl Inquiry {
    /// Opens on a probe that was sent at `missed_ms`, and was answered wrongly or not yet.
    pub fn open(subject: Subject, look: LookId, missed_ms: u64, seen: Option<Sight>, now_ms: u64) -> Self {
        Self {
            subject,
            opened_ms: now_ms,
            missed_ms,
            probes: vec![Try { look, sent_ms: missed_ms, seen }],
            echoes: Vec::new(),
            shell: None,
            witnesses: BTreeMap::new(),
            others: BTreeMap::new(),
            gateway: Vec::new(),
        }
    }

    /// The hosts that a sight proves alive.
    pub fn heard_from(&self, look: LookId, sight: &Sight) -> Vec<HostName> {
        let is = |tried: &Try| tried.look == look;
        let echoed = sight.latency_us().is_some();
        let witness = self.witnesses.iter().find(|(_, tried)| is(tried)).map(|(by, _)| by);
        let other = self.others.iter().find(|(_, tries)| tries.iter().any(is)).map(|(host, _)| host);
        let suspect = self.echoes.iter().chain(&self.shell).any(is).then_some(&self.subject.suspect);
        match sight {
            Sight::Testimony(Ok(_)) => witness.into_iter().cloned().collect(),
            Sight::Sample(Ok(_)) => suspect.into_iter().cloned().collect(),
            Sight::Echo(_) if echoed => other.or(suspect).into_iter().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// What is to be asked now.
    pub fn due(&mut self, now_ms: u64, ids: &mut Ids) -> Vec<Ask> {
        let mut asks = Vec::new();
        let quick = self.subject.timeout_ms;
        if self.next_probe_ms() <= now_ms {
            let target = Target::Service(self.subject.service.clone());
            self.probes.push(ask(&mut asks, ids, target, quick, now_ms));
        }
        if again(&self.echoes, self.spacing(), now_ms) {
            let target = Target::Echo(self.subject.suspect.clone());
            self.echoes.push(ask(&mut asks, ids, target, quick, now_ms));
        }
        if self.shell.is_none() {
            let target = Target::Sample(self.subject.suspect.clone());
            self.shell = Some(ask(&mut asks, ids, target, self.shell_ms(), now_ms));
        }
        for by in self.to_ask(now_ms) {
            let target = Target::Witness {
                by: by.clone(),
                suspect: self.subject.suspect.clone(),
                service: Some(self.subject.service.clone()),
            };
            let tried = ask(&mut asks, ids, target, self.witness_ms(), now_ms);
            self.witnesses.insert(by, tried);
        }
        let spacing = self.spacing();
        for host in &self.subject.others {
            let tries = self.others.entry(host.clone()).or_default();
            if !answered(tries) && again(tries, spacing, now_ms) {
                tries.push(ask(&mut asks, ids, Target::Echo(host.clone()), quick, now_ms));
            }
        }
        if self.subject.gateway && !answered(&self.gateway) && again(&self.gateway, spacing, now_ms) {
            self.gateway.push(ask(&mut asks, ids, Target::Gateway, quick, now_ms));
        }
        asks
    }

    /// Takes in what a look of this inquiry saw; `false` if it is none of its.
    pub fn saw(&mut self, look: LookId, sight: &Sight) -> bool {
        let tries = self
            .probes
            .iter_mut()
            .chain(&mut self.echoes)
            .chain(&mut self.shell)
            .chain(self.witnesses.values_mut())
            .chain(self.others.values_mut().flatten())
            .chain(&mut self.gateway);
        match tries.into_iter().find(|one| one.look == look) {
            Some(found) => {
                found.seen = Some(sight.clone());
                true
            }
            None => false,
        }
    }

    /// When something is due, or silence begins to count, though nothing was seen.
    pub fn next_deadline(&self, now_ms: u64) -> u64 {
        let hedge = self.subject.hedge_ms;
        let tries = self.probes.iter().chain(&self.echoes).chain(self.others.values().flatten());
        let tries = tries.chain(&self.gateway).filter(|tried| tried.seen.is_none());
        let silences = tries.flat_map(|tried| {
            [
                tried.sent_ms + hedge,
                tried.sent_ms + LEAST_SILENCE_MS,
                tried.sent_ms + self.spacing(),
                tried.sent_ms + self.subject.timeout_ms,
            ]
        });
        let shell = self.shell.iter().map(|tried| tried.sent_ms + self.shell_ms());
        let witnesses = self.witnesses.values().map(|tried| tried.sent_ms + self.witness_ms());
        let later = silences.chain(shell).chain(witnesses).chain([self.next_probe_ms()]);
        later.filter(|at| *at > now_ms).min().unwrap_or(now_ms + self.subject.timeout_ms)
    }

    /// What all of it adds up to.
    pub fn findings(&self, now_ms: u64) -> Findings {
        Findings {
            us: self.us(now_ms),
            service: self.service(now_ms),
            kernel: self.kernel(now_ms),
            shell: self.shell(now_ms),
            witnesses: self.witnessed(now_ms),
        }
    }

    /// What each witness said, for people and for evidence.
    pub fn testimonies(&self) -> impl Iterator<Item = (&HostName, Result<&Testimony, &str>)> {
        self.witnesses.iter().filter_map(|(by, tried)| match &tried.seen {
            Some(Sight::Testimony(Ok(testimony))) => Some((by, Ok(testimony))),
            Some(Sight::Testimony(Err(why))) => Some((by, Err(why.as_str()))),
            _ => None,
        })
    }

    /// The last thing the service said, for people.
    pub fn last_words(&self) -> Option<String> {
        self.probes.iter().rev().find_map(|tried| match &tried.seen {
            Some(Sight::Answers(answers)) => {
                let (name, outcome) = answers.iter().find(|(_, outcome)| !outcome.is_ok())?;
                Some(format!("{name}: {outcome}"))
            }
            _ => None,
        })
    }

    /// Whether the suspect's host runs commands now.
    pub fn shell_answers(&self) -> bool {
        matches!(&self.shell, Some(Try { seen: Some(Sight::Sample(Ok(_))), .. }))
    }

    fn spacing(&self) -> u64 {
        self.subject.hedge_ms
    }

    fn next_probe_ms(&self) -> u64 {
        let last = self.probes.last().map_or(0, |tried| tried.sent_ms);
        let dense = self.probes.len() < DENSE.max(self.subject.confirm);
        last + if dense { self.spacing() } else { self.subject.timeout_ms }
    }

    fn shell_ms(&self) -> u64 {
        self.subject.timeout_ms.max(500)
    }

    fn witness_ms(&self) -> u64 {
        self.subject.timeout_ms.max(self.subject.listen_ms) + WITNESS_MARGIN_MS
    }

    /// Witnesses to ask now: as many as must agree, and one more for each that could not look.
    fn to_ask(&self, now_ms: u64) -> Vec<HostName> {
        let failed = self.witnesses.values().filter(|tried| self.witness_failed(tried, now_ms)).count();
        let wanted = (self.subject.needed.max(1) + failed).saturating_sub(self.witnesses.len());
        let fresh = self.subject.witnesses.iter().filter(|host| !self.witnesses.contains_key(*host));
        fresh.take(wanted).cloned().collect()
    }

    fn witness_failed(&self, tried: &Try, now_ms: u64) -> bool {
        match &tried.seen {
            None => tried.sent_ms + self.witness_ms() <= now_ms,
            Some(Sight::Testimony(Ok(said))) => said.over && !said.hears_life() && !said.hears_nothing(),
            Some(_) => true,
        }
    }

    fn service(&self, now_ms: u64) -> Option<Service> {
        let answers = || self.probes.iter().filter_map(|tried| tried.seen.as_ref());
        if answers().any(|sight| sight.latency_us().is_some()) {
            return Some(Service::Answers);
        }
        let confirm = self.subject.confirm.max(1);
        let over = |tried: &&Try| tried.seen.is_some() || tried.sent_ms + self.subject.timeout_ms <= now_ms;
        if self.probes.iter().filter(over).count() >= confirm {
            let worst = answers().filter_map(complaint).max_by_key(|said| *said as u8);
            return Some(worst.unwrap_or(if answers().any(unasked) {
                Service::Unasked
            } else {
                Service::Mute
            }));
        }
        let waited = |tried: &&Try| over(tried) || tried.sent_ms + self.subject.hedge_ms <= now_ms;
        let silent = answers().all(|sight| complaint(sight).is_none() && !unasked(sight));
        (silent && self.probes.iter().filter(waited).count() >= confirm).then_some(Service::Silent)
    }

    fn kernel(&self, now_ms: u64) -> Option<Kernel> {
        let spoke = self
            .probes
            .iter()
            .filter_map(|tried| tried.seen.as_ref())
            .any(|sight| complaint(sight).is_some());
        if spoke || answered(&self.echoes) {
            return Some(Kernel::Answers);
        }
        self.is_silent(&self.echoes, now_ms).then_some(Kernel::Silent)
    }

    fn shell(&self, now_ms: u64) -> Option<Shell> {
        let tried = self.shell.as_ref()?;
        match &tried.seen {
            Some(Sight::Sample(Ok(sample))) => {
                let gone = sample.facts.services.get(&self.subject.service).is_none_or(|trace| {
                    trace.processes.values().any(|process| *process == ProcessFact::Dead)
                });
                Some(if gone { Shell::Gone } else { Shell::Alive })
            }
            Some(_) => Some(Shell::Mute),
            None => (tried.sent_ms + self.shell_ms() <= now_ms).then_some(Shell::Mute),
        }
    }

    fn witnessed(&self, now_ms: u64) -> Option<Witnessed> {
        let said = || self.testimonies().filter_map(|(_, said)| said.ok());
        if said().any(Testimony::is_served) {
            return Some(Witnessed::Served);
        }
        let alive = said().any(Testimony::hears_life);
        let silent = said().filter(|said| said.hears_nothing()).count();
        if !alive && silent >= self.subject.needed.max(1) {
            return Some(Witnessed::Silent);
        }
        let over = |tried: &Try| {
            tried.seen.as_ref().is_some_and(Sight::is_final) || self.witness_failed(tried, now_ms)
        };
        let all_over = self.witnesses.values().all(over) && self.to_ask(now_ms).is_empty();
        match (all_over, alive, silent) {
            (false, _, _) => None,
            (true, true, _) => Some(Witnessed::HostAlive),
            (true, false, 0) => Some(Witnessed::Nobody),
            (true, false, _) => Some(Witnessed::Silent),
        }
    }

    /// Most of what answered a moment ago is silent now, or the way out is and everybody with it.
    fn us(&self, now_ms: u64) -> Option<Doubt> {
        let witnessed = |host: &HostName| {
            matches!(self.witnesses.get(host), Some(Try { seen: Some(Sight::Testimony(Ok(_))), .. }))
        };
        let answering = self.others.iter().filter(|(host, tries)| answered(tries) || witnessed(host)).count();
        let asked = self.subject.others.len();
        let way_out = answered(&self.gateway);
        if answering > 0 && answering * 2 >= asked || (asked == 0 && (way_out || !self.subject.gateway)) {
            return Some(Doubt::Fine);
        }
        let tries_of = |host| self.others.get(host).map_or(&[][..], Vec::as_slice);
        let over = |tries: &[Try]| answered(tries) || self.is_silent(tries, now_ms);
        let silent = self.subject.others.iter().all(|host| over(tries_of(host)));
        let no_way_out = !self.subject.gateway || way_out || self.is_silent(&self.gateway, now_ms);
        (silent && no_way_out).then_some(Doubt::Isolated)
    }

    fn is_silent(&self, tries: &[Try], now_ms: u64) -> bool {
        let least = self.subject.hedge_ms.max(LEAST_SILENCE_MS);
        tries.len() >= ECHOES && !answered(tries) && tries.iter().all(|tried| tried.sent_ms + least <= now_ms)
    }
}

/// What a wrong answer proves. Silence, and checks that could not be made, prove nothing.
fn complaint(sight: &Sight) -> Option<Service> {
    let Sight::Answers(answers) = sight else { return None };
    answers.values().find_map(|outcome| match outcome {
        Outcome::Refused { .. } => Some(Service::Refuses),
        Outcome::Wrong { .. } => Some(Service::Wrong),
        _ => None,
    })
}

/// Whether nothing stands against the service but checks that could not be made.
fn unasked(sight: &Sight) -> bool {
    let Sight::Answers(answers) = sight else { return false };
    let mut bad = answers.values().filter(|outcome| !outcome.is_ok()).peekable();
    bad.peek().is_some() && bad.all(|outcome| matches!(outcome, Outcome::Impossible { .. }))
}

fn answered(tries: &[Try]) -> bool {
    tries.iter().any(|tried| tried.seen.as_ref().is_some_and(|sight| sight.latency_us().is_some()))
}

fn again(tries: &[Try], spacing_ms: u64, now_ms: u64) -> bool {
    tries.len() < ECHOES && tries.last().is_none_or(|last| last.sent_ms + spacing_ms <= now_ms)
}

fn ask(asks: &mut Vec<Ask>, ids: &mut Ids, target: Target, timeout_ms: u64, now_ms: u64) -> Try {
    let look = ids.next();
    asks.push(Ask { look, target, timeout_ms });
    Try { look, sent_ms: now_ms, seen: None }
}
