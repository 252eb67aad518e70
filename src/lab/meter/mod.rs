//! What a client sees: asks for a page, a greeting or a record every few milliseconds and reports each time without an
//! answer.
//!
//! Open loop: every request has its own connection and its own deadline and is sent whatever became of those before, so
//! that a hanging server does not hide how long it hung. Times are taken from the monotonic clock. Runs wherever it is
//! called; `reveille lab meter` calls it in the client's network.

mod dns;
mod gaps;
mod http;
mod smtp;
mod target;
mod url;

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

pub use self::gaps::Gap;
use self::gaps::{GapFinder, ms};
use self::target::Target;
pub use self::url::{Scheme, Url};

const SCHEMA: &str = "reveille.meter/1";
const SHORTEST_GAP: Duration = Duration::from_millis(50);

/// What to ask, and how often.
#[derive(Clone, Debug)]
pub struct MeterOptions {
    pub url: Url,
    /// Time from one request to the next.
    pub every: Duration,
    /// A request without a whole answer after this has failed.
    pub timeout: Duration,
    /// How often a failed request is sent again, at once, before it counts as failed.
    pub retries: u32,
    /// Longer times without a good answer are listed as gaps. `None`: three intervals, at least 50 ms.
    pub gap_above: Option<Duration>,
}

/// What the client saw. Schema `reveille.meter/1`; times are milliseconds since `started`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeterReport {
    pub schema: String,
    pub url: String,
    /// Wall-clock time of the first request.
    pub started: Timestamp,
    pub duration_ms: f64,
    pub every_ms: f64,
    pub timeout_ms: f64,
    pub retries: u32,
    pub requests: u64,
    pub ok: u64,
    /// No good answer, retries included.
    pub failed: u64,
    /// Good only after a retry.
    pub retried: u64,
    /// Failed attempts by reason.
    pub failures: BTreeMap<String, u64>,
    /// From the request to the whole answer, of those that were good.
    pub latency_ms: Latency,
    /// The longest time between two good answers, whether or not it counts as a gap.
    pub longest_gap_ms: f64,
    pub gaps: Vec<Gap>,
}

/// Times to a whole answer, in milliseconds; zero if there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub median: f64,
    pub p99: f64,
    pub max: f64,
}

/// One request, retries included. Milliseconds since the meter started.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub sent_ms: f64,
    pub done_ms: f64,
    pub ok: bool,
}

/// Something worth a line while the meter runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Notice {
    /// The first request is about to be sent; every other time is counted from now.
    Started(Timestamp),
    /// A request came to its end.
    Answer(Answer),
    /// The first good answer: from now on an outage would be seen.
    Answering,
    /// An outage just ended.
    Gap(Gap),
}

/// How one request went, retries included.
struct Outcome {
    sent: Instant,
    done: Instant,
    failures: Vec<String>,
    ok: bool,
}

/// Asks until `stop` resolves, then waits for the answers still due.
pub async fn measure(
    options: &MeterOptions,
    stop: impl Future<Output = ()>,
    mut notice: impl FnMut(Notice),
) -> Result<MeterReport> {
    ensure!(options.every >= Duration::from_millis(1), "the meter asks at most every 1ms");
    let target = Target::resolve(&options.url).await?;
    let mut tally = Tally::start(options);
    notice(Notice::Started(tally.started));
    let mut ticks = interval(options.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut requests = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            _ = ticks.tick() => { requests.spawn(request(target.clone(), options.timeout, options.retries)); }
            Some(Ok(outcome)) = requests.join_next(), if !requests.is_empty() => tally.add(outcome, &mut notice),
            () = &mut stop => break,
        }
    }
    let end = Instant::now();
    while let Some(done) = requests.join_next().await {
        if let Ok(outcome) = done {
            tally.add(outcome, &mut notice);
        }
    }
    Ok(tally.report(options, end))
}

async fn request(target: Target, deadline: Duration, retries: u32) -> Outcome {
    let sent = Instant::now();
    let mut failures = Vec::new();
    for _ in 0..=retries {
        match timeout(deadline, target.ask()).await {
            Ok(Ok(())) => return Outcome { sent, done: Instant::now(), failures, ok: true },
            Ok(Err(error)) => failures.push(reason(&error)),
            Err(_) => failures.push("timeout".to_owned()),
        }
    }
    Outcome { sent, done: Instant::now(), failures, ok: false }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused".to_owned(),
        io::ErrorKind::ConnectionReset => "reset".to_owned(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "unreachable".to_owned(),
        _ => error.to_string(),
    }
}

struct Tally {
    start: Instant,
    started: Timestamp,
    gaps: GapFinder,
    requests: u64,
    failed: u64,
    retried: u64,
    failures: BTreeMap<String, u64>,
    latencies: Vec<Duration>,
}

