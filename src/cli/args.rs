//! The command line: names, flags and help. No behaviour.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::drill_args::DrillArgs;
use crate::lab::cli::LabArgs;
use crate::plan::Operation;
use crate::site::id::{HostName, ServiceName};
use crate::site::quantity::TimeSpan;
use crate::site::secret::Secret;
use crate::web::Listen;

/// Wakes a service's sleeping copy on another host.
///
/// Playbooks describe a service's prepare, sleep, wake, ifconfig and teardown steps; reveille runs them over SSH on
/// any host, with nothing installed there. Run it from anywhere inside a site.
#[derive(Debug, Parser)]
#[command(name = "reveille", version, max_term_width = 100, subcommand_required = false)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags of every command, in Ansible's letters.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Common {
    /// Inventory file or folder, instead of the site's; may be repeated
    #[arg(
        short,
        long,
        global = true,
        hide_short_help = true,
        value_name = "PATH",
        env = "REVEILLE_INVENTORY",
        value_delimiter = ','
    )]
    pub inventory: Vec<PathBuf>,
    /// The site's folder [default: the nearest one above with a reveille.yml or playbooks/]
    #[arg(long, global = true, hide_short_help = true, value_name = "DIR", env = "REVEILLE_SITE")]
    pub site: Option<PathBuf>,
    /// Only these hosts may be chosen: an Ansible host pattern
    #[arg(short, long, global = true, hide_short_help = true, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// A variable (NAME=VALUE), a JSON object, or a YAML file (@FILE); wins over every other
    #[arg(short = 'e', long = "extra-vars", global = true, hide_short_help = true, value_name = "VARS")]
    pub extra_vars: Vec<String>,
    /// How many hosts are worked on at the same time
    #[arg(short, long, global = true, hide_short_help = true, value_name = "N", env = "REVEILLE_FORKS")]
    pub forks: Option<usize>,
    /// Only steps with this tag; may be repeated
    #[arg(short, long, global = true, hide_short_help = true, value_name = "TAG", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// Log in as this user where the inventory names none
    #[arg(short, long, global = true, hide_short_help = true, value_name = "USER")]
    pub user: Option<String>,
    /// Become root through sudo on every host
    #[arg(short = 'b', long = "become", global = true, hide_short_help = true)]
    pub become_root: bool,
    /// Ask for sudo's password; without a terminal, it is the first line of the input
    #[arg(short = 'K', long, global = true, hide_short_help = true)]
    pub ask_become_pass: bool,
    /// What was answered.
    #[arg(skip)]
    pub become_password: Option<Secret>,
    /// Say more; -vvv shows what travels over SSH
    #[arg(short, long, global = true, hide_short_help = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing on success and the whole story on failure (for cron)
    #[arg(short, long, global = true, hide_short_help = true)]
    pub quiet: bool,
    /// Print JSON (runs print JSON lines)
    #[arg(long, global = true, hide_short_help = true)]
    pub json: bool,
    /// When to use colour
    #[arg(long, global = true, hide_short_help = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a small commented site, which works in a lab as it is
    Init(InitArgs),
    /// Make a playbook's phase of a playbook of Ansible's
    Import(ImportArgs),
    /// Find every mistake in the site's files, without a connection
    Check,
    /// Look at every host, change nothing, name what would fail
    Doctor(DoctorArgs),
    /// Show what the inventory says, and where it says it
    Inventory(InventoryArgs),
    /// Set a service up: primary and sleeping secondary
    Deploy(RunArgs),
    /// Wake the sleeping copy of a lost primary, and prepare another
    Failover(RunArgs),
    /// Move a healthy service to another host
    Switchover(RunArgs),
    /// Choose and prepare a new secondary
    Reprotect(RunArgs),
    /// Take a service off all its hosts
    Teardown(RunArgs),
    /// Show exactly what an operation would do; keep it for `apply`
    Plan(PlanArgs),
    /// Show a plan that was kept
    Show(ShowArgs),
    /// Do exactly what a kept plan says, once, or say what changed
    Apply(ApplyArgs),
    /// Show services and hosts
    Status,
    /// Show what hosts say of themselves; keep it for later plans
    Facts(FactsArgs),
    /// Show what would become of services if hosts were gone or busy
    Whatif(WhatifArgs),
    /// Notice failures, take over, restore protection, unattended
    Watch(WatchArgs),
    /// Say why a service is, or was, moved or left alone
    Explain(ExplainArgs),
    /// Decide a recording of `watch --record` once more, and compare
    Replay(ReplayArgs),
    /// Make real failures in a lab and measure what a client misses
    Drill(Box<DrillArgs>),
    /// Show what happened at the site
    History(HistoryArgs),
    /// Tell the story of one run: why, by whom, what, how long
    Report(ReportArgs),
    /// Compare two runs: where they went, what took longer
    Diff(DiffArgs),
    /// Finish or take back a run that was cut short
    Recover(RecoverArgs),
    /// Say that a host is dead and stays so: evidence for a failover
    ConfirmDead(ConfirmDeadArgs),
    /// Let nothing be moved by itself for a while; watching goes on
    Pause(PauseArgs),
    /// End a pause
    Resume(ResumeArgs),
    /// Let a service move again after a takeover failed or too many
    Ack(AckArgs),
    /// End the lease of the monitor that leads; another leads at once
    Depose(DeposeArgs),
    /// Prove that no journal was changed or taken away; move old ones
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print a JSON Schema for editors
    Schema(SchemaArgs),
    /// Print what makes a shell complete commands and flags
    Completions(CompletionsArgs),
    /// Write the manual pages
    Man(ManArgs),
    /// Put thousands of simulated histories of faults through it all
    Sim(SimArgs),
    /// A rehearsal site of real hosts on this machine
    Lab(LabArgs),
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The site's folder; made if missing
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// What its service is called [default: hello]
    #[arg(long, value_name = "NAME")]
    pub service: Option<ServiceName>,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// A playbook of Ansible's, or a file of tasks
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The phase that its tasks become
    #[arg(long, value_enum, default_value = "prepare")]
    pub phase: ImportPhase,
    /// What the service is called [default: the file's name]
    #[arg(long, value_name = "NAME")]
    pub service: Option<ServiceName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ImportPhase {
    Prepare,
    Sleep,
    Wake,
    Ifconfig,
    Teardown,
}

