//! Signals, as the run sees them: the first asks for an orderly end, the second for an immediate one.

use tokio::sync::watch;

/// Asks a run to end. Clones ask the same run.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Sender<Signals>);

/// How often was asked, and by which signal first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signals {
    pub count: u32,
    pub signal: i32,
}

impl Default for Interrupt {
    fn default() -> Self {
        Self(watch::Sender::new(Signals::default()))
    }
}

impl Interrupt {
    /// A signal came. First: nothing new is begun for services that can still be taken back, and they are taken
    /// back; the others are finished. Second: everything stops now, remote programs included.
    pub fn raise(&self, signal: i32) {
        self.0.send_modify(|signals| {
            signals.count += 1;
            if signals.count == 1 {
                signals.signal = signal;
            }
        });
    }

    pub(super) fn listen(&self) -> watch::Receiver<Signals> {
        self.0.subscribe()
    }
}
