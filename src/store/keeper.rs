//! Renews a lease in the background for as long as somebody acts under it. Used by `cli`.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{Lease, RenewError, Store};

/// Renewals per ttl: some may fail before the lease does.
const RENEWALS: u32 = 4;

/// A lease that is being renewed, until this is released or dropped.
pub struct Keeper {
    store: Arc<dyn Store>,
    lease: Lease,
    renewing: JoinHandle<()>,
}

impl Keeper {
    /// Starts to renew. Must be called within a tokio runtime.
    pub fn new(store: Arc<dyn Store>, lease: Lease) -> Self {
        let renewing = tokio::spawn(renew(Arc::clone(&store), lease.clone()));
        Self { store, lease, renewing }
    }

    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Gives the lease back. If the store fails, it lapses by itself.
    pub async fn release(self) {
        self.renewing.abort();
        if let Err(error) = self.store.release(&self.lease).await {
            tracing::warn!(%error, "the lease could not be given back; it lapses by itself");
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Until it is lost.
async fn renew(store: Arc<dyn Store>, lease: Lease) {
    let pause = lease.ttl() / RENEWALS;
    loop {
        let (renewed, pause) = match store.renew(&lease).await {
            Ok(()) => (true, pause),
            Err(RenewError::Lost(_)) => break,
            Err(RenewError::Store(error)) => {
                tracing::warn!(%error, "the lease could not be renewed");
                (false, pause / RENEWALS)
            }
        };
        tracing::trace!(renewed, term = lease.term());
        sleep(pause).await;
    }
    // If it only lapsed, whoever wants it next need not wait.
    if let Err(error) = store.release(&lease).await {
        tracing::debug!(%error, "a lost lease could not be given back");
    }
}
