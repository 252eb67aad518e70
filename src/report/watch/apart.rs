//! Reports on a thread of their own: a terminal that is stopped, or a pipe nobody reads, never holds up the monitor.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::WatchReport;
use crate::engine::event::Event;
use crate::monitor::Told;
use crate::monitor::view::View;

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

/// Several reports, told from here, shown over there.
pub struct Apart {
    messages: Option<SyncSender<Message>>,
    latest: Arc<Mutex<Option<View>>>,
    ended: Receiver<()>,
}

impl Apart {
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(reports: Vec<Box<dyn WatchReport>>) -> std::io::Result<Self> {
        let (messages, inbox) = mpsc::sync_channel(QUEUE);
        let (end, ended) = mpsc::channel();
        let latest = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&latest);
        thread::Builder::new().name("reports".to_owned()).spawn(move || {
            show(reports, &inbox, &seen);
            // Nobody may wait for it any more.
            let _ = end.send(());
        })?;
        Ok(Self { messages: Some(messages), latest, ended })
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
        *lock(&self.latest) = Some(view.clone());
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

fn lock(latest: &Mutex<Option<View>>) -> MutexGuard<'_, Option<View>> {
    latest.lock().unwrap_or_else(PoisonError::into_inner)
}

fn show(mut reports: Vec<Box<dyn WatchReport>>, inbox: &Receiver<Message>, latest: &Mutex<Option<View>>) {
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
            let view = lock(latest).take();
            for (report, view) in reports.iter_mut().zip(view.iter().cycle()) {
                report.view(view);
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
    use crate::report::sample;

    /// Says what it heard, and may hang at its first happening until let go.
    struct Slow {
        hang: Option<Receiver<()>>,
        heard: mpsc::Sender<Heard>,
    }

    #[derive(Debug, PartialEq)]
    enum Heard {
        Told,
        View(u64),
    }

    impl WatchReport for Slow {
        fn told(&mut self, _: &Told) {
            if let Some(hang) = self.hang.take() {
                let _ = hang.recv();
            }
            self.heard.send(Heard::Told).unwrap();
        }

        fn view(&mut self, view: &View) {
            self.heard.send(Heard::View(view.at_ms)).unwrap();
        }
    }

    fn told() -> Told {
        Told { at_ms: 1, what: Happening::Late { by_ms: 7 } }
    }

    #[test]
    fn all_that_was_told_and_the_last_picture_are_shown_before_the_end() {
        let (heard, all) = mpsc::channel();
        let mut apart = Apart::start(vec![Box::new(Slow { hang: None, heard })]).unwrap();
        for number in 0..100 {
            apart.told(&told());
            apart.view(&View { at_ms: number, ..sample::view() });
        }
        drop(apart);
        let (told, views): (Vec<_>, Vec<_>) = all.iter().partition(|one| *one == Heard::Told);
        assert_eq!(told.len(), 100);
        assert!(views.len() < 10, "pictures are left out: {}", views.len());
        assert_eq!(views.last(), Some(&Heard::View(99)), "the last is not");
    }

    #[test]
    fn a_report_that_hangs_holds_nobody_up() {
        let ((let_go, hang), (heard, all)) = (mpsc::channel(), mpsc::channel());
        let mut apart = Apart::start(vec![Box::new(Slow { hang: Some(hang), heard })]).unwrap();
        for _ in 0..3 * QUEUE {
            apart.told(&told());
        }
        assert!(all.try_recv().is_err());
        drop(let_go);
        drop(apart);
        assert!((QUEUE..2 * QUEUE).contains(&all.iter().count()));
    }
}
