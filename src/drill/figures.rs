//! From what was seen in a round to its figures. Pure: every time is in seconds, counted from the instant of the failure.

use crate::lab::meter::Answer;

/// What was seen.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When the call that makes the failure returned.
    pub struck_s: f64,
    /// When the monitor said that a takeover begins.
    pub began_s: f64,
    /// When the new primary had taken the service address, as far as the monitor was told.
    pub claimed_s: f64,
    /// Whether the old primary goes on answering until it is told to stop.
    pub still_answers: bool,
    /// When the meter started.
    pub metered_s: f64,
    /// What the client asked, and got.
    pub answers: &'a [Answer],
}

/// What is made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    pub deterministic_s: f64,
    pub migration_s: f64,
    pub response_s: f64,
    pub outage_ms: f64,
}

impl Seen<'_> {
    /// `None` while no client is served again.
    pub fn figures(&self) -> Option<Figures> {
        let served_s = self.served_again_s()?;
        Some(Figures {
            deterministic_s: self.began_s,
            migration_s: served_s - self.began_s,
            response_s: served_s,
            outage_ms: self.outage_s(served_s) * 1000.0,
        })
    }

    /// The first good answer to a request that only the new primary can have answered: one sent after the failure was
    /// complete, and where the old primary still answers, after the new one had taken the address.
    pub fn served_again_s(&self) -> Option<f64> {
        let from_s = if self.still_answers { self.claimed_s } else { self.struck_s };
        let served = self.good().filter(|(sent, _)| *sent >= from_s);
        served.map(|(_, done)| done).min_by(f64::total_cmp)
    }

    /// The longest time between two good answers of which the later one came after the failure, up to the first one of
    /// the new primary.
    fn outage_s(&self, served_s: f64) -> f64 {
        let mut done: Vec<f64> = self.good().map(|(_, done)| done).filter(|done| *done <= served_s).collect();
        done.sort_by(f64::total_cmp);
        let gaps = done.windows(2).filter(|pair| pair[1] > 0.0).map(|pair| pair[1] - pair[0]);
        gaps.fold(0.0, f64::max)
    }

    fn good(&self) -> impl Iterator<Item = (f64, f64)> {
        let at = |ms: f64| self.metered_s + ms / 1000.0;
        self.answers
            .iter()
            .filter(|answer| answer.ok)
            .map(move |answer| (at(answer.sent_ms), at(answer.done_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request every 100 ms from one second before the failure on, answered after 2 ms where `ok` says so.
    fn answers(ok: impl Fn(f64) -> bool) -> Vec<Answer> {
        (0..60)
            .map(|number| {
                let sent_ms = f64::from(number) * 100.0;
                Answer { sent_ms, done_ms: sent_ms + 2.0, ok: ok(sent_ms / 1000.0 - 1.0) }
            })
            .collect()
    }

    fn seen(answers: &[Answer], still_answers: bool) -> Seen<'_> {
        Seen { struck_s: 0.01, began_s: 2.5, claimed_s: 2.55, still_answers, metered_s: -1.0, answers }
    }

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-6, "{found}, not {wanted}");
    }

    #[test]
    fn a_cut_host_is_made_up_for_by_the_first_answer() {
        let answers = answers(|at| !(0.0..2.6).contains(&at));
        let figures = seen(&answers, false).figures().unwrap();
        near(figures.deterministic_s, 2.5);
        near(figures.response_s, 2.602);
        near(figures.migration_s, 0.102);
        near(figures.outage_ms, 2702.0 - 2.0);
    }

    #[test]
    fn an_answer_under_way_when_the_host_is_cut_is_not_the_new_primarys() {
        let mut answers = answers(|at| !(0.0..2.6).contains(&at));
        answers.push(Answer { sent_ms: 999.0, done_ms: 1001.0, ok: true });
        near(seen(&answers, false).figures().unwrap().response_s, 2.602);
    }

    #[test]
    fn an_overloaded_host_answers_until_it_is_left() {
        let answers = answers(|at| !(2.45..2.65).contains(&at));
        let figures = seen(&answers, true).figures().unwrap();
        near(figures.response_s, 2.702);
        near(figures.outage_ms, 300.0);
    }

    #[test]
    fn without_an_answer_there_is_no_figure() {
        assert_eq!(seen(&answers(|at| at < 0.0), false).figures(), None);
    }
}
