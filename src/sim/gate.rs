//! A process that can be stopped and continued (SIGSTOP, SIGCONT): a future that is not polled meanwhile, while the rest
//! of the world goes on.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Stops and continues whoever runs behind it. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<Mutex<Shut>>);

#[derive(Debug, Default)]
struct Shut {
    is_shut: bool,
    waiting: Option<Waker>,
}

impl Gate {
    pub(super) fn shut(&self, is_shut: bool) {
        let mut shut = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shut.is_shut = is_shut;
        if let Some(waker) = shut.waiting.take_if(|_| !is_shut) {
            waker.wake();
        }
    }

    pub(super) fn is_shut(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_shut
    }

    /// Whether to wait.
    fn holds(&self, cx: &Context<'_>) -> bool {
        let mut shut = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shut.is_shut {
            shut.waiting = Some(cx.waker().clone());
        }
        shut.is_shut
    }
}

/// A future behind a gate.
pub(super) struct Gated<F> {
    pub gate: Gate,
    pub inside: Pin<Box<F>>,
}

impl<F: Future> Future for Gated<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if self.gate.holds(cx) { Poll::Pending } else { self.inside.as_mut().poll(cx) }
    }
}
