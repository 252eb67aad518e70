//! From rounds to the three tables: transient failure, overload, cost-effectiveness. Pure.
//!
//! A monitor that looks once in an interval finds a failure at a random instant after half of it, on the mean; what it
//! can add to that, or not, is its own. So the least possible response is half an interval, and the cost-effectiveness
//! (interval / response) is at most 2.

use serde::Serialize;

use super::cell::{Cell, Fault, Interval};
use super::record::{Document, Round};
use super::reference::Reference;
use crate::site::id::ServiceName;

/// What a mean response may be above the least possible one, in seconds, where it is to be called good.
const ROOM_S: f64 = 0.4;
/// The same where a service has to be taken off a host that still serves.
const ROOM_OVERLOAD_S: f64 = 0.6;

/// The tables in the order they are numbered, those that have any row.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tables {
    /// Response by fault: 1 is a transient failure, 2 is overload; other faults follow without a number.
    pub responses: Vec<Responses>,
    /// Table 3.
    pub effectiveness: Vec<Effectiveness>,
    /// Whose figures stand beside ours.
    pub reference: Option<String>,
}

/// One table of times.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Responses {
    pub fault: Fault,
    pub rows: Vec<Row>,
}

/// A service at an interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub service: ServiceName,
    pub interval_s: Interval,
    /// Rounds that were asked for.
    pub wanted: u32,
    /// Rounds without a figure: nobody took over, or nobody was served.
    pub failed: usize,
    pub deterministic_s: Stat,
    pub migration_s: Stat,
    pub response_s: Stat,
    pub outage_ms: Stat,
    /// The least mean response of any monitor that looks once per interval.
    pub least_s: f64,
    /// What the mean response should not exceed.
    pub yardstick_s: f64,
    /// Somebody else's figures.
    pub reference: Option<super::reference::Times>,
}

/// A line of table 3: interval / mean response.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effectiveness {
    pub service: ServiceName,
    pub fault: Fault,
    pub interval_s: Interval,
    pub ratio: f64,
    /// The most that is possible.
    pub limit: f64,
    pub yardstick: f64,
    pub reference: Option<f64>,
}

/// A figure over the rounds of a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Stat {
    pub n: usize,
    pub mean: f64,
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Stat {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (Some(min), Some(max)) = (values.first(), values.last()) else { return Self::default() };
        let n = values.len();
        let median = f64::midpoint(values[(n - 1) / 2], values[n / 2]);
        #[expect(clippy::cast_precision_loss, reason = "nobody drills that many rounds")]
        let mean = values.iter().sum::<f64>() / n as f64;
        Self { n, mean, median, min: *min, max: *max }
    }
}

impl Tables {
    /// # Panics
    /// Never: a row has rounds.
    pub fn of(document: &Document, reference: Option<&Reference>) -> Self {
        let mut faults = document.wanted.faults.clone();
        faults.sort_by_key(|fault| (*fault != Fault::Cut, *fault != Fault::Overload, *fault));
        let table = |fault: Fault| Responses { fault, rows: rows(document, fault, reference) };
        let responses: Vec<Responses> =
            faults.into_iter().map(table).filter(|table| !table.rows.is_empty()).collect();
        let effectiveness = responses
            .iter()
            .flat_map(|table| table.rows.iter().map(|row| row.effectiveness(table.fault, reference)));
        Self {
            effectiveness: effectiveness.collect(),
            responses,
            reference: reference.map(|reference| reference.source.clone()),
        }
    }
}

/// A service, a fault, and table 3 at every interval.
pub type Line<'a> = (&'a ServiceName, Fault, Vec<Option<&'a Effectiveness>>);

impl Tables {
    /// The intervals of table 3, shortest first.
    pub fn intervals(&self) -> Vec<Interval> {
        let mut intervals: Vec<Interval> = self.effectiveness.iter().map(|row| row.interval_s).collect();
        intervals.sort();
        intervals.dedup();
        intervals
    }

    /// Table 3 with a line for each service and fault.
    pub fn by_service(&self) -> Vec<Line<'_>> {
        let intervals = self.intervals();
        let mut lines: Vec<Line<'_>> = Vec::new();
        for row in &self.effectiveness {
            if !lines.iter().any(|(service, fault, _)| **service == row.service && *fault == row.fault) {
                let of_line = |interval: &Interval| {
                    self.effectiveness.iter().find(|other| {
                        (&other.service, other.fault) == (&row.service, row.fault)
                            && other.interval_s == *interval
                    })
                };
                lines.push((&row.service, row.fault, intervals.iter().map(of_line).collect()));
            }
        }
        lines
    }
}

impl Responses {
    /// `Table 1`, or nothing where it has no number.
    pub fn number(&self) -> Option<u32> {
        match self.fault {
            Fault::Cut => Some(1),
            Fault::Overload => Some(2),
            _ => None,
        }
    }

