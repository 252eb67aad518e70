//! A lease in hand: whether it is still ours, by our own clock, and word of its loss. Made by [`super::desk`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::Holder;

/// A clock that only grows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    /// The kernel's `CLOCK_BOOTTIME`: goes on while the process is stopped, and while the machine sleeps.
    Boot,
    /// The runtime's, which a simulated world can turn.
    Runtime(Instant),
}

impl Clock {
    pub(super) fn now(self) -> Duration {
        match self {
            Self::Boot => {
                let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                let secs = u64::try_from(now.tv_sec).unwrap_or_default();
                Duration::new(secs, u32::try_from(now.tv_nsec).unwrap_or_default())
            }
            Self::Runtime(start) => start.elapsed(),
        }
    }
}

/// The right to act, for as long as it is renewed in time. Clones are the same lease. A lease that was lost stays lost:
/// to act again, another is acquired, with a new term.
#[derive(Clone, Debug)]
pub struct Lease {
    term: u64,
    ttl: Duration,
    holder: Holder,
    /// Who had it before and did not give it back.
    instead_of: Option<Holder>,
    clock: Clock,
    state: Arc<watch::Sender<State>>,
}

#[derive(Clone, Debug)]
struct State {
    beat: u64,
    /// By our clock; from then on somebody else may have it.
    until: Duration,
    lost: Option<Loss>,
}

/// How a lease was lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    #[error("the lease was taken by {0}")]
    Taken(Box<Holder>),
    #[error("the lease was not renewed for {} ms, and may be another's", .0.as_millis())]
    Lapsed(Duration),
    #[error("the lease was given back")]
    Released,
    #[error("somebody ended the lease with `reveille depose`")]
    Deposed,
}

impl Lease {
    /// `began`: when its first beat was about to be written.
    pub(super) fn new(term: u64, holder: Holder, ttl: Duration, clock: Clock, began: Duration) -> Self {
        let state = State { beat: 1, until: began + ttl, lost: None };
        Self { term, ttl, holder, instead_of: None, clock, state: Arc::new(watch::Sender::new(state)) }
    }

    /// Grows with every change of holder.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// How long it lasts without a renewal.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Who had the lease before and did not give it back: it died, or it may not know yet that it lost the lease.
    pub fn instead_of(&self) -> Option<&Holder> {
        self.instead_of.as_ref()
    }

    pub(super) fn taken_from(mut self, before: Option<Holder>) -> Self {
        self.instead_of = before;
        self
    }

    /// Whether nobody else can have it now.
    pub fn is_ours(&self) -> bool {
        self.loss().is_none()
    }

    /// How it was lost, if it was.
    pub fn loss(&self) -> Option<Loss> {
        let State { until, lost, .. } = self.state.borrow().clone();
        if lost.is_none() && self.clock.now() >= until {
            self.lose(Loss::Lapsed(self.ttl));
        }
        self.state.borrow().lost.clone()
    }

    /// Waits until it is lost; for ever while it is renewed.
    pub async fn lost(&self) -> Loss {
        let mut changes = self.state.subscribe();
        loop {
            if let Some(loss) = self.loss() {
                return loss;
            }
            let left = changes.borrow_and_update().until.saturating_sub(self.clock.now());
            tokio::select! {
                _ = changes.changed() => {}
                () = sleep(left) => {}
            }
        }
    }

    /// The number and time of the renewal that begins now.
    pub(super) fn begin_renewal(&self) -> Result<(u64, Duration), Loss> {
        match self.loss() {
            Some(loss) => Err(loss),
            None => Ok((self.state.borrow().beat + 1, self.clock.now())),
        }
    }

    pub(super) fn renewed(&self, beat: u64, began: Duration) {
        self.state.send_modify(|state| (state.beat, state.until) = (beat, began + self.ttl));
    }

    /// The first loss is the one that counts.
    pub(super) fn lose(&self, loss: Loss) {
        self.state.send_if_modified(|state| {
            let first = state.lost.is_none();
            if first {
                state.lost = Some(loss);
            }
            first
        });
    }
}
