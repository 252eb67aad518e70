//! A run on a terminal: one bar over all steps, one line per step that runs now, finished steps above.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Lines, Report, Volume, lines, words};
use crate::engine::event::{Event, EventKind, StepResult};
use crate::plan::StepRef;

/// Draws on stderr; the recap goes to stdout at the end.
pub struct Progress {
    bars: MultiProgress,
    total: ProgressBar,
    running: HashMap<StepRef, ProgressBar>,
    /// Says everything that stays on the screen.
    lines: Lines<Above, io::Stdout>,
    volume: Volume,
}

/// A writer whose lines appear above the bars.
struct Above(MultiProgress);

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl Progress {
    pub fn new(volume: Volume) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = bars.add(ProgressBar::new(0));
        total.set_style(style("{bar:24} {pos}/{len} steps {elapsed}"));
        let lines = Lines::new(Above(bars.clone()), io::stdout(), volume);
        Self { bars, total, running: HashMap::new(), lines, volume }
    }

    fn started(&mut self, step: &StepRef) {
        let bar = self.bars.insert_before(&self.total, ProgressBar::new_spinner());
        bar.set_style(style("{spinner} {msg} {elapsed}"));
        bar.set_message(words::step(step));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running.insert(step.clone(), bar);
    }

    fn ended(&mut self, step: &StepRef, event: &EventKind, result: StepResult) {
        if let Some(bar) = self.running.remove(step) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        self.total.inc(1);
        // Whoever watches wants to see what went well without a change, too.
        if result == StepResult::Ok
            && self.volume == Volume::Normal
            && let Some(line) = lines::step_line(event)
        {
            self.bars.suspend(|| eprintln!("{line}"));
        }
    }

    fn clear(&mut self) {
        for (_, bar) in self.running.drain() {
            bar.finish_and_clear();
        }
        self.total.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Report for Progress {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { steps, .. } => self.total.set_length(steps.len() as u64),
            EventKind::StepStarted { step, .. } => self.started(step),
            kind @ EventKind::StepEnded { step, result, .. } => self.ended(step, kind, *result),
            EventKind::RunEnded { .. } => self.clear(),
            _ => {}
        }
        self.lines.event(event);
    }
}
