//! `mail` on real hosts: sendmail takes and delivers mail wherever it is; what it took is not lost, and comes once.

mod smtp;

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use reveille::lab::{Cut, FenceKind, Power};

use self::smtp::{Attempt, Attempts, Exchange, Post, mark};
use crate::evidence::{last_journal, power};
use crate::failover::changes;
use crate::lab::TestLab;
use crate::shipped::shipped;
use crate::watch::Watching;
use crate::world::World;

/// The longest anything here may take. A busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(90);

/// `mail` on a lab whose hosts can be fenced, nothing deployed. Mail for example.net goes to the client.
fn site(hosts: u8) -> Option<World> {
    let world = shipped(TestLab::fenced(hosts, FenceKind::Power)?, "mail");
    let client = world.lab.address("client").unwrap();
    let playbook = world.read("playbooks/mail.yml");
    let playbook = playbook
        .replace("routes: {}", &format!("routes: {{ example.net: \"[{client}]\" }}"))
        .replace("above: 400", "above: 20");
    world.write("playbooks/mail.yml", &playbook);
    Some(world)
}

/// Like [`site`], deployed: primary h1, secondary h2.
fn deployed(hosts: u8) -> Option<World> {
    let world = site(hosts)?;
    world.ok(&["deploy", "mail", "--to", "h1"]);
    Some(world)
}

/// Sends so many messages, all at once.
fn send(world: &World, to: &str, count: usize) -> Attempts {
    Post::start(world, to, count, Duration::from_millis(1)).finish()
}

/// How often each mark is there.
fn counted(marks: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    marks.into_iter().fold(BTreeMap::new(), |mut counts, mark| {
        *counts.entry(mark).or_default() += 1;
        counts
    })
}

/// How often each message is in alice's mailbox, by its mark.
fn mailbox(world: &World) -> BTreeMap<String, usize> {
    let files = fs::read_dir(world.lab.shared("mail/boxes/alice/new")).into_iter().flatten();
    counted(files.map(|file| {
        let message = fs::read_to_string(file.unwrap().path()).unwrap();
        mark(&message).expect("a message of ours")
    }))
}

/// Messages that wait in the queue.
fn queued(world: &World) -> usize {
    fs::read_dir(world.lab.shared("mail/queue/qf")).unwrap().count()
}

#[track_caller]
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What was taken is there, once; what may have been taken is there at most once; nothing else is there. A message that
/// was sent again after a reply was lost is another attempt, with a mark of its own.
#[track_caller]
fn assert_delivered_once(attempts: &Attempts, found: &BTreeMap<String, usize>) {
    for (mark, ended) in attempts {
        let count = found.get(mark).copied().unwrap_or(0);
        let right = match ended {
            Attempt::Taken => count == 1,
            Attempt::Unknown => count <= 1,
            Attempt::Refused => count == 0,
        };
        assert!(right, "{mark} {ended:?} was delivered {count} times");
    }
    assert!(found.keys().all(|mark| attempts.contains_key(mark)), "{found:?}");
}

/// Alice gets what is sent to her now.
#[track_caller]
fn assert_serves(world: &World) {
    let before: usize = mailbox(world).values().sum();
    send(world, "alice@example.org", 1);
    wait_until("a message is delivered", || mailbox(world).values().sum::<usize>() > before);
}

#[test]
fn each_phase_twice_changes_nothing_the_second_time() {
    let Some(world) = site(2) else { return };
    assert!(changes(&world.ok(&["deploy", "mail", "--to", "h1"]).out) > 0);
    world.is_protected_on("h1");
    assert_serves(&world);
    world.unchanged(&["deploy", "mail"]);
    world.ok(&["teardown", "mail", "--yes"]);
    assert_eq!(world.holders(), [""; 0]);
    for host in ["h1", "h2"] {
        assert!(world.lab.sh(host, "pgrep sendmail").is_err(), "{host}");
    }
    world.unchanged(&["teardown", "mail", "--yes"]);
    assert_eq!(mailbox(&world).len(), 1, "mail outlives its servers");
}

