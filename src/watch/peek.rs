//! One look at services without the right to act: the same core sees the same things, and what it would do is noted
//! instead of done. For `explain` where no monitor leads.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::drive::Clock;
use super::field::Field;
use crate::monitor::{Act, Config, Core, Effect, Input, Remembered, Target};
use crate::plan::facts::SiteFacts;
use crate::plan::reconcile::reconcile;
use crate::plan::table::Table;
use crate::store::StoreError;

/// The longest it may take; what is not known then is not known.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was seen.
pub struct Peek {
    pub core: Core,
    /// What a monitor would do now.
    pub acts: Vec<Act>,
    /// By the store, corrected by the hosts.
    pub table: Table,
    pub facts: SiteFacts,
}

impl Field {
    /// Looks at everything once. Nothing is moved, renewed or remembered.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn peek(self: &Arc<Self>, config: Config) -> Result<Peek, StoreError> {
        let facts = self.gather().await;
        let table = reconcile(&self.table().await?, &facts);
        let clock = Clock::start();
        // Nothing is done, so there is no need to look for a while before.
        let mut core = Core::new(config, table.clone(), Some(&Remembered::default()), clock.now());
        let acts = self.look_round(&mut core, &table, clock).await;
        Ok(Peek { core, acts, table, facts })
    }

    /// Tells the core what it asks for, until it has asked for all.
    async fn look_round(self: &Arc<Self>, core: &mut Core, table: &Table, clock: Clock) -> Vec<Act> {
        let table = Arc::new(table.clone());
        let (inputs, mut heard) = unbounded_channel();
        let mut looks = JoinSet::new();
        let mut acts = Vec::new();
        let give_up = Instant::now() + PATIENCE;
        let mut input = Input::Tick;
        loop {
            for effect in core.handle(input, clock.now()) {
                match effect {
                    // To renew is to act.
                    Effect::Look(ask) if matches!(ask.target, Target::Renewal { .. }) => {}
                    Effect::Look(ask) => {
                        let (field, table, told) = (Arc::clone(self), Arc::clone(&table), inputs.clone());
                        looks.spawn(async move { Box::pin(field.look(ask, &table, &told)).await });
                    }
                    Effect::Act(act) => acts.push(act),
                    Effect::Reconcile | Effect::Remember { .. } | Effect::Tell(_) => {}
                }
            }
            if core.is_looked_at() {
                return acts;
            }
            let deadline = core.next_deadline().map_or(give_up, |at| clock.at(at).min(give_up));
            input = tokio::select! {
                biased;
                Some(input) = heard.recv() => input,
                () = sleep_until(deadline) => Input::Tick,
            };
            if Instant::now() >= give_up {
                return acts;
            }
        }
    }
}
