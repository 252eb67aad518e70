//! The journal cut after each record, then recovery; and what becomes of a run whose journal cannot be written.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use super::super::event::RunEnd;
use super::super::record::{Record, StepStatus, Story};
use super::super::recover::{OpenRun, Recovery, close, decide, open_runs, unwind};
use super::super::rig::{Rig, plan, sets, web};
use super::switchover;
use crate::plan::{Operation, StepRef};
use crate::store::{Store, journal};

fn the_open_run(rig: &Rig) -> OpenRun {
    let mut open = open_runs(&rig.store).unwrap();
    assert_eq!(open.len(), 1);
    open.remove(0)
}

/// The hosts as the words of a log leave them.
fn replay(rig: &Rig, log: &[(u128, String, String)], words: usize) {
    let mut state = rig.world.state();
    state.set = ["h1:address".to_owned(), "h1:process".to_owned()].into();
    for (_, host, word) in &log[..words] {
        match word.split_once(' ') {
            Some(("set", key)) => _ = state.set.insert(format!("{host}:{key}")),
            Some(("unset", key)) => _ = state.set.remove(&format!("{host}:{key}")),
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_cut_after_any_record_is_taken_back_or_finished() {
    let rig = Rig::new();
    rig.world.state().set.extend(["h1:address".to_owned(), "h1:process".to_owned()]);
    let whole = rig.run(&switchover()).await;
    assert_eq!(whole.ending.end, RunEnd::Done);
    let path = rig.store.journal_path(&rig.options.run);
    let text = std::fs::read_to_string(&path).unwrap();
    let log = rig.world.state().log.clone();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut seen = BTreeSet::new();
    for cut in 1..lines.len() {
        let cut_text = lines[..cut].concat();
        std::fs::write(&path, &cut_text).unwrap();
        // The crash may have come just before, or after, whatever the last intent announced.
        for words in 0..=log.len() {
            replay(&rig, &log, words);
            let open = the_open_run(&rig);
            assert_eq!(open.services, [web()].into());
            let recovery = decide(&open.story, &web(), false);
            seen.insert(match &recovery {
                Recovery::Nothing => "nothing",
                Recovery::Forward { .. } => "forward",
                Recovery::Unwind { .. } => "unwind",
            });
            if !matches!(recovery, Recovery::Unwind { .. }) || words > announced(&open.story, &log) {
                continue;
            }
            let (sink, _events) = mpsc::unbounded_channel();
            let redact = rig.options.redact.clone();
            let ending =
                unwind(&open, &open.services, rig.tools(), redact, sink, &rig.interrupt).await.unwrap();
            assert!(matches!(ending.end, RunEnd::Undone { .. }), "cut {cut}, {words} words: {ending:?}");
            let set: Vec<String> = rig.world.state().set.iter().cloned().collect();
            assert_eq!(set, ["h1:address", "h1:process"], "cut {cut}, {words} words");
            assert_eq!(open_runs(&rig.store).unwrap(), []);
            std::fs::write(&path, &cut_text).unwrap();
        }
    }
    assert_eq!(seen, ["forward", "nothing", "unwind"].into());
}

/// How many words of the log the journal's intents may have led to.
fn announced(story: &Story, log: &[(u128, String, String)]) -> usize {
    let intended = |(_, host, word): &&(u128, String, String)| {
        let key = if word == "say nobody" { "silent" } else { word.split_once(' ').unwrap().1 };
        story.status(&StepRef(format!("web/{host}/{key}"))) != StepStatus::Waiting
    };
    log.iter().take_while(intended).count()
}

#[tokio::test(start_paused = true)]
async fn a_later_run_or_a_word_closes_an_open_one() {
    let mut rig = Rig::new();
    rig.options.run = "r1".try_into().unwrap();
    let _ = rig.run(&plan(vec![sets("h1", "a")], None)).await;
    let path = rig.store.journal_path(&rig.options.run);
    let text = std::fs::read_to_string(&path).unwrap();
    let cut = text.split_inclusive('\n').take(2).collect::<String>();
    std::fs::write(&path, &cut).unwrap();
    let open = the_open_run(&rig);
    assert_eq!((open.run.as_str(), open.torn), ("r1", false));
    assert_eq!(open.plan.operation, Operation::Switchover);

    close(&rig.store, &open, "resumed as r2", rig.options.redact.clone()).await.unwrap();
    assert_eq!(open_runs(&rig.store).unwrap(), []);

    std::fs::write(&path, format!("{cut}{{\"seq\": 2, \"at")).unwrap();
    assert!(the_open_run(&rig).torn);
    rig.options.run = "r2".try_into().unwrap();
    let _ = rig.run(&plan(vec![sets("h1", "a")], None)).await;
    assert_eq!(open_runs(&rig.store).unwrap(), [], "a later run has seen to the service");
}

#[tokio::test(start_paused = true)]
async fn an_undo_whose_secret_the_journal_does_not_keep_is_left_to_a_person() {
    let rig = Rig::new();
    let mut step = sets("h1", "a");
    if let crate::plan::Work::Script(script) = &mut step.work {
        script.undo = Some("unset a s3cret".to_owned());
    }
    let _ = rig.run(&plan(vec![step], None)).await;
    let path = rig.store.journal_path(&rig.options.run);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.split_inclusive('\n').take(2).collect::<String>()).unwrap();
    let open = the_open_run(&rig);
    let (sink, _events) = mpsc::unbounded_channel();
    let redact = rig.options.redact.clone();
    let ending = unwind(&open, &open.services, rig.tools(), redact, sink, &rig.interrupt).await.unwrap();
    assert!(matches!(ending.end, RunEnd::Stuck { .. }));
    assert!(ending.manual[0].why.contains("secret"));
    assert!(!open_runs(&rig.store).unwrap().is_empty(), "there is still something to do");
}

#[tokio::test(start_paused = true)]
async fn the_journal_holds_intent_before_outcome_for_every_step() {
    let rig = Rig::new();
    let _ = rig.run(&switchover()).await;
    let records: Vec<Record> = rig.journal().into_iter().map(|sealed| sealed.record).collect();
    assert!(matches!(&records[0], Record::RunStarted { schema, plan, .. }
        if schema == "reveille.journal/1" && **plan == switchover()));
    assert!(matches!(records.last(), Some(Record::RunEnded { left: false, .. })));
    for step in &switchover().steps {
        let outcome = records
            .iter()
            .position(|record| matches!(record, Record::StepOutcome { step: of, .. } if *of == step.id));
        let intent = records.iter().position(|record| match record {
            Record::StepIntent { steps } => steps.iter().any(|one| one.step == step.id),
            Record::Commit { step: of, .. } => *of == step.id,
            _ => false,
        });
        let scripted = !matches!(step.work, crate::plan::Work::Join);
        assert_eq!(intent.is_some(), scripted, "{}", step.id);
        assert!(intent < outcome, "{}", step.id);
    }
    assert_eq!(Story::of(&rig.journal()).unwrap().end, Some(RunEnd::Done));
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_nothing_is_begun() {
    let rig = Rig::new();
    let ran = rig.run_with(&switchover(), journal::Journal::on_full_disk(rig.options.redact.clone())).await;
    assert!(matches!(&ran.ending.end, RunEnd::Undone { because } if because.contains("journal")), "{ran:?}");
    assert_eq!(rig.world.state().jobs, 0);
    assert_eq!(rig.store.load().await.unwrap().revision, 0);
}

#[tokio::test(start_paused = true)]
async fn an_old_journal_is_never_written_over() {
    let rig = Rig::new();
    let path = rig.store.journal_path(&rig.options.run);
    std::fs::write(&path, "precious").unwrap();
    let (sink, _events) = mpsc::unbounded_channel();
    let started = super::super::run(&switchover(), rig.tools(), &rig.options, sink, &rig.interrupt).await;
    assert!(started.is_err());
    assert_eq!(rig.world.state().jobs, 0);
}
