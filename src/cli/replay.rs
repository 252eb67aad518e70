//! `reveille replay`: a recording of `watch --record`, decided once more.

use std::fs::File;
use std::io::{BufRead, BufReader};

use super::args::{Common, ReplayArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use crate::monitor::{Effect, Input, Now};
use crate::watch::{Difference, Parted, Replay, Replayed};

pub fn run(common: &Common, args: &ReplayArgs) -> Result<Exit, Failure> {
    let named = |error| {
        Failure::words(Exit::Usage, format!("{}: {error}", args.file.display()))
            .hint("name what `reveille watch --record FILE` wrote")
    };
    let mut lines = BufReader::new(File::open(&args.file).map_err(named)?).lines().enumerate().peekable();
    let mut replay = Replay::default();
    let (mut inputs, mut decisions) = (0_usize, 0_usize);
    while let Some((number, line)) = lines.next() {
        let line = line.map_err(named)?;
        match replay.line(&line) {
            Ok(Replayed::Began { now }) => shown(common, now, "a monitor begins"),
            Ok(Replayed::Same { now, input, effects }) => {
                inputs += 1;
                decisions += effects.iter().filter(|effect| !matches!(effect, Effect::Look(_))).count();
                step(common, now, &input, &effects);
            }
            // Whoever wrote it was killed while it did.
            Err(Parted::Line(_)) if lines.peek().is_none() && inputs > 0 => {
                output::note("warning: the last line was not written to its end");
            }
            Err(parted) => return refused(common, number + 1, parted),
        }
    }
    if common.json {
        let document = serde_json::json!({
            "schema": "reveille.replay/1", "same": true, "inputs": inputs, "decisions": decisions,
        });
        output::say(&document.to_string());
    } else if !common.quiet {
        output::say(&format!("the same again: {inputs} inputs, {decisions} decisions"));
    }
    Ok(Exit::Done)
}

/// What was decided; with `-v` also what was told, and what was looked at.
fn step(common: &Common, now: Now, input: &Input, effects: &[Effect]) {
    let detailed = common.verbose > 0;
    if detailed && *input != Input::Tick {
        shown(common, now, &format!("< {}", json(input)));
    }
    for effect in effects {
        match effect {
            Effect::Tell(told) => shown(common, now, &told.what.to_string()),
            Effect::Look(_) if !detailed => {}
            other => shown(common, now, &format!("> {}", json(other))),
        }
    }
}

fn shown(common: &Common, now: Now, words: &str) {
    if !common.quiet && !common.json {
        output::say(&format!("{} {words}", clock(now)));
    }
}

fn clock(now: Now) -> String {
    let at = i64::try_from(now.wall_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| format!("{} ms", now.wall_ms), |at| format!("{at:.3}"))
}

fn refused(common: &Common, number: usize, parted: Parted) -> Result<Exit, Failure> {
    let Parted::Otherwise(difference) = parted else {
        return Err(Failure::words(Exit::Usage, format!("line {number}: {parted}"))
            .hint("name what `reveille watch --record FILE` wrote, as a whole"));
    };
    let Difference { now, input, then, today } = *difference;
    if common.json {
        let document = serde_json::json!({
            "schema": "reveille.replay/1", "same": false, "line": number, "now": now,
            "input": input, "then": then, "today": today,
        });
        output::say(&document.to_string());
        return Ok(Exit::Internal);
    }
    output::say(&format!("line {number}, {}: the core decides otherwise now", clock(now)));
    output::say(&format!("told:  {}", json(&input)));
    for (side, effects) in [("then", &then), ("today", &today)] {
        if effects.is_empty() {
            output::say(&format!("{side}: nothing"));
        }
        for effect in effects {
            output::say(&format!("{side}: {}", json(effect)));
        }
    }
    Ok(Exit::Internal)
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| error.to_string())
}
