//! A monitor over real hosts: each fault the right verdict, the right act, one owner always. Needs root, as the lab does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use reveille::lab::Cut;
use serde_json::Value;

use crate::world::World;

/// The longest anything here may take. A busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(90);

/// Replies of two hosts within this time are two owners at once.
const AT_ONCE: Duration = Duration::from_millis(50);

/// A `reveille watch` under way.
pub struct Watching {
    child: Child,
    heard: Receiver<Value>,
    told: Vec<Value>,
    /// Everything said up to here was asked about.
    read: usize,
}

impl Watching {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, heard) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Ok(told) = serde_json::from_str(&line)
                    && sender.send(told).is_err()
                {
                    break;
                }
            }
        });
        Self { child, heard, told: Vec::new(), read: 0 }
    }

    /// Waits for a happening of this kind, about these things, later than any that was waited for.
    #[track_caller]
    pub fn wait(&mut self, kind: &str, about: &[(&str, &str)]) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            while self.read < self.told.len() {
                let told = self.told[self.read].clone();
                self.read += 1;
                if told["happening"] == kind && about.iter().all(|(key, value)| told[key] == *value) {
                    return told;
                }
            }
            match self.heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(told) => self.told.push(told),
                Err(silence) => panic!("no {kind} {about:?} ({silence}) after {:#?}", self.told),
            }
        }
    }

    /// Everything it says for so long, waited for or not.
    pub fn listen(&mut self, time: Duration) -> Vec<Value> {
        let until = Instant::now() + time;
        let from = self.told.len();
        while let Ok(told) = self.heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.told.push(told);
        }
        self.told[from..].to_vec()
    }

    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Waits for its end; the signal that killed it.
    pub fn died(mut self) -> Option<i32> {
        std::os::unix::process::ExitStatusExt::signal(&self.child.wait().unwrap())
    }

    /// Asks it to stop; its exit code.
    pub fn stop(mut self) -> i32 {
        let _ = rustix::process::kill_process(self.pid(), rustix::process::Signal::TERM);
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks from the client, all the time, who has the service address.
pub struct Owners(Vec<Asker>);

/// One that asks once a second, as often as arping can.
struct Asker {
    child: Child,
    seen: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Owners {
    pub fn watch(world: &World) -> Self {
        let asker = |number: u64| {
            thread::sleep(Duration::from_millis(250 * number.min(1)));
            Asker::start(world)
        };
        Self((0..4).map(asker).collect())
    }

    /// Nobody ever answered at the same time as somebody else.
    #[track_caller]
    pub fn were_one(self) {
        for mut asker in self.0 {
            let _ = asker.child.kill();
            let _ = asker.child.wait();
            let seen = asker.seen.lock().unwrap();
            assert!(seen.len() > 2, "somebody answered: {seen:?}");
            for pair in seen.windows(2) {
                let ((at, mac), (later, other)) = (&pair[0], &pair[1]);
                assert!(mac == other || *later - *at > AT_ONCE, "two owners at once: {pair:?} in {seen:?}");
            }
        }
    }
}

impl Asker {
    fn start(world: &World) -> Self {
        let argv = ["stdbuf", "-oL", "arping", "-b", "-I", "eth0", &world.address];
        let mut command = world.lab.command("client", argv).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&seen);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once('[')
                    && let Some((mac, _)) = rest.split_once(']')
                {
                    into.lock().unwrap().push((Instant::now(), mac.to_owned()));
                }
            }
        });
        Self { child, seen }
    }
}

/// A playbook whose service may be moved as often as a test wants, and is by nothing but the test.
pub fn eager(playbook: &str) -> String {
    playbook
        .replace("hold_down: 10m, max_per_day: 6", "hold_down: 0s, max_per_day: 1000")
        // All hosts of a lab have the load of the machine.
        .replace("load_per_cpu: 4.0", "load_per_cpu: 4000.0")
        // A busy machine answers late.
        .replace("timeout: 500ms, confirm", "timeout: 900ms, confirm")
        .replace("above: 150ms }, for: 3", "above: 3s }, for: 3")
}

