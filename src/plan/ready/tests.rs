//! Laws of the queue, over random graphs and random fates; and the cases a reader wants to see.

use proptest::prelude::*;

use super::*;
use crate::plan::{Alternative, Attempts, Guards, Link, Stage, UndoWork, Work};
use crate::site::playbook::{Backoff, EvidenceKind};

fn id(step: StepIndex) -> StepRef {
    StepRef(format!("web/h1/s{step}"))
}

fn step(number: StepIndex) -> PlanStep {
    PlanStep {
        id: id(number),
        service: "web".try_into().unwrap(),
        host: None,
        stage: Stage::Wake,
        title: String::new(),
        module: String::new(),
        needs: Vec::new(),
        any_of: Vec::new(),
        skip: None,
        work: Work::Join,
        undo: UndoWork::Nothing,
        guards: Guards::default(),
        timeout_ms: 1,
        attempts: Attempts { retries: 0, delay_ms: 0, backoff: Backoff::Fixed },
        register: None,
        if_unreachable: IfUnreachable::Fail,
        advisory: false,
        optional: false,
        no_log: false,
        run_as: None,
    }
}

fn needs(number: StepIndex, links: &[(StepIndex, LinkKind)]) -> PlanStep {
    let needs = links.iter().map(|(to, kind)| Link { step: id(*to), kind: *kind }).collect();
    PlanStep { needs, ..step(number) }
}

fn way(steps: &[StepIndex]) -> Alternative {
    let steps = steps.iter().copied().map(id).collect();
    Alternative { evidence: EvidenceKind::Released, steps, words: String::new() }
}

/// A queue in which each step names only steps before it, and each step's fate.
fn world() -> impl Strategy<Value = (Vec<PlanStep>, Vec<Outcome>)> {
    let fate = prop_oneof![
        4 => Just(Outcome::Ok),
        3 => Just(Outcome::Changed),
        1 => Just(Outcome::Skipped(Skip::When("no".to_owned()))),
        2 => Just(Outcome::Failed),
        2 => Just(Outcome::Unreachable),
        1 => Just(Outcome::Unknown),
    ];
    let policy =
        prop_oneof![Just(IfUnreachable::Fail), Just(IfUnreachable::Skip), Just(IfUnreachable::Continue)];
    let links = prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..3);
    let ways = prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 1..3), 0..3);
    prop::collection::vec((links, ways, policy, fate), 1..12).prop_map(|drawn| {
        let built = drawn.into_iter().enumerate().map(|(number, (links, ways, if_unreachable, fate))| {
            let kind = |success| if success { LinkKind::Success } else { LinkKind::End };
            let (mut needs, mut any_of) = (Vec::new(), Vec::new());
            if number > 0 {
                let link = |(at, success): (prop::sample::Index, bool)| Link {
                    step: id(at.index(number)),
                    kind: kind(success),
                };
                needs = links.into_iter().map(link).collect();
                let one = |steps: Vec<prop::sample::Index>| {
                    way(&steps.iter().map(|at| at.index(number)).collect::<Vec<_>>())
                };
                any_of = ways.into_iter().map(one).collect();
            }
            (PlanStep { needs, any_of, if_unreachable, ..step(number) }, fate)
        });
        built.unzip()
    })
}

fn number(id: &StepRef) -> StepIndex {
    id.0.trim_start_matches("web/h1/s").parse().unwrap()
}

fn really(queue: &Queue, way: &Alternative) -> bool {
    let done = |step| match queue.outcome(number(step)) {
        Some(Outcome::Ok | Outcome::Changed) => true,
        Some(Outcome::Skipped(skip)) => skip.counts_as_done(),
        _ => false,
    };
    way.steps.iter().all(done)
}

