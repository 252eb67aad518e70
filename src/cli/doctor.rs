//! `reveille doctor`: every host looked at, side by side, nothing changed. A host that does not answer delays nobody.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::args::{Common, DoctorArgs};
use super::doctor_fences::Fences;
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use super::session::{self, Session};
use crate::doctor::login::{self, Route};
use crate::doctor::service::{self, Round};
use crate::doctor::text::{self, Detail};
use crate::doctor::{Answer, Finding, HostReport, Needs, Reading, Report, Severity, Visit, host};
use crate::module;
use crate::plan::facts::{HostFacts, SiteFacts};
use crate::plan::table::Table;
use crate::site::action::{CommandProbe, PluginProbe, ProbeSpec};
use crate::site::address::ServiceAddress;
use crate::site::id::{HostName, ServiceName};
use crate::site::playbook::Playbook;
use crate::transport::{Job, Line, RunAs, Transport};

/// The most one round of questions may take on a host that answers.
const PATIENCE: Duration = Duration::from_secs(15);

pub async fn run(common: &Common, args: &DoctorArgs) -> Result<Exit, Failure> {
    let session = Session::open(common, &args.services)?;
    let ended = examine(common, &session, args).await;
    session.close().await;
    ended
}

async fn examine(common: &Common, session: &Session, args: &DoctorArgs) -> Result<Exit, Failure> {
    let services: Vec<ServiceName> = if args.services.is_empty() {
        session.site.playbooks.keys().cloned().collect()
    } else {
        args.services.clone()
    };
    let doctor = Doctor { common, session, table: session.stored().await?, services };
    let (hosts, visits) = doctor.visit_all(limited(common, session)?).await;
    let report = Report::new(hosts, doctor.services(&visits).await?);
    doctor.conclude(&report)
}

/// The hosts of the services' pools, within `--limit`.
fn limited(common: &Common, session: &Session) -> Result<Vec<HostName>, Failure> {
    let Some(pattern) = &common.limit else { return Ok(session.hosts.clone()) };
    let limit = session.site.inventory.select(pattern);
    let limit = limit.map_err(|error| session::no_pattern(pattern, error))?;
    Ok(session.hosts.iter().filter(|host| limit.contains(host)).cloned().collect())
}

type Visits = BTreeMap<HostName, (Visit, Needs)>;

struct Doctor<'a> {
    common: &'a Common,
    session: &'a Session,
    /// As stored: where the services should be.
    table: Table,
    services: Vec<ServiceName>,
}

/// Why a host could not be examined.
struct Closed {
    finding: Finding,
    /// It was logged in to.
    reached: bool,
}

