//! One job over one channel: sends the script, passes lines on, sees the end, and kills what outlives its deadline.
//! Both links run their jobs through [`converse`]; only this file says what an ended channel means.

use std::future::pending;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};

use super::envelope::{Envelope, Said};
use super::link::{Channel, Link};
use super::{Exit, Job, Line, LineSink, Lost, RunAs, program};

/// The most a kill takes: two signals with two seconds of grace each, and the way there.
const KILL_BUDGET: Duration = Duration::from_secs(5);

/// How long an ended channel may take to tell its exit code.
const LAST_WORD: Duration = Duration::from_millis(500);

/// A job that runs longer than this is worth a clock on the host, for the case that we cannot end it.
const LONG: Duration = Duration::from_secs(1);

/// The host's clock runs out this much after ours, so that it acts only when we could not.
const HOST_GRACE: Duration = Duration::from_secs(2);

/// What of a login's noise is kept to explain a shell that did not start.
const NOISE_LINES: usize = 5;

/// Runs `job` over `link`.
pub(super) async fn converse(link: &dyn Link, job: Job, lines: LineSink) -> Result<Exit, Lost> {
    if job.script.contains('\0') {
        return Err(Lost::Unreachable("the script contains a NUL byte".to_owned()));
    }
    let stop = Stop { at: Instant::now().checked_add(job.deadline), job: &job };
    let words = program::bootstrap();
    let _slot = tokio::select! {
        slot = link.slot() => slot,
        stopped = stop.wait() => return Err(stopped.lost(true)),
    };
    let channel = tokio::select! {
        channel = link.open(&job.run_as, &words) => channel?,
        stopped = stop.wait() => return Err(stopped.while_opening(job.deadline)),
    };
    let mut talk = Talk::new(channel, &job.script, stop.at, lines);
    tokio::select! {
        ending = talk.run() => talk.outcome(ending).await,
        stopped = stop.wait() => Err(stopped.lost(talk.kill(link, &job.run_as).await)),
    }
}

/// What may end a job before its own end.
struct Stop<'a> {
    /// `None`: further away than a clock can tell.
    at: Option<Instant>,
    job: &'a Job,
}

#[derive(Clone, Copy)]
enum Stopped {
    Deadline,
    Cancel,
}

impl Stop<'_> {
    async fn wait(&self) -> Stopped {
        let deadline = async {
            match self.at {
                Some(at) => sleep_until(at).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = self.job.cancel.cancelled() => Stopped::Cancel,
            () = deadline => Stopped::Deadline,
        }
    }
}

impl Stopped {
    fn lost(self, killed: bool) -> Lost {
        match self {
            Self::Deadline => Lost::TimedOut { killed },
            Self::Cancel => Lost::Cancelled { killed },
        }
    }

    /// The host had the whole time and did not even open a channel.
    fn while_opening(self, deadline: Duration) -> Lost {
        match self {
            Self::Deadline => Lost::Unreachable(format!("no session within {deadline:?}")),
            Self::Cancel => Lost::Cancelled { killed: true },
        }
    }
}

/// How the talk ended.
enum Ending {
    Exit(i32),
    /// Both streams ended and nothing said why.
    Silence,
}

/// The state of one job's streams.
struct Talk {
    channel: Channel,
    /// What is to be sent: the script, later the time left.
    payload: Vec<u8>,
    sent: usize,
    /// How much of the payload is the script.
    script: usize,
    /// When the job counts as long, and its deadline; `None` when the host was told.
    clock: Option<(Instant, Instant)>,
    /// False when the host stopped reading before it had the whole script.
    taken: bool,
    out: Ear,
    err: Ear,
    group: Option<String>,
    code: Option<i32>,
    noise: Vec<String>,
    lines: LineSink,
}

/// One stream being read.
struct Ear {
    envelope: Envelope,
    open: bool,
    buffer: Vec<u8>,
}

impl Ear {
    fn new(nonce: &str) -> Self {
        Self { envelope: Envelope::new(nonce), open: true, buffer: vec![0; 16 * 1024] }
    }

    /// Takes the first `length` bytes of `buffer`; none is the end of the stream.
    fn heard(&mut self, length: usize) -> Vec<Said> {
        if length > 0 {
            return self.envelope.feed(&self.buffer[..length]);
        }
        self.open = false;
        self.envelope.finish()
    }

    fn done(&self) -> bool {
        !self.open || self.envelope.ended()
    }
}

impl Talk {
    fn new(channel: Channel, script: &str, deadline: Option<Instant>, lines: LineSink) -> Self {
        let nonce = program::nonce();
        let payload = program::payload(&nonce, script);
        Self {
            channel,
            script: payload.len(),
            payload,
            sent: 0,
            clock: deadline.map(|deadline| (Instant::now() + LONG, deadline)),
            taken: true,
            out: Ear::new(&nonce),
            err: Ear::new(&nonce),
            group: None,
            code: None,
            noise: Vec::new(),
            lines,
        }
    }

