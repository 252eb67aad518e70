//! `reveille drill`: real failures in a lab, measured. The lab is the one that is named, or one of the drill's own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use tokio::task::spawn_blocking;

use super::args::Common;
use super::drill_args::{DrillArgs, DrillCommand, FaultArgs, ShownArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::signals::Signals;
use super::{drill_report, drill_wake, output, session, site};
use crate::drill::{self, Document, Drill, Interrupted, Reference, Subject};
use crate::lab::{FenceKind, Lab, Options, Progress, SubnetInUse};
use crate::site::Site;

/// A primary, a secondary, the next one, two witnesses, and one that is mended.
const HOSTS: u8 = 6;

/// Networks of labs that drills make, beside the one that `lab up` takes.
const SUBNETS: std::ops::Range<u32> = 128..224;

pub async fn run(common: &Common, args: DrillArgs) -> Result<Exit, Failure> {
    match args.command {
        Some(DrillCommand::Wake(wake)) => drill_wake::run(common, &wake).await,
        Some(DrillCommand::Report(report)) => drill_report::run(common, &report),
        None => faults(common, args.faults).await,
    }
}

async fn faults(common: &Common, args: FaultArgs) -> Result<Exit, Failure> {
    let site = site::valid(common)?;
    args.services.iter().try_for_each(|service| session::known(&site, service))?;
    // What is wrong with these files is said now, not in some hours.
    let reference = drill_report::reference(&args.shown)?;
    let mut signals = Signals::listen()?;
    let stop = Arc::new(AtomicBool::new(false));
    let work = {
        let (common, stop) = (common.clone(), Arc::clone(&stop));
        spawn_blocking(move || in_lab(&common, &args, &site, reference.as_ref(), &stop))
    };
    tokio::pin!(work);
    let mut signalled = None;
    let ended = tokio::select! {
        ended = &mut work => ended,
        signal = signals.next() => {
            signalled = Some(signal);
            output::note("stopping: everything is put back first");
            stop.store(true, Ordering::Relaxed);
            work.await
        }
    };
    match (ended.map_err(Failure::internal)?, signalled) {
        (Err(error), Some(signal)) if error.downcast_ref::<Interrupted>().is_some() => {
            Ok(Exit::Signal(signal))
        }
        (ended, _) => Ok(ended?),
    }
}

fn in_lab(
    common: &Common,
    args: &FaultArgs,
    site: &Site,
    reference: Option<&Reference>,
    stop: &AtomicBool,
) -> Result<Exit> {
    let mut document = begin(args)?;
    if !common.quiet {
        announce(args, &document);
    }
    let lab = Ground::of(args.lab.as_deref(), stop)?;
    let note = |line: &str| {
        if !common.quiet {
            output::note(line);
        }
    };
    let subject = Subject {
        lab: &lab.lab,
        site,
        program: std::env::current_exe().context("where am I")?,
        extra_vars: common.extra_vars.clone(),
        stop,
        note: &note,
    };
    let mut drill = Drill { subject, document, file: args.output.as_deref() };
    let drilled = drill.run();
    document = drill.document;
    let left = lab.leave();
    drilled?;
    left?;
    show(common, &document, reference, &args.shown)
}

/// What was found before, or a new document.
fn begin(args: &FaultArgs) -> Result<Document> {
    let (wanted, machine) = (args.wanted(), drill::machine());
    if let Some(file) = args.output.as_deref().filter(|file| file.exists()) {
        let mut document = Document::load(file)?;
        let resumed = document.resume(&wanted, args.seed, &machine);
        resumed.with_context(|| format!("{} cannot be gone on with", file.display()))?;
        return Ok(document);
    }
    let seed = args.seed.unwrap_or_else(|| session::now_ms() % 1_000_000);
    Ok(Document::new(machine, seed, wanted, drill::method()))
}

fn announce(args: &FaultArgs, document: &Document) {
    let missing: usize = document.wanted.cells().iter().map(|cell| document.missing(cell).len()).sum();
    let seed = document.seed.unwrap_or_default();
    output::note(&format!("{missing} rounds to go, seed {seed}"));
    if args.output.is_none() {
        output::note("nothing is kept: with -o FILE, a drill that was stopped can be gone on with");
    }
}

fn show(
    common: &Common,
    document: &Document,
    reference: Option<&Reference>,
    shown: &ShownArgs,
) -> Result<Exit> {
    drill_report::write(document, reference, shown)?;
    drill_report::print(common, document, reference)?;
    let failed = document.rounds.iter().any(|round| round.failed.is_some());
    Ok(if failed { Exit::Undone } else { Exit::Done })
}

/// The lab, and whether it is taken away afterwards.
struct Ground {
    lab: Lab,
    ours: Option<PathBuf>,
}

impl Ground {
    fn of(dir: Option<&Path>, stop: &AtomicBool) -> Result<Self> {
        let dir = dir.map(std::path::absolute).transpose()?;
        if let Some(dir) = &dir
            && dir.join("lab.json").exists()
        {
            return Ok(Self { lab: Lab::open(dir)?, ours: None });
        }
        let dir = dir.unwrap_or_else(|| format!("/run/reveille-drill-{}", std::process::id()).into());
        let first = std::process::id() % (SUBNETS.end - SUBNETS.start);
        let nets = SUBNETS.clone().chain(SUBNETS).skip(first as usize).take(SUBNETS.len());
        for net in nets {
            match up(&dir, net, stop) {
                Ok(lab) => return Ok(Self { lab, ours: Some(dir) }),
                Err(error) if error.downcast_ref::<SubnetInUse>().is_some() => {}
                Err(_) if stop.load(Ordering::Relaxed) => return Err(Interrupted.into()),
                Err(error) => return Err(error.context("failed to make a lab")),
            }
        }
        anyhow::bail!("every network from 10.83.{}.0/24 on is in use", SUBNETS.start)
    }

    fn leave(self) -> Result<()> {
        self.ours.map_or(Ok(()), |dir| Lab::down(&dir).map(drop))
    }
}

fn up(dir: &Path, net: u32, stop: &AtomicBool) -> Result<Lab> {
    let options = Options {
        subnet: Some(format!("10.83.{net}.0/24").parse()?),
        inventory: Some(dir.join("inventory.yml")),
        fence: Some(FenceKind::Power),
        ..Options::new(dir, HOSTS)
    };
    Lab::up(&options, &Progress { note: &|_| {}, stop })
}
