//! When, between two looks of the monitor, each failure is to fall: at random, but evenly spread over the rounds, and the
//! same for the same seed. Pure.
//!
//! With N rounds the interval is cut into N strata of one length. Each gets one failure, at a random place in it, and the
//! stratum as far from the end as this one from the beginning gets the mirrored place (antithetic variates: Hammersley and
//! Morton, 1956). The order of the strata is random. So each instant alone is as random as any, and the mean over the
//! rounds is not at the mercy of 20 draws: what would be gained by an early one is paid by its mirror.

use sha2::{Digest, Sha256};

use super::cell::Cell;

/// The phase of every round of a cell, from 0 (a look was just made) to 1 (the next one is due).
pub fn phases(seed: u64, cell: &Cell, rounds: u32) -> Vec<f64> {
    let mut chance = Chance { of: format!("{seed}/{cell}"), drawn: 0 };
    let mut strata: Vec<u32> = (0..rounds).collect();
    for last in (1..strata.len()).rev() {
        strata.swap(last, chance.below(last + 1));
    }
    let places: Vec<f64> = (0..rounds.div_ceil(2)).map(|_| chance.unit()).collect();
    let place = |stratum: u32| {
        let mirrored = rounds - 1 - stratum;
        if stratum <= mirrored { places[stratum as usize] } else { 1.0 - places[mirrored as usize] }
    };
    strata.into_iter().map(|stratum| (f64::from(stratum) + place(stratum)) / f64::from(rounds)).collect()
}

/// Numbers that are the same for the same words: digests of the words and a count.
struct Chance {
    of: String,
    drawn: u32,
}

impl Chance {
    /// At least 0, less than 1.
    fn unit(&mut self) -> f64 {
        self.drawn += 1;
        let digest = Sha256::digest(format!("{}/{}", self.of, self.drawn));
        let word = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        f64::from(word) / (f64::from(u32::MAX) + 1.0)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    fn below(&mut self, end: usize) -> usize {
        (self.unit() * end as f64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::cell::Fault;

    fn cell(interval: &str) -> Cell {
        Cell { service: "web".try_into().unwrap(), fault: Fault::Cut, interval: interval.parse().unwrap() }
    }

    #[test]
    fn each_stratum_gets_one_failure() {
        for rounds in [1, 2, 7, 20] {
            let mut phases = phases(7, &cell("4"), rounds);
            phases.sort_by(f64::total_cmp);
            for (stratum, phase) in (0..rounds).zip(&phases) {
                let (from, to) = (f64::from(stratum), f64::from(stratum) + 1.0);
                let place = phase * f64::from(rounds);
                assert!((from..=to).contains(&place), "{phase} of {rounds}");
            }
        }
    }

    #[test]
    fn an_even_number_of_them_falls_in_the_middle_on_the_mean() {
        for seed in 0..20 {
            let phases = phases(seed, &cell("4"), 20);
            assert!((phases.iter().sum::<f64>() / 20.0 - 0.5).abs() < 1e-9, "{phases:?}");
        }
    }

    #[test]
    fn the_same_seed_is_the_same_drill_and_another_is_not() {
        assert_eq!(phases(7, &cell("4"), 20), phases(7, &cell("4"), 20));
        assert_ne!(phases(7, &cell("4"), 20), phases(8, &cell("4"), 20));
        assert_ne!(phases(7, &cell("4"), 20), phases(7, &cell("8"), 20));
        let order = phases(7, &cell("4"), 20);
        assert!(order.windows(2).any(|pair| pair[0] > pair[1]), "not from left to right");
    }
}
