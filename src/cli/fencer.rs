//! The engine's fences, by way of the agents of this machine.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::engine::{FenceOutcome, Fencer};
use crate::fence::Agents;
use crate::plan::Fence;

impl Fencer for Agents {
    fn fence<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, FenceOutcome> {
        async move {
            match Agents::fence(self, fence).await {
                Ok(words) => FenceOutcome { confirmed: true, words },
                Err(words) => FenceOutcome { confirmed: false, words },
            }
        }
        .boxed()
    }

    fn is_on<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, bool> {
        Agents::is_on(self, fence).boxed()
    }
}
