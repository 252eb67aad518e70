//! `reveille facts`: what hosts say of themselves, to look at or to keep. Kept, `plan` and `whatif` work without any host.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::args::{Common, FactsArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use super::session::{Session, Waits};
use crate::plan::facts::{HostFacts, SiteFacts};
use crate::plan::table::Table;

/// The version of the format.
const SCHEMA: &str = "reveille.facts/1";

const MIB: u64 = 1 << 20;

/// Facts as they are kept: with the table they belong to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptFacts {
    pub schema: String,
    /// RFC 3339.
    pub at: String,
    pub table: Table,
    pub hosts: SiteFacts,
}

pub async fn run(common: &Common, args: &FactsArgs) -> Result<Exit, Failure> {
    let session = Session::open(common, &args.services)?;
    let kept = gather(&session).await;
    session.close().await;
    let kept = kept?;
    let text = serde_json::to_string_pretty(&kept).map_err(Failure::internal)? + "\n";
    if let Some(file) = &args.output {
        let written = std::fs::write(file, &text);
        written.with_context(|| format!("failed to write {}", file.display()))?;
    }
    if common.json {
        output::print(&text);
    } else if !common.quiet {
        output::print(&lines(&kept.hosts));
    }
    Ok(Exit::Done)
}

/// Asks every host that may be chosen.
pub async fn gather(session: &Session) -> Result<KeptFacts, Failure> {
    let hosts = session.gather(Waits::default(), Vec::new()).await;
    let table = session.table(&hosts).await?;
    let at = jiff::Timestamp::now().to_string();
    Ok(KeptFacts { schema: SCHEMA.to_owned(), at, table, hosts })
}

/// Reads what was kept.
///
/// # Errors
/// No such file, or something else in it.
pub fn load(file: &Path) -> Result<KeptFacts, Failure> {
    let read = || -> anyhow::Result<KeptFacts> {
        let kept: KeptFacts = serde_json::from_str(&std::fs::read_to_string(file)?)?;
        anyhow::ensure!(kept.schema == SCHEMA, "it is `{}`, not `{SCHEMA}`", kept.schema);
        Ok(kept)
    };
    let read = read().with_context(|| format!("failed to read {}", file.display()));
    read.map_err(|error| Failure::new(Exit::Usage, error).hint("`reveille facts -o FILE` keeps facts"))
}

fn lines(hosts: &SiteFacts) -> String {
    let mut out = String::new();
    for (host, facts) in hosts {
        let said = facts.as_ref().map_or_else(|why| format!("silent: {why}"), line);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{host}  {said}");
    }
    out
}

fn line(facts: &HostFacts) -> String {
    let roles =
        facts.services.iter().filter_map(|(service, trace)| Some(format!("{} of {service}", trace.role?)));
    let mut words = vec![
        format!("load {:.2} per CPU ({} CPUs)", facts.load_per_cpu, facts.cpus),
        format!("{} of {} MiB free", facts.mem_available / MIB, facts.mem_total / MIB),
    ];
    words.extend(roles);
    words.join(", ")
}
