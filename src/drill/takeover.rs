//! What the monitor says of a takeover: that it begins, that the new primary has the address, that it is over.

use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::Timestamp;

use super::fault::Trouble;
use super::round::{LISTEN, Rounds, TAKEOVER};
use super::watcher::{Heard, Said};
use crate::engine::event::EventKind;
use crate::monitor::Happening;
use crate::plan::Operation;
use crate::site::action::Action;
use crate::site::id::HostName;

/// What the monitor said of a takeover.
#[derive(Debug, Default)]
pub(super) struct Takeover {
    /// When it began, by the monitor's word, and what it had concluded.
    pub began: Option<(Timestamp, String)>,
    /// When the new primary had the service address.
    pub claimed: Option<Timestamp>,
    pub to: Option<HostName>,
    pub ended: bool,
    /// What stood in the way last.
    held: Option<String>,
    pub failed: Option<String>,
}

impl Rounds<'_> {
    /// When, by the monitor's word, and why a takeover of the service begins.
    pub(super) fn began(&self, heard: &Heard) -> Option<(Timestamp, String)> {
        let Said::Told(told) = &heard.what else { return None };
        let Happening::Began { services, operation, because } = &told.what else { return None };
        let takes_over = matches!(operation, Operation::Failover | Operation::Switchover);
        let at = Timestamp::from_millisecond(i64::try_from(told.at_ms).ok()?).ok()?;
        (takes_over && services.contains(&self.cell.service)).then(|| (at, because.clone()))
    }

    /// Listens until a takeover has ended, well or not, or must be given up.
    pub(super) fn wait_for_takeover(&mut self, at: Timestamp, trouble: &Trouble) -> Result<Takeover> {
        let interval = self.cell.interval.as_millis().max(1000);
        let patience = TAKEOVER + Duration::from_millis(interval * u64::from(trouble.looks + 1));
        let end = Instant::now() + patience;
        let mut takeover = Takeover::default();
        while !takeover.ended {
            self.stop.check()?;
            if Instant::now() > end {
                let what =
                    if takeover.began.is_some() { "the takeover did not end" } else { "nobody took over" };
                let held = takeover.held.take().map(|held| format!(": {held}")).unwrap_or_default();
                takeover.failed = Some(format!("{what} within {} s{held}", patience.as_secs()));
                break;
            }
            if let Some(heard) = self.watcher.next(LISTEN)? {
                self.hear(&mut takeover, &heard, at);
            }
        }
        Ok(takeover)
    }

    fn hear(&self, takeover: &mut Takeover, heard: &Heard, at: Timestamp) {
        if let Some((began, because)) = self.began(heard)
            && takeover.began.is_none()
            // It says so in whole milliseconds.
            && began.as_millisecond() >= at.as_millisecond()
        {
            takeover.began = Some((began, because));
        }
        if let Said::Told(told) = &heard.what
            && let Happening::Held { service, because, .. } = &told.what
            && *service == self.cell.service
        {
            takeover.held = Some(because.join("; "));
        }
        if takeover.began.is_none() {
            return;
        }
        match &heard.what {
            Said::Run(event) => {
                if let EventKind::StepEnded { step, .. } = &event.kind
                    && step.stage() == "ifconfig"
                    && self.brings_address_up(step.id())
                {
                    takeover.claimed = takeover.claimed.max(Some(heard.at));
                    takeover.to = step.host();
                }
            }
            Said::Told(told) => match &told.what {
                Happening::Moved { service, operation, primary, .. }
                    if *service == self.cell.service && *operation != Operation::Reprotect =>
                {
                    takeover.to.clone_from(primary);
                    takeover.ended = true;
                }
                Happening::Failed { services, because, .. } if services.contains(&self.cell.service) => {
                    takeover.failed = Some(because.clone());
                    takeover.ended = true;
                }
                _ => {}
            },
        }
    }

    fn brings_address_up(&self, id: &str) -> bool {
        let steps = self.stage.playbook().ifconfig.iter();
        let mut addresses = steps.filter(|step| matches!(step.action.value, Action::Address(_)));
        addresses.any(|step| step.id.as_str() == id)
    }
}
