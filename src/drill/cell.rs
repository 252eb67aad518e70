//! What is drilled: a service, a fault and an interval make a cell; every cell gets its rounds. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::site::id::ServiceName;
use crate::site::quantity::TimeSpan;

/// What is done to the host that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// Its cable is pulled
    Cut,
    /// Its power is cut
    Crash,
    /// It is given more than the service's own overload rules allow
    Overload,
    /// The service's processes are killed
    Kill,
    /// All its processes stop, while its kernel goes on answering
    Freeze,
}

impl Fault {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Crash => "crash",
            Self::Overload => "overload",
            Self::Kill => "kill",
            Self::Freeze => "freeze",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The time between two looks of the monitor. Written as seconds (`4`) or with a unit (`500ms`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Interval(Duration);

impl Interval {
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    pub fn as_secs(self) -> f64 {
        self.0.as_secs_f64()
    }

    pub fn span(self) -> TimeSpan {
        TimeSpan(self.0)
    }
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text.trim().parse::<f64>().map(Self::try_from);
        let parsed = seconds.unwrap_or_else(|_| Ok(Self(text.parse::<TimeSpan>()?.0)))?;
        let sane = Duration::from_millis(100)..=Duration::from_hours(1);
        sane.contains(&parsed.0).then_some(parsed).ok_or(format!("`{text}` is not between 100ms and 1h"))
    }
}

impl TryFrom<f64> for Interval {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|error| format!("`{seconds}` s: {error}"))
    }
}

impl From<Interval> for f64 {
    fn from(interval: Interval) -> Self {
        interval.as_secs()
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} s", self.as_secs()))
    }
}

/// Rounds of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    pub service: ServiceName,
    pub fault: Fault,
    pub interval: Interval,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.service, self.fault, self.interval)
    }
}

/// All that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub services: Vec<ServiceName>,
    pub faults: Vec<Fault>,
    #[serde(rename = "intervals_s")]
    pub intervals: Vec<Interval>,
    /// For each service, fault and interval.
    pub rounds: u32,
}

impl Wanted {
    /// Service by service; within one, fault by fault, so that a monitor is started once for each cell.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for service in &self.services {
            for fault in &self.faults {
                for interval in &self.intervals {
                    cells.push(Cell { service: service.clone(), fault: *fault, interval: *interval });
                }
            }
        }
        cells
    }

    /// This and what another file asked for.
    pub fn merge(&mut self, other: &Self) {
        fn add<T: Clone + PartialEq>(to: &mut Vec<T>, from: &[T]) {
            let new: Vec<T> = from.iter().filter(|item| !to.contains(item)).cloned().collect();
            to.extend(new);
        }
        add(&mut self.services, &other.services);
        add(&mut self.faults, &other.faults);
        add(&mut self.intervals, &other.intervals);
        self.intervals.sort();
        self.rounds = self.rounds.max(other.rounds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_seconds_or_has_a_unit() {
        let read = |text: &str| text.parse::<Interval>().map(|interval| interval.to_string());
        assert_eq!(read("4").unwrap(), "4 s");
        assert_eq!(read("0.5").unwrap(), "0.5 s");
        assert_eq!(read("500ms"), read("0.5"));
        assert_eq!(read("1m").unwrap(), "60 s");
        for wrong in ["", "x", "-4", "1ms", "2h", "4 parsecs"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn cells_come_service_by_service() {
        let wanted = Wanted {
            services: ["web", "dns"].map(|name| name.try_into().unwrap()).to_vec(),
            faults: vec![Fault::Cut, Fault::Overload],
            intervals: ["4", "8"].map(|text| text.parse().unwrap()).to_vec(),
            rounds: 1,
        };
        let cells: Vec<String> = wanted.cells().iter().map(ToString::to_string).collect();
        assert_eq!(cells[..3], ["web, cut, 4 s", "web, cut, 8 s", "web, overload, 4 s"]);
        assert_eq!(cells.len(), 8);
    }
}
