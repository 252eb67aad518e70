//! What a journal tells people afterwards.

use super::super::account::Account;
use super::super::event::StepResult;
use super::super::rig::{Rig, plan, sets, step};

#[tokio::test(start_paused = true)]
async fn an_account_holds_what_was_done_and_what_was_taken_back() {
    let rig = Rig::new();
    let steps = vec![
        sets("h1", "a"),
        step("h2", "b", "exit 4", "").needs(&["h1/a"]),
        sets("h3", "c").needs(&["h2/b"]),
    ];
    let ran = rig.run(&plan(steps, None)).await;
    let account = Account::of(&rig.journal()).unwrap();
    assert_eq!(account.end, Some(ran.ending.end));
    assert_eq!(account.recap, ran.ending.recap);
    let steps: Vec<_> =
        account.steps.iter().map(|step| (step.step.0.as_str(), step.result, step.at_ms.is_some())).collect();
    let expected = [
        ("web/h1/a", Some(StepResult::Changed), true),
        ("web/h2/b", Some(StepResult::Failed), true),
        ("web/h3/c", Some(StepResult::NotReached), false),
    ];
    assert_eq!(steps, expected);
    let undone: Vec<_> =
        account.undo.iter().flat_map(|undo| &undo.steps).map(|one| (one.step.0.as_str(), one.ok)).collect();
    assert_eq!(undone, [("web/h1/a", Some(true))]);
    assert_eq!(account.services[0].service.as_str(), "web");
    // A run that was cut short is told as far as it went.
    let whole = rig.journal();
    let cut = Account::of(&whole[..2]).unwrap();
    assert_eq!((cut.end, cut.steps[0].result), (None, None));
    assert!(cut.steps[0].at_ms.is_some(), "it was sent");
    assert_eq!(Account::of(&whole[1..]), None);
}