impl Doctor<'_> {
    /// Visits all hosts at once and shows each as soon as it is done.
    async fn visit_all(&self, hosts: Vec<HostName>) -> (Vec<HostReport>, Visits) {
        let mut going: FuturesUnordered<_> = hosts.iter().map(|host| self.visit(host)).collect();
        let mut reports = BTreeMap::new();
        let mut visits = Visits::new();
        while let Some((host, seen, fences)) = going.next().await {
            let mut report = match &seen {
                Ok((visit, needs)) => report_of(visit, needs),
                Err(closed) => closed_report(&host, closed),
            };
            let reached = report.reachable;
            report.findings.extend(fences.findings(self.session, reached));
            self.show(&text::host(&report, self.detail()));
            reports.insert(host.clone(), report);
            visits.extend(seen.ok().map(|seen| (host, seen)));
        }
        (hosts.iter().filter_map(|host| reports.remove(host)).collect(), visits)
    }

    async fn visit(&self, host: &HostName) -> (HostName, Result<(Visit, Needs), Closed>, Fences) {
        let fences = Fences::ask(self.session, &self.services, host);
        let (seen, fences) = tokio::join!(self.look(host), fences);
        (host.clone(), seen, fences)
    }

    async fn look(&self, host: &HostName) -> Result<(Visit, Needs), Closed> {
        let route = self.route(host);
        let unreachable = |reason: String| Closed {
            finding: login::unreachable(&self.session.redact(&reason), &route),
            reached: false,
        };
        let transport = &self.session.transport;
        let start = Instant::now();
        transport.warm(host).await.map_err(|lost| unreachable(lost.to_string()))?;
        let login_ms = millis(start);
        let start = Instant::now();
        transport.warm(host).await.map_err(|lost| unreachable(lost.to_string()))?;
        let command_ms = millis(start);
        let sent_ms = jiff::Timestamp::now().as_millisecond();
        let lines = self.ask(host, RunAs::Login, module::facts::script()).await.map_err(unreachable)?;
        let heard_ms = jiff::Timestamp::now().as_millisecond();
        let facts =
            HostFacts::parse(&lines).map_err(|why| Closed { finding: no_facts(&why), reached: true })?;
        let host_ms = i64::try_from(facts.clock_ms).unwrap_or(i64::MAX);
        let login_lines =
            self.ask(host, RunAs::Login, module::doctor::login_script()).await.unwrap_or_default();
        let needs = self.needs(host, &facts);
        let answer = self.questions(host, &route, &needs).await?;
        let visit = Visit {
            host: host.clone(),
            login_ms,
            command_ms,
            facts,
            clock: Reading { sent_ms, host_ms, heard_ms },
            login: parsed(&login_lines),
            answer,
        };
        Ok((visit, needs))
    }

    /// Asks with the rights that steps have.
    async fn questions(&self, host: &HostName, route: &Route, needs: &Needs) -> Result<Answer, Closed> {
        let script = module::doctor::host_script(
            route.user.as_deref(),
            needs.programs.keys().map(String::as_str),
            needs.asks.iter().map(|ask| &ask.script),
            needs.agents.iter().map(|agent| &agent.name),
        );
        let become_user = self.become_user(host);
        let run_as =
            become_user.map_or(RunAs::Login, |user| RunAs::Sudo { user: (user != "root").then_some(user) });
        let lines = self.ask(host, run_as, script).await.map_err(|why| {
            let why = self.session.redact(&why);
            let finding = if why.contains("sudo") {
                login::sudo(why.strip_prefix("unreachable: ").unwrap_or(&why), route)
            } else {
                no_facts(&why)
            };
            Closed { finding, reached: true }
        })?;
        Ok(parsed(&lines))
    }

    fn needs(&self, host: &HostName, facts: &HostFacts) -> Needs {
        let Some(any) = self.services.first() else { return Needs::default() };
        let all: SiteFacts = [(host.clone(), Ok(facts.clone()))].into();
        let planner = self.session.planner(&self.table, &all, Needs::request(any));
        Needs::of(&planner, &self.services, host, facts)
    }

    async fn ask(&self, host: &HostName, run_as: RunAs, script: String) -> Result<Vec<String>, String> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let job = Job { script, run_as, deadline: PATIENCE, cancel: CancellationToken::new() };
        self.session.transport.run(host, job, sender).await.map_err(|lost| lost.to_string())?;
        let mut lines = Vec::new();
        while let Ok(line) = receiver.try_recv() {
            lines.extend(match line {
                Line::Out(line) => Some(line),
                Line::Err(_) => None,
            });
        }
        Ok(lines)
    }

    /// What the network between the hosts shows.
    async fn services(&self, visits: &Visits) -> Result<Vec<crate::doctor::ServiceReport>, Failure> {
        let facts: SiteFacts =
            visits.iter().map(|(host, (visit, _))| (host.clone(), Ok(visit.facts.clone()))).collect();
        let table = self.session.table(&facts).await?;
        let round = Round { visits };
        let mut reports = Vec::new();
        for name in &self.services {
            let Some(playbook) = self.session.site.playbooks.get(name) else { continue };
            let addresses: Vec<ServiceAddress> =
                playbook.addresses.iter().map(|address| address.value).collect();
            let mut report = service::examine(name, &addresses, table.services.get(name), &round);
            report.findings.extend(self.programs_here(playbook));
            if !report.findings.is_empty() {
                self.show(&text::service(&report, self.detail()));
                reports.push(report);
            }
        }
        Ok(reports)
    }

    /// Programs that probes run on this machine, and that it does not have.
    fn programs_here(&self, playbook: &Playbook) -> Vec<Finding> {
        let missing =
            playbook.probes.iter().filter_map(|(name, spec)| {
                let (ProbeSpec::Command(CommandProbe { argv, .. })
                | ProbeSpec::Plugin(PluginProbe { argv, .. })) = &spec.value
                else {
                    return None;
                };
                let program = argv.first().filter(|program| !program.contains("{{") && !is_here(program))?;
                let place = self.session.site.sources.place(program.span);
                Some(service::no_program(&playbook.service.value, &place, name, program))
            });
        missing.collect()
    }

    fn conclude(&self, report: &Report) -> Result<Exit, Failure> {
        if self.common.json {
            output::say(&serde_json::to_string_pretty(report).map_err(Failure::internal)?);
        } else if self.common.quiet && report.errors > 0 {
            let hosts = report.hosts.iter().filter(|host| wrong(&host.findings));
            hosts.for_each(|host| print(self.common, &text::host(host, Detail::Wrong)));
            let services = report.services.iter().filter(|service| wrong(&service.findings));
            services.for_each(|service| print(self.common, &text::service(service, Detail::Wrong)));
        }
        self.show(&text::recap(report));
        Ok(match (report.unreachable.is_empty(), report.errors) {
            (false, _) => Exit::Unreachable,
            (true, 0) => Exit::Done,
            // Errors are for a person to mend; nothing was done that could be undone.
            (true, _) => Exit::Undone,
        })
    }

    fn show(&self, text: &str) {
        if !self.common.json && !self.common.quiet {
            print(self.common, text);
        }
    }

    fn detail(&self) -> Detail {
        if self.common.verbose > 0 { Detail::All } else { Detail::Wrong }
    }

    fn route(&self, host: &HostName) -> Route {
        let connection =
            self.session.site.connection(host, self.common.user.as_deref(), self.common.become_root);
        Route {
            address: connection.address,
            port: connection.port,
            user: connection.user,
            identity: connection.private_key_file,
            options: connection.ssh_args,
        }
    }

    fn become_user(&self, host: &HostName) -> Option<String> {
        let connection =
            self.session.site.connection(host, self.common.user.as_deref(), self.common.become_root);
        connection.escalation.map(|escalation| escalation.user)
    }
}

/// Whether this machine would find the program.
fn is_here(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn report_of(visit: &Visit, needs: &Needs) -> HostReport {
    HostReport {
        host: visit.host.clone(),
        reachable: true,
        login_ms: Some(visit.login_ms),
        command_ms: Some(visit.command_ms),
        findings: host::examine(visit, needs),
    }
}

fn closed_report(host: &HostName, closed: &Closed) -> HostReport {
    HostReport {
        host: host.clone(),
        reachable: closed.reached,
        login_ms: None,
        command_ms: None,
        findings: vec![closed.finding.clone()],
    }
}

fn no_facts(why: &str) -> Finding {
    let fix = "run `reveille doctor -vvv`; hosts need POSIX sh, iproute2 and /proc";
    Finding::error("facts", format!("it did not answer doctor's questions: {why}"), fix)
}

fn parsed(lines: &[String]) -> Answer {
    Answer::parse(lines.iter().map(String::as_str))
}

fn wrong(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity > Severity::Ok)
}

fn print(common: &Common, text: &str) {
    let choice = output::stdout_color(common);
    let _ = write!(anstream::AutoStream::new(std::io::stdout(), choice), "{text}");
}

fn millis(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}
