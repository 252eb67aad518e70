//! What ends a run from outside. Signals: the first asks for an orderly end, the second for an immediate one. And the
//! loss of the lease: somebody else may act now, so nothing is begun and nothing taken back any more.

use tokio::sync::watch;

use crate::store::{Lease, Loss};

/// Asks a run to end. Clones ask the same run.
#[derive(Clone, Debug)]
pub struct Interrupt {
    signals: watch::Sender<Signals>,
    lease: Option<Lease>,
}

/// How often was asked, and by which signal first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signals {
    pub count: u32,
    pub signal: i32,
}

impl Default for Interrupt {
    fn default() -> Self {
        Self { signals: watch::Sender::new(Signals::default()), lease: None }
    }
}

impl Interrupt {
    /// One that also ends the run when the lease under which it acts is lost.
    pub fn under(lease: Lease) -> Self {
        Self { lease: Some(lease), ..Self::default() }
    }

    /// How the lease was lost, if there is one and it was.
    pub(super) fn loss(&self) -> Option<Loss> {
        self.lease.as_ref()?.loss()
    }

    /// Waits for the loss of the lease; for ever without one.
    pub(super) async fn lost(&self) -> Loss {
        match &self.lease {
            Some(lease) => lease.lost().await,
            None => std::future::pending().await,
        }
    }

    /// A signal came. First: nothing new is begun for services that can still be taken back, and they are taken
    /// back; the others are finished. Second: everything stops now, remote programs included.
    pub fn raise(&self, signal: i32) {
        self.signals.send_modify(|signals| {
            signals.count += 1;
            if signals.count == 1 {
                signals.signal = signal;
            }
        });
    }

    pub(super) fn listen(&self) -> watch::Receiver<Signals> {
        self.signals.subscribe()
    }
}
