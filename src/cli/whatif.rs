//! `reveille whatif`: what would become of the services in cases that nobody wants to see.

use std::num::NonZero;
use std::thread;

use super::args::{Common, WhatifArgs};
use super::exit::Exit;
use super::facts::{self, KeptFacts};
use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::plan::whatif::{Becomes, Case, Fate, Known, Mishap, SCHEMA, Sum, choices};
use crate::site::id::HostName;
use crate::site::quantity::TimeSpan;

pub async fn run(common: &Common, args: &WhatifArgs) -> Result<Exit, Failure> {
    let session = Session::open(common, &[])?;
    let known = match &args.facts {
        Some(file) => facts::load(file),
        None => facts::gather(&session).await,
    };
    let shown = known.and_then(|known| show(common, &session, args, &known));
    session.close().await;
    shown
}

fn show(common: &Common, session: &Session, args: &WhatifArgs, kept: &KeptFacts) -> Result<Exit, Failure> {
    let mishaps = mishaps(session, args, kept)?;
    let known =
        Known { site: &session.site, table: &kept.table, facts: &kept.hosts, secrets: &session.secrets };
    let cases = all(&known, &mishaps)?;
    let sum = Sum::of(&cases);
    if common.json {
        let document =
            serde_json::json!({ "schema": SCHEMA, "facts_at": kept.at, "cases": cases, "sum": sum });
        output::print(
            &session.redact(&(serde_json::to_string_pretty(&document).map_err(Failure::internal)? + "\n")),
        );
    } else if !common.quiet {
        for case in &cases {
            output::print(&session.redact(&text(case)));
        }
        output::say(&last_line(sum));
    }
    Ok(if sum.lost > 0 { Exit::NoCandidate } else { Exit::Done })
}

fn mishaps(session: &Session, args: &WhatifArgs, kept: &KeptFacts) -> Result<Vec<Mishap>, Failure> {
    if let Some(unknown) = args.down.iter().find(|host| !session.hosts.contains(host)) {
        return Err(Failure::words(Exit::Usage, format!("no service may run on a host `{unknown}`")).hint(
            "`reveille inventory --graph` shows the hosts, `hosts:` in a playbook which of them are its pool",
        ));
    }
    let mut found = Vec::new();
    if !args.down.is_empty() {
        found.push(Mishap::Down(args.down.clone()));
    }
    for (wanted, pairs) in [(args.all_singles, false), (args.all_pairs, true)] {
        if wanted {
            found.extend(choices(&session.hosts, pairs));
        }
    }
    if args.overload {
        found.extend(
            kept.table
                .services
                .keys()
                .filter(|name| session.site.playbooks.contains_key(*name))
                .cloned()
                .map(Mishap::Overload),
        );
    }
    if found.is_empty() {
        return Err(Failure::words(Exit::Usage, "nothing is said to happen, or nothing is deployed")
            .hint("--down HOST, --all-singles, --all-pairs, --overload"));
    }
    Ok(found)
}

/// Every case, on all CPUs.
fn all(known: &Known<'_>, mishaps: &[Mishap]) -> Result<Vec<Case>, Failure> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let part = mishaps.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let parts: Vec<_> = mishaps
            .chunks(part)
            .map(|mishaps| {
                scope.spawn(move || {
                    mishaps.iter().map(|one| known.case(one.clone())).collect::<Result<Vec<_>, _>>()
                })
            })
            .collect();
        let mut cases = Vec::new();
        for part in parts {
            let done = part
                .join()
                .map_err(|_| Failure::words(Exit::Internal, "a case could not be played through"))?;
            cases.extend(done?);
        }
        Ok(cases)
    })
}

fn text(case: &Case) -> String {
    if case.fates.is_empty() {
        return format!("{}: no service is concerned\n", case.mishap);
    }
    let fates: Vec<String> = case.fates.iter().map(|fate| format!("  {}\n", line(fate))).collect();
    format!("{}:\n{}", case.mishap, fates.concat())
}

fn line(fate: &Fate) -> String {
    let name = |host: &Option<HostName>| host.as_ref().map_or("nobody".to_owned(), ToString::to_string);
    let what = match &fate.becomes {
        Becomes::Lost { because } => format!("LOST: {because}"),
        Becomes::Moved { to, .. } => format!("{} -> {to}", name(&fate.from)),
        Becomes::Stays { .. } => format!("stays on {}", name(&fate.from)),
    };
    let mut words = vec![format!("{}: {what}", fate.service)];
    match &fate.becomes {
        Becomes::Moved { secondary: Some(host), .. } | Becomes::Stays { secondary: Some(host) } => {
            words.push(format!("{host} protects it"));
        }
        Becomes::Lost { .. } => {}
        _ => words.push("UNPROTECTED".to_owned()),
    }
    words
        .extend(fate.worst_case_ms.map(|ms| format!("at worst {}", TimeSpan::from_millis(ms / 1000 * 1000))));
    words.extend(fate.waits_for_a_person().then(|| "waits for `confirm-dead`".to_owned()));
    words.join(", ")
}

fn last_line(sum: Sum) -> String {
    let cases = if sum.cases == 1 { "1 case".to_owned() } else { format!("{} cases", sum.cases) };
    match sum {
        Sum { lost: 0, unprotected: 0, .. } => format!("{cases}: every service is served and protected"),
        Sum { lost: 0, unprotected, .. } => {
            format!("{cases}: every service is served; without protection in {unprotected}")
        }
        Sum { lost, unprotected, .. } => {
            format!("{cases}: a service is lost in {lost}; without protection in {unprotected} more")
        }
    }
}