impl World {
    /// `web` deployed, free to move as often as a test wants, with this done to its playbook.
    pub fn to_watch(hosts: u8, change: impl Fn(String) -> String) -> Option<Self> {
        let world = Self::free(hosts, change)?;
        world.ok(&["deploy", "web", "--to", "h1"]);
        Some(world)
    }

    /// The same, not deployed.
    pub fn free(hosts: u8, change: impl Fn(String) -> String) -> Option<Self> {
        let world = Self::new(hosts)?;
        let playbook = eager(&world.read("playbooks/web.yml"));
        world.write("playbooks/web.yml", &change(playbook));
        Some(world)
    }

    pub fn watch(&self, args: &[&str]) -> Watching {
        let mut watching =
            Watching::start(self.command(&[&["watch", "--json", "--interval", "1s"], args].concat()));
        watching.wait("started", &[]);
        // It acts after its grace.
        watching.listen(Duration::from_secs(3));
        watching
    }
}

/// A takeover by cron and one that was held, recorded here; `REVEILLE_UPDATE` records it anew.
const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/recordings/cron.jsonl");

#[test]
fn an_old_recording_is_decided_the_same() {
    let text = std::fs::read_to_string(RECORDING).unwrap();
    let mut replay = reveille::watch::Replay::default();
    let mut acts = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let replayed = replay.line(line).unwrap_or_else(|parted| panic!("line {}: {parted:?}", number + 1));
        if let reveille::watch::Replayed::Same { effects, .. } = replayed {
            acts.extend(effects.into_iter().filter_map(|effect| match effect {
                reveille::monitor::Effect::Act(act) => Some(act.operation),
                _ => None,
            }));
        }
    }
    assert_eq!(acts.first(), Some(&reveille::plan::Operation::Failover), "{acts:?}");
}

const VERDICT: &str = "service-verdict";

#[test]
fn a_cut_cable_is_answered_and_the_host_that_returns_is_cleaned() {
    let Some(world) = World::to_watch(4, |playbook| playbook) else { return };
    let mut watching = world.watch(&[]);
    let owners = Owners::watch(&world);
    world.lab.cut("h1", Cut::Carrier).unwrap();
    watching.wait(VERDICT, &[("verdict", "host-down"), ("host", "h1")]);
    let moved = watching.wait("moved", &[("primary", "h2")]);
    assert!(moved["secondary"] == "h3" || moved["secondary"] == "h4", "{moved}");
    assert_eq!(world.served_by().as_deref(), Some("h2"));
    assert_eq!(world.web()["state"], "protected");
    owners.were_one();
    // h1 comes back with the address still on it.
    world.lab.heal("h1").unwrap();
    watching.wait("stray", &[("host", "h1")]);
    watching.wait("began", &[("operation", "reprotect")]);
    watching.wait("cleaned", &[("host", "h1")]);
    // The client may have learned of h1 meanwhile, and is told again who it is.
    let until = Instant::now() + PATIENCE;
    while world.holders() != ["h2"] || world.served_by().as_deref() != Some("h2") {
        assert!(Instant::now() < until, "{:?}", world.holders());
    }
    assert_eq!(watching.stop(), 0);
    assert_eq!(world.served_by().as_deref(), Some("h2"), "services outlive their monitor");
}

#[test]
fn a_host_that_returns_with_the_address_becomes_a_clean_secondary() {
    let Some(world) = World::to_watch(2, |playbook| playbook) else { return };
    let mut watching = world.watch(&[]);
    world.lab.cut("h1", Cut::Carrier).unwrap();
    watching.wait("moved", &[("primary", "h2")]);
    watching.wait("unprotected", &[]);
    assert_eq!(world.holders(), ["h1", "h2"], "h1 cannot know better");
    world.lab.heal("h1").unwrap();
    watching.wait("protected", &[("secondary", "h1")]);
    assert_eq!(world.holders(), ["h2"]);
    assert_eq!(
        (world.served_by().as_deref(), world.web()["state"].as_str()),
        (Some("h2"), Some("protected"))
    );
}

