//! Asks many hosts for their facts at once, and does not let a silent one hold up the rest.
//!
//! Called by `cli` before planning and by whoever watches. One round trip per host; reads only.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::module;
use crate::plan::facts::{HostFacts, SiteFacts};
use crate::site::id::HostName;
use crate::transport::{Job, Line, RunAs, Transport};

/// The least time that stragglers get once half of the hosts have answered.
const GRACE: Duration = Duration::from_millis(300);

/// Whom to ask, and how long to wait for them.
#[derive(Clone, Debug)]
pub struct Question {
    pub hosts: Vec<HostName>,
    /// Hosts without whose answer nothing can be planned: they get all of `patience`.
    pub must: BTreeSet<HostName>,
    /// Programs to look for on each host.
    pub programs: Vec<String>,
    /// The longest wait for anybody.
    pub patience: Duration,
}

/// Asks every host. Once half of them have answered, the others get as long again (at least 300 ms): a host that is
/// slower than that is not one to rely on now. Returns at most `patience` later, with a reason for each silence.
pub async fn gather(transport: &dyn Transport, question: &Question) -> SiteFacts {
    let start = Instant::now();
    let end = start + question.patience;
    let cancel = CancellationToken::new();
    let script = script(&question.programs);
    let mut asked: FuturesUnordered<_> = question
        .hosts
        .iter()
        .map(|host| ask(transport, host, script.clone(), question.patience, cancel.clone()))
        .collect();
    let mut facts = SiteFacts::new();
    let mut deadline = end;
    while facts.len() < question.hosts.len() {
        let Ok(Some((host, answer))) = tokio::time::timeout_at(deadline, asked.next()).await else { break };
        facts.insert(host, answer);
        let answered = facts.values().filter(|answer| answer.is_ok()).count();
        let missed = question.must.iter().any(|host| !facts.contains_key(host));
        if !missed && answered * 2 >= question.hosts.len() && deadline == end {
            deadline = end.min(Instant::now() + start.elapsed().max(GRACE));
        }
    }
    cancel.cancel();
    let waited = start.elapsed();
    for host in &question.hosts {
        facts
            .entry(host.clone())
            .or_insert_with(|| Err(format!("no answer within {:.1} s", waited.as_secs_f64())));
    }
    facts
}

fn script(programs: &[String]) -> String {
    let mut script = module::facts::script();
    for program in programs {
        if let Ok(word) = shlex::try_quote(program) {
            script.push_str(&format!("command -v {word} >/dev/null 2>&1 || echo missing {word}\n"));
        }
    }
    script
}

async fn ask(
    transport: &dyn Transport,
    host: &HostName,
    script: String,
    deadline: Duration,
    cancel: CancellationToken,
) -> (HostName, Result<HostFacts, String>) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let job = Job { script, run_as: RunAs::Login, deadline, cancel };
    let ended = transport.run(host, job, sender).await;
    let mut out = Vec::new();
    let mut said = Vec::new();
    while let Ok(line) = receiver.try_recv() {
        match line {
            Line::Out(line) => out.push(line),
            Line::Err(line) => said.push(line),
        }
    }
    let answer = match ended {
        Err(lost) => Err(lost.to_string()),
        Ok(exit) if exit.0 != 0 => Err(format!("its facts failed ({}): {}", exit.0, said.join("; "))),
        Ok(_) => HostFacts::parse(&out),
    };
    (host.clone(), answer)
}
