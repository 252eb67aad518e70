//! Carries one batch of steps to a host and says what becomes of each, while it goes. The dispatcher and the unwinder
//! run their scripts through [`Batch::run`]; nothing here decides what follows from an outcome.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::event::Stream;
use super::markers::{Heard, Markers, Part};
use crate::module::guard;
use crate::site::id::{Epoch, HostName};
use crate::transport::{Exit, Job, Line, Lost, RunAs, Transport};

/// How much of a step's output is kept, per stream, in bytes.
const KEPT: usize = 1 << 20;

/// The transport's own deadline lies this far behind ours, which knows the steps.
const MARGIN: Duration = Duration::from_secs(2);

/// A composed program and what its steps may take.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    pub host: &'a HostName,
    pub run_as: RunAs,
    pub program: String,
    pub nonce: String,
    /// One per step; the first counts from the start of the job, the others from the step's beginning.
    pub timeouts: Vec<Duration>,
    pub cancel: CancellationToken,
}

/// What a step of the batch did, by its place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    Begun { place: usize },
    Acting { place: usize },
    Line { place: usize, stream: Stream, text: String },
    Done { place: usize, report: Report },
}

/// A step that ran to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub code: i32,
    /// Its act was begun; otherwise the look was enough.
    pub acted: bool,
    pub stdout: String,
    pub stderr: String,
    pub diff: String,
}

/// How the batch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchEnd {
    /// The step that had begun and not ended, with what it said so far.
    pub open: Option<(usize, Report)>,
    /// Steps that ended, or began.
    pub reached: usize,
    pub how: How,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// The program ended by itself: every step is done, or one failed, or its shell died.
    Exit {
        code: i32,
        preamble: String,
    },
    /// The host has seen a newer epoch.
    Stale {
        found: Epoch,
    },
    Lost(Lost),
    /// The open step used up its time.
    Overdue {
        killed: bool,
    },
}

impl Batch<'_> {
    /// Runs the batch to its end. Every step that ended is told to `tell`, in order, before this returns.
    pub async fn run(self, transport: &dyn Transport, tell: impl Fn(Update)) -> BatchEnd {
        let (sink, mut lines) = mpsc::unbounded_channel();
        let deadline = self.timeouts.iter().sum::<Duration>() + MARGIN;
        let Self { host, run_as, program, nonce, timeouts, cancel } = self;
        let stop = cancel.child_token();
        let job = Job { script: program, run_as, deadline, cancel: stop.clone() };
        let mut ears = Ears::new(&nonce, timeouts.len());
        let mut until = Instant::now() + timeouts.first().copied().unwrap_or_default();
        let mut overdue = false;
        let mut running = transport.run(host, job, sink);
        let ended = loop {
            tokio::select! {
                biased;
                Some(line) = lines.recv() => {
                    if let Some(begun) = ears.hear(line, &tell) {
                        let allowed = timeouts.get(begun).copied().unwrap_or_default();
                        until = if begun == 0 { until } else { Instant::now() + allowed };
                    }
                }
                ended = &mut running => break ended,
                () = sleep_until(until), if !overdue => {
                    overdue = true;
                    stop.cancel();
                }
            }
        };
        drop(running);
        while let Ok(line) = lines.try_recv() {
            ears.hear(line, &tell);
        }
        ears.end(ended, overdue, &tell)
    }
}

/// Both streams of a batch, put together per step.
struct Ears {
    out: Markers,
    err: Markers,
    /// Per step: what it did so far.
    reports: Vec<Report>,
    begun: Option<usize>,
    ended: Vec<[bool; 2]>,
    told: usize,
    preamble: String,
}

impl Ears {
    fn new(nonce: &str, steps: usize) -> Self {
        Self {
            out: Markers::new(nonce),
            err: Markers::new(nonce),
            reports: vec![Report::default(); steps],
            begun: None,
            ended: vec![[false; 2]; steps],
            told: 0,
            preamble: String::new(),
        }
    }

    /// Takes a line; returns the step that begins by it.
    fn hear(&mut self, line: Line, tell: &impl Fn(Update)) -> Option<usize> {
        let (stream, heard) = match line {
            Line::Out(text) => (Stream::Stdout, self.out.hear(&text)),
            Line::Err(text) => (Stream::Stderr, self.err.hear(&text)),
        };
        let mut begun = None;
        for heard in heard {
            begun = self.take(stream, heard, tell).or(begun);
        }
        begun
    }

