//! What any store promises, held against both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::journal::Redactor;
use super::*;
use crate::plan::table::{Row, ServiceState};
use crate::site::id::Epoch;

/// Short, so that the waits in real time are.
const TTL: Duration = Duration::from_millis(400);

fn file_store() -> (tempfile::TempDir, FileStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path().join("state")).unwrap();
    (folder, store)
}

/// Runs a test of the contract on a folder, in real time, and in memory, in paused time.
macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod in_a_folder {
            $(#[tokio::test] async fn $name() {
                let (_folder, store) = super::file_store();
                super::$name(super::Arc::new(store.clone()), super::Arc::new(store)).await;
            })+
        }
        mod in_memory {
            $(#[tokio::test(start_paused = true)] async fn $name() {
                let store = super::MemStore::default();
                super::$name(super::Arc::new(store.another_way()), super::Arc::new(store)).await;
            })+
        }
    };
}

contract!(
    a_table_is_found_again_and_a_stale_writer_refused,
    one_has_the_lease_and_the_other_is_told_who,
    a_silent_holder_is_waited_out_and_notices,
    a_renewed_lease_is_not_lost,
    who_is_deposed_makes_room_at_once_and_does_not_come_back_at_once,
    a_lapsed_lease_is_not_renewed_even_if_nobody_took_it,
    a_keeper_renews_and_gives_back,
    many_want_it_and_one_gets_it,
    many_change_the_table_and_no_change_is_lost,
    an_update_without_a_change_writes_nothing,
    a_journal_is_kept_and_continued_and_old_writers_write_to_nothing,
    run_ids_sort_in_the_order_the_runs_began,
    what_a_monitor_counts_is_found_again,
);

type Shared = Arc<dyn Store>;

fn holder(pid: u32) -> Holder {
    Holder { pid, host: format!("desk{pid}"), ..Holder::default() }
}

fn table() -> Table {
    let row =
        Row { primary: None, secondary: None, epoch: Epoch(4), state: ServiceState::Down, last_run: None };
    Table { services: [("web".try_into().unwrap(), row)].into(), ..Table::default() }
}

fn plain() -> Redactor {
    Arc::new(str::to_owned)
}

async fn a_table_is_found_again_and_a_stale_writer_refused(store: Shared, _: Shared) {
    assert_eq!(store.load().await.unwrap(), Table::default());
    assert_eq!(store.commit(0, table()).await.unwrap(), 1);
    assert_eq!(store.load().await.unwrap(), Table { revision: 1, ..table() });
    let refused = store.commit(0, Table::default()).await.unwrap_err();
    assert!(matches!(refused, CommitError::Conflict { expected: 0, found: 1 }), "{refused}");
    assert_eq!(store.load().await.unwrap().services.len(), 1);
}

async fn one_has_the_lease_and_the_other_is_told_who(one: Shared, other: Shared) {
    assert_eq!(one.holder().await.unwrap(), None);
    let keeper = Keeper::new(Arc::clone(&one), one.acquire(holder(1), TTL).await.unwrap());
    assert_eq!(keeper.lease().term(), 1);
    let held = other.holder().await.unwrap().unwrap();
    assert_eq!((held.holder, held.term, held.fresh), (holder(1), 1, true));
    match other.acquire(holder(2), TTL).await {
        Err(AcquireError::Held(who)) => assert_eq!(*who, holder(1)),
        other => panic!("{other:?}"),
    }
    keeper.release().await;
    assert_eq!(one.holder().await.unwrap(), None);
    assert_eq!(other.acquire(holder(2), TTL).await.unwrap().term(), 2);
}

async fn a_silent_holder_is_waited_out_and_notices(one: Shared, other: Shared) {
    let lost = one.acquire(holder(1), TTL).await.unwrap();
    let held = other.holder().await.unwrap().unwrap();
    assert!(!held.fresh);
    let began = tokio::time::Instant::now();
    let taken = other.acquire(holder(2), TTL).await.unwrap();
    assert!(began.elapsed() >= TTL, "only a whole ttl of silence tells");
    assert_eq!(taken.term(), 2);
    assert!(taken.is_ours() && !lost.is_ours());
    assert_eq!(lost.lost().await, Loss::Lapsed(TTL));
    assert!(matches!(one.renew(&lost).await, Err(RenewError::Lost(_))));
    one.release(&lost).await.unwrap();
    other.renew(&taken).await.unwrap();
    assert!(taken.is_ours(), "what one gives back is not the other's");
}

