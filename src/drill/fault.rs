//! One failure of one host: prepared, made at its instant, and mended.

use anyhow::{Context, Result};

use super::armed::Armed;
use super::cell::Fault;
use super::overload::Way;
use super::stage::Stage;
use crate::lab::{Cut, Lab, Link, Power};
use crate::monitor::Target;
use crate::site::action::Action;
use crate::site::id::HostName;
use crate::site::playbook::{Phase, Playbook};

/// Every process that reveille started for a service, with all that came of it; then the units it woke.
const KILL: &str = include_str!("kill.sh");

/// A failure that is about to be made.
pub(super) struct Trouble {
    host: HostName,
    means: Means,
    pub how: String,
    /// Rounds of the monitor that it must last before it counts.
    pub looks: u32,
}

enum Means {
    Cut,
    Crash,
    Freeze,
    Kill(Armed),
    Overload(Armed),
}

impl Trouble {
    /// Everything that takes time, so that the failure itself takes none.
    ///
    /// # Errors
    /// It cannot be made for this service.
    pub fn prepare(fault: Fault, lab: &Lab, host: &HostName, stage: &Stage) -> Result<Self> {
        let trouble = |means, how: &str| Self { host: host.clone(), means, how: how.to_owned(), looks: 1 };
        Ok(match fault {
            Fault::Cut => trouble(Means::Cut, "the host's cable was pulled"),
            Fault::Crash => trouble(Means::Crash, "the host's power was cut"),
            Fault::Freeze => trouble(Means::Freeze, "all processes of the host were frozen"),
            Fault::Kill => {
                let units = units(stage.playbook());
                let mut args = vec![stage.service().as_str()];
                args.extend(units.iter().map(String::as_str));
                let armed = Armed::start(lab, host.as_str(), KILL, &args)
                    .context("nothing to kill: the service has neither processes nor units of reveille's")?;
                trouble(Means::Kill(armed), "the service's processes were killed")
            }
            Fault::Overload => {
                let way = Way::choose(stage.playbook())?;
                let armed = way.arm(lab, host.as_str())?;
                Self { looks: way.rounds, ..trouble(Means::Overload(armed), &way.how()) }
            }
        })
    }

    /// The look of the monitor that can find it.
    pub fn found_by(&self, stage: &Stage) -> Target {
        match self.means {
            Means::Overload(_) => Target::Sample(self.host.clone()),
            _ => Target::Service(stage.service().clone()),
        }
    }

    /// Whether the host goes on serving until it is told to stop.
    pub fn still_answers(&self) -> bool {
        matches!(self.means, Means::Overload(_))
    }

    /// Now.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn strike(&mut self, lab: &Lab) -> Result<()> {
        let host = self.host.as_str();
        match &mut self.means {
            Means::Cut => lab.cut(host, Cut::Carrier),
            Means::Crash => lab.crash(host),
            Means::Freeze => lab.freeze(host),
            Means::Kill(armed) | Means::Overload(armed) => armed.strike(),
        }
    }

    /// Mends everything, whatever else became of the host meanwhile: a fence device may have taken its power.
    ///
    /// # Errors
    /// The host cannot be brought back.
    pub fn mend(self, lab: &Lab) -> Result<()> {
        if let Means::Kill(armed) | Means::Overload(armed) = self.means {
            armed.let_go();
        }
        bring_back(lab, &self.host)
    }
}

/// Power, processes and cable of a host as they should be.
pub(super) fn bring_back(lab: &Lab, host: &HostName) -> Result<()> {
    let name = host.as_str();
    let status = lab.status().hosts.into_iter().find(|status| status.host == *host);
    let status = status.with_context(|| format!("the lab has no host {host}"))?;
    match status.power {
        Power::Off => return lab.boot(name).map(drop),
        Power::Frozen => lab.thaw(name)?,
        Power::On => {}
    }
    if status.link == Link::Up { Ok(()) } else { lab.heal(name) }
}

/// The units that the playbook wakes.
fn units(playbook: &Playbook) -> Vec<String> {
    let steps = [Phase::Sleep, Phase::Wake].into_iter().flat_map(|phase| playbook.phase(phase));
    let named = steps.filter_map(|step| match &step.action.value {
        Action::Unit(unit) => Some(unit.name.value.clone()),
        _ => None,
    });
    let mut units: Vec<String> = named.collect();
    units.dedup();
    units
}