#[test]
fn a_pause_keeps_hands_off_and_its_end_does_not() {
    let Some(world) = World::to_watch(3, |playbook| playbook) else { return };
    world.ok(&["pause", "web", "--because", "the disks are being moved"]);
    let mut watching = world.watch(&[]);
    world.lab.sh("h1", "pkill -KILL apache2").unwrap();
    watching.wait("held", &[("service", "web")]);
    let told = watching.listen(Duration::from_secs(5));
    assert!(told.iter().all(|told| told["happening"] != "began"), "{told:#?}");
    world.ok(&["resume", "web"]);
    watching.wait("moved", &[("primary", "h2")]);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
}

#[test]
fn a_host_without_power_is_left_and_is_pool_again_when_it_boots() {
    let Some(world) = World::to_watch(4, |playbook| playbook) else { return };
    let mut watching = world.watch(&[]);
    let owners = Owners::watch(&world);
    // One after the other, until nobody is left to protect it.
    let mut serves = "h1".to_owned();
    for gone in 1..=3 {
        world.lab.crash(&serves).unwrap();
        let moved = watching.wait("moved", &[]);
        moved["primary"].as_str().unwrap().clone_into(&mut serves);
        eprintln!("{gone} of 4 hosts gone: out for {} ms", moved["outage_ms"]);
        assert_eq!(world.served_by().as_ref(), Some(&serves));
    }
    watching.wait("unprotected", &[]);
    assert_eq!(world.web()["state"], "unprotected");
    world.lab.boot("h1").unwrap();
    watching.wait("protected", &[("secondary", "h1")]);
    owners.were_one();
    assert_eq!(world.web()["state"], "protected");
    assert_eq!(world.holders(), [serves]);
}

#[test]
fn a_dead_and_a_stopped_service_are_told_apart() {
    let Some(world) = World::to_watch(4, |playbook| playbook) else { return };
    let mut watching = world.watch(&[]);
    let owners = Owners::watch(&world);
    world.lab.sh("h1", "pkill -KILL apache2").unwrap();
    watching.wait(VERDICT, &[("verdict", "service-down"), ("host", "h1")]);
    watching.wait("moved", &[("primary", "h2")]);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
    // TCP still accepts: only an answer counts.
    world.lab.sh("h2", "pkill -STOP apache2").unwrap();
    watching.wait(VERDICT, &[("verdict", "frozen"), ("host", "h2")]);
    let moved = watching.wait("moved", &[]);
    assert_eq!(world.served_by().as_deref(), moved["primary"].as_str());
    owners.were_one();
    assert_eq!(world.holders().len(), 1);
}

#[test]
fn what_does_not_stop_the_service_moves_nothing() {
    let Some(world) = World::to_watch(4, |playbook| playbook) else { return };
    let mut watching = world.watch(&[]);
    world.lab.sh("h1", "pkill -STOP sshd").unwrap();
    watching.wait("host-verdict", &[("host", "h1"), ("verdict", "unreachable")]);
    world.lab.sh("h1", "pkill -CONT sshd").unwrap();
    watching.wait("host-verdict", &[("host", "h1"), ("verdict", "ok")]);
    // Only we cannot reach it; the others can.
    world.lab.cut("h1", Cut::OneWay).unwrap();
    watching.wait(VERDICT, &[("verdict", "unreachable")]);
    let told = watching.listen(Duration::from_secs(10));
    world.lab.heal("h1").unwrap();
    watching.wait(VERDICT, &[("verdict", "ok")]);
    assert!(told.iter().all(|told| told["happening"] != "began"), "{told:#?}");
    assert_eq!((world.holders(), world.served_by().as_deref()), (vec!["h1".to_owned()], Some("h1")));
}

