//! One round: everything is well; a failure falls at its instant; the monitor takes over, or does not; a client is served
//! again; all is mended.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::{SignedDuration, Timestamp};

use super::cell::Cell;
use super::client::{Client, Seen as SeenByClient};
use super::fault::Trouble;
use super::figures::{Figures, Seen};
use super::machine::load;
use super::record::Round;
use super::stage::Stage;
use super::takeover::Takeover;
use super::wait::{Stop, seconds};
use super::watcher::Watcher;
use crate::lab::Lab;
use crate::monitor::Target;
use crate::monitor::verdict::Verdict;
use crate::monitor::view::View;
use crate::plan::table::ServiceState;
use crate::site::id::HostName;

/// How long a takeover may take, beside the looks it needs.
pub(super) const TAKEOVER: Duration = Duration::from_mins(1);
/// How long it may take until all is well again, beside the looks that needs.
const RECOVERY: Duration = Duration::from_secs(90);
/// What the meter needs to start.
const LEAD: Duration = Duration::from_millis(900);
/// The client goes on asking after it is served again.
const AFTERWARDS: Duration = Duration::from_millis(300);
/// The wall clock may be slewed meanwhile (by 500 ppm at most: adjtimex(2)), but not set.
const CLOCK_TOLERANCE_S: f64 = 0.005;
const CLOCK_SLEW: f64 = 0.001;
pub(super) const LISTEN: Duration = Duration::from_millis(20);

/// What rounds of a cell are made with.
pub(super) struct Rounds<'a> {
    pub lab: &'a Lab,
    pub stage: &'a Stage,
    pub watcher: &'a mut Watcher,
    pub program: &'a Path,
    pub cell: &'a Cell,
    pub stop: Stop<'a>,
    /// Receives a line for each thing worth knowing.
    pub note: &'a (dyn Fn(&str) + Sync),
}

