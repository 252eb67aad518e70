//! Judges one host by what it said.

use std::collections::BTreeSet;
use std::time::Duration;

use super::needs::About;
use super::{Answer, Finding, Freezer, Needs, Reading, ocf, package};
use crate::plan::facts::HostFacts;
use crate::site::id::{HostName, ServiceName};

/// Clocks further apart than this make journals and leases hard to compare.
const SKEW_MS: i64 = 2_000;

/// What every command may pay for the login shell before it is worth a word.
const LOGIN_SHELL_MS: u64 = 200;

/// What the transport uses over one connection: eight commands and one more to end a command with.
const SESSIONS: u32 = 9;

/// Traces of services are a few KiB each; logs of processes lie there too.
const LOW_KIB: u64 = 16 * 1024;

/// Less than this cannot take a second copy of anything.
const LOW_MEMORY: u64 = 64 << 20;

/// What a visit to a host brought back.
#[derive(Clone, Debug)]
pub struct Visit {
    pub host: HostName,
    /// From nothing to a first command.
    pub login_ms: u64,
    /// One command over the warm connection.
    pub command_ms: u64,
    pub facts: HostFacts,
    pub clock: Reading,
    /// As the login user.
    pub login: Answer,
    /// With the rights that steps have.
    pub answer: Answer,
}

/// Everything worth saying about the host, in the order it was looked at.
pub fn examine(visit: &Visit, needs: &Needs) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("login", format!("login in {} ms", visit.login_ms))];
    findings.extend(login_shell(&visit.login));
    findings.extend(rights(&visit.answer, needs));
    findings.extend(programs(&visit.answer, needs));
    findings.extend(asked(&visit.answer, needs));
    findings.extend(ocf::examine(&visit.answer, &needs.agents));
    findings.extend(freezer(&visit.answer, needs));
    findings.extend(sessions(&visit.answer));
    findings.extend(folder(&visit.answer));
    findings.push(clock(visit.clock));
    findings.push(memory(&visit.facts));
    let broken = needs.broken.iter();
    findings.extend(broken.map(|(service, why)| {
        let fix = "see `reveille check`, and the host's variables with `reveille inventory --list`";
        Finding::error("render", why.clone(), fix).of([service.clone()])
    }));
    findings
}

fn login_shell(login: &Answer) -> Vec<Finding> {
    let shell = login.shell.as_deref().unwrap_or("the login shell");
    let noise = login.noise.as_ref().map(|line| {
        let what = format!("{shell} prints on its own for every command: `{line}`");
        let fix =
            "let its start files (~/.bashrc, ~/.profile) print only when interactive: case $- in *i*) … esac";
        Finding::warning("login-output", what, fix)
    });
    let delay = login.login_ms.map(|ms| match ms {
        0..LOGIN_SHELL_MS => Finding::ok("login-shell", format!("{shell} starts in {ms} ms")),
        _ => Finding::warning(
            "login-shell",
            format!("{shell} takes {ms} ms to start, for every command"),
            "shorten its start files (~/.bashrc, /etc/bash.bashrc), or return early when not interactive",
        ),
    });
    delay.into_iter().chain(noise).collect()
}

fn rights(answer: &Answer, needs: &Needs) -> Option<Finding> {
    match answer.uid? {
        0 => Some(Finding::ok("rights", "commands run as root")),
        _ if needs.root.is_empty() => None,
        _ => Some(
            Finding::error(
                "rights",
                "commands do not run as root, but addresses, mounts or sysctls are to be changed",
                "set ansible_become: true in the inventory, or log in as root",
            )
            .of(needs.root.iter().cloned()),
        ),
    }
}

