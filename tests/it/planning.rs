//! Plans made from files and made-up facts, no host anywhere: what evidence a failover would seek, in which order.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Map, Value, json};

use reveille::module::fence::Ask;
use reveille::plan::facts::{HeldAddress, HostFacts, ProcessFact, SiteFacts, Trace};
use reveille::plan::table::{Role, Row, ServiceState, Table};
use reveille::plan::{
    Alternative, LeaseFact, LinkKind, Operation, Plan, PlanError, PlanStep, Planner, Request, UndoWork, Work,
    render,
};
use reveille::site::Site;
use reveille::site::id::{Epoch, HostName, ServiceName};
use reveille::site::load::LoadOptions;
use reveille::site::playbook::EvidenceKind::{Fenced, LeaseExpired, LinkSilent, Released};

/// `db` runs on h1 and sleeps on h2; h1 does not answer unless a test says so.
struct Bench {
    site: Site,
    _folder: tempfile::TempDir,
    table: Table,
    facts: SiteFacts,
    secrets: Map<String, Value>,
    leases: BTreeMap<ServiceName, LeaseFact>,
}

fn host(name: &str) -> HostName {
    name.try_into().unwrap()
}

fn db() -> ServiceName {
    "db".try_into().unwrap()
}

impl Bench {
    /// `playbook`: more lines of it; `fence`: h1's device, in YAML.
    fn new(playbook: &str, fence: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "playbooks/db.yml",
            &format!(
                "service: db\nhosts: all\naddresses: [10.0.0.80/24]\n{playbook}\n\
                 ifconfig:\n  - {{ id: claim, address: {{ state: up, lease: 9s }} }}\n\
                 teardown:\n  - {{ id: release, address: {{ state: absent }} }}\n"
            ),
        );
        write(
            "inventory/hosts.yml",
            &format!(
                "all:\n  hosts:\n    h1: {{ ansible_host: 10.0.0.1, {fence} }}\n    h2: {{ ansible_host: 10.0.0.2 }}\n"
            ),
        );
        write("reveille.yml", "vars: { rack: 7 }\nsecrets: { ipmi: { env: IPMI } }\n");
        let (site, found) = Site::load(folder.path(), &LoadOptions::default());
        assert!(found.is_empty(), "{found:?}");
        let row = Row {
            primary: Some(host("h1")),
            secondary: Some(host("h2")),
            epoch: Epoch(3),
            state: ServiceState::Protected,
            last_run: None,
        };
        let mut table = Table::default();
        table.services.insert(db(), row);
        let facts = [(host("h1"), Err("no answer".to_owned())), (host("h2"), Ok(answers(Role::Secondary)))];
        let secrets = Map::from_iter([("ipmi".to_owned(), json!("s3cret"))]);
        Self { site, _folder: folder, table, facts: facts.into(), secrets, leases: BTreeMap::new() }
    }

    fn leased(mut self, remaining_ms: u64) -> Self {
        let fact = LeaseFact { host: host("h1"), lease_ms: 9000, remaining_ms, renewed_ago_ms: Some(12_345) };
        self.leases.insert(db(), fact);
        self
    }

    fn planner(&self, operation: Operation) -> Planner<'_> {
        let request = Request { leases: self.leases.clone(), ..Request::bare(operation, db()) };
        Planner { site: &self.site, table: &self.table, facts: &self.facts, secrets: &self.secrets, request }
    }

    fn failover(&self) -> Plan {
        self.planner(Operation::Failover).plan().unwrap()
    }
}

fn answers(role: Role) -> HostFacts {
    let state = if role == Role::Primary { ProcessFact::Awake } else { ProcessFact::Asleep };
    let trace = Trace { epoch: Epoch(3), role: Some(role), processes: [("db".to_owned(), state)].into() };
    HostFacts { services: [(db(), trace)].into(), cpus: 2, ..HostFacts::default() }
}

fn step<'a>(plan: &'a Plan, id: &str) -> &'a PlanStep {
    plan.steps.iter().find(|step| step.id.0 == id).unwrap_or_else(|| panic!("no {id}"))
}

fn ways(plan: &Plan) -> &[Alternative] {
    &step(plan, "db/-/evidence.evidence").any_of
}

/// What a step waits for the end of.
fn ends(step: &PlanStep) -> Vec<&str> {
    assert!(step.needs.iter().all(|link| link.kind == LinkKind::End));
    step.needs.iter().map(|link| link.step.0.as_str()).collect()
}

const IPMI: &str =
    "reveille_fence: { agent: fence_x, options: { plug: \"{{ rack }}\", password: \"{{ ipmi }}\" } }";

