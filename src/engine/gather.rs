//! Asks all hosts for their facts at once, and does not wait for the dead ones longer than for the living.
//!
//! Called by `cli` before planning. A host that says nothing costs the others a moment, not its connect timeout:
//! when half have answered, the rest get as long again as that took, and [`LEAST`] at least. A host that is doubted
//! already costs less still.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::module;
use crate::plan::facts::{HostFacts, SiteFacts};
use crate::site::id::HostName;
use crate::transport::{Exit, Job, Line, RunAs, Transport};

/// What the slower half gets at least, once the faster half has answered.
const LEAST: Duration = Duration::from_millis(300);

/// What a doubted host gets at least, once all others have answered. A living one answers when they do.
const LEAST_DOUBTED: Duration = Duration::from_millis(100);

/// Whom to ask for what.
#[derive(Clone, Debug, Default)]
pub struct Question {
    pub hosts: Vec<HostName>,
    /// These are waited for as long as patience lasts.
    pub must: BTreeSet<HostName>,
    /// Nobody expects an answer of these: a failover leaves them. Once all others have answered they get a quarter of
    /// the time that took, and 100 ms at least.
    pub doubted: BTreeSet<HostName>,
    /// Each host says which of these programs it lacks.
    pub programs: Vec<String>,
    /// The longest anybody is waited for.
    pub patience: Duration,
}

/// Every host's answer, or why there is none.
pub async fn gather(transport: &dyn Transport, question: &Question) -> SiteFacts {
    let cancel = CancellationToken::new();
    let start = Instant::now();
    let patience = start + question.patience;
    let mut enough = patience;
    let script = script(&question.programs);
    let ask = |host: &HostName| {
        let job = Job {
            script: script.clone(),
            run_as: RunAs::Login,
            deadline: question.patience,
            cancel: cancel.clone(),
        };
        let host = host.clone();
        async move { (host.clone(), one(transport, &host, job).await) }
    };
    let mut asked: FuturesUnordered<_> = question.hosts.iter().map(ask).collect();
    let mut facts = SiteFacts::new();
    loop {
        tokio::select! {
            biased;
            answer = asked.next() => match answer {
                Some((host, answer)) => _ = facts.insert(host, answer),
                None => return facts,
            },
            () = sleep_until(if has_all(question, &facts) { enough } else { patience }) => break,
        }
        let now = Instant::now();
        if enough == patience && has_half(question, &facts) {
            enough = patience.min(now + (now - start).max(LEAST));
        }
        if has_undoubted(question, &facts) {
            enough = enough.min(now + ((now - start) / 4).max(LEAST_DOUBTED));
        }
    }
    let silent = |host: &&HostName| !facts.contains_key(*host);
    let waited = format!("no answer within {} ms", start.elapsed().as_millis());
    let late: Vec<HostName> = question.hosts.iter().filter(silent).cloned().collect();
    facts.extend(late.into_iter().map(|host| (host, Err(waited.clone()))));
    facts
}

fn has_half(question: &Question, facts: &SiteFacts) -> bool {
    facts.values().filter(|answer| answer.is_ok()).count() * 2 >= question.hosts.len()
}

/// Whether only doubted hosts are still silent.
fn has_undoubted(question: &Question, facts: &SiteFacts) -> bool {
    let answered = |host: &HostName| facts.get(host).is_some_and(Result::is_ok);
    question.hosts.iter().all(|host| answered(host) || question.doubted.contains(host))
}

/// Whether those that must have answered, or failed to.
fn has_all(question: &Question, facts: &SiteFacts) -> bool {
    question.must.iter().all(|host| facts.contains_key(host) || !question.hosts.contains(host))
}

fn script(programs: &[String]) -> String {
    use std::fmt::Write;
    let mut script = module::facts::script();
    for program in programs {
        let word = crate::template::argv_to_shell(&[program]).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(script, "command -v {word} >/dev/null || printf 'missing %s\\n' {word}");
    }
    script.push_str("true\n");
    script
}

async fn one(transport: &dyn Transport, host: &HostName, job: Job) -> Result<HostFacts, String> {
    let (sink, mut heard) = mpsc::unbounded_channel();
    let Exit(code) = transport.run(host, job, sink).await.map_err(|lost| lost.to_string())?;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Ok(line) = heard.try_recv() {
        match line {
            Line::Out(line) => out.push(line),
            Line::Err(line) => err.push(line),
        }
    }
    if code != 0 {
        return Err(format!("its facts script ended with exit {code}: {}", err.join("; ")));
    }
    let mut facts = HostFacts::parse(&out)?;
    facts.missing = out.iter().filter_map(|line| line.strip_prefix("missing ")).map(str::to_owned).collect();
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Fault, Sim, SimReply};

    fn host(name: &str) -> HostName {
        name.try_into().unwrap()
    }

    /// Four hosts; h1 to h3 answer after so many milliseconds, h4 never does.
    fn sim(millis: [u64; 3]) -> Sim {
        let sim = Sim::new();
        for (number, takes) in (1..).zip(millis) {
            let answer = "load1 0.5\ncpus 2\nmem_total_kib 10\nmem_available_kib 5\nboot_id x\nclock_ms 7\nmissing arping";
            sim.add(host(&format!("h{number}")), move |_: &str, _: Duration| {
                SimReply::exit(0).saying(answer).taking(Duration::from_millis(takes))
            });
        }
        sim.fault(&host("h4"), Fault::Hang);
        sim
    }

    fn question(must: &[&str]) -> Question {
        Question {
            hosts: ["h1", "h2", "h3", "h4"].map(host).to_vec(),
            must: must.iter().map(|name| host(name)).collect(),
            doubted: BTreeSet::new(),
            programs: vec!["arping".to_owned()],
            patience: Duration::from_secs(5),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_host_costs_the_others_a_moment() {
        let sim = sim([10, 20, 30]);
        let start = Instant::now();
        let facts = gather(&sim, &question(&[])).await;
        assert_eq!(start.elapsed().as_millis(), 320);
        assert_eq!(facts[&host("h1")].as_ref().unwrap().missing, ["arping"]);
        assert!(facts[&host("h4")].as_ref().unwrap_err().contains("no answer within 320 ms"));
        assert_eq!(facts.values().filter(|answer| answer.is_ok()).count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_doubted_host_costs_less_but_only_when_all_others_have_answered() {
        let doubted = |name| Question { doubted: [host(name)].into(), ..question(&[]) };
        let start = Instant::now();
        gather(&sim([10, 20, 30]), &doubted("h4")).await;
        assert_eq!(start.elapsed().as_millis(), 130);
        let start = Instant::now();
        gather(&sim([10, 20, 800]), &doubted("h4")).await;
        assert_eq!(start.elapsed().as_millis(), 320);
        let start = Instant::now();
        gather(&sim([10, 20, 30]), &doubted("h3")).await;
        assert_eq!(start.elapsed().as_millis(), 320);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_hosts_get_as_long_again_as_the_fast_half_took() {
        let facts = gather(&sim([400, 500, 990]), &question(&[])).await;
        assert!(facts[&host("h3")].is_ok());
        let facts = gather(&sim([400, 500, 1010]), &question(&[])).await;
        assert!(facts[&host("h3")].is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_must_answer_is_waited_for() {
        let start = Instant::now();
        let facts = gather(&sim([10, 20, 4000]), &question(&["h3"])).await;
        assert!(facts[&host("h3")].is_ok());
        assert_eq!(start.elapsed().as_millis(), 4000);
        let facts = gather(&sim([10, 20, 30]), &question(&["h4"])).await;
        assert!(facts[&host("h4")].is_err());
    }
}
