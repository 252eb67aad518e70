//! Finds the outages in a stream of answers. Pure: times are given, measured from the meter's start.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A time without an answer. Milliseconds since the meter started.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The last good answer before it, or the meter's start.
    pub from_ms: f64,
    /// The first good answer after it, or the meter's end.
    pub to_ms: f64,
    pub length_ms: f64,
    /// It had not ended when the meter did.
    pub open: bool,
}

impl Gap {
    fn new(from: Duration, to: Duration, open: bool) -> Self {
        Self { from_ms: ms(from), to_ms: ms(to), length_ms: ms(to.saturating_sub(from)), open }
    }
}

/// Milliseconds with one decimal: more would be noise.
pub(super) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// Watches answers go by.
#[derive(Debug)]
pub(super) struct GapFinder {
    above: Duration,
    last: Duration,
    longest: Duration,
    gaps: Vec<Gap>,
}

impl GapFinder {
    /// Times longer than `above` are gaps.
    pub(super) fn new(above: Duration) -> Self {
        Self { above, last: Duration::ZERO, longest: Duration::ZERO, gaps: Vec::new() }
    }

    /// A good answer was complete `at`; returns the gap that it ends.
    pub(super) fn answer(&mut self, at: Duration) -> Option<Gap> {
        // Answers of parallel requests may be told in a slightly different order.
        let at = at.max(self.last);
        let gap = self.close(at, false);
        self.last = at;
        gap
    }

    /// The meter ended `at`: all gaps, and the longest time without an answer, gap or not.
    pub(super) fn finish(mut self, at: Duration) -> (Vec<Gap>, f64) {
        self.close(at.max(self.last), true);
        (self.gaps, ms(self.longest))
    }

    fn close(&mut self, at: Duration, open: bool) -> Option<Gap> {
        let length = at.saturating_sub(self.last);
        self.longest = self.longest.max(length);
        let gap = (length > self.above).then(|| Gap::new(self.last, at, open));
        self.gaps.extend(gap);
        gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finder(answers: &[u64]) -> GapFinder {
        let mut finder = GapFinder::new(Duration::from_millis(50));
        for at in answers {
            finder.answer(Duration::from_millis(*at));
        }
        finder
    }

    #[test]
    fn steady_answers_have_no_gap_but_a_longest_time() {
        let (gaps, longest) = finder(&[5, 10, 45, 50]).finish(Duration::from_millis(55));
        assert!(gaps.is_empty());
        assert!((longest - 35.0).abs() < 0.05);
    }

    #[test]
    fn a_gap_runs_from_answer_to_answer() {
        let mut finder = finder(&[5, 10]);
        let gap = finder.answer(Duration::from_micros(134_500)).unwrap();
        assert_eq!(gap, Gap { from_ms: 10.0, to_ms: 134.5, length_ms: 124.5, open: false });
        assert_eq!(finder.answer(Duration::from_millis(140)), None);
    }

    #[test]
    fn silence_at_the_start_and_at_the_end_counts() {
        let (gaps, _) = finder(&[100, 105]).finish(Duration::from_millis(400));
        assert_eq!(gaps.len(), 2);
        assert_eq!((gaps[0].from_ms, gaps[0].to_ms, gaps[0].open), (0.0, 100.0, false));
        assert_eq!((gaps[1].length_ms, gaps[1].open), (295.0, true));
    }

    #[test]
    fn answers_told_out_of_order_make_no_gap() {
        let mut finder = finder(&[10, 8]);
        assert_eq!(finder.answer(Duration::from_millis(60)), None);
    }

    #[test]
    fn no_answer_at_all_is_one_open_gap() {
        let (gaps, longest) = finder(&[]).finish(Duration::from_secs(2));
        assert_eq!(gaps, [Gap { from_ms: 0.0, to_ms: 2000.0, length_ms: 2000.0, open: true }]);
        assert!((longest - 2000.0).abs() < 0.05);
    }
}
