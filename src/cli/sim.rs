//! `reveille sim`: thousands of simulated histories of faults through the same core, planner and engine.

use std::io::IsTerminal;
use std::thread;
use std::time::Instant;

use super::args::{Common, SimArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use crate::sim::{Found, Search, Sites, bench, hunt, sweep};

/// A line of progress after so many histories, where it is not one line that changes.
const STEP: u64 = 500;

pub async fn run(common: &Common, args: &SimArgs) -> Result<Exit, Failure> {
    let (common, args) = (common.clone(), args.clone());
    // Each world has a runtime and a clock of its own, so it needs a thread without either.
    let told = thread::spawn(move || match args.seeds {
        None if args.bench => bench(),
        None if args.sweep => sweep_one(&args),
        None if args.seed.is_some() => replay(&common, &args),
        seeds => many(&common, &args, seeds.unwrap_or(DEFAULT_SEEDS)),
    });
    let waited = tokio::task::spawn_blocking(move || told.join()).await.map_err(Failure::internal)?;
    waited.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(Failure::internal)
}

const DEFAULT_SEEDS: u64 = 1000;

fn search(args: &SimArgs) -> Search {
    Search { faults: args.faults, broken: args.broken }
}

/// One history with its whole story.
fn replay(common: &Common, args: &SimArgs) -> anyhow::Result<Exit> {
    let seed = args.seed.unwrap_or_default();
    let (history, told) = search(args).tell(seed, &mut Sites::default())?;
    output::say(&format!("seed {seed}: {}", history.to_string().trim_end()));
    if common.verbose > 0 || told.wrong.is_some() {
        told.story.iter().for_each(|line| output::say(line));
    }
    output::say(&format!("story {}", told.hash));
    Ok(match told.wrong {
        None => Exit::Done,
        Some(wrong) => {
            output::say(&format!("WRONG: {wrong}"));
            Exit::Undone
        }
    })
}

fn sweep_one(args: &SimArgs) -> anyhow::Result<Exit> {
    let mut sites = Sites::default();
    let (history, _) = search(args).tell(args.seed.unwrap_or_default(), &mut sites)?;
    let (records, wrong) = sweep(&history, &mut sites)?;
    let Some((record, told)) = wrong else {
        output::say(&format!("killed at each of {records} records, and nothing went wrong"));
        return Ok(Exit::Done);
    };
    output::say(&format!(
        "{history}WRONG when killed after record {record}: {}",
        told.wrong.unwrap_or_default()
    ));
    told.story.iter().for_each(|line| output::say(line));
    Ok(Exit::Undone)
}

/// The three sizes, each beside the smallest.
fn bench() -> anyhow::Result<Exit> {
    output::say(" hosts  services  looks/s  one CPU  memory");
    for hosts in [30, 300, 1000] {
        let cost = bench::watch(hosts, 100)?;
        output::say(&format!(
            "{:6} {:9} {:8} {:7.2}% {:5.1} MiB",
            cost.hosts,
            cost.services,
            cost.looks / bench::WATCHED_S,
            cost.share * 100.0,
            bench::mebibytes(cost.memory),
        ));
    }
    Ok(Exit::Done)
}

fn many(common: &Common, args: &SimArgs, seeds: u64) -> anyhow::Result<Exit> {
    let first = args.seed.unwrap_or_default();
    let threads = args.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let began = Instant::now();
    let (quiet, live) = (common.quiet, std::io::stderr().is_terminal());
    let progress = |told: u64| {
        if !quiet && (told.is_multiple_of(STEP) || told == seeds || (live && told.is_multiple_of(10))) {
            let passed = began.elapsed().as_secs();
            output::note(&format!("{told} of {seeds} histories in {passed} s"));
        }
    };
    let found = hunt(search(args), first..first + seeds, threads, &progress)?;
    Ok(match found {
        None => {
            if !quiet {
                output::say(&format!("{seeds} histories from seed {first} on, and nothing went wrong"));
            }
            Exit::Done
        }
        Some(found) => {
            report(&found);
            Exit::Undone
        }
    })
}

fn report(found: &Found) {
    let wrong = found.told.wrong.as_deref().unwrap_or_default();
    output::say(&format!("WRONG at seed {}: {wrong}", found.seed));
    output::say(&format!(
        "the shortest history in which it is so:\n{}",
        found.history.to_string().trim_end()
    ));
    output::say("its story:");
    found.told.story.iter().for_each(|line| output::say(line));
}
