//! `reveille lab …`: arguments in, the lab's answer out. Data goes to standard output, all else to standard error.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use ipnet::Ipv4Net;
use jiff::SignedDuration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;

use super::fence::FenceKind;
use super::meter::{Gap, MeterOptions, MeterReport, Notice, Url, measure};
use super::options::{DEFAULT_DIR, Kind, Options};
use super::{CLIENT, Cut, Lab, Progress};

/// Makes and plays with a rehearsal site of real hosts on this machine. Needs root.
#[derive(Debug, Args)]
pub struct LabArgs {
    /// The lab's folder; two labs have two
    #[arg(long, global = true, value_name = "DIR", default_value = DEFAULT_DIR)]
    dir: PathBuf,
    #[command(subcommand)]
    command: LabCommand,
}

#[derive(Debug, Subcommand)]
enum LabCommand {
    /// Make hosts h1 to hN, a client, a shared folder and an inventory; print the inventory's path
    Up(UpArgs),
    /// Take everything away
    Down,
    /// Cut a host off the network
    Cut(CutArgs),
    /// Undo a cut
    Heal { host: String },
    /// Cut a host's power: everything it ran is gone at once, its disk is kept
    Crash { host: String },
    /// Power a host on again
    Boot { host: String },
    /// Freeze all processes of a host, while its kernel goes on answering
    Freeze { host: String },
    /// Undo a freeze
    Thaw { host: String },
    /// Run a command on a host by its console, or with the network of `client`
    Exec(ExecArgs),
    /// Show the hosts, and what was done to them
    Status {
        /// Print a document, schema reveille.lab/1
        #[arg(long)]
        json: bool,
    },
    /// Put the site, the hosts' keys and this program on the shared folder, for a monitor on the hosts; print the folder
    ShareSite,
    /// Ask for a page every few milliseconds from the client and report each outage
    Meter(MeterArgs),
}

#[derive(Debug, Args)]
struct UpArgs {
    /// How many hosts there are to be
    #[arg(long, value_name = "N", default_value_t = 4)]
    hosts: u8,
    /// Hosts made now boot a systemd of their own
    #[arg(long)]
    systemd: bool,
    /// The lab's network: hosts .1 and up, client .200, this machine .254 [default: 10.83.0.0/24]
    #[arg(long, value_name = "NET")]
    subnet: Option<Ipv4Net>,
    /// Where to write the inventory [default: inventory/lab.yml of the site]
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    /// Give each host a fence device: in the inventory, by an agent in the lab's folder
    #[arg(long, value_name = "WHAT")]
    fence: Option<FenceKind>,
}

#[derive(Debug, Args)]
struct CutArgs {
    host: String,
    /// Drop everything but leave the host its carrier
    #[arg(long, conflicts_with = "one_way")]
    silent: bool,
    /// Lose only what this machine sends to the host
    #[arg(long)]
    one_way: bool,
}