fn programs(answer: &Answer, needs: &Needs) -> Vec<Finding> {
    let missing = needs.programs.iter().filter(|(program, _)| answer.missing.contains(*program));
    let mut findings: Vec<Finding> = missing
        .map(|(program, uses)| {
            let steps: BTreeSet<&str> = uses.iter().map(|(_, step)| step.as_str()).collect();
            let by = if steps.is_empty() {
                "reveille itself".to_owned()
            } else {
                steps.into_iter().collect::<Vec<_>>().join(", ")
            };
            let services: BTreeSet<ServiceName> = uses.iter().map(|(service, _)| service.clone()).collect();
            Finding::error("program", format!("no `{program}`, needed by {by}"), package::fix(program))
                .of(services)
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::ok("program", format!("all {} programs are there", needs.programs.len())));
    }
    findings
}

fn asked(answer: &Answer, needs: &Needs) -> Vec<Finding> {
    let judge = |(place, ask): (usize, &super::Ask)| {
        let About::Step(service, step) = &ask.about else { return None };
        let (code, said) = answer.checks.get(&place)?;
        let finding = match code {
            0 => Finding::ok("step", ask.script.summary.clone()),
            _ => Finding::error("step", format!("{step}: {said}"), fix_of(said)),
        };
        Some(finding.of([service.clone()]))
    };
    let mut findings: Vec<Finding> = Vec::new();
    for finding in needs.asks.iter().enumerate().filter_map(judge) {
        // Several steps name the same address; once is enough where all is well.
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}

fn fix_of(said: &str) -> &'static str {
    if said.contains("no device in the network") {
        return "give the host an address in that network, name its device (reveille_device), or take it from the pool";
    }
    if said.contains("there is no device") {
        return "correct `device` or reveille_device: `ip -o link` lists the host's devices";
    }
    if said.contains("cannot be mounted") {
        return "start the file server, or open its port to this host";
    }
    "correct the step, or the host"
}

fn freezer(answer: &Answer, needs: &Needs) -> Option<Finding> {
    if needs.sleepers.is_empty() {
        return None;
    }
    let insisting: Vec<ServiceName> =
        needs.sleepers.iter().filter(|(_, insists)| **insists).map(|(service, _)| service.clone()).collect();
    Some(match answer.freezer? {
        Freezer::V2 => Finding::ok("freezer", "processes sleep in the cgroup v2 freezer"),
        Freezer::V1 => Finding::ok("freezer", "processes sleep in the cgroup v1 freezer"),
        Freezer::None if !insisting.is_empty() => Finding::error(
            "freezer",
            "no cgroup freezer, and steps insist on one (method: freezer)",
            "mount cgroup2 writable (Linux 5.2 or later), or let the method be auto",
        )
        .of(insisting),
        Freezer::None => Finding::warning(
            "freezer",
            "no cgroup freezer: processes are put to sleep by signals, which they and their parents can notice",
            "mount cgroup2 writable (Linux 5.2 or later)",
        )
        .of(needs.sleepers.keys().cloned()),
    })
}

fn sessions(answer: &Answer) -> Option<Finding> {
    let allowed = answer.max_sessions?;
    Some(match allowed {
        SESSIONS.. => Finding::ok("sessions", format!("sshd allows {allowed} commands at once")),
        _ => Finding::warning(
            "sessions",
            format!("sshd allows {allowed} commands at once over a connection; {SESSIONS} are used at most"),
            "set MaxSessions 10 in /etc/ssh/sshd_config and reload sshd",
        ),
    })
}

fn folder(answer: &Answer) -> Vec<Finding> {
    let writable = answer.writable.map(|writable| {
        if writable {
            return Finding::ok("folder", "/run/reveille can be written");
        }
        let fix = "run steps as root (ansible_become: true), or remount /run writable";
        Finding::error("folder", "/run/reveille cannot be written", fix)
    });
    let room = answer.free_kib.filter(|free| *free < LOW_KIB).map(|free| {
        let what = format!("only {free} KiB are free below /run");
        Finding::warning("room", what, "find what fills it: du -x -d 2 /run")
    });
    writable.into_iter().chain(room).collect()
}

