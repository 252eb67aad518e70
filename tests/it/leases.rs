//! Two processes want one lease. A holder that is stopped loses it to the other, and does no harm when it goes on. People
//! leave their word in the table beside both.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reveille::lab::Cut;
use reveille::store::{AcquireError, FileStore, Holder, Keeper, Store};

use crate::world::World;

const TTL: Duration = Duration::from_millis(600);

/// Where the other process finds the store; unset in an ordinary run of the tests.
const FOLDER: &str = "REVEILLE_TEST_LEASE";

/// Another process that wants the lease until it has it, then keeps it until it loses it or hears a line.
struct Contender {
    child: Child,
    stdin: ChildStdin,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Contender {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "leases::contends", "--ignored", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, stdin, lines }
    }

    /// The next thing it says that begins so.
    #[track_caller]
    fn says(&mut self, what: &str) -> String {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        lines.find_map(|line| Some(line.strip_prefix(what)?.trim().to_owned())).expect("it says so")
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test: what [`Contender`] runs.
#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn contends() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = FileStore::open(folder).unwrap();
    let holder = Holder::this_process("me".to_owned(), "here".to_owned(), "contends".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let lease = loop {
            match store.acquire(Clone::clone(&holder), TTL).await {
                Ok(lease) => break lease,
                Err(AcquireError::Held(_)) => {}
                Err(error) => panic!("{error}"),
            }
        };
        let keeper = Keeper::new(Arc::new(store), lease);
        say(&format!("\nours {}", keeper.lease().term()));
        let told = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
        tokio::select! {
            loss = keeper.lease().lost() => say(&format!("lost {loss}")),
            _ = told => keeper.release().await,
        }
    });
    runtime.shutdown_background();
}

fn say(line: &str) {
    println!("{line}");
}

#[test]
fn a_stopped_holder_loses_the_lease_and_notices_when_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = Contender::start(folder.path());
    assert_eq!(one.says("ours"), "1");
    let mut other = Contender::start(folder.path());
    let stopped = Instant::now();
    one.signal("-STOP");
    assert_eq!(other.says("ours"), "2");
    // The last beat may be as old as the time between two.
    assert!(stopped.elapsed() > TTL / 2, "{:?}", stopped.elapsed());
    one.signal("-CONT");
    let lost = one.says("lost");
    assert!(lost.contains("not renewed") || lost.contains("taken"), "{lost}");
    assert!(one.child.wait().unwrap().success());
    // Its giving back is not the other's loss.
    let table = FileStore::open(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let held = runtime.block_on(table.holder()).unwrap().unwrap();
    assert_eq!((held.term, held.fresh, held.holder.pid), (2, true, other.child.id()));
    writeln!(other.stdin).unwrap();
    assert!(other.child.wait().unwrap().success());
    assert_eq!(runtime.block_on(table.holder()).unwrap(), None);
}

#[test]
fn a_killed_holder_is_replaced_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = Contender::start(folder.path());
    assert_eq!(one.says("ours"), "1");
    one.signal("-KILL");
    one.child.wait().unwrap();
    let killed = Instant::now();
    let store = FileStore::open(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let holder = Holder::this_process("me".to_owned(), "here".to_owned(), "test".to_owned());
    // The holder's ttl is what would be waited for.
    assert_eq!(runtime.block_on(store.acquire(holder, TTL)).unwrap().term(), 2);
    assert!(killed.elapsed() < TTL, "{:?}", killed.elapsed());
}

#[test]
fn a_stopped_failover_is_finished_by_another_and_does_no_harm_when_it_goes_on() {
    let Some(world) = World::deployed(4) else { return };
    world.write("reveille.yml", "store: file:.reveille\nmonitor_lease: 1s\n");
    world.lab.cut("h1", Cut::Carrier).unwrap();
    let mut failover = world.command(&["failover", "web", "--json"]);
    let mut child = failover.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|line| line.contains("step-started") && line.contains("ifconfig.claim")).unwrap();
    let signal = |signal: &str| {
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    };
    signal("-STOP");
    let refused = world.run(&["switchover", "web"]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(refused.err.contains("was cut short"), "{}", refused.err);
    world.ok(&["recover"]);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
    let epoch = world.web()["epoch"].clone();
    signal("-CONT");
    let rest: String = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(child.wait().unwrap().code(), Some(7), "{rest}");
    assert!(rest.contains("lease-lost"), "{rest}");
    let web = world.web();
    assert_eq!((web["state"].as_str(), web["primary"].as_str()), (Some("protected"), Some("h2")), "{web}");
    assert_eq!(web["epoch"], epoch);
    assert_eq!(world.run(&["recover"]).err.trim(), "no run was cut short: there is nothing to recover");
    world.lab.heal("h1").unwrap();
    world.ok(&["reprotect", "web"]);
    assert_eq!((world.holders(), world.served_by().as_deref()), (vec!["h2".to_owned()], Some("h2")));
}

#[test]
fn a_pause_is_shown_and_ended_and_needs_no_lease() {
    let Some(world) = World::deployed(2) else { return };
    let store = FileStore::open(world.root().join(".reveille")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let holder = Holder { monitor: true, ..Holder::this_process("me".into(), "h9".into(), "watch".into()) };
    let since = Clone::clone(&holder.since);
    let keeper = runtime.block_on(async {
        let lease = store.acquire(holder, TTL).await.unwrap();
        Keeper::new(Arc::new(Clone::clone(&store)), lease)
    });
    assert_eq!(world.run(&["reprotect", "web"]).code, 7);
    world.ok(&["pause", "h1", "--for", "2h", "--because", "new disk"]);
    world.ok(&["pause", "web", "--because", "new release"]);
    let status = world.status();
    assert_eq!(status["monitor"], serde_json::json!({ "leader": "h9", "since": since }));
    let paused = status["services"][0]["paused"].as_str().unwrap().to_owned();
    assert!(paused.starts_with("service web is paused by ") && paused.ends_with("new release"), "{paused}");
    assert!(world.ok(&["status"]).out.contains("note: host h1 is paused until "));
    let resumed = world.ok(&["resume", "web"]);
    assert!(resumed.err.contains("note: host h1 is paused"), "{}", resumed.err);
    let paused = world.web()["paused"].as_str().unwrap().to_owned();
    assert!(paused.ends_with("new disk"), "it is h1 that serves: {paused}");
    assert!(world.ok(&["resume", "h1"]).err.contains("is not paused any more"));
    assert!(world.ok(&["ack", "web"]).err.contains("nothing to acknowledge"));
    assert!(world.web()["paused"].is_null());
    runtime.block_on(keeper.release());
    world.ok(&["reprotect", "web"]);
}
