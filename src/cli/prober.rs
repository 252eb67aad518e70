//! The engine's checks, made from this machine.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::engine::{ProbeOutcome, Prober};
use crate::probe::{self, Probe};

pub struct Client;

impl Prober for Client {
    fn probe<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, ProbeOutcome> {
        async move {
            let outcome = probe::ask(probe).await;
            ProbeOutcome { ok: outcome.is_ok(), detail: outcome.to_string() }
        }
        .boxed()
    }
}