async fn who_is_deposed_makes_room_at_once_and_does_not_come_back_at_once(one: Shared, other: Shared) {
    // Long enough for a slow disk not to be taken for a lease that lapsed.
    let long = 6 * TTL;
    let keeper = Keeper::new(Arc::clone(&one), one.acquire(holder(1), long).await.unwrap());
    assert_eq!(other.depose(&|holder| holder.pid == 2).await.unwrap(), None, "it is not meant");
    assert_eq!(other.depose(&|_| true).await.unwrap(), Some(holder(1)));
    assert_eq!(other.depose(&|_| true).await.unwrap(), None, "once is enough");
    assert_eq!(keeper.lease().lost().await, Loss::Deposed);
    let again = tokio::time::timeout(TTL / 2, one.acquire(holder(1), long)).await;
    assert!(again.is_err(), "it is another's turn: {again:?}");
    let began = tokio::time::Instant::now();
    let taken = other.acquire(holder(2), TTL).await.unwrap();
    assert!(began.elapsed() < long && taken.term() == 2, "after {:?}", began.elapsed());
    assert_eq!(taken.instead_of(), Some(&holder(1)), "whose epochs are over");
}

async fn a_renewed_lease_is_not_lost(store: Shared, _: Shared) {
    let lease = store.acquire(holder(1), TTL).await.unwrap();
    for _ in 0..6 {
        tokio::time::sleep(TTL / 4).await;
        store.renew(&lease).await.unwrap();
    }
    assert!(lease.is_ours());
    tokio::select! {
        loss = lease.lost() => panic!("{loss}"),
        () = tokio::time::sleep(TTL / 4) => {}
    }
}

async fn a_lapsed_lease_is_not_renewed_even_if_nobody_took_it(store: Shared, _: Shared) {
    let lease = store.acquire(holder(1), TTL).await.unwrap();
    tokio::time::sleep(TTL + TTL / 10).await;
    assert!(matches!(store.renew(&lease).await, Err(RenewError::Lost(Loss::Lapsed(_)))));
    store.release(&lease).await.unwrap();
    assert_eq!(store.holder().await.unwrap(), None, "whoever wants it need not wait");
}

async fn a_keeper_renews_and_gives_back(one: Shared, other: Shared) {
    let keeper = Keeper::new(Arc::clone(&one), one.acquire(holder(1), TTL).await.unwrap());
    tokio::time::sleep(TTL * 3).await;
    let lease = keeper.lease().clone();
    assert!(lease.is_ours());
    keeper.release().await;
    assert_eq!(lease.loss(), Some(Loss::Released));
    let began = tokio::time::Instant::now();
    other.acquire(holder(2), TTL).await.unwrap();
    assert!(began.elapsed() < TTL / 2);
}

async fn many_want_it_and_one_gets_it(one: Shared, other: Shared) {
    let silent = one.acquire(holder(1), TTL).await.unwrap();
    let wanting = (2..10).map(|pid| {
        let store = Arc::clone(if pid % 2 == 0 { &one } else { &other });
        tokio::spawn(async move {
            let lease = store.acquire(holder(pid), TTL).await.ok()?;
            Some((lease.term(), Keeper::new(store, lease)))
        })
    });
    let mut got = Vec::new();
    for one in wanting.collect::<Vec<_>>() {
        got.extend(one.await.unwrap());
    }
    assert_eq!(got.iter().map(|(term, _)| *term).collect::<Vec<_>>(), [2]);
    assert!(got[0].1.lease().is_ours() && !silent.is_ours());
}

async fn many_change_the_table_and_no_change_is_lost(one: Shared, other: Shared) {
    let changes = (0..20).map(|n| {
        let store = Arc::clone(if n % 2 == 0 { &one } else { &other });
        tokio::spawn(async move {
            let row = table().services.into_values().next().unwrap();
            let name = format!("s{n}").try_into().unwrap();
            update(&*store, |table| table.services.insert(Clone::clone(&name), row.clone())).await.unwrap();
        })
    });
    for change in changes.collect::<Vec<_>>() {
        change.await.unwrap();
    }
    let table = one.load().await.unwrap();
    assert_eq!((table.services.len(), table.revision), (20, 20));
}

async fn an_update_without_a_change_writes_nothing(store: Shared, _: Shared) {
    update(&*store, |_| ()).await.unwrap();
    assert_eq!(store.load().await.unwrap().revision, 0);
}