#[derive(Debug, Args)]
struct ExecArgs {
    /// A host, or `client`
    place: String,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

#[derive(Debug, Args)]
struct MeterArgs {
    /// The page to ask for
    #[arg(long, value_name = "URL")]
    http: String,
    /// Time from one request to the next
    #[arg(long, value_name = "TIME", default_value = "5ms", value_parser = duration)]
    every: Duration,
    /// How long to go on [default: until interrupted]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    period: Option<Duration>,
    /// A request without a whole answer after this has failed
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    timeout: Duration,
    /// How often a failed request is sent again before it counts as failed
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,
    /// List times without an answer longer than this [default: three intervals, at least 50ms]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    gap_above: Option<Duration>,
    /// Print a document at the end, schema reveille.meter/1
    #[arg(long)]
    json: bool,
    /// Already in the client's network
    #[arg(long, hide = true)]
    inside: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is no time; write 5ms, 30s or 2m"))?;
    parsed.try_into().map_err(|_| format!("`{text}` is not in the future"))
}

/// Runs one lab command; returns the exit code. The inventory goes into the site at `site_root` unless told otherwise.
pub async fn run(args: LabArgs, site_root: &Path) -> Result<u8> {
    let dir = std::path::absolute(args.dir)?;
    match args.command {
        LabCommand::Up(up) => return run_up(dir, up, site_root).await,
        LabCommand::Down => run_down(&dir)?,
        LabCommand::Cut(cut) => Lab::open(&dir)?.cut(&cut.host, cut.kind())?,
        LabCommand::Heal { host } => Lab::open(&dir)?.heal(&host)?,
        LabCommand::Crash { host } => Lab::open(&dir)?.crash(&host)?,
        LabCommand::Boot { host } => {
            let time = Lab::open(&dir)?.boot(&host)?;
            note(&format!("{host} is up after {} ms", time.as_millis()));
        }
        LabCommand::Freeze { host } => Lab::open(&dir)?.freeze(&host)?,
        LabCommand::Thaw { host } => Lab::open(&dir)?.thaw(&host)?,
        LabCommand::Exec(exec) => {
            return Err(become_command(Lab::open(&dir)?.command(&exec.place, exec.command)?));
        }
        LabCommand::Status { json } => print_status(&Lab::open(&dir)?, json)?,
        LabCommand::ShareSite => {
            let program = env::current_exe().context("where am I")?;
            let shared = Lab::open(&dir)?.share_site(site_root, &program)?;
            writeln!(io::stdout(), "{}", shared.display())?;
        }
        LabCommand::Meter(meter) if meter.inside => run_meter(meter).await?,
        LabCommand::Meter(meter) => return Err(enter_client(&Lab::open(&dir)?, &meter)?),
    }
    Ok(0)
}

impl CutArgs {
    fn kind(&self) -> Cut {
        match (self.silent, self.one_way) {
            (true, _) => Cut::Silent,
            (_, true) => Cut::OneWay,
            _ => Cut::Carrier,
        }
    }
}

async fn run_up(dir: PathBuf, args: UpArgs, site_root: &Path) -> Result<u8> {
    let inventory = site_root.join(args.inventory.unwrap_or_else(|| "inventory/lab.yml".into()));
    let options = Options {
        dir,
        subnet: args.subnet,
        hosts: args.hosts,
        kind: if args.systemd { Kind::Systemd } else { Kind::Light },
        inventory: Some(std::path::absolute(inventory)?),
        fence: args.fence,
        program: None,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let seen_by_work = Arc::clone(&stop);
    let mut work = spawn_blocking(move || Lab::up(&options, &Progress { note: &note, stop: &seen_by_work }));
    let mut code = 0;
    let lab = tokio::select! {
        lab = &mut work => lab,
        signal = interrupted() => {
            code = signal?;
            note("interrupted: taking away what was made");
            stop.store(true, Ordering::Relaxed);
            work.await
        }
    };
    match lab.context("the work on the lab died")? {
        Ok(lab) => {
            let inventory = lab.inventory().context("the lab wrote no inventory")?;
            writeln!(io::stdout(), "{}", inventory.display())?;
            Ok(0)
        }
        Err(_) if code != 0 => Ok(code),
        Err(error) => Err(error),
    }
}

fn run_down(dir: &Path) -> Result<()> {
    if Lab::down(dir)? {
        note(&format!("the lab in {} is gone", dir.display()));
    } else {
        note(&format!("no lab in {}", dir.display()));
    }
    Ok(())
}

fn print_status(lab: &Lab, json: bool) -> Result<()> {
    let status = lab.status();
    if json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&status)?)?;
    } else {
        write!(io::stdout(), "{status}")?;
    }
    Ok(())
}

/// Replaces this process, so that input, signals and the exit code are the command's own. Returns only if that fails.
fn become_command(mut command: std::process::Command) -> anyhow::Error {
    anyhow::Error::from(command.exec()).context("cannot run the command")
}

/// Goes on as the same program in the client's network.
fn enter_client(lab: &Lab, meter: &MeterArgs) -> Result<anyhow::Error> {
    let url = Url::parse(&meter.http)?;
    let program = env::current_exe().context("where am I")?;
    let mut argv = vec![program.into_os_string(), "lab".into(), "meter".into(), "--inside".into()];
    let host = lab.address(&url.host).map_or(url.host, |address| address.to_string());
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    argv.extend(["--http".into(), format!("http://{host}:{}{}", url.port, url.path).into()]);
    argv.extend(["--every".into(), in_micros(meter.every), "--timeout".into(), in_micros(meter.timeout)]);
    argv.extend(["--retries".into(), meter.retries.to_string().into()]);
    for (flag, time) in [("--for", meter.period), ("--gap-above", meter.gap_above)] {
        argv.extend(time.into_iter().flat_map(|time| [flag.into(), in_micros(time)]));
    }
    argv.extend(meter.json.then(|| "--json".into()));
    Ok(become_command(lab.command(CLIENT, argv)?))
}

fn in_micros(time: Duration) -> OsString {
    format!("{}us", time.as_micros()).into()
}