fn clock(reading: Reading) -> Finding {
    let skew = reading.skew_ms();
    let seconds = Duration::from_millis(skew.unsigned_abs()).as_secs_f64();
    if skew.abs() <= SKEW_MS {
        return Finding::ok("clock", "its clock agrees with this machine's");
    }
    let way = if skew > 0 { "ahead of" } else { "behind" };
    Finding::warning(
        "clock",
        format!("its clock is at least {seconds:.1} s {way} this machine's"),
        "let chrony or systemd-timesyncd keep both clocks",
    )
}

fn memory(facts: &HostFacts) -> Finding {
    let mib = facts.mem_available >> 20;
    match facts.mem_available {
        LOW_MEMORY.. => Finding::ok("memory", format!("{mib} MiB of memory are free")),
        _ => Finding::warning(
            "memory",
            format!("only {mib} MiB of memory are free"),
            "a sleeping copy needs its memory too: free some, or take the host out of the pool",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn visit() -> Visit {
        let facts = HostFacts { mem_available: 1 << 30, ..HostFacts::default() };
        Visit {
            host: "h1".parse().unwrap(),
            login_ms: 200,
            command_ms: 3,
            facts,
            clock: Reading { sent_ms: 1_000, host_ms: 1_001, heard_ms: 1_003 },
            login: Answer::parse(["login_ms 10", "shell /bin/bash"]),
            answer: Answer::parse([
                "uid 0",
                "writable yes",
                "run_free_kib 90000",
                "freezer v2",
                "max_sessions 10",
            ]),
        }
    }

    fn needs() -> Needs {
        let web: ServiceName = "web".parse().unwrap();
        let uses = [(web.clone(), "ifconfig.claim".to_owned()), (web.clone(), "teardown.release".to_owned())];
        Needs {
            services: vec![web.clone()],
            programs: [("arping".to_owned(), uses.into())].into(),
            sleepers: [(web.clone(), false)].into(),
            root: [web].into(),
            ..Needs::default()
        }
    }

    fn wrong(visit: &Visit, needs: &Needs) -> Vec<(&'static str, Severity)> {
        let findings = examine(visit, needs);
        let wrong = findings.iter().filter(|finding| finding.severity > Severity::Ok);
        assert!(wrong.clone().all(|finding| finding.fix.is_some()), "{findings:?}");
        wrong.map(|finding| (finding.check, finding.severity)).collect()
    }

    #[test]
    fn a_good_host_has_nothing_wrong() {
        assert_eq!(wrong(&visit(), &needs()), []);
    }

    #[test]
    fn a_missing_program_names_steps_service_and_package() {
        let mut visit = visit();
        visit.answer.missing.insert("arping".to_owned());
        let findings = examine(&visit, &needs());
        let found = findings.iter().find(|finding| finding.severity == Severity::Error).unwrap();
        assert_eq!(found.what, "no `arping`, needed by ifconfig.claim, teardown.release");
        assert_eq!(found.services, ["web".parse().unwrap()]);
        assert!(found.fix.as_ref().unwrap().contains("iputils-arping"));
    }

    #[test]
    fn each_thing_that_can_be_wrong_is_found() {
        let mut bad = visit();
        bad.login = Answer::parse(["login_ms 1200", "shell /bin/bash", "noise Welcome!"]);
        bad.answer =
            Answer::parse(["uid 1000", "writable no", "run_free_kib 12", "freezer none", "max_sessions 2"]);
        bad.clock.host_ms = 60_000;
        bad.facts.mem_available = 1 << 20;
        assert_eq!(
            wrong(&bad, &needs()),
            [
                ("login-shell", Severity::Warning),
                ("login-output", Severity::Warning),
                ("rights", Severity::Error),
                ("freezer", Severity::Warning),
                ("sessions", Severity::Warning),
                ("folder", Severity::Error),
                ("room", Severity::Warning),
                ("clock", Severity::Warning),
                ("memory", Severity::Warning),
            ]
        );
    }
}
