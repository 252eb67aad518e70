//! The command line of `drill`: names, flags and help. No behaviour.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::drill::{Fault, Interval, Wanted};
use crate::site::id::ServiceName;

/// What a full drill has, as the tables do.
const INTERVALS: [&str; 4] = ["4", "8", "16", "32"];
const ROUNDS: u32 = 20;
/// What `--quick` has: a few minutes for a service.
const QUICK_INTERVALS: [&str; 2] = ["2", "4"];
const QUICK_ROUNDS: u32 = 3;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct DrillArgs {
    #[command(subcommand)]
    pub command: Option<DrillCommand>,
    #[command(flatten)]
    pub faults: FaultArgs,
}

#[derive(Debug, Subcommand)]
pub enum DrillCommand {
    /// Wake a service's sleeping copy off the network, ask it, and put it back to sleep
    Wake(DrillWakeArgs),
    /// Show results of drills, finished or not, as tables, CSV, a page or a chapter
    Report(DrillReportArgs),
}

/// A drill with faults.
#[derive(Debug, Args)]
pub struct FaultArgs {
    /// The services, each drilled alone
    #[arg(required = true, value_name = "SERVICE")]
    pub services: Vec<ServiceName>,
    /// What is done to the host that serves
    #[arg(long, value_enum, value_name = "FAULT", value_delimiter = ',', default_value = "cut,overload")]
    pub fault: Vec<Fault>,
    /// The monitor's intervals, in seconds or with a unit [default: 4,8,16,32; with --quick 2,4]
    #[arg(long, value_name = "TIMES", value_delimiter = ',')]
    pub intervals: Vec<Interval>,
    /// Rounds for each service, fault and interval [default: 20; with --quick 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rounds: Option<u32>,
    /// Of the random instants; the same seed is the same instants [default: another each time]
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
    /// A few minutes instead of hours
    #[arg(long)]
    pub quick: bool,
    /// The lab's folder; where none is up, one is made there and taken away again [default: one of its own]
    #[arg(long, value_name = "DIR")]
    pub lab: Option<PathBuf>,
    /// Keep the results here, round by round; the same command goes on with what is missing
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub shown: ShownArgs,
}

/// How results are shown.
#[derive(Debug, Args)]
pub struct ShownArgs {
    /// Write the rounds as comma-separated values
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write a page with tables and plots
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Somebody else's figures (YAML or JSON), to stand beside these
    #[arg(long, value_name = "FILE")]
    pub reference: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DrillWakeArgs {
    pub service: ServiceName,
    /// Print the plan and stop
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Let a step fail on purpose, to see what happens: STEP=failed|unreachable|timeout|unknown
    #[arg(long, value_name = "STEP=FAULT", hide = true)]
    pub inject: Vec<String>,
}

#[derive(Debug, Args)]
pub struct DrillReportArgs {
    /// What `drill -o` wrote; several are shown as one
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub shown: ShownArgs,
    /// Write a chapter for a book into this folder: index.md, its plots, and the results in rounds.json
    #[arg(long, value_name = "DIR")]
    pub book: Option<PathBuf>,
}

impl FaultArgs {
    /// What is asked for, with the defaults.
    pub fn wanted(&self) -> Wanted {
        let (intervals, rounds): (&[&str], u32) =
            if self.quick { (&QUICK_INTERVALS, QUICK_ROUNDS) } else { (&INTERVALS, ROUNDS) };
        let usual = || intervals.iter().filter_map(|text| text.parse().ok()).collect();
        let mut intervals = if self.intervals.is_empty() { usual() } else { self.intervals.clone() };
        intervals.sort();
        intervals.dedup();
        let mut faults = self.fault.clone();
        faults.sort();
        faults.dedup();
        Wanted { services: self.services.clone(), faults, intervals, rounds: self.rounds.unwrap_or(rounds) }
    }
}
