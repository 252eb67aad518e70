//! Many seeds on several threads, each with a world of its own; the lowest seed that goes wrong is what counts.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use super::run::Sites;
use super::seek::{Found, Search};

/// Tells the histories of all seeds; ends early when one goes wrong. `progress` hears how many are told.
///
/// # Errors
/// The simulation itself fails.
pub fn hunt(
    search: Search,
    seeds: Range<u64>,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> anyhow::Result<Option<Found>> {
    let next = AtomicU64::new(seeds.start);
    let told = AtomicU64::new(0);
    let end = AtomicU64::new(seeds.end);
    let found: Mutex<Vec<anyhow::Result<Found>>> = Mutex::default();
    let work = || {
        let mut sites = Sites::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end.load(Ordering::Relaxed) {
                return;
            }
            let result = search.seek(seed, &mut sites).transpose();
            progress(told.fetch_add(1, Ordering::Relaxed) + 1);
            if let Some(result) = result {
                // Lower seeds that are under way are told to their end.
                end.fetch_min(seed, Ordering::Relaxed);
                found.lock().unwrap_or_else(PoisonError::into_inner).push(result);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let found: Vec<Found> =
        found.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect::<Result<_, _>>()?;
    Ok(found.into_iter().min_by_key(|found| found.seed))
}
