//! Scripted hosts, for tests and `--simulate`: no process, no socket, and no clock but tokio's, which tests pause.
//! What a host answers to a script is the business of its [`SimHost`].

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::{Instant, sleep};

use super::{Exit, Job, Line, LineSink, Lost, RunAs, Transport};
use crate::site::id::HostName;

/// A host's behaviour. A closure of the same shape is one.
pub trait SimHost: Send {
    /// What the host answers to `script`, begun `now` after the simulation's start. Effects take place at once; the
    /// answer is seen when it [`SimReply::takes`].
    fn run(&mut self, script: &str, now: Duration) -> SimReply;
}

impl<F: FnMut(&str, Duration) -> SimReply + Send> SimHost for F {
    fn run(&mut self, script: &str, now: Duration) -> SimReply {
        self(script, now)
    }
}

/// A host's answer to one script.
#[derive(Clone, Debug)]
pub struct SimReply {
    pub lines: Vec<Line>,
    pub end: Result<Exit, Lost>,
    pub takes: Duration,
}

impl SimReply {
    /// Ends at once, saying nothing.
    pub fn exit(code: i32) -> Self {
        Self { lines: Vec::new(), end: Ok(Exit(code)), takes: Duration::ZERO }
    }

    /// With `text` on stdout, line by line.
    #[must_use]
    pub fn saying(mut self, text: &str) -> Self {
        self.lines.extend(text.lines().map(|line| Line::Out(line.to_owned())));
        self
    }

    #[must_use]
    pub fn taking(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }
}

/// What is wrong with a host, or with the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No job starts.
    Unreachable(String),
    /// The host runs the job, and the link is lost before its end is seen.
    LoseLink,
    /// The link is lost before the job starts, and nobody can tell.
    LoseLinkUnrun,
    /// The host takes the job and never answers.
    Hang,
}

/// A job that was given to a simulated host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub host: HostName,
    pub script: String,
    pub run_as: RunAs,
    /// Since the simulation's start.
    pub began: Duration,
    pub ended: Option<Duration>,
}

/// A set of simulated hosts.
pub struct Sim {
    start: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    hosts: BTreeMap<HostName, Host>,
    calls: Vec<Call>,
}

#[derive(Default)]
struct Host {
    behaviour: Option<Box<dyn SimHost>>,
    calls: usize,
    standing: Option<Fault>,
    /// By the number of the host's call, from 1.
    at_call: BTreeMap<usize, Fault>,
}

impl Default for Sim {
    fn default() -> Self {
        Self::new()
    }
}

impl Sim {
    /// No hosts yet; a job for an unknown host is unreachable.
    pub fn new() -> Self {
        Self { start: Instant::now(), state: Mutex::default() }
    }

    /// Adds a host, or changes its behaviour.
    pub fn add(&self, host: HostName, behaviour: impl SimHost + 'static) {
        self.state().hosts.entry(host).or_default().behaviour = Some(Box::new(behaviour));
    }

    /// Breaks a host until further notice; `None` repairs it.
    pub fn fault(&self, host: &HostName, fault: impl Into<Option<Fault>>) {
        self.state().hosts.entry(host.clone()).or_default().standing = fault.into();
    }

    /// Breaks the host's `call`th job only, counted from 1 and from the simulation's start.
    pub fn fault_at(&self, host: &HostName, call: usize, fault: Fault) {
        self.state().hosts.entry(host.clone()).or_default().at_call.insert(call, fault);
    }

    /// Every job so far, in the order they were given.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the job and asks the host. `None` when it never answers. The number is the call's index.
    fn begin(&self, host: &HostName, job: &Job) -> (usize, Option<SimReply>) {
        let now = self.start.elapsed();
        let mut state = self.state();
        let State { hosts, calls } = &mut *state;
        let call = Call {
            host: host.clone(),
            script: job.script.clone(),
            run_as: job.run_as.clone(),
            began: now,
            ended: None,
        };
        calls.push(call);
        (calls.len() - 1, hosts.entry(host.clone()).or_default().answer(&job.script, now))
    }
}

