//! Makes the looks that the core asks for, each within its time, whatever the other side does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::field::Field;
use crate::engine;
use crate::module::witness::{Doubt, Question};
use crate::module::{self, Outcome, Probe};
use crate::monitor::{Ask, Input, Sight, Target, Testimony};
use crate::plan::facts::SiteFacts;
use crate::plan::sample::Sample;
use crate::plan::table::Table;
use crate::plan::testimony::{Statement, Topic};
use crate::plan::{Operation, Request};
use crate::probe;
use crate::site::id::{HostName, ServiceName};
use crate::transport::{Exit, Job, Line, RunAs};

/// How long a host has to answer a monitor that hears nobody else.
const HEARS_MS: u64 = 500;

impl Field {
    /// Makes one look and tells what it saw; more than once where it hears more than one thing.
    pub(super) async fn look(&self, ask: Ask, table: &Table, told: &UnboundedSender<Input>) {
        let limit = Duration::from_millis(ask.timeout_ms);
        let look = ask.look;
        let sight = match &ask.target {
            Target::Service(service) => {
                Sight::Answers(self.ask_service(service, table, ask.timeout_ms).await)
            }
            Target::Echo(host) => Sight::Echo(echo(&self.address(host), ask.timeout_ms).await),
            Target::Gateway => match self.gateway {
                Some(gateway) => Sight::Echo(echo(&gateway.to_string(), ask.timeout_ms).await),
                None => Sight::Echo(Outcome::Impossible { detail: "there is no gateway".to_owned() }),
            },
            Target::Sample(host) => Sight::Sample(self.sample(host, limit).await.map(Box::new)),
            Target::Witness { by, suspect, service } => {
                let tell = |testimony: Testimony| {
                    // The core may be gone; then nobody wants to know.
                    let _ = told.send(Input::Saw { look, sight: Sight::Testimony(Ok(testimony)) });
                };
                Sight::Testimony(self.witness(by, suspect, service.as_ref(), table, limit, tell).await)
            }
            Target::Renewal { service, host } => {
                Sight::Renewed(self.renew(service, host, table, limit).await)
            }
        };
        let _ = told.send(Input::Saw { look, sight });
    }

    /// Whether a host's kernel answers.
    pub(super) async fn hears(&self, host: &HostName) -> bool {
        echo(&self.address(host), HEARS_MS).await.is_ok()
    }

    /// All checks of a service side by side.
    /// Whether clients are served, asked now.
    pub(super) async fn serves(&self, service: &ServiceName) -> bool {
        let Ok(table) = self.table().await else { return false };
        let timeout = self.site.playbooks.get(service).map(|playbook| playbook.detection.timeout.value.0);
        let limit_ms = timeout.and_then(|limit| u64::try_from(limit.as_millis()).ok()).unwrap_or(HEARS_MS);
        let answers = self.ask_service(service, &table, limit_ms).await;
        !answers.is_empty() && answers.values().all(Outcome::is_ok)
    }

    async fn ask_service(
        &self,
        service: &ServiceName,
        table: &Table,
        timeout_ms: u64,
    ) -> BTreeMap<String, Outcome> {
        let impossible = |detail: String| [("-".to_owned(), Outcome::Impossible { detail })].into();
        let Some(primary) = table.services.get(service).and_then(|row| row.primary.clone()) else {
            return impossible("it has no primary".to_owned());
        };
        let probes = match self.probes(service, &primary, table) {
            Ok(probes) => probes,
            Err(why) => return impossible(why),
        };
        let looks = probes
            .iter()
            .map(|(name, probe)| async move { (name.clone(), within(timeout_ms, probe::ask(probe)).await) });
        join_all(looks).await.into_iter().collect()
    }

    async fn sample(&self, host: &HostName, limit: Duration) -> Result<Sample, String> {
        let script = module::sample::script(&self.wanted);
        let (mut lines, exit) = self.shell(host, script, RunAs::Login, limit).await?;
        if exit != 0 {
            return Err(format!("its facts script ended with exit {exit}: {}", lines.err.join("; ")));
        }
        let sample = Sample::parse(&std::mem::take(&mut lines.out))?;
        self.uptimes.heard(host, sample.facts.uptime_ms);
        Ok(sample)
    }

    async fn witness(
        &self,
        by: &HostName,
        suspect: &HostName,
        service: Option<&ServiceName>,
        table: &Table,
        limit: Duration,
        tell: impl Fn(Testimony),
    ) -> Result<Testimony, String> {
        let question = self.question(by, suspect, service, table);
        let script = question.script().map_err(|error| error.to_string())?;
        let (sender, mut lines) = unbounded_channel();
        let run_as = self.run_as(by);
        let job = Job { script, run_as, deadline: limit, cancel: CancellationToken::new() };
        let running = self.transport.run(by, job, sender);
        tokio::pin!(running);
        let mut testimony = Testimony::default();
        let ended = loop {
            tokio::select! {
                biased;
                Some(line) = lines.recv() => {
                    if hear(&mut testimony, &line) {
                        tell(testimony.clone());
                    }
                }
                ended = &mut running => break ended,
            }
        };
        while let Ok(line) = lines.try_recv() {
            hear(&mut testimony, &line);
        }
        testimony.over = true;
        let heard = testimony.host.is_some() || testimony.address.is_some() || testimony.service.is_some();
        match ended {
            Err(lost) if !heard => Err(lost.to_string()),
            Ok(Exit(code)) if !heard => Err(format!("its script ended with exit {code} and said nothing")),
            _ => Ok(testimony),
        }
    }