#[test]
fn a_fence_comes_last_and_a_silent_host_gets_a_moment_to_release() {
    let plan = Bench::new("data: shared-read", IPMI).failover();
    assert_eq!(
        ways(&plan).iter().map(|way| way.evidence).collect::<Vec<_>>(),
        [Released, LinkSilent, Fenced]
    );
    let fence = step(&plan, "db/-/evidence.fence-h1");
    assert_eq!(ends(fence), ["db/-/evidence.wait-for-release", "db/h2/evidence.link-silent"]);
    let Work::Wait(wait) = &step(&plan, "db/-/evidence.wait-for-release").work else { panic!("a wait") };
    assert_eq!((wait.at_most_ms, wait.or_end_of[0].0.as_str()), (1000, "db/h1/release.release"));
    let Work::Fence(what) = &fence.work else { panic!("a fence") };
    assert_eq!(what.devices[0].request(Ask::Off), "plug=7\npassword=s3cret\naction=off\n");
    assert_eq!(
        (fence.timeout_ms, fence.host.as_ref(), fence.advisory, fence.optional),
        (60_000, None, true, false)
    );
    assert_eq!(plan.undo_coverage.changing - plan.undo_coverage.undoable, 1, "a fence cannot be taken back");
}

#[test]
fn a_host_that_a_monitor_saw_dark_is_fenced_at_once() {
    let bench = Bench::new("data: shared-write", IPMI);
    let mut planner = bench.planner(Operation::Failover);
    planner.request.dark = [host("h1")].into();
    let plan = planner.plan().unwrap();
    assert_eq!(ends(step(&plan, "db/-/evidence.fence-h1")), [""; 0]);
    assert_eq!(ways(&plan).iter().map(|way| way.evidence).collect::<Vec<_>>(), [Released, Fenced]);
    assert!(plan.steps.iter().any(|step| step.id.0 == "db/h1/release.release"), "it is asked all the same");
}

#[test]
fn a_host_that_answers_is_fenced_only_when_its_release_has_failed() {
    let mut bench = Bench::new("data: shared-write", IPMI);
    bench.facts.insert(host("h1"), Ok(answers(Role::Primary)));
    let plan = bench.failover();
    assert_eq!(ends(step(&plan, "db/-/evidence.fence-h1")), ["db/h1/release.release"]);
    assert!(!plan.steps.iter().any(|step| matches!(step.work, Work::Wait(_))));
}

#[test]
fn nobody_is_fenced_whom_the_playbook_or_the_inventory_spares() {
    let no_fence = |plan: &Plan| !plan.steps.iter().any(|step| matches!(step.work, Work::Fence(_)));
    assert!(no_fence(&Bench::new("evidence: [released, link-silent]", IPMI).failover()));
    let bare = Bench::new("data: shared-write", "rack: 1").failover();
    assert!(no_fence(&bare));
    let note = "h1 does not answer and has no fence device";
    assert!(bare.services[0].notes.iter().any(|said| said.starts_with(note)), "{:?}", bare.services[0].notes);
    let bench = Bench::new("data: shared-write", IPMI);
    let deploys = |operation| bench.planner(operation).plan().map(|plan| no_fence(&plan));
    assert!(deploys(Operation::Deploy).unwrap_or(true) && deploys(Operation::Switchover).unwrap_or(true));
}

#[test]
fn a_host_cut_off_from_the_store_alone_must_be_silent_besides() {
    let store = "reveille_fence: { agent: fence_scsi, confirms: store }";
    let plan = Bench::new("data: shared-write", store).failover();
    let [released, fenced] = ways(&plan) else { panic!("{:?}", ways(&plan)) };
    assert_eq!((released.evidence, fenced.evidence), (Released, Fenced));
    let steps: Vec<&str> = fenced.steps.iter().map(|step| step.0.as_str()).collect();
    assert_eq!(steps, ["db/-/evidence.fence-h1", "db/h2/evidence.link-silent"]);
}