#[test]
fn mail_is_taken_wherever_the_service_is() {
    let Some(world) = deployed(3) else { return };
    assert_serves(&world);
    world.ok(&["switchover", "mail", "--to", "h2"]);
    assert_serves(&world);
    world.is_protected_on("h2");
    world.lab.cut("h2", Cut::Carrier).unwrap();
    let moved = world.ok(&["failover", "mail"]);
    assert!(moved.err.contains("evidence fenced: fenced h2 by fence_lab_power"), "{}", moved.err);
    assert_serves(&world);
    let primary = world.row()["primary"].as_str().unwrap().to_owned();
    world.lab.boot("h2").unwrap();
    world.ok(&["switchover", "mail", "--to", "h2"]);
    assert_ne!(primary, "h2");
    assert_serves(&world);
    world.is_protected_on("h2");
    assert!(world.lab.sh(&primary, "pgrep -f '^sendmail: Queue runner'").is_err(), "one host runs the queue");
}

#[test]
fn a_copy_does_not_sleep_with_an_old_configuration() {
    let Some(world) = deployed(2) else { return };
    let greets = |domain: &str| {
        let greeting = format!("220 mail.{domain} ");
        let ask = format!("exec 3<>/dev/tcp/{}/25; read -t 2 -r line <&3; echo \"$line\"", world.address);
        world.client(&["bash", "-c", &ask]).is_some_and(|said| said.starts_with(&greeting))
    };
    assert!(greets("example.org"));
    let playbook = world.read("playbooks/mail.yml").replace("domain: example.org", "domain: example.com");
    world.write("playbooks/mail.yml", &playbook);
    let deployed = world.ok(&["deploy", "mail"]).err;
    assert!(deployed.contains("h2 sleep.stale changed"), "{deployed}");
    world.ok(&["switchover", "mail"]);
    assert!(greets("example.com"));
}

#[test]
fn a_monitor_moves_it_off_whatever_happens_to_its_host() {
    let Some(world) = deployed(4) else { return };
    let mut watching = world.watch(&[]);
    let serves = |watching: &mut Watching, verdict: &str, from: &str| {
        watching.wait("service-verdict", &[("verdict", verdict), ("host", from)]);
        let to = watching.moved("mail");
        assert_ne!(to, from);
        assert_serves(&world);
        assert_eq!(world.holders(), std::slice::from_ref(&to), "after {verdict}");
        to
    };
    world.lab.cut("h1", Cut::Carrier).unwrap();
    let second = serves(&mut watching, "host-down", "h1");
    assert!(last_journal(&world).contains("\"evidence\":\"fenced\""));
    assert_eq!(power(&world, "h1"), Power::Off);
    world.lab.boot("h1").unwrap();
    world.lab.sh(&second, "pkill -KILL sendmail").unwrap();
    let third = serves(&mut watching, "service-down", &second);
    // It accepts connections still; and whatever it holds of the queue, it is made to let go.
    world.lab.sh(&third, "pkill -STOP sendmail").unwrap();
    let fourth = serves(&mut watching, "frozen", &third);
    // More than it may hold, for a destination that is down.
    let stuffed = send(&world, "alice@example.net", 30);
    serves(&mut watching, "overloaded", &fourth);
    let exchange = Exchange::up(&world);
    wait_until("the queue is empty", || queued(&world) == 0);
    assert_delivered_once(&stuffed, &counted(exchange.got().into_iter().map(|(mark, _)| mark)));
    assert_eq!(watching.stop(), 0);
}

