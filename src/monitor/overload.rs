//! Overload rules: a measure above its limit for so many rounds in a row, and below it with room before it is over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::{Measure, Rule};
use super::sight::Sight;
use crate::plan::sample::Sample;

/// A rule that holds is over once the measure is below this part of its limit, for as many rounds.
const CALM: f64 = 0.8;

/// How one rule stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gauge {
    /// Rounds in a row above the limit, or below calm while it holds.
    count: u32,
    pub holds: bool,
    pub last: Option<f64>,
}

impl Gauge {
    /// Takes in one round's value.
    pub fn round(&mut self, rule: &Rule, value: f64) {
        self.last = Some(value);
        let turning = if self.holds { value < rule.above * CALM } else { value > rule.above };
        self.count = if turning { self.count + 1 } else { 0 };
        if self.count >= rule.rounds.max(1) {
            self.holds = !self.holds;
            self.count = 0;
        }
    }
}

/// What a host's own word says of a rule.
pub fn of_sample(measure: &Measure, sample: &Sample) -> Option<f64> {
    match measure {
        Measure::LoadPerCpu => Some(sample.facts.load_per_cpu),
        Measure::Processes(name) => sample.processes.get(name).map(|count| f64::from(*count)),
        Measure::Queue(path) => sample.queues.get(path).copied().flatten().map(f64::from),
        Measure::Latency(_) => None,
    }
}

/// What a client's look says of a rule, in milliseconds.
pub fn of_answers(measure: &Measure, sight: &Sight) -> Option<f64> {
    let (Measure::Latency(probe), Sight::Answers(answers)) = (measure, sight) else { return None };
    let micros = answers.get(probe)?.latency_us()?;
    Some(f64::from(u32::try_from(micros).unwrap_or(u32::MAX)) / 1000.0)
}

/// The rules that hold, as sentences: `load per CPU 6.2 is above 4 for 3 rounds`.
pub fn sentences(rules: &BTreeMap<String, Rule>, gauges: &BTreeMap<String, Gauge>) -> Vec<String> {
    let holding = gauges.iter().filter(|(_, gauge)| gauge.holds);
    holding
        .filter_map(|(name, gauge)| {
            let rule = rules.get(name)?;
            let what = match &rule.measure {
                Measure::LoadPerCpu => "load per CPU".to_owned(),
                Measure::Processes(of) => format!("number of `{of}` processes"),
                Measure::Queue(path) => format!("number of files in {path}"),
                Measure::Latency(probe) => format!("answer time of `{probe}` in ms"),
            };
            let last = gauge.last.unwrap_or_default();
            Some(format!("{name}: {what} {last:.1} is above {} for {} rounds", rule.above, rule.rounds))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(values: &[f64]) -> Vec<bool> {
        let rule = Rule { measure: Measure::LoadPerCpu, above: 4.0, rounds: 3 };
        let mut gauge = Gauge::default();
        let mut round = |value: &f64| {
            gauge.round(&rule, *value);
            gauge.holds
        };
        values.iter().map(&mut round).collect()
    }

    #[test]
    fn it_takes_rounds_in_a_row() {
        assert_eq!(rounds(&[5.0, 5.0, 3.0, 5.0, 5.0, 5.0]), [false, false, false, false, false, true]);
    }

    #[test]
    fn it_is_over_only_well_below_the_limit() {
        assert_eq!(rounds(&[5.0, 5.0, 5.0, 3.9, 3.9, 3.9]), [false, false, true, true, true, true]);
        assert_eq!(rounds(&[5.0, 5.0, 5.0, 3.0, 3.0, 3.0]), [false, false, true, true, true, false]);
    }
}