impl Host {
    fn answer(&mut self, script: &str, now: Duration) -> Option<SimReply> {
        self.calls += 1;
        let fault = self.at_call.remove(&self.calls).or_else(|| self.standing.clone());
        let lost = |end| SimReply { end: Err(end), ..SimReply::exit(0) };
        let cut = || Lost::Unknown("simulated loss of the link".to_owned());
        match fault {
            Some(Fault::Unreachable(reason)) => return Some(lost(Lost::Unreachable(reason))),
            Some(Fault::LoseLinkUnrun) => return Some(lost(cut())),
            Some(Fault::Hang) => return None,
            Some(Fault::LoseLink) | None => {}
        }
        let Some(behaviour) = self.behaviour.as_mut() else {
            return Some(lost(Lost::Unreachable("no such host in the simulation".to_owned())));
        };
        let reply = behaviour.run(script, now);
        Some(if fault.is_some() { SimReply { end: Err(cut()), ..reply } } else { reply })
    }
}

impl Transport for Sim {
    fn run<'a>(&'a self, host: &'a HostName, job: Job, lines: LineSink) -> BoxFuture<'a, Result<Exit, Lost>> {
        async move {
            let (number, reply) = self.begin(host, &job);
            let answer = async {
                let Some(reply) = reply else { return std::future::pending().await };
                sleep(reply.takes).await;
                reply.lines.into_iter().for_each(|line| _ = lines.send(line));
                reply.end
            };
            let end = tokio::select! {
                biased;
                () = job.cancel.cancelled() => Err(Lost::Cancelled { killed: true }),
                end = answer => end,
                () = sleep(job.deadline) => Err(Lost::TimedOut { killed: true }),
            };
            self.state().calls[number].ended = Some(self.start.elapsed());
            end
        }
        .boxed()
    }

    fn warm<'a>(&'a self, host: &'a HostName) -> BoxFuture<'a, Result<(), Lost>> {
        let reachable = match self.state().hosts.get(host).map(|host| &host.standing) {
            None => Err(Lost::Unreachable("no such host in the simulation".to_owned())),
            Some(Some(Fault::Unreachable(reason))) => Err(Lost::Unreachable(reason.clone())),
            Some(_) => Ok(()),
        };
        std::future::ready(reachable).boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn host(name: &str) -> HostName {
        HostName::try_from(name).unwrap()
    }

    fn job(script: &str, deadline: u64) -> Job {
        let deadline = Duration::from_secs(deadline);
        Job { script: script.into(), run_as: RunAs::Login, deadline, cancel: CancellationToken::new() }
    }

    fn echoing() -> Sim {
        let sim = Sim::new();
        let answer = |script: &str, _| SimReply::exit(3).saying(script).taking(Duration::from_secs(10));
        sim.add(host("h1"), answer);
        sim
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_takes_its_time_and_brings_its_lines() {
        let (lines, mut heard) = unbounded_channel();
        let sim = echoing();
        assert_eq!(sim.run(&host("h1"), job("a\nb", 60), lines).await, Ok(Exit(3)));
        assert_eq!(heard.recv().await, Some(Line::Out("a".into())));
        assert_eq!(heard.recv().await, Some(Line::Out("b".into())));
        let call = &sim.calls()[0];
        assert_eq!((call.script.as_str(), call.began.as_secs()), ("a\nb", 0));
        assert_eq!(call.ended.map(|at| at.as_secs()), Some(10));
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_and_cancel_end_a_job() {
        let sim = echoing();
        let late = sim.run(&host("h1"), job("", 9), unbounded_channel().0).await;
        assert_eq!(late, Err(Lost::TimedOut { killed: true }));
        let cancelled = job("", 60);
        cancelled.cancel.cancel();
        let end = sim.run(&host("h1"), cancelled, unbounded_channel().0).await;
        assert_eq!(end, Err(Lost::Cancelled { killed: true }));
    }

    #[tokio::test(start_paused = true)]
    async fn faults_strike_where_they_are_set_and_pass() {
        let sim = echoing();
        let h1 = host("h1");
        let run = || sim.run(&h1, job("x", 60), unbounded_channel().0);
        sim.fault_at(&h1, 2, Fault::LoseLink);
        assert_eq!(run().await, Ok(Exit(3)));
        assert!(matches!(run().await, Err(Lost::Unknown(_))));
        sim.fault(&h1, Fault::Unreachable("cut".into()));
        assert_eq!(run().await, Err(Lost::Unreachable("cut".into())));
        sim.fault(&h1, Fault::Hang);
        assert_eq!(run().await, Err(Lost::TimedOut { killed: true }));
        sim.fault(&h1, None);
        assert_eq!(run().await, Ok(Exit(3)));
        assert!(matches!(
            sim.run(&host("h9"), job("x", 1), unbounded_channel().0).await,
            Err(Lost::Unreachable(_))
        ));
    }
}