    /// Sends and listens to the end. May be dropped and called again: no byte is lost or sent twice.
    async fn run(&mut self) -> Ending {
        loop {
            match self.code {
                Some(code) if self.err.done() => return Ending::Exit(code),
                None if self.out.done() && self.err.done() => return Ending::Silence,
                _ => self.step().await,
            }
        }
    }

    /// Moves some bytes, whichever way they can go first.
    async fn step(&mut self) {
        let long = self.clock.map(|(long, _)| long);
        let Self { channel, payload, sent, script, taken, out, err, .. } = self;
        tokio::select! {
            () = sleep_until(long.unwrap_or_else(Instant::now)), if long.is_some() => self.start_host_clock(),
            written = channel.stdin.write(&payload[*sent..]), if *sent < payload.len() => match written {
                Ok(length) if length > 0 => *sent += length,
                // The host reads no more: it ended, or never began.
                _ => {
                    *taken &= *sent >= *script;
                    *sent = payload.len();
                }
            },
            // A failed read ends the stream: the other side is gone.
            read = channel.stdout.read(&mut out.buffer), if out.open => {
                for said in out.heard(read.unwrap_or(0)) {
                    self.on_stdout(said);
                }
            }
            read = channel.stderr.read(&mut err.buffer), if err.open => {
                for said in err.heard(read.unwrap_or(0)) {
                    self.on_stderr(said);
                }
            }
        }
    }

    fn start_host_clock(&mut self) {
        if let Some((_, deadline)) = self.clock.take().filter(|_| self.taken) {
            let left = deadline.saturating_duration_since(Instant::now()) + HOST_GRACE;
            self.payload.extend(format!("{}\n", left.as_secs()).into_bytes());
        }
    }

    /// The host has what it needs to run the script.
    fn complete(&self) -> bool {
        self.taken && self.sent >= self.script
    }

    fn on_stdout(&mut self, said: Said) {
        match said {
            Said::Noise(line) => self.on_noise(&line),
            Said::Begun(group) => self.group = Some(group),
            Said::Line(line) => _ = self.lines.send(Line::Out(line)),
            Said::Ended(code) => self.code = code.parse().ok(),
        }
    }

    fn on_stderr(&mut self, said: Said) {
        match said {
            Said::Noise(line) => self.on_noise(&line),
            Said::Line(line) => _ = self.lines.send(Line::Err(line)),
            Said::Begun(_) | Said::Ended(_) => {}
        }
    }

    fn on_noise(&mut self, line: &str) {
        if self.noise.len() < NOISE_LINES && !line.trim().is_empty() {
            self.noise.push(line.trim().to_owned());
        }
    }

    async fn outcome(&mut self, ending: Ending) -> Result<Exit, Lost> {
        match ending {
            Ending::Exit(code) => Ok(Exit(code)),
            Ending::Silence => Err(self.explain().await),
        }
    }

    /// What a channel that ended without a word means.
    async fn explain(&mut self) -> Lost {
        let code = timeout(LAST_WORD, &mut self.channel.end).await.ok().flatten();
        match ((&mut self.channel.broken).await, &self.group) {
            (Some(reason), None) if !self.complete() => Lost::Unreachable(reason),
            (Some(reason), _) => Lost::Unknown(reason),
            (None, Some(_)) => Lost::Unknown("the shell that ran it was killed".to_owned()),
            (None, None) => Lost::Unreachable(self.no_shell(code)),
        }
    }

    fn no_shell(&self, code: Option<i32>) -> String {
        let mut said =
            if self.noise.is_empty() { "no reason given".to_owned() } else { self.noise.join("; ") };
        if said.contains("a password is required") {
            said += " (-K asks for it)";
        }
        match code {
            Some(254) => "the script did not arrive whole".to_owned(),
            Some(code) => format!("no shell was started (exit {code}): {said}"),
            None => format!("no shell was started: {said}"),
        }
    }

    /// Ends the job's process group over a second channel, still listening. True when it is seen to be gone, or can
    /// never have begun.
    async fn kill(&mut self, link: &dyn Link, run_as: &RunAs) -> bool {
        if !self.complete() {
            return true;
        }
        let gone = timeout(KILL_BUDGET, self.kill_group(link, run_as)).await.unwrap_or(false);
        if gone {
            // What it said last is still on its way.
            _ = timeout(LAST_WORD, self.run()).await;
        }
        gone
    }

    async fn kill_group(&mut self, link: &dyn Link, run_as: &RunAs) -> bool {
        let group = loop {
            match &self.group {
                Some(group) => break group.clone(),
                None if self.out.done() && self.err.done() => return false,
                None => self.step().await,
            }
        };
        let words = program::kill(&group);
        let mut gone = std::pin::pin!(killer_says_gone(link, run_as, &words));
        loop {
            tokio::select! {
                gone = &mut gone => return gone,
                () = self.step(), if self.out.open || self.err.open => {}
            }
        }
    }
}

async fn killer_says_gone(link: &dyn Link, run_as: &RunAs, words: &[&str]) -> bool {
    let Ok(mut channel) = link.open(run_as, words).await else { return false };
    let mut answer = String::new();
    let read = channel.stdout.read_to_string(&mut answer).await;
    read.is_ok() && answer.lines().any(|line| line == "gone")
}
