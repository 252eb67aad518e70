//! How long answers usually take, and so how long a missing one may be before it is worth worrying about.

use serde::{Deserialize, Serialize};

/// Answers that are remembered.
const REMEMBERED: usize = 32;

/// A worry begins at so many times the slowest recent answer.
const FACTOR: u64 = 4;

/// But not before this.
const LEAST_MS: u64 = 25;

/// The first looks have nothing to go by.
const AT_FIRST_MS: u64 = 100;

/// The last answer times of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    recent_us: Vec<u64>,
    next: usize,
}

impl Latency {
    pub fn heard(&mut self, micros: u64) {
        if self.recent_us.len() < REMEMBERED {
            self.recent_us.push(micros);
        } else {
            self.recent_us[self.next % REMEMBERED] = micros;
        }
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// Milliseconds without an answer after which more is asked. At most half of what a probe may take in all.
    pub fn hedge_ms(&self, timeout_ms: u64) -> u64 {
        let worst = self.recent_us.iter().max();
        let usual = worst.map_or(AT_FIRST_MS, |micros| (micros * FACTOR).div_ceil(1000).max(LEAST_MS));
        usual.min(timeout_ms / 2).max(1)
    }

    pub fn last_us(&self) -> Option<u64> {
        let last = (self.next + REMEMBERED - 1) % REMEMBERED;
        self.recent_us.get(last).or(self.recent_us.last()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worry_follows_what_is_usual() {
        let mut latency = Latency::default();
        assert_eq!(latency.hedge_ms(500), 100);
        latency.heard(1_000);
        assert_eq!(latency.hedge_ms(500), 25);
        latency.heard(40_000);
        assert_eq!(latency.hedge_ms(500), 160);
        assert_eq!(latency.hedge_ms(200), 100);
        (0..REMEMBERED).for_each(|_| latency.heard(2_000));
        assert_eq!(latency.hedge_ms(500), 25);
        assert_eq!(latency.last_us(), Some(2_000));
    }
}