    pub fn title(&self) -> &'static str {
        match self.fault {
            Fault::Cut => "Transient failure: the host is cut off the network",
            Fault::Overload => "System overload: the host still answers",
            Fault::Crash => "Power cut",
            Fault::Kill => "The service's processes are killed",
            Fault::Freeze => "The host is frozen: its kernel answers, its processes do not",
        }
    }

    /// `Table 1. Transient failure: …`
    pub fn heading(&self) -> String {
        let title = self.title();
        self.number().map_or_else(|| title.to_owned(), |number| format!("Table {number}. {title}"))
    }
}

/// Of the third table.
pub const EFFECTIVENESS: &str = "Table 3. Cost-effectiveness: interval / mean response";

fn rows(document: &Document, fault: Fault, reference: Option<&Reference>) -> Vec<Row> {
    let cells = document.wanted.cells().into_iter().filter(|cell| cell.fault == fault);
    cells.filter_map(|cell| row(document, &cell, reference)).collect()
}

/// `None` while a cell has no figures.
fn row(document: &Document, cell: &Cell, reference: Option<&Reference>) -> Option<Row> {
    let rounds: Vec<&Round> = document.rounds.iter().filter(|round| round.is_of(cell)).collect();
    let looks = rounds.first()?.looks;
    let stat = |figure: fn(&Round) -> Option<f64>| Stat::of(rounds.iter().filter_map(|round| figure(round)));
    let interval_s = cell.interval.as_secs();
    let least_s = interval_s / 2.0 + f64::from(looks.saturating_sub(1)) * interval_s;
    let room_s = if cell.fault == Fault::Overload { ROOM_OVERLOAD_S } else { ROOM_S };
    Some(Row {
        service: cell.service.clone(),
        interval_s: cell.interval,
        wanted: document.wanted.rounds,
        failed: rounds.iter().filter(|round| round.failed.is_some()).count(),
        deterministic_s: stat(|round| round.deterministic_s),
        migration_s: stat(|round| round.migration_s),
        response_s: stat(|round| round.response_s),
        outage_ms: stat(|round| round.outage_ms),
        least_s,
        yardstick_s: least_s + room_s,
        reference: reference.and_then(|reference| reference.times(cell)),
    })
}

impl Row {
    fn effectiveness(&self, fault: Fault, reference: Option<&Reference>) -> Effectiveness {
        let interval = self.interval_s.as_secs();
        let cell = Cell { service: self.service.clone(), fault, interval: self.interval_s };
        let ratio = |response: f64| if response > 0.0 { interval / response } else { 0.0 };
        Effectiveness {
            service: self.service.clone(),
            fault,
            interval_s: self.interval_s,
            ratio: ratio(self.response_s.mean),
            limit: ratio(self.least_s),
            yardstick: ratio(self.yardstick_s),
            reference: reference.and_then(|reference| reference.ratio(&cell)),
        }
    }

    /// Whether the mean response is as good as it should be.
    pub fn is_met(&self) -> bool {
        self.response_s.n > 0 && self.response_s.mean <= self.yardstick_s
    }
}

impl Effectiveness {
    pub fn is_met(&self) -> bool {
        self.ratio >= self.yardstick
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::made_up;

    #[test]
    fn a_figure_has_its_middle_and_its_ends() {
        let stat = Stat::of([4.0, 1.0, 2.0, 9.0]);
        assert_eq!(stat, Stat { n: 4, mean: 4.0, median: 3.0, min: 1.0, max: 9.0 });
        assert!((Stat::of([5.0, 1.0, 2.0]).median - 2.0).abs() < 1e-9);
        assert_eq!(Stat::of([]), Stat::default());
    }

    #[test]
    fn cut_is_table_1_and_overload_table_2() {
        let tables = Tables::of(&made_up::document(), None);
        let headings: Vec<String> = tables.responses.iter().map(Responses::heading).collect();
        assert_eq!(headings[0], "Table 1. Transient failure: the host is cut off the network");
        assert!(headings[1].starts_with("Table 2. "));
        assert_eq!(headings.len(), 2);
    }

    #[test]
    fn a_row_counts_failures_apart_and_knows_its_limits() {
        let tables = Tables::of(&made_up::document(), None);
        let row = &tables.responses[0].rows[0];
        assert_eq!((row.service.as_str(), row.response_s.n, row.failed, row.wanted), ("web", 3, 1, 4));
        assert!((row.least_s - 2.0).abs() < 1e-9 && (row.yardstick_s - 2.4).abs() < 1e-9);
        let ratio = &tables.effectiveness[0];
        assert!((ratio.ratio - 4.0 / row.response_s.mean).abs() < 1e-9);
        assert!((ratio.limit - 2.0).abs() < 1e-9 && (ratio.yardstick - 4.0 / 2.4).abs() < 1e-9);
    }

    #[test]
    fn a_rule_over_three_rounds_needs_two_intervals_more() {
        let mut document = made_up::document();
        document.rounds.iter_mut().for_each(|round| round.looks = 3);
        let row = Tables::of(&document, None).responses[1].rows[0].clone();
        assert!((row.least_s - 10.0).abs() < 1e-9 && (row.yardstick_s - 10.6).abs() < 1e-9);
    }
}
