//! A check of the controller's that is sent again beside the first where that is late: a packet that is lost while
//! the neighbours learn who has an address now costs no whole timeout then.

use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::timeout;

use super::ports::{ProbeOutcome, Prober};
use crate::plan::Probe;

/// An answer that takes this long is late.
const LATE: Duration = Duration::from_millis(100);

/// Ends within the probe's own timeout and [`LATE`]. Programs, and whoever would count two guests, are asked once.
pub(super) async fn probe(prober: &dyn Prober, probe: &Probe) -> ProbeOutcome {
    let mut first = prober.probe(probe);
    if matches!(probe, Probe::Smtp { .. } | Probe::Command { .. } | Probe::Plugin { .. }) {
        return first.await;
    }
    if let Ok(outcome) = timeout(LATE, &mut first).await {
        return outcome;
    }
    match select(first, prober.probe(probe)).await {
        Either::Left((outcome, _)) | Either::Right((outcome, _)) if outcome.ok => outcome,
        Either::Left((_, other)) | Either::Right((_, other)) => other.await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// Answers in turn, each after so many milliseconds.
    struct Answers(Mutex<Vec<(u64, bool)>>);

    impl Prober for Answers {
        fn probe<'a>(&'a self, _: &'a Probe) -> BoxFuture<'a, ProbeOutcome> {
            let (after_ms, ok) = self.0.lock().unwrap().remove(0);
            sleep(Duration::from_millis(after_ms))
                .map(move |()| ProbeOutcome { ok, detail: String::new() })
                .boxed()
        }
    }

    /// What came of it, after how many milliseconds, with how many answers left.
    async fn ask(answers: &[(u64, bool)], probed: &Probe) -> (bool, u128, usize) {
        let answers = Answers(Mutex::new(answers.to_vec()));
        let began = Instant::now();
        let outcome = probe(&answers, probed).await;
        let left = answers.0.lock().unwrap().len();
        (outcome.ok, began.elapsed().as_millis(), left)
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_packet_costs_no_timeout() {
        let tcp = Probe::Tcp { host: "h".to_owned(), port: 80, timeout_ms: 500 };
        assert_eq!(ask(&[(5, true), (5, true)], &tcp).await, (true, 5, 1));
        assert_eq!(ask(&[(5, false), (5, true)], &tcp).await, (false, 5, 1));
        assert_eq!(ask(&[(500, false), (5, true)], &tcp).await, (true, 105, 0));
        assert_eq!(ask(&[(150, true), (500, false)], &tcp).await, (true, 150, 0));
        assert_eq!(ask(&[(500, false), (5, false)], &tcp).await, (false, 500, 0));
        assert_eq!(ask(&[(300, true), (5, false)], &tcp).await, (true, 300, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_is_run_once() {
        let program = Probe::Command { argv: vec!["check".to_owned()], timeout_ms: 500 };
        assert_eq!(ask(&[(300, true), (5, true)], &program).await, (true, 300, 1));
    }
}