#[test]
fn an_option_that_cannot_be_rendered_stops_the_plan_and_shows_no_secret() {
    let typo = "reveille_fence: { agent: fence_x, options: { password: \"{{ ipmi }}{{ impi }}\" } }";
    let bench = Bench::new("data: shared-write", typo);
    let Err(error) = bench.planner(Operation::Failover).plan() else { panic!("rendered") };
    let said = error.to_string();
    assert!(matches!(error, PlanError::Render { .. }));
    assert!(said.contains("option `password` of fence_x for h1") && said.contains("impi"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn other_services_of_a_host_that_is_fenced_are_named() {
    let mut bench = Bench::new("data: shared-write", IPMI);
    let row = bench.table.services[&db()].clone();
    bench.table.services.insert("mail".try_into().unwrap(), row);
    let notes = bench.failover().services.remove(0).notes;
    assert!(notes.iter().any(|note| note.contains("mail on it go down with it")), "{notes:?}");
}

#[test]
fn a_plan_shows_the_fence_to_people_and_programs() {
    let plan = Bench::new("data: shared-write", IPMI).failover();
    let text = render::text::render(&plan, render::text::Detail::Normal);
    assert!(text.contains("evidence.fence-h1  fence_x powers off h1"), "{text}");
    assert!(text.contains("fence_x <<< action=off plug=7 password=***"), "{text}");
    assert!(text.contains("fenced: fenced h1 by fence_x: off, confirmed by status"), "{text}");
    let json = serde_json::to_value(&plan).unwrap();
    let again: Plan = serde_json::from_value(json).unwrap();
    assert_eq!(again, plan);
    let edge = "\"db/-/evidence.fence-h1\" -> \"db/-/evidence.evidence\" [style=dotted]";
    assert!(render::graph::dot(&plan).contains(edge));
}

#[test]
fn a_lease_that_ran_out_is_evidence_at_once() {
    let plan = Bench::new("data: shared-read", IPMI).leased(0).failover();
    let lease = ways(&plan).iter().find(|way| way.evidence == LeaseExpired).unwrap();
    assert!(lease.steps.is_empty());
    assert_eq!(
        lease.words,
        "the address lease of 9s was last renewed 12s ago: the kernel of h1 has dropped it"
    );
}

#[test]
fn a_lease_that_runs_out_soon_is_waited_for_before_anybody_is_fenced() {
    let plan = Bench::new("data: shared-read", IPMI).leased(4000).failover();
    let Work::Wait(wait) = &step(&plan, "db/-/evidence.wait-for-lease").work else { panic!("a wait") };
    assert_eq!((wait.at_most_ms, wait.or_end_of.len()), (4000, 0));
    assert!(ends(step(&plan, "db/-/evidence.fence-h1")).contains(&"db/-/evidence.wait-for-lease"));
    let far = Bench::new("data: shared-read", IPMI).leased(3_600_000).failover();
    assert!(ways(&far).iter().all(|way| way.evidence != LeaseExpired));
    let writes = Bench::new("data: shared-write", IPMI).leased(0).failover();
    assert!(ways(&writes).iter().all(|way| way.evidence != LeaseExpired), "it gives up no disk");
}

#[test]
fn who_renews_is_told_what_and_who_does_not_is_warned() {
    let bench = Bench::new("data: shared-read", "reveille_device: eth7");
    let leased = bench.planner(Operation::Failover).leased(&db()).unwrap();
    assert_eq!((leased.host.as_str(), leased.lease_ms, leased.every_ms()), ("h1", 9000, 3000));
    assert_eq!(leased.device.as_deref(), Some("eth7"));
    let renewal = leased.renewal(123_450);
    assert_eq!(renewal.act.trim(), "address_renew 9 123450 --device eth7 10.0.0.80/24");
    let warned = |plan: Plan| plan.services[0].notes.iter().any(|note| note.contains("reveille watch"));
    assert!(warned(bench.failover()));
    assert!(!warned(bench.leased(4000).failover()), "whoever knows of a lease renews it");
}

#[test]
fn a_host_that_returned_with_the_address_lets_go_of_it_before_it_sleeps() {
    let mut bench = Bench::new("data: shared-read", "");
    let row = bench.table.services.get_mut(&db()).unwrap();
    (row.primary, row.secondary) = (Some(host("h2")), None);
    let mut returned = answers(Role::Primary);
    returned.addresses =
        vec![HeldAddress { device: "eth0".to_owned(), address: "10.0.0.80".parse().unwrap(), prefix: 32 }];
    bench.facts = [(host("h1"), Ok(returned)), (host("h2"), Ok(answers(Role::Primary)))].into();
    let plan = bench.planner(Operation::Reprotect).plan().unwrap();
    assert_eq!(plan.services[0].secondary, Some(host("h1")));
    let released = step(&plan, "db/h1/quarantine.release");
    assert!(matches!(released.work, Work::Script(_)));
    assert_eq!(released.undo, UndoWork::Nothing, "whoever had no right gets nothing back");
    assert!(ends(step(&plan, "db/h1/commit.role")).contains(&"db/h1/quarantine.role"));
    assert!(!plan.steps.iter().any(|step| step.id.0.starts_with("db/h2/quarantine")));
}
