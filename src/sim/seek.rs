//! Goes through seeds until something is wrong, then makes the history shorter as long as it stays wrong.

use proptest::strategy::ValueTree;

use super::history::History;
use super::run::{Broken, Sites, Told, tell};

/// The most attempts to make a history shorter.
const SHORTENINGS: usize = 400;

/// What is looked for, and where.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// The most faults in a history.
    pub faults: usize,
    pub broken: Option<Broken>,
}

/// A history in which something was wrong.
#[derive(Clone, Debug)]
pub struct Found {
    pub seed: u64,
    /// As short as it could be made.
    pub history: History,
    pub told: Told,
}

impl Search {
    /// Tells the history of a seed.
    ///
    /// # Errors
    /// The simulation itself fails.
    pub fn tell(&self, seed: u64, sites: &mut Sites) -> anyhow::Result<(History, Told)> {
        let tree = History::tree(seed, self.faults).map_err(anyhow::Error::msg)?;
        let history = tree.current();
        let told = tell(&history, self.broken, sites)?;
        Ok((history, told))
    }

    /// The same, made short if it went wrong.
    ///
    /// # Errors
    /// The simulation itself fails.
    pub fn seek(&self, seed: u64, sites: &mut Sites) -> anyhow::Result<Option<Found>> {
        let (history, told) = self.tell(seed, sites)?;
        if told.wrong.is_none() {
            return Ok(None);
        }
        let mut found = Found { seed, history, told };
        let mut tree = History::tree(seed, self.faults).map_err(anyhow::Error::msg)?;
        let mut shorter = tree.simplify();
        for _ in 0..SHORTENINGS {
            if !shorter {
                break;
            }
            let history = tree.current();
            let told = tell(&history, self.broken, sites)?;
            shorter = if told.wrong.is_some() {
                found = Found { seed, history, told };
                tree.simplify()
            } else {
                tree.complicate()
            };
        }
        Ok(Some(found))
    }
}

/// Kills the monitor after every single record of what a history makes it write, one after the other, until there are no
/// more records. Gives how many there were, and the first record after which something was wrong.
///
/// # Errors
/// The simulation itself fails.
pub fn sweep(history: &History, sites: &mut Sites) -> anyhow::Result<(u64, Option<(u64, Told)>)> {
    for records in 1.. {
        let history = History { kill_after: Some(records), ..history.clone() };
        let told = tell(&history, None, sites)?;
        if told.wrong.is_some() {
            return Ok((records, Some((records, told))));
        }
        if !told.killed {
            return Ok((records - 1, None));
        }
    }
    unreachable!("a history writes so many records and no more")
}