impl Tally {
    fn start(options: &MeterOptions) -> Self {
        Self {
            start: Instant::now(),
            started: Timestamp::now(),
            gaps: GapFinder::new(options.gap_above.unwrap_or(SHORTEST_GAP.max(options.every * 3))),
            requests: 0,
            failed: 0,
            retried: 0,
            failures: BTreeMap::new(),
            latencies: Vec::new(),
        }
    }

    fn add(&mut self, outcome: Outcome, notice: &mut impl FnMut(Notice)) {
        let since = |at: Instant| at.saturating_duration_since(self.start);
        let (sent, done) = (since(outcome.sent), since(outcome.done));
        notice(Notice::Answer(Answer { sent_ms: ms(sent), done_ms: ms(done), ok: outcome.ok }));
        self.requests += 1;
        self.retried += u64::from(outcome.ok && !outcome.failures.is_empty());
        for reason in outcome.failures {
            *self.failures.entry(reason).or_default() += 1;
        }
        if !outcome.ok {
            self.failed += 1;
            return;
        }
        if self.latencies.is_empty() {
            notice(Notice::Answering);
        }
        self.latencies.push(done.saturating_sub(sent));
        if let Some(gap) = self.gaps.answer(done) {
            notice(Notice::Gap(gap));
        }
    }

    fn report(self, options: &MeterOptions, end: Instant) -> MeterReport {
        let duration = end.saturating_duration_since(self.start);
        let (gaps, longest_gap_ms) = self.gaps.finish(duration);
        MeterReport {
            schema: SCHEMA.to_owned(),
            url: options.url.to_string(),
            started: self.started,
            duration_ms: ms(duration),
            every_ms: ms(options.every),
            timeout_ms: ms(options.timeout),
            retries: options.retries,
            requests: self.requests,
            ok: self.requests - self.failed,
            failed: self.failed,
            retried: self.retried,
            failures: self.failures,
            latency_ms: Latency::of(self.latencies),
            longest_gap_ms,
            gaps,
        }
    }
}

impl Latency {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
        let at = |percent| at(percent).copied().map_or(0.0, ms);
        Self { median: at(50), p99: at(99), max: at(100) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::Notify;

    use super::*;

    const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    /// A server that refuses every second connection half-way when `flaky`.
    async fn server(flaky: bool) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for number in 0_u32.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 512];
                let _ = stream.read(&mut request).await;
                if !flaky || number.is_multiple_of(2) {
                    let _ = stream.write_all(PAGE).await;
                }
            }
        });
        address
    }

    fn options(address: SocketAddr, retries: u32) -> MeterOptions {
        MeterOptions {
            url: Url::parse(&format!("http://{address}/")).unwrap(),
            every: Duration::from_millis(2),
            timeout: Duration::from_secs(1),
            retries,
            gap_above: None,
        }
    }

    async fn until_answers(count: u32, options: &MeterOptions) -> MeterReport {
        let (seen, enough) = (std::cell::Cell::new(0), Notify::new());
        let stop = async {
            while seen.get() < count {
                enough.notified().await;
                tokio::time::sleep(options.every).await;
                seen.set(seen.get() + 1);
                enough.notify_one();
            }
        };
        let notice = |notice| {
            if notice == Notice::Answering {
                enough.notify_one();
            }
        };
        measure(options, stop, notice).await.unwrap()
    }

    #[tokio::test]
    async fn a_good_server_loses_nothing() {
        let report = until_answers(20, &options(server(false).await, 0)).await;
        assert!(report.ok >= 20, "{report:?}");
        assert_eq!((report.failed, report.retried), (0, 0));
    }

    #[tokio::test]
    async fn one_retry_hides_a_single_failure() {
        let report = until_answers(20, &options(server(true).await, 4)).await;
        assert!(report.retried > 0 && report.failures["answer broken off"] > 0, "{report:?}");
        assert_eq!(report.failed, 0, "{report:?}");
    }

    #[tokio::test]
    async fn a_closed_port_is_one_open_gap() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let stop = tokio::time::sleep(Duration::from_millis(100));
        let report = measure(&options(address, 0), stop, |notice| {
            assert!(!matches!(notice, Notice::Answering | Notice::Gap(_)), "nobody answers");
        })
        .await
        .unwrap();
        assert_eq!((report.ok, report.gaps.len(), report.gaps[0].open), (0, 1, true));
        assert_eq!(report.failures["refused"], report.failed);
    }

    #[test]
    fn latencies_are_read_from_the_sorted_times() {
        let latency = Latency::of((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!((latency.median, latency.p99, latency.max), (51.0, 100.0, 100.0));
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }
}
