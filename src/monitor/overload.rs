//! Overload rules: a measure above its limit for so many rounds in a row and in a look taken at once after these, and
//! below it with room before it is over.

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
        let again = u32::from(!self.holds);
        if self.count >= rule.rounds.max(1) + again {
            self.holds = !self.holds;
            self.count = 0;
        }
    }

    /// Whether the rule holds as soon as one more look says so; it should be taken at once.
    pub fn is_about_to_hold(&self, rule: &Rule) -> bool {
        !self.holds && self.count == rule.rounds.max(1)
    }
}

/// Takes in what one look `says` of some of the rules. A `hurried` look is no round of its own: it counts for those that
/// waited for it. Whether one more is wanted at once.
pub fn take(
    rules: &BTreeMap<String, Rule>,
    gauges: &mut BTreeMap<String, Gauge>,
    hurried: bool,
    says: impl Fn(&Measure) -> Option<f64>,
) -> bool {
    let mut again = false;
    for (name, rule) in rules {
        let Some(value) = says(&rule.measure) else { continue };
        let gauge = gauges.entry(name.clone()).or_default();
        if !hurried || gauge.is_about_to_hold(rule) {
            gauge.round(rule, value);
        }
        again |= gauge.is_about_to_hold(rule);
    }
    again
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
        let values = [5.0, 5.0, 3.0, 5.0, 5.0, 5.0, 5.0];
        assert_eq!(rounds(&values), [false, false, false, false, false, false, true]);
        assert_eq!(rounds(&[5.0, 5.0, 5.0, 3.0]), [false; 4], "the look that was taken at once says no");
    }

    #[test]
    fn it_is_over_only_well_below_the_limit() {
        let after = |value: f64| rounds(&[5.0, 5.0, 5.0, 5.0, value, value, value])[3..].to_vec();
        assert_eq!(after(3.9), [true, true, true, true]);
        assert_eq!(after(3.0), [true, true, true, false]);
    }
}
