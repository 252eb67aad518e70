//! Reports on a thread of their own: a terminal that is stopped, or a pipe nobody reads, never holds up the monitor.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::WatchReport;
use crate::engine::event::Event;
use crate::monitor::view::View;
use crate::monitor::{Sight, Target, Told};
use crate::report::tally::Looks;

/// Between two pictures.
pub const FRAME: Duration = Duration::from_millis(250);

/// What may wait for a report that is stuck; what comes then is lost to it.
const QUEUE: usize = 4096;

/// How long the end of a monitor waits for its last words to be written.
const PATIENCE: Duration = Duration::from_secs(1);

enum Message {
    Told(Told),
    Event(Box<Event>),
}

/// What is only shown from time to time.
#[derive(Default)]
struct Latest {
    view: Option<View>,
    looks: Looks,
}

/// Several reports, told from here, shown over there.
pub struct Apart {
    messages: Option<SyncSender<Message>>,
    latest: Arc<Mutex<Latest>>,
    ended: Receiver<()>,
}

impl Apart {
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(reports: Vec<Box<dyn WatchReport>>) -> std::io::Result<Self> {
        let (messages, inbox) = mpsc::sync_channel(QUEUE);
        let (end, ended) = mpsc::channel();
        let latest = Arc::new(Mutex::new(Latest::default()));
        let seen = Arc::clone(&latest);
        thread::Builder::new().name("reports".to_owned()).spawn(move || {
            show(reports, &inbox, &seen);
            // Nobody may wait for it any more.
            let _ = end.send(());
        })?;
        Ok(Self { messages: Some(messages), latest, ended })
    }

    /// Counts a look that came to its end.
    pub fn count(&self, target: &Target, sight: &Sight) {
        lock(&self.latest).looks.count(target, sight);
    }

    fn send(&self, message: Message) {
        if let Some(messages) = &self.messages {
            // A report that does not keep up misses something; the monitor does not.
            let _ = messages.try_send(message);
        }
    }
}

impl WatchReport for Apart {
    fn told(&mut self, told: &Told) {
        self.send(Message::Told(told.clone()));
    }

    fn view(&mut self, view: &View) {
        lock(&self.latest).view = Some(view.clone());
    }

    fn looked(&mut self, looks: &Looks) {
        lock(&self.latest).looks.add(looks);
    }

    fn run_event(&mut self, event: &Event) {
        self.send(Message::Event(Box::new(event.clone())));
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        self.messages = None;
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

fn lock(latest: &Mutex<Latest>) -> MutexGuard<'_, Latest> {
    latest.lock().unwrap_or_else(PoisonError::into_inner)
}

fn show(mut reports: Vec<Box<dyn WatchReport>>, inbox: &Receiver<Message>, latest: &Mutex<Latest>) {
    let mut frame = Instant::now();
    loop {
        let message = inbox.recv_timeout(frame.saturating_duration_since(Instant::now()));
        let over = matches!(message, Err(RecvTimeoutError::Disconnected));
        if let Ok(message) = message {
            for report in &mut reports {
                hear(report.as_mut(), &message);
            }
        }
        if over || Instant::now() >= frame {
            frame = Instant::now() + FRAME;
            let Latest { view, looks } = std::mem::take(&mut *lock(latest));
            for report in &mut reports {
                report.looked(&looks);
                if let Some(view) = &view {
                    report.view(view);
                }
            }
        }
        if over {
            return;
        }
    }
}

fn hear(report: &mut dyn WatchReport, message: &Message) {
    match message {
        Message::Told(told) => report.told(told),
        Message::Event(event) => report.run_event(event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::Happening;

    /// Counts, and may hang at its first happening until let go.
    struct Slow {
        hang: Option<Receiver<()>>,
        heard: mpsc::Sender<&'static str>,
    }

    impl WatchReport for Slow {
        fn told(&mut self, _: &Told) {
            if let Some(hang) = self.hang.take() {
                let _ = hang.recv();
            }
            self.heard.send("told").unwrap();
        }

        fn view(&mut self, _: &View) {
            self.heard.send("view").unwrap();
        }
    }

    fn told() -> Told {
        Told { at_ms: 1, what: Happening::Late { by_ms: 7 } }
    }

    fn view() -> View {
        View {
            schema: String::new(),
            at_ms: 1,
            isolated: false,
            grace_ms: 0,
            services: Vec::new(),
            hosts: Vec::new(),
        }
    }

    #[test]
    fn what_was_told_last_is_shown_before_the_end() {
        let (heard, hears) = mpsc::channel();
        let mut apart = Apart::start(vec![Box::new(Slow { hang: None, heard })]).unwrap();
        for _ in 0..100 {
            apart.told(&told());
            apart.view(&view());
        }
        drop(apart);
        let all: Vec<_> = hears.iter().collect();
        let views = all.iter().filter(|one| **one == "view").count();
        assert_eq!(all.len() - views, 100);
        assert!((1..10).contains(&views), "pictures are left out, the last is not: {views}");
        assert_eq!(all.last(), Some(&"view"));
    }

    #[test]
    fn a_report_that_hangs_holds_nobody_up() {
        let ((let_go, hang), (heard, hears)) = (mpsc::channel(), mpsc::channel());
        let mut apart = Apart::start(vec![Box::new(Slow { hang: Some(hang), heard })]).unwrap();
        for _ in 0..3 * QUEUE {
            apart.told(&told());
        }
        assert_eq!(hears.try_recv(), Err(mpsc::TryRecvError::Empty));
        drop(let_go);
        drop(apart);
        assert!((QUEUE..2 * QUEUE).contains(&hears.iter().count()));
    }
}
