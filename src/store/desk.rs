//! How a lease is taken, renewed and given back, over the few things that a kind of store can do with a [`Tenure`].
//! Called by the [`super::Store`]s.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::sleep;

use super::lease::{Clock, Lease, Loss};
use super::tenure::{Standing, Tenure, Watcher};
use super::{AcquireError, Held, Holder, RenewError, StoreError};

/// What a store does with the lease.
pub(super) trait Desk: Send + Sync {
    fn clock(&self) -> Clock;

    /// What is there now.
    fn tenure(&self) -> BoxFuture<'_, Result<Tenure, StoreError>>;

    /// Puts `next` in the place of `seen`, if that is still what is there; all or nothing, durably.
    fn replace(&self, seen: Tenure, next: Tenure) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Writes the beat of this term, then says what is there.
    fn beat(&self, term: u64, beat: u64) -> BoxFuture<'_, Result<Tenure, StoreError>>;

    /// Whether the holder is known to be gone.
    fn is_dead(&self, holder: &Holder) -> bool;
}

/// Takes the lease, if it is free or lapses while we wait. A holder's first sign of life ends the wait. Who was deposed
/// waits for its own lease to lapse: it is another's turn.
pub(super) async fn acquire(desk: &dyn Desk, holder: Holder, ttl: Duration) -> Result<Lease, AcquireError> {
    let mut watcher = Watcher::default();
    loop {
        let seen = desk.tenure().await?;
        let mine = seen.holder.as_ref().is_some_and(|was| was.is_process_of(&holder));
        let judged = if mine { Tenure { deposed: false, ..seen.clone() } } else { seen.clone() };
        match look(desk, &mut watcher, &judged) {
            Standing::Free(_) => {
                let (next, before) = (seen.next(holder.clone(), ttl), seen.holder.clone());
                let term = next.term;
                if desk.replace(seen, next).await?
                    && let Some(lease) = first_beat(desk, term, &holder, ttl).await?
                {
                    return Ok(lease.taken_from(before));
                }
            }
            Standing::Alive => {
                return Err(AcquireError::Held(Box::new(seen.holder.unwrap_or_default())));
            }
            Standing::Silent { lapses_in } => sleep(between_looks(seen.ttl()).min(lapses_in)).await,
        }
    }
}

/// It counts from its first beat, however long the taking took.
async fn first_beat(
    desk: &dyn Desk,
    term: u64,
    holder: &Holder,
    ttl: Duration,
) -> Result<Option<Lease>, StoreError> {
    let began = desk.clock().now();
    let there = desk.beat(term, 1).await?;
    let ours = there.term == term && there.holder.as_ref() == Some(holder) && !there.deposed;
    Ok(ours.then(|| Lease::new(term, holder.clone(), ttl, desk.clock(), began)))
}

pub(super) async fn renew(desk: &dyn Desk, lease: &Lease) -> Result<(), RenewError> {
    let (beat, began) = lease.begin_renewal()?;
    let there = desk.beat(lease.term(), beat).await?;
    let ours = there.term == lease.term() && there.holder.as_ref() == Some(lease.holder());
    if ours && !there.deposed {
        lease.renewed(beat, began);
        return Ok(());
    }
    let loss = if ours { Loss::Deposed } else { Loss::Taken(Box::new(there.holder.unwrap_or_default())) };
    lease.lose(loss.clone());
    Err(loss.into())
}

/// Nobody has it from now on, if it was ours to the end. Who was deposed has nothing to give back: whoever comes next is
/// to know who was there.
pub(super) async fn release(desk: &dyn Desk, lease: &Lease) -> Result<(), StoreError> {
    lease.lose(Loss::Released);
    loop {
        let there = desk.tenure().await?;
        if there.term != lease.term() || there.holder.is_none() || there.deposed {
            return Ok(());
        }
        let vacant = Tenure { holder: None, ..there.clone() };
        if desk.replace(there, vacant).await? {
            return Ok(());
        }
    }
}

/// Ends the time of whoever has the lease, if `who` says so of the holder; that holder.
pub(super) async fn depose(
    desk: &dyn Desk,
    who: &(dyn Fn(&Holder) -> bool + Sync),
) -> Result<Option<Holder>, StoreError> {
    loop {
        let there = desk.tenure().await?;
        let Some(holder) = there.holder.clone().filter(|holder| !there.deposed && who(holder)) else {
            return Ok(None);
        };
        let over = Tenure { deposed: true, ..there.clone() };
        if desk.replace(there, over).await? {
            return Ok(Some(holder));
        }
    }
}

/// Who has it; waits for a sign of life, for half of the holder's ttl at most.
pub(super) async fn holder(desk: &dyn Desk) -> Result<Option<Held>, StoreError> {
    let mut watcher = Watcher::default();
    loop {
        let seen = desk.tenure().await?;
        let standing = look(desk, &mut watcher, &seen);
        let Some(holder) = seen.holder.clone() else { return Ok(None) };
        let fresh = match standing {
            Standing::Alive => true,
            Standing::Silent { lapses_in } if lapses_in > seen.ttl() / 2 => {
                sleep(between_looks(seen.ttl())).await;
                continue;
            }
            Standing::Silent { .. } | Standing::Free(_) => false,
        };
        return Ok(Some(Held { holder, term: seen.term, fresh }));
    }
}

fn look(desk: &dyn Desk, watcher: &mut Watcher, tenure: &Tenure) -> Standing {
    let died = tenure.holder.as_ref().is_some_and(|holder| desk.is_dead(holder));
    watcher.look(tenure, died, desk.clock().now())
}

/// Often enough to lose little time, seldom enough to burden nobody.
fn between_looks(ttl: Duration) -> Duration {
    (ttl / 60).clamp(Duration::from_millis(5), Duration::from_millis(50))
}