proptest! {
    #[test]
    fn order_respects_every_link_and_each_step_ends_once(
        (steps, fates) in world(),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 64),
    ) {
        let mut queue = Queue::new(&steps).unwrap();
        let mut ends = vec![0; steps.len()];
        let mut running: Vec<StepIndex> = Vec::new();
        let mut choices = choices.into_iter().cycle();
        loop {
            let mut choose = |length: usize| choices.next().unwrap().index(length);
            // Sometimes start everything that is ready, sometimes let one end first.
            while running.is_empty() || choose(2) == 0 {
                let Some(next) = queue.next() else { break };
                for link in &steps[next].needs {
                    let from = number(&link.step);
                    match link.kind {
                        LinkKind::Success => prop_assert!(queue.succeeded(from)),
                        LinkKind::End => prop_assert!(queue.outcome(from).is_some()),
                    }
                }
                let ways = &steps[next].any_of;
                prop_assert!(ways.is_empty() || really(&queue, &ways[queue.alternative(next).unwrap()]));
                running.push(next);
            }
            if running.is_empty() {
                break;
            }
            let ended = running.swap_remove(choose(running.len()));
            ends[ended] += 1;
            for (other, outcome) in queue.finish(ended, fates[ended].clone()) {
                ends[other] += 1;
                prop_assert!(!running.contains(&other), "a running step was ended by another");
                if outcome == Outcome::NotReached(NotReached::NoAlternative) {
                    prop_assert!(steps[other].any_of.iter().all(|way| !really(&queue, way)));
                }
            }
        }
        prop_assert!(ends.iter().all(|count| *count == 1), "{ends:?}");
    }
}

#[test]
fn what_needs_a_failed_step_is_not_reached_but_what_comes_after_it_is() {
    use LinkKind::{End, Success};
    let steps = [step(0), needs(1, &[(0, Success)]), needs(2, &[(1, Success)]), needs(3, &[(2, End)])];
    let mut queue = Queue::new(&steps).unwrap();
    assert_eq!(queue.next(), Some(0));
    let ended = queue.finish(0, Outcome::Failed);
    let missing = |step| Outcome::NotReached(NotReached::Need(id(step)));
    assert_eq!(ended, [(1, missing(0)), (2, missing(1))]);
    assert_eq!(queue.next(), Some(3));
}

#[test]
fn an_alternative_needs_real_success() {
    let teardown = PlanStep { if_unreachable: IfUnreachable::Continue, ..step(0) };
    let steps = [teardown, step(1), PlanStep { any_of: vec![way(&[0]), way(&[1])], ..step(2) }];
    let mut queue = Queue::new(&steps).unwrap();
    assert_eq!((queue.next(), queue.next()), (Some(0), Some(1)));
    assert_eq!(queue.finish(0, Outcome::Unreachable), []);
    assert_eq!(queue.next(), None, "a teardown that was only excused is no evidence");
    let mut silent = queue.clone();
    silent.finish(1, Outcome::Ok);
    assert_eq!((silent.next(), silent.alternative(2)), (Some(2), Some(1)));
    let hopeless = queue.finish(1, Outcome::Failed);
    assert_eq!(hopeless, [(2, Outcome::NotReached(NotReached::NoAlternative))]);
}

#[test]
fn skipped_counts_as_success_and_left_out_does_not() {
    let chain = [step(0), needs(1, &[(0, LinkKind::Success)])];
    let mut queue = Queue::new(&chain).unwrap();
    queue.next();
    queue.finish(0, Outcome::Skipped(Skip::When("x".to_owned())));
    assert_eq!(queue.next(), Some(1));

    let chain = [PlanStep { if_unreachable: IfUnreachable::Skip, ..step(0) }, chain[1].clone()];
    let mut queue = Queue::new(&chain).unwrap();
    queue.next();
    let ended = queue.finish(0, Outcome::Unreachable);
    assert_eq!(ended, [(1, Outcome::Skipped(Skip::LeftOut(id(0))))]);
}

#[test]
fn a_claimed_step_is_not_handed_out_until_released() {
    let steps = [step(0), needs(1, &[(0, LinkKind::Success)])];
    let mut queue = Queue::new(&steps).unwrap();
    queue.next();
    assert!(queue.waits_only_for(1, &[0]));
    queue.claim(1);
    queue.finish(0, Outcome::Ok);
    assert_eq!(queue.next(), None);
    assert_eq!(queue.stop("enough", |_| true), [], "it is in the pipe already");
    queue.release(1);
    assert_eq!(queue.next(), Some(1));
}

#[test]
fn graphs_that_are_none_are_refused() {
    let cycle = [needs(0, &[(1, LinkKind::Success)]), needs(1, &[(0, LinkKind::End)])];
    assert!(matches!(Queue::new(&cycle), Err(BadGraph::Cycle(_))));
    let dangling = Queue::new(&[needs(0, &[(7, LinkKind::End)])]).unwrap_err();
    assert_eq!(dangling, BadGraph::Dangling { step: id(0), named: id(7) });
    assert_eq!(Queue::new(&[step(0), step(0)]).unwrap_err(), BadGraph::Duplicate(id(0)));
}