async fn run_meter(args: MeterArgs) -> Result<()> {
    let options = MeterOptions {
        url: args.http,
        every: args.every,
        timeout: args.timeout,
        retries: args.retries,
        gap_above: args.gap_above,
    };
    let started = jiff::Timestamp::now();
    let notice = |notice| match notice {
        Notice::Answering => note(&format!("{} answers", options.url)),
        Notice::Gap(gap) => note(&gap_line(started, gap)),
    };
    let report = measure(&options, end_of(args.period), notice).await?;
    if args.json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&report)?)?;
    } else {
        print_summary(&report)?;
    }
    Ok(())
}

async fn end_of(period: Option<Duration>) {
    let over = async {
        match period {
            Some(period) => tokio::time::sleep(period).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = over => {}
        _ = interrupted() => {}
    }
}

fn gap_line(started: jiff::Timestamp, gap: Gap) -> String {
    let from = started + Duration::from_secs_f64(gap.from_ms / 1000.0);
    format!("no answer for {:.1} ms from {from:.3} ({:.1} ms after the start)", gap.length_ms, gap.from_ms)
}

fn print_summary(report: &MeterReport) -> Result<()> {
    let mut out = io::stdout().lock();
    let MeterReport { requests, ok, failed, retried, latency_ms: latency, .. } = report;
    writeln!(
        out,
        "{}: {requests} requests, {ok} ok, {failed} failed, {retried} good after a retry",
        report.url
    )?;
    writeln!(
        out,
        "answer after {:.1} ms (median), {:.1} ms (99 %), {:.1} ms (longest)",
        latency.median, latency.p99, latency.max
    )?;
    for (reason, count) in &report.failures {
        writeln!(out, "  {count} × {reason}")?;
    }
    for gap in &report.gaps {
        let end = if gap.open { ", not over at the end" } else { "" };
        writeln!(out, "{}{end}", gap_line(report.started, *gap))?;
    }
    writeln!(out, "longest time without an answer: {:.1} ms", report.longest_gap_ms)?;
    Ok(())
}

/// Waits for SIGINT or SIGTERM; the exit code that says which.
async fn interrupted() -> Result<u8> {
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = int.recv() => Ok(130),
        _ = term.recv() => Ok(143),
    }
}

fn note(line: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::lab::DEFAULT_SUBNET;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        lab: LabArgs,
    }

    fn parse(words: &[&str]) -> LabArgs {
        Cli::try_parse_from(words).unwrap().lab
    }

    #[test]
    fn a_command_keeps_its_own_flags() {
        let args = parse(&["lab", "exec", "--dir", "/run/x", "h1", "--", "ls", "-l", "--dir"]);
        let LabCommand::Exec(exec) = args.command else { panic!("{args:?}") };
        assert_eq!((args.dir.as_path(), exec.place.as_str()), (Path::new("/run/x"), "h1"));
        assert_eq!(exec.command, ["ls", "-l", "--dir"]);
        let LabCommand::Exec(exec) = parse(&["lab", "exec", "client", "ip", "-br", "addr"]).command else {
            panic!()
        };
        assert_eq!(exec.command, ["ip", "-br", "addr"]);
    }

    /// The program has flags of the same names for every command.
    #[derive(Debug, Parser)]
    struct Program {
        #[arg(short, long, global = true)]
        inventory: Vec<PathBuf>,
        #[arg(long, global = true)]
        json: bool,
        #[command(subcommand)]
        command: ProgramCommand,
    }

    #[derive(Debug, Subcommand)]
    enum ProgramCommand {
        Lab(LabArgs),
    }

    #[test]
    fn flags_shared_with_the_program_mean_the_same() {
        let parse = |words: &[&str]| {
            let ProgramCommand::Lab(args) = Program::try_parse_from(words).unwrap().command;
            args.command
        };
        for words in [["r", "--json", "lab", "status"], ["r", "lab", "status", "--json"]] {
            assert!(matches!(parse(&words), LabCommand::Status { json: true }), "{words:?}");
        }
        let LabCommand::Up(up) = parse(&["r", "lab", "up", "--inventory", "x.yml"]) else { panic!() };
        assert_eq!(up.inventory, Some("x.yml".into()));
    }

    #[test]
    fn times_need_units() {
        assert_eq!(duration("5ms"), Ok(Duration::from_millis(5)));
        assert_eq!(duration("2500us"), Ok(Duration::from_micros(2500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert!(duration("5").is_err() && duration("-1s").is_err());
    }

    #[test]
    fn the_default_subnet_in_the_help_is_the_one_used() {
        DEFAULT_SUBNET.parse::<Ipv4Net>().unwrap();
        let up = UpArgs::augment_args(clap::Command::new("up"));
        assert!(up.clone().render_help().to_string().contains(DEFAULT_SUBNET));
    }
}