    fn take(&mut self, stream: Stream, heard: Heard, tell: &impl Fn(Update)) -> Option<usize> {
        let leading = stream == Stream::Stdout;
        match heard {
            Heard::Preamble(text) => keep(&mut self.preamble, &text),
            Heard::Begun(place) if leading && place < self.reports.len() => {
                // What the step before said on the other stream may still be on its way; it did end.
                self.tell_done(place, tell);
                self.begun = Some(place);
                tell(Update::Begun { place });
                return Some(place);
            }
            Heard::Entered { step, part } => self.enter(stream, step, part, tell),
            Heard::Line { step, part, text } => self.line(stream, step, part, text, tell),
            Heard::Ended { step, code } => self.ended(stream, step, code, tell),
            Heard::Begun(_) => {}
        }
        None
    }

    fn enter(&mut self, stream: Stream, step: usize, part: Part, tell: &impl Fn(Update)) {
        let Some(report) = self.reports.get_mut(step) else { return };
        if part == Part::Act {
            // What the look said is of no interest once the step acts.
            match stream {
                Stream::Stdout => report.stdout.clear(),
                Stream::Stderr => report.stderr.clear(),
            }
            if stream == Stream::Stdout {
                report.acted = true;
                tell(Update::Acting { place: step });
            }
        }
    }

    fn line(&mut self, stream: Stream, step: usize, part: Part, text: String, tell: &impl Fn(Update)) {
        let Some(report) = self.reports.get_mut(step) else { return };
        match (part, stream) {
            (Part::Diff, Stream::Stdout) => return keep(&mut report.diff, &text),
            (_, Stream::Stdout) => keep(&mut report.stdout, &text),
            (_, Stream::Stderr) => keep(&mut report.stderr, &text),
        }
        tell(Update::Line { place: step, stream, text });
    }

    fn ended(&mut self, stream: Stream, step: usize, code: i32, tell: &impl Fn(Update)) {
        let Some(ended) = self.ended.get_mut(step) else { return };
        ended[usize::from(stream == Stream::Stderr)] = true;
        let both = ended[0] && ended[1];
        self.reports[step].code = code;
        if both {
            self.tell_done(step + 1, tell);
        }
    }

    /// Reports the steps before `below` whose end was seen on stdout.
    fn tell_done(&mut self, below: usize, tell: &impl Fn(Update)) {
        while self.told < below && self.ended[self.told][0] {
            let report = std::mem::take(&mut self.reports[self.told]);
            tell(Update::Done { place: self.told, report });
            self.told += 1;
        }
    }

    fn end(mut self, ended: Result<Exit, Lost>, overdue: bool, tell: &impl Fn(Update)) -> BatchEnd {
        self.tell_done(self.ended.len(), tell);
        let begun = self.begun.filter(|place| *place >= self.told);
        let open = begun.map(|place| (place, std::mem::take(&mut self.reports[place])));
        let reached = self.begun.map_or(0, |place| place + 1);
        BatchEnd { how: self.how(ended, overdue, open.is_some()), open, reached }
    }

    fn how(&self, ended: Result<Exit, Lost>, overdue: bool, open: bool) -> How {
        match ended {
            Ok(Exit(guard::STALE)) if self.begun.is_none() => match stale_epoch(&self.preamble) {
                Some(found) => How::Stale { found },
                None => How::Exit { code: guard::STALE, preamble: self.preamble.clone() },
            },
            Ok(Exit(code)) => How::Exit { code, preamble: self.preamble.clone() },
            Err(Lost::Cancelled { killed }) if overdue && open => How::Overdue { killed },
            Err(Lost::TimedOut { killed }) if open => How::Overdue { killed },
            Err(Lost::Cancelled { killed: true }) if overdue && self.begun.is_none() => {
                How::Lost(Lost::Unreachable("no answer within the step's timeout".to_owned()))
            }
            Err(Lost::Cancelled { .. }) if overdue => {
                How::Lost(Lost::Unknown("no answer within the step's timeout".to_owned()))
            }
            Err(lost) => How::Lost(lost),
        }
    }
}

fn stale_epoch(preamble: &str) -> Option<Epoch> {
    let found = preamble.lines().filter_map(|line| line.trim().strip_prefix("epoch ")).next_back()?;
    found.trim().parse().ok().map(Epoch)
}

fn keep(text: &mut String, line: &str) {
    if text.len() + line.len() < KEPT {
        text.push_str(line);
        text.push('\n');
    }
}