async fn a_journal_is_kept_and_continued_and_old_writers_write_to_nothing(one: Shared, other: Shared) {
    let run: RunId = "r1".try_into().unwrap();
    let record = |n: u32| BTreeMap::from([("n", n)]);
    let old = one.create_journal(&run, plain()).unwrap();
    assert!(one.create_journal(&run, plain()).is_err(), "an old journal is never written over");
    old.keep(&record(0)).await.unwrap();
    let new = other.reopen_journal(&run, plain()).unwrap();
    let _ = old.keep(&record(7)).await;
    new.keep(&record(1)).await.unwrap();
    let _ = old.keep(&record(8)).await;
    let text = one.journal(&run).unwrap();
    assert_eq!(journal::verify(&text).map(|proven| proven.torn), Ok(false));
    let read = journal::read::<BTreeMap<String, u32>>(&text);
    assert!(read.is_err() || text.lines().count() == 2, "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("\"n\":1") && !text.contains("\"n\":7"), "{text}");
    assert_eq!(other.runs().unwrap(), [run]);
}

async fn run_ids_sort_in_the_order_the_runs_began(store: Shared, _: Shared) {
    let begin = |millis| {
        let run = new_run_id(&*store, jiff::Timestamp::from_millisecond(millis).unwrap());
        store.create_journal(&run, plain()).unwrap();
        run
    };
    let first = begin(1_795_417_503_007);
    assert!(first.as_str().starts_with("20261123T070503.007Z-"), "{first}");
    // The same millisecond, and a clock that was set back by a day.
    let (second, third) = (begin(1_795_417_503_007), begin(1_795_331_103_000));
    assert!(third.as_str().starts_with("20261123T070503.009Z-"), "{third}");
    assert!(first < second && second < third);
    assert_eq!(store.runs().unwrap(), [first, second, third]);
}

async fn what_a_monitor_counts_is_found_again(one: Shared, other: Shared) {
    assert_eq!(one.remembered().await.unwrap(), None);
    for n in [1, 2] {
        one.remember(n.into()).await.unwrap();
    }
    assert_eq!(other.remembered().await.unwrap(), Some(2.into()));
}

#[tokio::test]
async fn a_broken_table_is_an_error_and_not_an_empty_one() {
    let (folder, store) = file_store();
    std::fs::write(folder.path().join("state/table.json"), "{\"revision\": 1, \"serv").unwrap();
    assert!(matches!(store.load().await, Err(StoreError::Format { .. })));
}

#[tokio::test]
async fn a_holder_that_died_on_this_machine_is_replaced_at_once() {
    let (_folder, store) = file_store();
    let this = Holder::this_process("me".into(), "here".into(), "test".into());
    let died = Holder { started: this.started + 1, ..this.clone() };
    let hour = Duration::from_hours(1);
    let lease = store.acquire(died.clone(), hour).await.unwrap();
    let began = Instant::now();
    assert!(!store.holder().await.unwrap().unwrap().fresh);
    assert_eq!(store.acquire(this, hour).await.unwrap().term(), 2);
    assert!(began.elapsed() < Duration::from_mins(1));
    match store.renew(&lease).await {
        Err(RenewError::Lost(Loss::Taken(_))) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_beat_of_an_old_term_is_not_taken_for_a_sign_of_life() {
    let (_folder, store) = file_store();
    let lease = store.acquire(holder(1), TTL).await.unwrap();
    store.release(&lease).await.unwrap();
    let silent = store.acquire(holder(2), TTL).await.unwrap();
    desk::Desk::beat(&store, 1, 1).await.unwrap();
    let stale = tokio::spawn({
        let store = store.clone();
        async move {
            for beat in 2.. {
                desk::Desk::beat(&store, 1, beat).await.unwrap();
                tokio::time::sleep(TTL / 20).await;
            }
        }
    });
    assert_eq!(store.acquire(holder(3), TTL).await.unwrap().term(), 3);
    assert!(!silent.is_ours());
    stale.abort();
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_reach_the_store_loses_the_lease_in_time() {
    let far = MemStore::default();
    let near = far.another_way();
    let keeper = Keeper::new(Arc::new(far.clone()), far.acquire(holder(1), TTL).await.unwrap());
    far.cut(true);
    assert!(matches!(far.load().await, Err(StoreError::Unreachable)));
    let taken = near.acquire(holder(2), TTL).await;
    let taken = match taken {
        // Its last beat may have come while we looked.
        Err(AcquireError::Held(_)) => near.acquire(holder(2), TTL).await,
        taken => taken,
    };
    assert!(taken.unwrap().is_ours());
    assert_eq!(keeper.lease().loss(), Some(Loss::Lapsed(TTL)));
}
