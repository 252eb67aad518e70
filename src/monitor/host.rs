//! One host under watch: an echo and its own word every round, and what is concluded of it.

use serde::{Deserialize, Serialize};

use super::sight::{LookId, Sight};
use super::verdict::Verdict;
use crate::plan::sample::Sample;

/// Rounds in a row without a word before a host is called anything but well.
const MISSES: u32 = 2;

/// A host that says nothing is only asked for its word every so many rounds.
const SELDOM: u64 = 5;

/// One round's two looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    pub echo: LookId,
    pub sample: Option<LookId>,
    pub sent_ms: u64,
    pub echoed: Option<bool>,
    pub sampled: Option<Result<(), String>>,
}

/// What is known of a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    pub verdict: Verdict,
    pub because: String,
    pub since_ms: u64,
    /// Its last word, and when it was asked for.
    pub sample: Option<Box<Sample>>,
    pub sample_ms: u64,
    /// When anything last came from it.
    pub alive_ms: Option<u64>,
    pub next_round_ms: u64,
    pub round: Option<Round>,
    /// The next round is before its time: a rule is to be confirmed.
    #[serde(default)]
    pub hurried: bool,
    /// The next round asks for its word, however long it has been silent.
    #[serde(default)]
    wanted: bool,
    /// When the last round that came to an end began.
    #[serde(default)]
    pub looked_ms: u64,
    rounds: u64,
    misses: u32,
    /// A witness is being asked about it.
    pub witness: Option<LookId>,
}

/// What a finished round leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// As before, or not clear yet.
    Same,
    Is(Verdict, String),
    /// A host that said nothing answers again; it was not asked for its word.
    Back,
    /// Neither echo nor word: somebody else should look.
    Silent,
}

impl Host {
    pub fn new(first_round_ms: u64, now_ms: u64) -> Self {
        Self {
            verdict: Verdict::Unknown,
            because: "it was not looked at yet".to_owned(),
            since_ms: now_ms,
            sample: None,
            sample_ms: 0,
            alive_ms: None,
            next_round_ms: first_round_ms,
            round: None,
            hurried: false,
            wanted: false,
            looked_ms: 0,
            rounds: 0,
            misses: 0,
            witness: None,
        }
    }

    /// Whether this round should ask for its word, besides the echo.
    pub fn asks_sample(&self) -> bool {
        self.wanted || self.misses < MISSES || self.rounds.is_multiple_of(SELDOM)
    }

    /// Has its next round begin now, and ask for its word.
    pub fn look_now(&mut self, now_ms: u64) {
        self.wanted = true;
        self.next_round_ms = self.next_round_ms.min(now_ms);
    }

    /// Whether it had a round, and nothing about it is open.
    pub fn is_looked_at(&self) -> bool {
        self.rounds > 0 && self.round.is_none() && self.witness.is_none() && !self.hurried
    }

    pub fn begin(&mut self, round: Round, interval_ms: u64) {
        self.rounds += 1;
        self.wanted = false;
        self.next_round_ms = (self.next_round_ms + interval_ms).max(round.sent_ms + interval_ms / 2);
        self.round = Some(round);
    }

    /// Takes in a look; `false` if it is not one of this round's.
    pub fn saw(&mut self, look: LookId, sight: &Sight, now_ms: u64) -> bool {
        let Some(round) = &mut self.round else { return false };
        match sight {
            Sight::Echo(outcome) if round.echo == look => round.echoed = Some(outcome.is_ok()),
            Sight::Sample(Ok(sample)) if round.sample == Some(look) => {
                self.sample = Some(sample.clone());
                self.sample_ms = round.sent_ms;
                round.sampled = Some(Ok(()));
            }
            Sight::Sample(Err(why)) if round.sample == Some(look) => round.sampled = Some(Err(why.clone())),
            _ => return false,
        }
        if sight.latency_us().is_some() || matches!(sight, Sight::Sample(Ok(_))) {
            self.alive_ms = Some(now_ms);
        }
        true
    }

    /// What the round comes to, once both looks are back.
    pub fn finding(&mut self) -> Finding {
        let Some(round) = &self.round else { return Finding::Same };
        let Some(echoed) = round.echoed else { return Finding::Same };
        let sampled = match (&round.sample, &round.sampled) {
            (Some(_), None) => return Finding::Same,
            (Some(_), Some(sampled)) => Some(sampled.clone()),
            (None, _) => None,
        };
        self.looked_ms = round.sent_ms;
        self.round = None;
        match (sampled, echoed) {
            (Some(Ok(())), _) => {
                self.misses = 0;
                Finding::Is(Verdict::Ok, "it answers".to_owned())
            }
            (None, true) => {
                self.misses = 0;
                Finding::Back
            }
            (said, echoed) => {
                self.misses += 1;
                match (self.misses >= MISSES, echoed, said) {
                    (false, _, _) => Finding::Same,
                    (true, true, Some(Err(why))) => Finding::Is(
                        Verdict::Unreachable,
                        format!("its kernel answers, its ssh does not ({why})"),
                    ),
                    _ => Finding::Silent,
                }
            }
        }
    }
}