impl Rounds<'_> {
    /// Makes a round whose failure falls at `phase` of the interval.
    ///
    /// # Errors
    /// The lab or the monitor fails; not a takeover that does not come, which is a result.
    pub fn round(&mut self, number: u32, phase: f64) -> Result<Round> {
        let mut disturbed = 0;
        loop {
            let from = self.settle(&mut disturbed)?;
            let mut trouble = Trouble::prepare(self.cell.fault, self.lab, &from, self.stage)?;
            let (client, instant) = self.wait_for_instant(&trouble, &from, phase)?;
            let acted = self.acted_by_itself()?;
            disturbed += acted;
            if acted > 0 {
                drop(client);
                trouble.mend(self.lab)?;
                continue;
            }
            self.stop.at(instant)?;
            let (clock, at) = (Instant::now(), Timestamp::now());
            trouble.strike(self.lab)?;
            let struck = Timestamp::now();
            let found_by = trouble.found_by(self.stage);
            let takeover = self.wait_for_takeover(at, &trouble)?;
            let (seen, failed) = self.wait_for_client(client, at, struck, &takeover, &trouble)?;
            let (by_wall, elapsed) = (seconds(at, Timestamp::now()), clock.elapsed().as_secs_f64());
            if (by_wall - elapsed).abs() > CLOCK_TOLERANCE_S + elapsed * CLOCK_SLEW {
                bail!("the clock of this machine was set during a round");
            }
            let figures = figures(at, struck, &takeover, &trouble, &seen).filter(|_| failed.is_none());
            let round = Round {
                service: self.cell.service.clone(),
                fault: self.cell.fault,
                interval_s: self.cell.interval,
                round: number,
                at,
                phase: self.phase_of(at, &found_by)?,
                how: trouble.how.clone(),
                inject_ms: rounded(seconds(at, struck) * 1000.0, 10.0),
                from,
                to: takeover.to.clone(),
                because: takeover.began.map(|(_, because)| because),
                deterministic_s: figures.map(|figures| rounded(figures.deterministic_s, 1e4)),
                migration_s: figures.map(|figures| rounded(figures.migration_s, 1e4)),
                response_s: figures.map(|figures| rounded(figures.response_s, 1e4)),
                outage_ms: figures.map(|figures| rounded(figures.outage_ms, 10.0)),
                looks: trouble.looks,
                load: load(),
                disturbed,
                failed,
            };
            trouble.mend(self.lab)?;
            return Ok(round);
        }
    }

    /// Waits until the service is protected, every host well, nothing under way, and nobody but the primary holds the
    /// address. Returns the primary.
    fn settle(&mut self, disturbed: &mut u32) -> Result<HostName> {
        let address = self.stage.address()?;
        let patience = RECOVERY + Duration::from_millis(self.cell.interval.as_millis() * 4);
        let (stage, lab, stop) = (self.stage, self.lab, self.stop);
        let since = Timestamp::now().as_millisecond();
        let mut lacks = String::new();
        let settled = stop.until("all is well again", patience, || {
            *disturbed += self.acted_by_itself()?;
            // A picture of before, maybe of the monitor before, says nothing.
            let view = stage.view().filter(|view| i64::try_from(view.at_ms).is_ok_and(|at| at >= since));
            let view = view.context("the monitor has left no picture yet");
            let found = view.and_then(|view| well(&view)).and_then(|primary| {
                alone(lab, &primary, address)?;
                Ok(primary)
            });
            Ok(found.map_err(|lack| lacks = lack.to_string()).ok())
        });
        settled.with_context(|| lacks)
    }

    /// Starts the client, and says when the failure is to be made.
    fn wait_for_instant(
        &mut self,
        trouble: &Trouble,
        from: &HostName,
        phase: f64,
    ) -> Result<(Client, Timestamp)> {
        let url = self.stage.meter(from)?;
        let target = trouble.found_by(self.stage);
        let planned = self.instant(&target, phase, LEAD)?;
        self.stop.at(planned - LEAD)?;
        let client = Client::start(self.lab, self.program, &url, self.stop)?;
        // The looks may have come a little later meanwhile.
        Ok((client, self.instant(&target, phase, Duration::from_millis(50))?))
    }

    /// The next instant at this phase of the interval, at least `lead` from now.
    fn instant(&mut self, target: &Target, phase: f64, lead: Duration) -> Result<Timestamp> {
        let interval =
            self.cell.interval.as_secs().max(if matches!(target, Target::Sample(_)) { 1.0 } else { 0.0 });
        let patience = Duration::from_secs_f64(interval * 3.0) + TAKEOVER;
        let (stop, watcher) = (self.stop, &mut *self.watcher);
        let look = stop.until("a look of the monitor", patience, || watcher.last_look(target, u64::MAX))?;
        let look = Timestamp::from_millisecond(i64::try_from(look)?)?;
        let since = seconds(look, Timestamp::now() + lead);
        let intervals = ((since / interval) - phase).ceil().max(0.0);
        Ok(look + SignedDuration::from_secs_f64((intervals + phase) * interval))
    }

    /// Where between two looks an instant was.
    fn phase_of(&mut self, at: Timestamp, target: &Target) -> Result<f64> {
        let until = u64::try_from(at.as_millisecond())?;
        let look = self.watcher.last_look(target, until)?.context("the monitor had not looked before")?;
        let since = seconds(Timestamp::from_millisecond(i64::try_from(look)?)?, at);
        let interval = self.cell.interval.as_secs();
        let interval = if matches!(target, Target::Sample(_)) { interval.max(1.0) } else { interval };
        Ok(rounded((since / interval).clamp(0.0, 1.0), 1e4))
    }

    /// How many takeovers began though nothing was done.
    fn acted_by_itself(&mut self) -> Result<u32> {
        let mut acted = 0;
        while let Some(heard) = self.watcher.next(LISTEN)? {
            if let Some((_, because)) = self.began(&heard) {
                acted += 1;
                (self.note)(&format!("{}: a takeover by itself: {because}", self.cell));
            }
        }
        Ok(acted)
    }

    /// Waits until the client is served again, and ends it. Says what it saw, or why there is nothing to measure.
    fn wait_for_client(
        &self,
        client: Client,
        at: Timestamp,
        struck: Timestamp,
        takeover: &Takeover,
        trouble: &Trouble,
    ) -> Result<(SeenByClient, Option<String>)> {
        if takeover.failed.is_some() {
            return Ok((client.finish(), takeover.failed.clone()));
        }
        let served = self.stop.until("a client is served again", TAKEOVER, || {
            Ok(figures(at, struck, takeover, trouble, &client.seen()))
        });
        match served {
            Ok(_) => {
                std::thread::sleep(AFTERWARDS);
                Ok((client.finish(), None))
            }
            Err(error) => {
                self.stop.check()?;
                Ok((client.finish(), Some(error.to_string())))
            }
        }
    }
}

fn figures(
    at: Timestamp,
    struck: Timestamp,
    takeover: &Takeover,
    trouble: &Trouble,
    seen: &SeenByClient,
) -> Option<Figures> {
    let since = |instant: Timestamp| seconds(at, instant);
    let seen = Seen {
        struck_s: since(struck),
        began_s: since(takeover.began.as_ref()?.0).max(0.0),
        claimed_s: since(takeover.claimed?),
        still_answers: trouble.still_answers(),
        metered_s: since(seen.started?),
        answers: &seen.answers,
    };
    seen.figures()
}

/// The primary, if the monitor sees nothing wrong and has nothing to do.
fn well(view: &View) -> Result<HostName> {
    let service = view.services.first().context("it watches nothing yet")?;
    if view.grace_ms > 0 || service.acting.is_some() {
        bail!("the monitor is not at rest");
    }
    if service.state != ServiceState::Protected || service.verdict != Verdict::Ok {
        let lack = service.lack.as_deref().unwrap_or(&service.because);
        bail!("{} is {} ({})", service.service, service.state, lack);
    }
    if let Some(host) = view.hosts.iter().find(|host| host.verdict != Verdict::Ok) {
        bail!("{} is {}: {}", host.host, host.verdict.as_str(), host.because);
    }
    service.primary.clone().context("nobody serves")
}

/// Nobody but the primary holds the address, by the hosts' own consoles.
fn alone(lab: &Lab, primary: &HostName, address: IpAddr) -> Result<()> {
    for host in &lab.state().hosts {
        let held = lab.sh(host.name.as_str(), "ip -o addr show")?.contains(&format!(" {address}/"));
        if held != (host.name == *primary) {
            let holds = if held { "still holds" } else { "does not hold" };
            bail!("{} {holds} {address}", host.name);
        }
    }
    Ok(())
}

fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