#[test]
fn a_frozen_host_loses_its_address_when_the_lease_runs_out() {
    let lease = |playbook: String| playbook.replace("{ state: up,", "{ state: up, lease: 4s,");
    let Some(world) = World::to_watch(4, lease) else { return };
    let mut watching = world.watch(&[]);
    // Renewed for longer than it lasts.
    watching.listen(Duration::from_secs(6));
    assert_eq!(world.served_by().as_deref(), Some("h1"));
    let owners = Owners::watch(&world);
    world.lab.freeze("h1").unwrap();
    watching.wait(VERDICT, &[("verdict", "frozen"), ("host", "h1")]);
    watching.wait("moved", &[("primary", "h2")]);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
    owners.were_one();
    world.lab.thaw("h1").unwrap();
    watching.listen(Duration::from_secs(8));
    assert_eq!(world.holders(), ["h2"]);
}

#[test]
fn a_monitor_that_is_cut_off_moves_nothing() {
    let Some(world) = World::to_watch(3, |playbook| playbook) else { return };
    let site = world.command(&["watch", "--json", "--interval", "1s"]);
    let argv = std::iter::once(site.get_program()).chain(site.get_args());
    let argv: Vec<String> = argv.map(|word| word.to_str().unwrap().to_owned()).collect();
    let mut command = world.lab.command("client", argv.iter().map(String::as_str)).unwrap();
    command.current_dir(world.root());
    let mut watching = Watching::start(command);
    watching.wait("started", &[]);
    watching.listen(Duration::from_secs(4));
    world.client(&["ip", "link", "set", "eth0", "down"]).unwrap();
    watching.wait(VERDICT, &[("verdict", "isolated")]);
    let told = watching.listen(Duration::from_secs(10));
    assert!(told.iter().all(|told| told["happening"] != "began"), "{told:#?}");
    world.client(&["ip", "link", "set", "eth0", "up"]).unwrap();
    // It let others lead meanwhile, leads anew, and has nothing to say of a site that is well.
    watching.wait("leads", &[]);
    watching.wait("started", &[]);
    let told = watching.listen(Duration::from_secs(5));
    assert!(told.is_empty(), "{told:#?}");
    assert_eq!(world.holders(), ["h1"]);
}

#[test]
fn the_sites_own_programs_may_forbid_a_takeover_and_are_told_of_it() {
    let Some(world) = World::to_watch(3, |playbook| playbook) else { return };
    let settings = world.read("reveille.yml");
    let programs = "hooks:
  before: [sh, -c, 'echo the migration runs >&2; test -e may-move']
  after: [sh, -c, 'cat > moved.json']
notices:
- command: [sh, -c, 'echo \"$REVEILLE_TEXT\" >> told']
  from: alarm
";
    world.write("reveille.yml", &format!("{settings}\n{programs}"));
    let mut watching = world.watch(&[]);
    world.lab.cut("h1", Cut::Carrier).unwrap();
    let held = watching.wait("held", &[("service", "web")]);
    assert!(held["because"][0].as_str().unwrap().contains("the migration runs"), "{held}");
    assert_eq!(world.holders(), ["h1"]);
    assert_eq!(watching.stop(), 0);
    assert!(world.read("told").contains("web on h1 is host-down"), "{}", world.read("told"));
    assert!(!world.root().join("moved.json").exists());
    world.write("may-move", "");
    let mut watching = world.watch(&[]);
    watching.wait("moved", &[("primary", "h2")]);
    assert_eq!(watching.stop(), 0);
    let told: Value = serde_json::from_str(&world.read("moved.json")).unwrap();
    assert_eq!(
        (&told["hook"], &told["operation"]),
        (&Value::from("after"), &Value::from("failover")),
        "{told}"
    );
    assert_eq!(told["ended"]["moved"], serde_json::json!(["web"]), "{told}");
}

