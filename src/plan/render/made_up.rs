//! A small plan for the tests of pictures and pages: one step of each kind, on two hosts and the controller.

use crate::module::Script;
use crate::module::fence::Fence;
use crate::plan::table::{Role, ServiceState};
use crate::plan::{
    Alternative, Attempts, Candidate, Commit, Guards, Link, LinkKind, Operation, PlacementTable, Plan,
    PlanStep, Rejection, SCHEMA, ServicePlan, Stage, StepRef, UndoCoverage, UndoWork, Wait, Work,
};
use crate::site::id::{Epoch, HostName, ServiceName};
use crate::site::playbook::{Backoff, EvidenceKind, IfUnreachable};

fn web() -> ServiceName {
    "web".try_into().unwrap()
}

fn host(name: &str) -> Option<HostName> {
    HostName::try_from(name).ok()
}

/// `at`: `h2`, or `-` for the controller.
pub(super) fn step(at: &str, stage: Stage, id: &str, work: Work, needs: &[&str]) -> PlanStep {
    let link = |step: &&str| Link { step: StepRef((*step).to_owned()), kind: LinkKind::Success };
    PlanStep {
        id: StepRef(format!("web/{at}/{}.{id}", stage.as_str())),
        service: web(),
        host: host(at),
        stage,
        title: id.to_owned(),
        module: "shell".to_owned(),
        needs: needs.iter().map(link).collect(),
        any_of: Vec::new(),
        skip: None,
        work,
        undo: UndoWork::Derived,
        guards: Guards::default(),
        timeout_ms: 30_000,
        attempts: Attempts { retries: 0, delay_ms: 0, backoff: Backoff::Fixed },
        register: None,
        if_unreachable: IfUnreachable::Fail,
        advisory: false,
        optional: false,
        no_log: false,
        run_as: None,
    }
}

pub(super) fn script(summary: &str, changes: bool, undo: Option<&str>) -> Work {
    Work::Script(Script {
        summary: summary.to_owned(),
        act: format!("do '{summary}' <&1"),
        undo: undo.map(str::to_owned),
        changes,
        ..Script::default()
    })
}

pub(super) fn plan() -> Plan {
    let wait = Work::Wait(Wait { at_most_ms: 250, or_end_of: Vec::new() });
    let fence = Work::Fence(Fence { host: host("h1").unwrap(), devices: Vec::new() });
    let late = Work::Late { action: "command".to_owned(), depends_on: vec!["answer".to_owned()] };
    let commit = Work::Commit(Commit {
        primary: host("h2"),
        secondary: None,
        epoch: Epoch(2),
        state: ServiceState::Unprotected,
    });
    let mut evidence = step("-", Stage::Evidence, "evidence", Work::Join, &[]);
    let way = |evidence, step: &str, words: &str| Alternative {
        evidence,
        steps: vec![StepRef(step.to_owned())],
        words: words.to_owned(),
    };
    evidence.any_of = vec![
        way(EvidenceKind::Released, "web/h1/release.stop", "h1 <said> so"),
        way(EvidenceKind::Fenced, "web/-/evidence.fence", "h1 is off"),
    ];
    let mut left_out = step("h2", Stage::Ifconfig, "extra", script("nothing", true, None), &[]);
    left_out.skip = Some("its tags were not asked for".to_owned());
    let mut hidden = step("h1", Stage::Release, "tidy", script("secret words", true, None), &[]);
    hidden.no_log = true;
    hidden.needs = vec![Link { step: StepRef("web/h1/release.stop".to_owned()), kind: LinkKind::End }];
    let steps = vec![
        step("h2", Stage::Wake, "resume", script("process httpd awake", true, Some("undo & done")), &[]),
        step("h1", Stage::Release, "stop", script("process httpd absent", true, Some("back")), &[]),
        hidden,
        step("-", Stage::Evidence, "pause", wait, &[]),
        step("-", Stage::Evidence, "fence", fence, &["web/-/evidence.pause"]),
        evidence,
        step("h2", Stage::Ifconfig, "syntax", script("a look", false, None), &["web/h2/wake.resume"]),
        left_out,
        step(
            "h2",
            Stage::Ifconfig,
            "claim",
            script("address 10.0.0.80 up", true, None),
            &["web/-/evidence.evidence", "web/h2/wake.resume"],
        ),
        step("h2", Stage::Prove, "later", late, &["web/h2/ifconfig.claim"]),
        step("-", Stage::Commit, "commit", commit, &["web/h2/prove.later", "web/h2/ifconfig.claim"]),
    ];
    Plan {
        schema: SCHEMA.to_owned(),
        operation: Operation::Failover,
        services: vec![service()],
        worst_case_ms: 90_250,
        undo_coverage: UndoCoverage { undoable: 2, changing: 6 },
        steps,
        hash: "0123456789abcdef".to_owned(),
    }
}

fn service() -> ServicePlan {
    let candidate = |name, score, rejected| Candidate {
        host: host(name).unwrap(),
        score,
        parts: score.map(|score| ("load".to_owned(), score)).into_iter().collect(),
        rejected,
    };
    ServicePlan {
        service: web(),
        addresses: vec!["10.0.0.80/24".parse().unwrap()],
        from: host("h1"),
        to: host("h2"),
        serving: false,
        secondary: None,
        epoch_before: Epoch(1),
        epoch: Epoch(2),
        evidence: vec![EvidenceKind::Released, EvidenceKind::Fenced],
        placement: vec![PlacementTable {
            role: Role::Primary,
            chosen: host("h2"),
            candidates: vec![
                candidate("h1", None, Some(Rejection::Leaving)),
                candidate("h2", Some(-0.5), None),
                candidate("h3", Some(-2.0), None),
            ],
        }],
        point_of_no_return: Some(StepRef("web/-/commit.commit".to_owned())),
        notes: vec!["h1 <is silent>".to_owned()],
    }
}
