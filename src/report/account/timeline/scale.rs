//! Which moment is where from left to right, and where the grid is. Pure.

/// From one moment to another, in milliseconds since the run began.
pub(super) struct Scale {
    from: i64,
    until: i64,
    left: f64,
    right: f64,
}

impl Scale {
    pub fn new(from: i64, until: i64, left: f64, right: f64) -> Self {
        Self { from, until: until.max(from + 1), left, right }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of a picture's width")]
    pub fn x(&self, at_ms: i64) -> f64 {
        let share = (at_ms - self.from) as f64 / (self.until - self.from) as f64;
        self.left + share.clamp(0.0, 1.0) * (self.right - self.left)
    }

    /// Where a bar begins and how wide it is; it stays within the picture.
    pub fn bar(&self, begin: i64, end: i64, least: f64) -> (f64, f64) {
        let x = self.x(begin).min(self.right - least);
        (x, (self.x(end) - x).max(least))
    }

    /// Round moments, not more than eight.
    pub fn ticks(&self) -> Vec<i64> {
        let step = self.step();
        let first = self.from.div_euclid(step) * step;
        let all = std::iter::successors(Some(first), |tick| Some(tick + step));
        all.skip_while(|tick| *tick < self.from).take_while(|tick| *tick <= self.until).collect()
    }

    /// 1, 2 or 5, and as many noughts as it takes.
    fn step(&self) -> i64 {
        let span = self.until - self.from;
        let tens = std::iter::successors(Some(1_i64), |ten| ten.checked_mul(10));
        let mut steps = tens.flat_map(|ten| [1, 2, 5].map(|factor| ten.saturating_mul(factor)));
        steps.find(|step| span / step <= 7).unwrap_or(i64::MAX)
    }

    /// `+1.5 s`, as exact as the grid is.
    pub fn label(&self, tick: i64) -> String {
        let digits = match self.step() {
            1000.. => 0,
            100..1000 => 1,
            10..100 => 2,
            _ => 3,
        };
        let sign = if tick < 0 { "−" } else { "+" };
        let (seconds, ms) = (tick.unsigned_abs() / 1000, tick.unsigned_abs() % 1000);
        let fraction = &format!(".{ms:03}")[..if digits == 0 { 0 } else { digits + 1 }];
        format!("{sign}{seconds}{fraction} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_round_and_not_dense() {
        for (from, until) in [(0, 1), (-300, 1412), (0, 7), (0, 61_000), (-60_000, 3_600_000), (5, 6)] {
            let scale = Scale::new(from, until, 0.0, 100.0);
            let ticks = scale.ticks();
            assert!((1..=8).contains(&ticks.len()), "{from} to {until}: {ticks:?}");
            assert!(ticks.iter().all(|tick| (from..=until).contains(tick)));
        }
        let scale = Scale::new(-300, 1412, 0.0, 100.0);
        assert_eq!(scale.ticks(), [0, 500, 1000]);
        assert_eq!(
            (scale.label(500), Scale::new(-90, 0, 0.0, 1.0).label(-40)),
            ("+0.5 s".into(), "−0.04 s".into())
        );
    }

    #[test]
    fn a_bar_is_seen_and_stays_inside() {
        let scale = Scale::new(0, 1000, 10.0, 110.0);
        assert_eq!(scale.bar(0, 500, 3.0), (10.0, 50.0));
        assert_eq!(scale.bar(1000, 1000, 3.0), (107.0, 3.0));
        assert_eq!(scale.bar(500, 9000, 3.0), (60.0, 50.0));
    }
}