#[test]
fn cron_takes_over_and_what_it_decided_can_be_decided_again() {
    let Some(world) = World::to_watch(4, |playbook| playbook) else { return };
    let recording = world.root().join("cron.jsonl");
    let once = ["watch", "--once", "-q", "--record", recording.to_str().unwrap()];
    for _ in 0..2 {
        let said = world.ok(&once);
        assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""), "all is well");
    }
    world.lab.cut("h1", Cut::Carrier).unwrap();
    // A busy machine may cost a call: witnesses that could not tell in time are asked again by the next.
    let calls: Vec<_> = (0..5)
        .map(|_| world.run(&once))
        .scan(false, |over, said| (!std::mem::replace(over, said.code == 0)).then_some(said))
        .collect();
    let said = calls.last().unwrap();
    assert_eq!(said.code, 0, "{calls:#?}");
    assert!(calls[0].out.contains("host-down"), "{calls:#?}");
    assert!(calls.iter().all(|said| [0, 9].contains(&said.code)), "{calls:#?}");
    assert_eq!(world.served_by().as_deref(), Some("h2"));
    assert_eq!(world.web()["state"], "protected");
    // A pause keeps the next one where it is, and cron says so.
    world.ok(&["pause", "web", "--because", "a test"]);
    world.lab.crash("h2").unwrap();
    let held = world.run(&once);
    assert_eq!(held.code, 9, "{held:?}");
    assert!(held.err.contains("web: no failover: paused by"), "{held:?}");
    let explained = world.ok(&["explain", "web"]).out;
    for words in
        ["host-down", "no failover although it should be, because", "`reveille resume`", "next primary"]
    {
        assert!(explained.contains(words), "{words}: {explained}");
    }
    if std::env::var_os("REVEILLE_UPDATE").is_some() {
        std::fs::copy(&recording, RECORDING).unwrap();
    }
    // The same decisions from the same inputs; other inputs, others.
    let again = world.ok(&["replay", recording.to_str().unwrap()]).out;
    assert!(again.contains("failover of web begins: host-down"), "{again}");
    assert!(again.lines().last().unwrap().starts_with("the same again: "), "{again}");
    let text = std::fs::read_to_string(&recording).unwrap();
    world.write(
        "changed.jsonl",
        &text
            .replacen("\"hold_down_ms\":0", "\"hold_down_ms\":0,\"max\":0", 1)
            .replace("\"confirm\":3", "\"confirm\":9"),
    );
    let changed = world.run(&["replay", "changed.jsonl"]);
    assert_eq!(changed.code, 1, "{changed:?}");
    assert!(changed.out.contains("the core decides otherwise now"), "{changed:?}");
}

#[test]
fn a_drill_wakes_the_copy_and_puts_it_back_to_sleep() {
    let Some(world) = World::deployed(3) else { return };
    let owners = Owners::watch(&world);
    let said = world.ok(&["drill", "wake", "web"]);
    assert!(said.out.contains("web: the copy on h2 was awake within "), "{said:?}");
    let web = world.web();
    assert_eq!((&web["state"], &web["secondary"]), (&"protected".into(), &"h2".into()));
    // One that was killed in its sleep does not wake. Where a frozen process dies at once it is not even tried.
    world.lab.sh("h2", "pkill -KILL apache2").unwrap();
    let dead = world.run(&["drill", "wake", "web"]);
    if dead.code == 64 {
        assert!(dead.err.contains("the copy on h2 is not asleep"), "{dead:?}");
        world.ok(&["reprotect", "web"]);
    } else {
        assert_eq!(dead.code, 2, "{dead:?}");
        assert!(dead.out.contains("did not wake"), "{dead:?}");
    }
    assert_eq!(world.web()["state"], "protected", "{dead:?}");
    let copy = world.web()["secondary"].as_str().unwrap().to_owned();
    for step in [format!("web/{copy}/wake.resume=failed-after"), "web/-/prove.page=failed".to_owned()] {
        let failed = world.run(&["drill", "wake", "web", "--inject", &step]);
        assert_eq!(failed.code, 2, "{step}: {failed:?}");
        assert_eq!(world.web()["state"], "protected", "{step}: {failed:?}");
    }
    owners.were_one();
    assert_eq!(world.served_by().as_deref(), Some("h1"));
}
