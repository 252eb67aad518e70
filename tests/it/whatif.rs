//! What would be, on facts that were kept: twenty hosts that do not exist, twelve services, no connection.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use reveille::plan::facts::{HeldAddress, HostFacts, ProcessFact, SiteFacts, Trace};
use reveille::plan::table::{Role, Row, ServiceState, Table};
use reveille::site::id::{Epoch, HostName, ServiceName};
use serde_json::{Value, json};

const HOSTS: usize = 20;
const SERVICES: usize = 12;

/// Service N is on host N, and sleeps on the one after it; the last eight hosts have no role.
pub struct Paper {
    site: tempfile::TempDir,
}

fn host(number: usize) -> HostName {
    format!("h{number}").try_into().unwrap()
}

fn service(number: usize) -> ServiceName {
    format!("web{number}").try_into().unwrap()
}

impl Paper {
    pub fn new() -> Self {
        let site = tempfile::tempdir().unwrap();
        let paper = Self { site };
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR"));
        let read = |file: &str| fs::read_to_string(shipped.join(file)).unwrap();
        paper.write("reveille.yml", "store: file:store\n");
        paper.write("templates/web/site.conf.j2", &read("templates/web/site.conf.j2"));
        let web = read("playbooks/web.yml").replace("hosts: workstations", "hosts: all");
        for number in 1..=SERVICES {
            let text = web
                .replace("service: web", &format!("service: web{number}"))
                .replace("10.83.0.80", &format!("192.0.2.{}", 100 + number));
            paper.write(&format!("playbooks/web{number}.yml"), &text);
        }
        let hosts: Vec<String> = (1..=HOSTS)
            .map(|number| format!("    h{number}: {{ ansible_host: 192.0.2.{number} }}\n"))
            .collect();
        paper.write("inventory/hosts.yml", &format!("all:\n  hosts:\n{}", hosts.concat()));
        paper.write("facts.json", &facts().to_string());
        paper
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.site.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn root(&self) -> &Path {
        self.site.path()
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reveille"));
        command.current_dir(self.site.path()).args(args).args(["--facts", "facts.json"]);
        command.env_remove("NO_COLOR").output().unwrap()
    }

    pub fn says(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, args: &[&str], code: i32) -> Value {
        serde_json::from_str(&self.says(&[args, &["--json"]].concat(), code)).unwrap()
    }
}

fn facts() -> Value {
    let mut table = Table::default();
    let mut hosts = SiteFacts::new();
    for number in 1..=HOSTS {
        let load = if number == HOSTS { 0.0 } else { 0.5 };
        let facts = HostFacts {
            cpus: 2,
            load_per_cpu: load,
            mem_available: 1 << 30,
            mem_total: 1 << 31,
            ..HostFacts::default()
        };
        hosts.insert(host(number), Ok(facts));
    }
    for number in 1..=SERVICES {
        let row = Row {
            primary: Some(host(number)),
            secondary: Some(host(number % SERVICES + 1)),
            epoch: Epoch(1),
            state: ServiceState::Protected,
            last_run: None,
        };
        for (on, role, state) in [
            (&row.primary, Role::Primary, ProcessFact::Awake),
            (&row.secondary, Role::Secondary, ProcessFact::Asleep),
        ] {
            let Some(Ok(facts)) = hosts.get_mut(on.as_ref().unwrap()) else { unreachable!() };
            let trace =
                Trace { epoch: Epoch(1), role: Some(role), processes: [("httpd".to_owned(), state)].into() };
            facts.services.insert(service(number), trace);
            if role == Role::Primary {
                let address = format!("192.0.2.{}", 100 + number).parse().unwrap();
                facts.addresses.push(HeldAddress { device: "eth0".to_owned(), address, prefix: 32 });
            }
        }
        table.services.insert(service(number), row);
    }
    json!({ "schema": "reveille.facts/1", "at": "2026-11-23T12:00:00Z", "table": table, "hosts": hosts })
}

#[test]
fn a_service_goes_to_its_sleeping_copy_and_gets_another() {
    let paper = Paper::new();
    let said = paper.says(&["whatif", "--down", "h1"], 0);
    assert!(said.contains("web1: h1 -> h2, h20 protects it, at worst"), "{said}");
    assert!(said.contains("web12: stays on h12,") && !said.contains("web2:"), "{said}");
    assert!(said.ends_with("1 case: every service is served and protected\n"), "{said}");
    let nothing = paper.says(&["whatif", "--down", "h19"], 0);
    assert!(nothing.starts_with("h19 down: no service is concerned\n"), "{nothing}");
}

#[test]
fn every_pair_is_played_through_and_comes_out_the_same_again() {
    let paper = Paper::new();
    let all = paper.json(&["whatif", "--all-pairs"], 0);
    assert_eq!(all["sum"], json!({ "cases": HOSTS * (HOSTS - 1) / 2, "lost": 0, "unprotected": 0 }));
    assert_eq!(paper.json(&["whatif", "--all-pairs"], 0), all);
    assert_eq!(paper.json(&["whatif", "--all-singles"], 0)["sum"]["cases"], HOSTS);
}

#[test]
fn nobody_is_asked() {
    let paper = Paper::new();
    let calls = paper.site.path().join("calls");
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=socket,connect,execve", "-o"]).arg(&calls);
    command.arg(env!("CARGO_BIN_EXE_reveille")).args(["whatif", "--all-pairs", "--facts", "facts.json"]);
    let Ok(output) = command.current_dir(paper.site.path()).output() else {
        eprintln!("skipped: there is no strace");
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let calls = fs::read_to_string(calls).unwrap();
    assert_eq!(calls.matches("execve(").count(), 1, "no program is called: {calls}");
    assert!(!calls.contains("socket(") && !calls.contains("connect("), "{calls}");
}

#[test]
fn what_is_lost_ends_with_8() {
    let paper = Paper::new();
    let all: Vec<String> = (1..HOSTS).map(|number| format!("h{number}")).collect();
    let said = paper.says(&["whatif", "--down", &all.join(",")], 0);
    assert!(said.contains("-> h20, UNPROTECTED"), "{said}");
    let all: Vec<String> = (1..=HOSTS).map(|number| format!("h{number}")).collect();
    let said = paper.says(&["whatif", "--down", &all.join(",")], 8);
    assert!(said.contains("web1: LOST: no host can be the primary of web1"), "{said}");
}

#[test]
fn an_overloaded_service_moves_to_a_host_that_is_not_busier() {
    let paper = Paper::new();
    let overload = paper.json(&["whatif", "--overload"], 0);
    assert_eq!(overload["sum"]["cases"], SERVICES);
    assert_eq!(overload["cases"][0]["fates"][0]["becomes"]["moved"]["to"], "h2");
}

#[test]
fn a_plan_on_kept_facts_is_the_same_plan_again() {
    let paper = Paper::new();
    let plan = || paper.says(&["plan", "failover", "web1", "--format", "json"], 0);
    assert_eq!(plan(), plan());
}

#[test]
fn a_wrong_question_is_refused() {
    let paper = Paper::new();
    assert_eq!(paper.run(&["whatif"]).status.code(), Some(64));
    assert_eq!(paper.run(&["whatif", "--down", "h99"]).status.code(), Some(64));
    paper.write("facts.json", "{}");
    assert_eq!(paper.run(&["whatif", "--all-singles"]).status.code(), Some(64));
}
