//! What is in a picture, whatever the plan; and one as it is drawn.

use proptest::prelude::*;

use super::*;
use crate::plan::render::made_up;
use crate::plan::{Link, LinkKind, Stage};

/// Any plan of scripts, each waiting for some before it.
fn plans() -> impl Strategy<Value = Plan> {
    let links = prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..4);
    prop::collection::vec((0..4_usize, links, any::<bool>()), 1..30).prop_map(|drawn| {
        let mut plan = Plan { steps: Vec::new(), ..made_up::plan() };
        for (number, (host, links, changes)) in drawn.into_iter().enumerate() {
            let work = made_up::script("what <it> does, in quite a few words", changes, None);
            let host = ["-", "h1", "h2", "h3"][host];
            let mut step = made_up::step(host, Stage::Prepare, &format!("s{number}"), work, &[]);
            for (index, success) in links.into_iter().filter(|_| number > 0) {
                let kind = if success { LinkKind::Success } else { LinkKind::End };
                step.needs.push(Link { step: plan.steps[index.index(number)].id.clone(), kind });
            }
            plan.steps.push(step);
        }
        plan
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_step_and_every_edge_is_drawn(plan in plans()) {
        let edges: usize = plan.steps.iter().map(|step| step.needs.len()).sum();
        for place in [Place::File, Place::Page] {
            let svg = svg(&plan, place);
            prop_assert_eq!(svg.matches("marker-end=\"url(#tip)\"").count() - legend_lines(&svg), edges);
            for (at, step) in plan.steps.iter().enumerate() {
                let name = format!(">{}</text>", text::short(&step.id));
                prop_assert!(svg.contains(&name), "{}", name);
                let link = format!("href=\"#step-{}\"", at + 1);
                prop_assert!(place == Place::File || svg.contains(&link));
            }
            prop_assert!(!svg.contains("NaN") && !svg.contains("inf") && !svg.contains("<it>"));
        }
    }

    #[test]
    fn a_line_is_implied_where_another_way_leads_there(plan in plans()) {
        let picture = Picture::of(&plan);
        let implied = implied(&picture.links);
        // What is left without the implied ones reaches as far as all of them.
        let reach = |all: bool| {
            let mut reach: Vec<HashSet<usize>> = vec![HashSet::new(); plan.steps.len()];
            for step in (0..plan.steps.len()).rev() {
                for (at, (from, to, _)) in picture.links.iter().enumerate() {
                    if *from == step && (all || !implied.contains(&at)) {
                        let beyond = reach[*to].clone();
                        reach[step].extend(beyond);
                        reach[step].insert(*to);
                    }
                }
            }
            reach
        };
        prop_assert_eq!(reach(true), reach(false));
    }
}

/// The lines of the legend, which stands last.
fn legend_lines(svg: &str) -> usize {
    svg.matches("d=\"M0 0H24\"").count()
}

#[test]
fn what_a_step_does_is_said_in_words() {
    let svg = svg(&made_up::plan(), Place::File);
    for words in [
        "changes, can be undone",
        "changes, no undo",
        "only looks",
        "only waits",
        "left out",
        "one of these is enough",
        "writes the table",
        "point of no return",
        "not known before the run",
    ] {
        assert!(svg.contains(words), "{words}");
    }
    assert!(svg.contains(
        "web/-/evidence.evidence as soon as one of its alternatives holds, such as web/h1/release.stop"
    ));
}

#[test]
fn one_picture_as_it_is_drawn() {
    insta::assert_snapshot!(svg(&made_up::plan(), Place::Page).replace("><", ">\n<"));
}