    fn question(
        &self,
        by: &HostName,
        suspect: &HostName,
        service: Option<&ServiceName>,
        table: &Table,
    ) -> Question {
        let doubt = |name: &ServiceName| {
            let playbook = self.site.playbooks.get(name)?;
            let probes = self.probes(name, suspect, table).ok();
            let probe = probes.and_then(|probes| probes.first().map(|(_, probe)| probe.clone()));
            let epoch = table.services.get(name).map(|row| row.epoch).unwrap_or_default();
            let addresses = playbook.addresses.iter().map(|address| address.value).collect();
            Some((name.clone(), Doubt { epoch, addresses, probe }))
        };
        let millis = self.site.settings.link_silent.0.as_millis();
        Question {
            hosts: [(suspect.clone(), self.address(suspect))].into(),
            services: service.and_then(doubt).into_iter().collect(),
            link_silent_ms: u64::try_from(millis).unwrap_or(u64::MAX),
            device: self.site.inventory.extras(by, &mut Vec::new()).device,
        }
    }

    async fn renew(
        &self,
        service: &ServiceName,
        host: &HostName,
        table: &Table,
        limit: Duration,
    ) -> Result<(), String> {
        let facts = SiteFacts::new();
        let planner = self.planner(table, &facts, Request::bare(Operation::Deploy, service.clone()));
        let leased = planner.leased(service).filter(|leased| leased.host == *host);
        let leased = leased.ok_or("its address has no lease there")?;
        let not_after = self.uptimes.ahead(host, limit).ok_or("its uptime is not known yet")?;
        let script = leased.renewal(not_after);
        let epoch = table.services.get(service).map(|row| row.epoch).unwrap_or_default();
        let program = engine::guarded(service, epoch, &script.library, &script.act);
        let (lines, exit) = self.shell(host, program, self.run_as(host), limit).await?;
        match exit {
            0 => Ok(()),
            module::guard::STALE => Err("the host has seen a newer epoch".to_owned()),
            _ => Err(lines.err.last().cloned().unwrap_or_else(|| format!("exit {exit}"))),
        }
    }

    /// The user that steps run as on a host.
    pub(super) fn run_as(&self, host: &HostName) -> RunAs {
        match self.site.connection(host, None, false).escalation {
            None => RunAs::Login,
            Some(escalation) if escalation.user == "root" => RunAs::Sudo { user: None },
            Some(escalation) => RunAs::Sudo { user: Some(escalation.user) },
        }
    }

    /// Runs a program to its end, and gives what it said.
    pub(super) async fn shell(
        &self,
        host: &HostName,
        script: String,
        run_as: RunAs,
        limit: Duration,
    ) -> Result<(Said, i32), String> {
        let (sender, mut lines) = unbounded_channel();
        let job = Job { script, run_as, deadline: limit, cancel: CancellationToken::new() };
        let ended = self.transport.run(host, job, sender).await;
        let Exit(code) = ended.map_err(|lost| lost.to_string())?;
        let mut said = Said::default();
        while let Ok(line) = lines.try_recv() {
            match line {
                Line::Out(line) => said.out.push(line),
                Line::Err(line) => said.err.push(line),
            }
        }
        Ok((said, code))
    }
}

/// What a program printed, by line.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub out: Vec<String>,
    pub err: Vec<String>,
}

/// Takes in a line of a witness; whether it said something.
fn hear(testimony: &mut Testimony, line: &Line) -> bool {
    let Line::Out(line) = line else { return false };
    let Some(statement) = Statement::parse(line) else { return false };
    let place = match statement.about {
        Topic::Host(_) => &mut testimony.host,
        Topic::Address(_) => &mut testimony.address,
        Topic::Service(_) => &mut testimony.service,
    };
    *place = Some(statement.heard);
    true
}

async fn echo(host: &str, timeout_ms: u64) -> Outcome {
    let probe = Probe::Icmp { host: host.to_owned(), timeout_ms };
    within(timeout_ms, probe::ask(&probe)).await
}

/// A look ends in its own time, whatever its probe thinks.
async fn within(timeout_ms: u64, asking: impl Future<Output = Outcome>) -> Outcome {
    let began = Instant::now();
    let asked = tokio::time::timeout(Duration::from_millis(timeout_ms), asking).await;
    asked.unwrap_or_else(|_| {
        let after_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(timeout_ms);
        Outcome::TimedOut { after_ms }
    })
}
