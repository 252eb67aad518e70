//! A whole drill: service by service on a stage of its own, cell by cell under a monitor of its own, round by round, each
//! written down as soon as it is over.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::cell::{Cell, Fault};
use super::instants::phases;
use super::machine::versions;
use super::overload::Way;
use super::record::{Document, Round};
use super::round::Rounds;
use super::stage::{Props, Stage};
use super::wait::Stop;
use super::watcher::Watcher;
use super::{Interrupted, fault};
use crate::lab::Lab;
use crate::site::Site;
use crate::site::id::ServiceName;

/// What is drilled, and with what.
pub struct Subject<'a> {
    pub lab: &'a Lab,
    pub site: &'a Site,
    /// This program.
    pub program: PathBuf,
    /// `-e` of the command line.
    pub extra_vars: Vec<String>,
    /// Set to stop the drill.
    pub stop: &'a std::sync::atomic::AtomicBool,
    /// Receives a line for each thing worth knowing.
    pub note: &'a (dyn Fn(&str) + Sync),
}

/// A drill under way.
pub struct Drill<'a> {
    pub subject: Subject<'a>,
    pub document: Document,
    /// Where the document is kept, if anywhere.
    pub file: Option<&'a Path>,
}

impl Drill<'_> {
    /// Makes every round that is missing. What was found is in the document, whatever the end.
    ///
    /// # Errors
    /// The lab, the site or the monitor fails, or somebody wants it to stop. A service that is not taken over is none.
    pub fn run(&mut self) -> Result<()> {
        self.save()?;
        let cells = self.document.wanted.cells();
        let services = self.document.wanted.services.clone();
        for service in &services {
            let of_service = cells.iter().filter(|cell| cell.service == *service);
            let open: Vec<&Cell> =
                of_service.filter(|cell| !self.document.missing(cell).is_empty()).collect();
            if !open.is_empty() {
                self.service(service, &open).with_context(|| format!("failed to drill {service}"))?;
            }
        }
        Ok(())
    }

    fn service(&mut self, service: &ServiceName, cells: &[&Cell]) -> Result<()> {
        let folder = tempfile::Builder::new().prefix("reveille-drill-").tempdir()?;
        let props = Props {
            lab: self.subject.lab,
            site: self.subject.site,
            service,
            program: &self.subject.program,
            extra_vars: &self.subject.extra_vars,
        };
        let stage = Stage::make(folder.path(), &props)?;
        // Said before anything is made, not in the middle of the night.
        if cells.iter().any(|cell| cell.fault == Fault::Overload) {
            Way::choose(stage.playbook())?;
        }
        self.document.versions.extend(versions(stage.playbook()));
        stage.deploy()?;
        let drilled = cells.iter().try_for_each(|cell| self.cell(&stage, cell));
        // Nothing is left behind: the next service needs the hosts, and the lab may be somebody's.
        let tidied = self.bring_all_back().and_then(|()| stage.teardown());
        drilled.and(tidied)
    }

    fn cell(&mut self, stage: &Stage, cell: &Cell) -> Result<()> {
        let mut watcher = Watcher::start(stage, cell.interval)?;
        for number in self.document.missing(cell) {
            let mut made = self.round(stage, cell, &mut watcher, number);
            if let Err(error) = &made
                && error.downcast_ref::<Interrupted>().is_none()
            {
                // Once: in hours, a machine has its moments.
                (self.subject.note)(&format!("{error:#}: the service is set up anew"));
                self.begin_anew(stage, cell, &mut watcher)?;
                made = self.round(stage, cell, &mut watcher, number);
            }
            let round = made?;
            (self.subject.note)(&line(cell, &round, self.document.wanted.rounds));
            let failed = round.failed.is_some();
            self.document.rounds.push(round);
            self.save()?;
            if failed {
                // What is left of it must not be the next round's.
                self.begin_anew(stage, cell, &mut watcher)?;
            }
        }
        watcher.stop();
        Ok(())
    }

    /// The service set up anew, and another monitor for it.
    fn begin_anew(&self, stage: &Stage, cell: &Cell, watcher: &mut Watcher) -> Result<()> {
        watcher.stop();
        self.set_up_anew(stage)?;
        *watcher = Watcher::start(stage, cell.interval)?;
        Ok(())
    }

    fn round(&self, stage: &Stage, cell: &Cell, watcher: &mut Watcher, number: u32) -> Result<Round> {
        let phases = phases(self.document.seed.unwrap_or_default(), cell, self.document.wanted.rounds);
        let mut rounds = Rounds {
            lab: self.subject.lab,
            stage,
            watcher,
            program: &self.subject.program,
            cell,
            stop: Stop(self.subject.stop),
            note: self.subject.note,
        };
        let round = rounds.round(number, phases[number as usize - 1]);
        round.with_context(|| format!("{cell}, round {number}"))
    }

    fn set_up_anew(&self, stage: &Stage) -> Result<()> {
        self.bring_all_back()?;
        if stage.teardown().is_ok() {
            stage.acknowledge()?;
        } else {
            // Nothing that a host remembers outlives its power; what is remembered of it must go too.
            let lab = self.subject.lab;
            for host in &lab.state().hosts {
                lab.crash(host.name.as_str())?;
                lab.boot(host.name.as_str())?;
            }
            stage.forget()?;
        }
        stage.deploy()
    }

    fn bring_all_back(&self) -> Result<()> {
        let hosts = &self.subject.lab.state().hosts;
        hosts.iter().try_for_each(|host| fault::bring_back(self.subject.lab, &host.name))
    }

    fn save(&self) -> Result<()> {
        self.file.map_or(Ok(()), |file| self.document.save(file))
    }
}

/// A round as a line of progress.
fn line(cell: &Cell, round: &Round, of: u32) -> String {
    let number = round.round;
    match (&round.failed, round.deterministic_s, round.migration_s) {
        (None, Some(deterministic), Some(migration)) => {
            let to = round.to.as_ref().map_or("?", |to| to.as_str());
            format!(
                "{cell}, round {number} of {of}: {deterministic:.3} s + {migration:.3} s, {} to {to}",
                round.from
            )
        }
        (failed, ..) => {
            format!("{cell}, round {number} of {of}: {}", failed.as_deref().unwrap_or("nothing to measure"))
        }
    }
}