/// Flags of the five operations.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The services, each the name in a playbook
    #[arg(required = true, value_name = "SERVICE")]
    pub services: Vec<ServiceName>,
    /// The new primary
    #[arg(long, value_name = "HOST")]
    pub to: Option<HostName>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Print the plan and stop
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show how files differ
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// Let a step fail on purpose, to see what happens: STEP=failed|unreachable|timeout|unknown
    #[arg(long, value_name = "STEP=FAULT", hide = true)]
    pub inject: Vec<String>,
}

impl RunArgs {
    /// One service, no questions, nothing else said.
    pub fn of(service: ServiceName) -> Self {
        Self::of_all(vec![service])
    }

    /// The same for several.
    pub fn of_all(services: Vec<ServiceName>) -> Self {
        Self { services, to: None, yes: true, check: false, diff: false, inject: Vec::new() }
    }
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    pub operation: Operation,
    /// The services, each the name in a playbook
    #[arg(required = true, value_name = "SERVICE")]
    pub services: Vec<ServiceName>,
    /// The new primary
    #[arg(long, value_name = "HOST")]
    pub to: Option<HostName>,
    #[arg(long, value_enum, default_value = "text")]
    pub format: PlanFormat,
    /// Keep the plan in this file, for `show` and `apply`
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What `facts -o` kept, instead of asking hosts
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
    /// Show how the plan differs from a kept one, instead of the plan
    #[arg(short = 'D', long, value_name = "OLD", conflicts_with = "output")]
    pub diff: Option<PathBuf>,
    /// Exit with 2 when the plan changes something
    #[arg(long)]
    pub detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub struct FactsArgs {
    /// Only the hosts of these services
    #[arg(value_name = "SERVICE")]
    pub services: Vec<ServiceName>,
    /// Keep them in this file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct WhatifArgs {
    /// These hosts are gone at once
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub down: Vec<HostName>,
    /// Each host alone is gone
    #[arg(long)]
    pub all_singles: bool,
    /// Any two hosts are gone at once
    #[arg(long)]
    pub all_pairs: bool,
    /// Each service has too much to do where it is
    #[arg(long)]
    pub overload: bool,
    /// What `facts -o` kept, instead of asking hosts
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// What `plan -o` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[arg(long, value_enum, default_value = "text")]
    pub format: PlanFormat,
}

#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// What `plan -o` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Only say whether it would be applied
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show how files differ
    #[arg(short = 'D', long)]
    pub diff: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    #[default]
    Text,
    Json,
    Dot,
    Mermaid,
    /// The graph as a picture
    Svg,
    /// One page, for whoever approves it
    Html,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("question").required(true).args(["list", "host", "graph", "explain"])))]