/// As after a host that died between the mailbox and the queue.
#[test]
fn what_is_delivered_again_is_in_the_mailbox_once() {
    let Some(world) = deployed(2) else { return };
    let deliver = |host: &str| {
        let line = "printf 'X-Post: 1.1\\n' | runuser -u smmta -- /etc/mail/reveille/deliver alice Q1";
        world.lab.sh(host, line).unwrap();
    };
    deliver("h1");
    deliver("h2");
    let once = counted(["1.1".to_owned()]);
    assert_eq!(mailbox(&world), once);
    // Its reader has seen it.
    let folder = world.lab.shared("mail/boxes/alice");
    fs::rename(folder.join("new/Q1"), folder.join("cur/Q1:2,S")).unwrap();
    deliver("h2");
    assert_eq!((mailbox(&world).len(), fs::read_dir(folder.join("tmp")).unwrap().count()), (0, 0));
}

#[test]
fn what_was_queued_before_the_cut_is_delivered_by_the_new_primary() {
    let Some(world) = deployed(3) else { return };
    let sent = send(&world, "alice@example.net", 12);
    assert_eq!(queued(&world), 12);
    world.lab.cut("h1", Cut::Silent).unwrap();
    let exchange = Exchange::up(&world);
    let moved = world.ok(&["failover", "mail"]);
    assert!(moved.err.contains("evidence fenced"), "{}", moved.err);
    wait_until("the queue is empty", || queued(&world) == 0);
    let got = exchange.got();
    let new_primary = IpAddr::from(world.lab.address("h2").unwrap());
    assert!(got.iter().all(|(_, from)| *from == new_primary), "{got:?}");
    assert_delivered_once(&sent, &counted(got.into_iter().map(|(mark, _)| mark)));
}

#[test]
fn a_message_that_is_being_handed_over_is_not_sent_again() {
    let Some(world) = site(2) else { return };
    let playbook = world.read("playbooks/mail.yml").replace("runners: 8", "runners: 2");
    world.write("playbooks/mail.yml", &playbook);
    world.ok(&["deploy", "mail", "--to", "h1"]);
    let sent = send(&world, "alice@example.net", 80);
    let exchange = Exchange::up(&world);
    let mut stopped = 0;
    // Each new primary begins with the queue, and is stopped in the middle of it.
    while queued(&world) > 0 {
        let before = exchange.got().len();
        world.ok(&["switchover", "mail"]);
        wait_until("mail goes out", || exchange.got().len() > before || queued(&world) == 0);
        stopped += usize::from(before > 0);
    }
    assert!(stopped > 1, "the queue was not long enough");
    assert_delivered_once(&sent, &counted(exchange.got().into_iter().map(|(mark, _)| mark)));
}

#[test]
fn five_hundred_messages_come_once_each_through_all_of_it() {
    let Some(world) = deployed(4) else { return };
    let mut watching = world.watch(&[]);
    let post = Post::start(&world, "alice@example.org", 500, Duration::from_millis(100));
    let more = |count: usize| {
        let enough = (post.taken() + count).min(500);
        wait_until("mail is taken", || post.taken() >= enough);
    };
    more(30);
    world.lab.cut("h1", Cut::Carrier).unwrap();
    watching.moved("mail");
    world.lab.boot("h1").unwrap();
    more(30);
    send(&world, "alice@example.net", 30);
    watching.wait("service-verdict", &[("verdict", "overloaded")]);
    watching.moved("mail");
    let exchange = Exchange::up(&world);
    wait_until("the other domain has its mail", || exchange.got().len() >= 30);
    more(30);
    assert_eq!(watching.stop(), 0);
    for _ in 0..3 {
        world.ok(&["switchover", "mail"]);
        more(30);
    }
    let attempts = post.finish();
    let taken = attempts.values().filter(|ended| **ended == Attempt::Taken).count();
    assert_eq!(taken, 500);
    wait_until("the queue is empty", || queued(&world) == 0);
    let found = mailbox(&world);
    eprintln!("mail: 500 messages in {} attempts, {} copies", attempts.len(), found.values().sum::<usize>());
    assert_delivered_once(&attempts, &found);
}
