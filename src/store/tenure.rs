//! Who has the lease, and whether another may take it. Pure: a look and a time go in, a judgement comes out; called by
//! [`super::desk`] for every kind of store.
//!
//! The clocks of two machines are never compared. A holder counts its beats in the store, and who wants the lease takes
//! it once the count has stood still for the holder's ttl by *its own* clock. The holder, by its own clock, stops
//! believing in its lease when no renewal has succeeded for as long. It began to count before the beat was written and
//! the other after it was read, so the holder always stops first.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Holder;

/// What a store keeps of the lease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenure {
    /// Grows by one with every change of holder.
    pub term: u64,
    /// `None`: nobody, or nobody any more.
    pub holder: Option<Holder>,
    /// How long the holder may be silent, in milliseconds.
    pub ttl_ms: u64,
    /// Somebody who knows said that the holder's time is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deposed: bool,
    /// Grows with every renewal. Kept apart from the rest, so that a renewal writes one number.
    #[serde(skip)]
    pub beat: u64,
}

impl Tenure {
    pub fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl_ms)
    }

    /// The next one, held by `holder`.
    pub(super) fn next(&self, holder: Holder, ttl: Duration) -> Self {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        Self { term: self.term.saturating_add(1), holder: Some(holder), ttl_ms, deposed: false, beat: 0 }
    }
}

/// What one more look says of the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may be taken.
    Free(Vacancy),
    /// No sign of life since the first look; after this long it lapses.
    Silent { lapses_in: Duration },
    /// The beat changed between two looks.
    Alive,
}

/// Why a lease may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vacancy {
    /// Nobody has it.
    Vacant,
    /// Its process is gone from this machine.
    Died,
    /// It was told to go, and may not know yet.
    Deposed,
    /// Silent for its whole ttl.
    Lapsed,
}

/// Looks at a tenure again and again.
#[derive(Clone, Debug, Default)]
pub struct Watcher {
    /// Term and beat, and when they were first seen so.
    seen: Option<(u64, u64, Duration)>,
}

impl Watcher {
    /// Judges what is there `now` (by any clock that only grows). `died`: the holder's process is known to be gone.
    pub fn look(&mut self, tenure: &Tenure, died: bool, now: Duration) -> Standing {
        if tenure.holder.is_none() {
            return Standing::Free(Vacancy::Vacant);
        }
        if died {
            return Standing::Free(Vacancy::Died);
        }
        if tenure.deposed {
            return Standing::Free(Vacancy::Deposed);
        }
        let before = self.seen;
        match before {
            Some((term, beat, since)) if (term, beat) == (tenure.term, tenure.beat) => {
                let left = tenure.ttl().saturating_sub(now.saturating_sub(since));
                if left.is_zero() {
                    Standing::Free(Vacancy::Lapsed)
                } else {
                    Standing::Silent { lapses_in: left }
                }
            }
            _ => {
                self.seen = Some((tenure.term, tenure.beat, now));
                if before.is_some() { Standing::Alive } else { Standing::Silent { lapses_in: tenure.ttl() } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(3);

    fn held(term: u64, beat: u64) -> Tenure {
        Tenure { beat, ..Tenure { term: term - 1, ..Tenure::default() }.next(Holder::default(), TTL) }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_nobody_has_is_free_at_once() {
        let look = Watcher::default().look(&Tenure { term: 4, ..Tenure::default() }, false, ms(0));
        assert_eq!(look, Standing::Free(Vacancy::Vacant));
        assert_eq!(Watcher::default().look(&held(4, 1), true, ms(0)), Standing::Free(Vacancy::Died));
        let deposed = Tenure { deposed: true, ..held(4, 1) };
        assert_eq!(Watcher::default().look(&deposed, false, ms(0)), Standing::Free(Vacancy::Deposed));
        assert!(!deposed.next(Holder::default(), TTL).deposed, "the next one begins anew");
    }

    #[test]
    fn silence_is_waited_out_by_the_watchers_own_clock() {
        let mut watcher = Watcher::default();
        // However old the beat is: nothing is known of before the first look.
        assert_eq!(watcher.look(&held(4, 7), false, ms(90_000)), Standing::Silent { lapses_in: TTL });
        assert_eq!(watcher.look(&held(4, 7), false, ms(92_999)), Standing::Silent { lapses_in: ms(1) });
        assert_eq!(watcher.look(&held(4, 7), false, ms(93_000)), Standing::Free(Vacancy::Lapsed));
    }

    #[test]
    fn any_change_is_a_sign_of_life_and_starts_the_wait_anew() {
        let mut watcher = Watcher::default();
        watcher.look(&held(4, 7), false, ms(0));
        assert_eq!(watcher.look(&held(4, 8), false, ms(2_900)), Standing::Alive);
        assert_eq!(watcher.look(&held(4, 8), false, ms(3_100)), Standing::Silent { lapses_in: ms(2_800) });
        // Another took it: its beat is a new one, whatever its number.
        assert_eq!(watcher.look(&held(5, 8), false, ms(5_899)), Standing::Alive);
        assert_eq!(watcher.look(&held(5, 8), false, ms(5_900)), Standing::Silent { lapses_in: ms(2_999) });
    }

    #[test]
    fn the_holders_own_ttl_counts() {
        let long = Tenure { ttl_ms: 60_000, ..held(4, 7) };
        let mut watcher = Watcher::default();
        watcher.look(&long, false, ms(0));
        assert_eq!(watcher.look(&long, false, ms(3_000)), Standing::Silent { lapses_in: ms(57_000) });
    }

    #[test]
    fn a_clock_that_goes_back_frees_nothing() {
        let mut watcher = Watcher::default();
        watcher.look(&held(4, 7), false, ms(10_000));
        assert_eq!(watcher.look(&held(4, 7), false, ms(1_000)), Standing::Silent { lapses_in: TTL });
    }
}