pub struct InventoryArgs {
    /// Every host and group as JSON, like ansible-inventory
    #[arg(long)]
    pub list: bool,
    /// One host's variables as JSON, like ansible-inventory
    #[arg(long, value_name = "HOST")]
    pub host: Option<HostName>,
    /// Groups and hosts as a tree
    #[arg(long)]
    pub graph: bool,
    /// Where a variable's value comes from
    #[arg(long, value_name = "HOST.VAR")]
    pub explain: Option<String>,
    /// How --list and --host lay their JSON out
    #[arg(long, value_enum, default_value = "json", conflicts_with_all = ["graph", "explain"])]
    pub format: InventoryFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum InventoryFormat {
    /// In inventory order
    #[default]
    Json,
    /// Byte for byte as ansible-inventory prints it
    Ansible,
    /// The same, as ansible-core up to 2.18 printed it
    #[value(name = "ansible-2.18")]
    Ansible218,
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Only the hosts of these services
    #[arg(value_name = "SERVICE")]
    pub services: Vec<ServiceName>,
}

/// Flags of `watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Only these services [default: all]
    #[arg(value_name = "SERVICE")]
    pub services: Vec<ServiceName>,
    /// Not this service; may be repeated
    #[arg(long, value_name = "SERVICE", conflicts_with = "services")]
    pub except: Vec<ServiceName>,
    /// Take the lease, do one full round, and leave (for cron)
    #[arg(long)]
    pub once: bool,
    /// Time between two looks, instead of every playbook's own
    #[arg(long, value_name = "TIME")]
    pub interval: Option<TimeSpan>,
    /// Only write down the plans that would run
    #[arg(long, value_enum, value_name = "MODE")]
    pub mode: Option<WatchMode>,
    /// Write down everything the monitor is told and decides, for `reveille replay`
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Show a status page and metrics over HTTP; a port alone means this machine only
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<Listen>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WatchMode {
    /// Act where the playbook allows it
    Auto,
    /// Act nowhere
    PlanOnly,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    pub service: ServiceName,
    /// What was known, done and held back then: 2026-11-23T03:12, or 03:12 today
    #[arg(long, value_name = "TIME", conflicts_with = "run")]
    pub at: Option<String>,
    /// Why this run was as it was; its name, or the beginning or end of it
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
}

#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// What `watch --record` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Only what is about this service
    #[arg(value_name = "SERVICE")]
    pub service: Option<ServiceName>,
    /// How many happenings, the newest ones
    #[arg(long, value_name = "N", default_value = "50")]
    pub last: usize,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run's name, or the beginning or end of it [default: the last one]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    #[arg(long, value_enum, default_value = "text")]
    pub format: ReportFormat,
}

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// A run's name, or the beginning or end of it
    #[arg(value_name = "RUN1")]
    pub first: String,
    /// The other's [default: the last one]
    #[arg(value_name = "RUN2")]
    pub second: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    #[default]
    Text,
    Json,
    /// One page, with timelines
    Html,
}

#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Say what would be done and stop
    #[arg(short = 'C', long)]
    pub check: bool,
}

#[derive(Debug, Args)]
pub struct ConfirmDeadArgs {
    pub host: HostName,
    /// Why you are sure; kept in the journal
    #[arg(long, value_name = "REASON")]
    pub because: String,
}

#[derive(Debug, Args)]
pub struct PauseArgs {
    /// A service or a host [default: the whole site]
    #[arg(value_name = "SERVICE|HOST")]
    pub name: Option<String>,
    /// How long, as in 30m or 2h; until `resume` if absent
    #[arg(long = "for", value_name = "DURATION")]
    pub duration: Option<TimeSpan>,
    /// Why; shown by `status`
    #[arg(long, value_name = "REASON")]
    pub because: String,
}

#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// A service or a host [default: the whole site]
    #[arg(value_name = "SERVICE|HOST")]
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub struct AckArgs {
    pub service: ServiceName,
}

#[derive(Debug, Args)]
pub struct DeposeArgs {
    /// Unless it runs on this machine
    #[arg(long)]
    pub elsewhere: bool,
    /// Why; told in the history
    #[arg(long, value_name = "REASON")]
    pub because: String,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check every record of the site's journals against its seal and the one before, and that no journal is missing
    Verify(VerifyArgs),
    /// Move old journals away; what is left, and what was moved, can still be proven
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Journals somewhere else: files, or folders of them [default: the site's]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// A last seal that was noted down earlier: some record must have it
    #[arg(long, value_name = "SEAL")]
    pub seal: Option<String>,
}

#[derive(Debug, Args)]
pub struct RotateArgs {
    /// Journals of runs that began within this time stay, as in 400d
    #[arg(long, value_name = "TIME")]
    pub keep: TimeSpan,
    /// The folder for the others
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Only name them
    #[arg(short = 'C', long)]
    pub check: bool,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder for a page for each command; without it, the first page is printed
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct SchemaArgs {
    #[arg(value_enum, default_value = "playbook")]
    pub of: SchemaOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    Playbook,
    Inventory,
    Settings,
}

#[derive(Debug, Clone, Args)]
pub struct SimArgs {
    /// How many histories [default: 1000; with --seed alone: that one, told whole with -v]
    #[arg(long, value_name = "N")]
    pub seeds: Option<u64>,
    /// The first seed; the same seed is the same history
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
    /// The most faults in one history
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub faults: usize,
    /// Histories told at the same time [default: one per CPU]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Measure what the monitor's core costs for sites of 30, 300 and 1000 hosts with 100 services
    #[arg(long, conflicts_with_all = ["seeds", "seed"])]
    pub bench: bool,
    /// Kill the monitor at every record of the journals that this history makes it write
    #[arg(long, requires = "seed", conflicts_with = "seeds")]
    pub sweep: bool,
    /// Break a safety rule on purpose, to see that the simulation notices
    #[arg(long, value_name = "RULE", hide = true)]
    pub broken: Option<crate::sim::Broken>,
}
