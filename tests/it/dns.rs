//! `dns` on real hosts: BIND answers and takes updates wherever it is, and what it acknowledged is not lost.

mod client;

use std::time::{Duration, Instant};

use reveille::lab::{Cut, FenceKind};

use self::client::{Flood, Updates};
use crate::failover::changes;
use crate::lab::TestLab;
use crate::shipped::shipped;
use crate::watch::Owners;
use crate::world::World;

/// `dns` on a lab whose hosts can be fenced, nothing deployed.
fn site(hosts: u8) -> Option<World> {
    TestLab::fenced(hosts, FenceKind::Power).map(|lab| shipped(lab, "dns"))
}

/// Like [`site`], deployed: primary h1, secondary h2.
fn deployed(hosts: u8) -> Option<World> {
    let world = site(hosts)?;
    world.ok(&["deploy", "dns", "--to", "h1"]);
    Some(world)
}

/// What the service says, as `dig +short` prints it; empty where it says nothing.
fn answer(world: &World, name: &str, kind: &str) -> String {
    let at = format!("@{}", world.address);
    let said = world.client(&["dig", "+short", "+time=1", "+tries=1", "+norecurse", &at, name, kind]);
    said.unwrap_or_default().trim().to_owned()
}

fn tick(world: &World) -> String {
    answer(world, "tick.example.org", "TXT").trim_matches('"').to_owned()
}

#[test]
fn each_phase_twice_changes_nothing_the_second_time() {
    let Some(world) = site(2) else { return };
    assert!(changes(&world.ok(&["deploy", "dns", "--to", "h1"]).out) > 0);
    world.is_protected_on("h1");
    for zone in ["example.org", "example.net"] {
        assert_eq!(answer(&world, &format!("ns1.{zone}"), "A"), world.address);
    }
    assert!(Updates::of(&world).tick(1));
    world.unchanged(&["deploy", "dns"]);
    assert_eq!(tick(&world), "1", "what was changed stays");
    world.ok(&["teardown", "dns", "--yes"]);
    assert_eq!((world.holders(), answer(&world, "ns1.example.org", "A")), (vec![], String::new()));
    world.unchanged(&["teardown", "dns", "--yes"]);
    for host in ["h1", "h2"] {
        assert!(world.lab.sh(host, "pgrep named").is_err(), "{host}");
    }
    world.ok(&["deploy", "dns", "--to", "h1"]);
    assert_eq!(tick(&world), "1", "zones outlive their servers");
}

#[test]
fn a_copy_that_wakes_knows_what_was_changed_while_it_slept() {
    let Some(world) = deployed(3) else { return };
    let updates = Updates::of(&world);
    assert!(updates.tick(1));
    world.ok(&["switchover", "dns", "--to", "h2"]);
    assert_eq!(tick(&world), "1");
    assert!(updates.tick(2));
    world.ok(&["switchover", "dns", "--to", "h1"]);
    assert_eq!(tick(&world), "2");
    assert!(updates.tick(3));
    world.lab.cut("h1", Cut::Carrier).unwrap();
    let moved = world.ok(&["failover", "dns"]);
    assert!(moved.err.contains("evidence fenced"), "{}", moved.err);
    assert_eq!(tick(&world), "3");
    assert!(updates.tick(4));
    world.lab.boot("h1").unwrap();
    world.ok(&["switchover", "dns", "--to", "h1"]);
    world.is_protected_on("h1");
    assert_eq!(tick(&world), "4");
}

#[test]
fn a_copy_that_was_awake_in_vain_forgets_its_zones() {
    let Some(world) = deployed(2) else { return };
    let updates = Updates::of(&world);
    for (number, step) in
        (1..).zip(["wake.load=failed-after", "ifconfig.claim=failed", "ifconfig.serving=failed"])
    {
        let said = world.run(&["switchover", "dns", "--inject", &format!("dns/h2/{step}")]);
        assert_eq!(said.code, 2, "{step}: {}", said.err);
        assert_eq!(world.holders(), ["h1"], "{step}");
        assert!(updates.tick(number), "{step}: h1 serves as before");
    }
    world.ok(&["switchover", "dns"]);
    world.is_protected_on("h2");
    assert_eq!(tick(&world), "3");
}

#[test]
fn nothing_is_answered_wrong_and_no_acknowledged_update_is_lost() {
    let Some(world) = deployed(4) else { return };
    let mut watching = world.watch(&[]);
    let owners = Owners::watch(&world);
    let flood = Flood::start(&world);
    let updated = |more: u64| {
        let until = Instant::now() + Duration::from_secs(30);
        let enough = flood.acknowledged() + more;
        while flood.acknowledged() < enough {
            assert!(Instant::now() < until, "no update is acknowledged");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    updated(3);
    world.lab.cut("h1", Cut::Carrier).unwrap();
    let second = watching.moved("dns");
    updated(3);
    world.lab.sh(&second, "pkill -KILL named").unwrap();
    let third = watching.moved("dns");
    updated(3);
    world.lab.sh(&third, "pkill -STOP named").unwrap();
    let fourth = watching.moved("dns");
    updated(3);
    let seen = flood.stop();
    owners.were_one();
    assert!(watching.stop() == 0 && second != "h1" && third != second && fourth != third);
    eprintln!(
        "dns: {} questions in {:.1?}, {} answered; {} updates acknowledged; without an answer: {:.2?}",
        seen.asked,
        seen.time,
        seen.good,
        seen.acknowledged.len(),
        seen.gaps.iter().map(|(_, length)| *length).collect::<Vec<_>>()
    );
    assert!(seen.asked >= 1900 * seen.time.as_secs(), "{seen:?}");
    assert_eq!(seen.wrong, [""; 0]);
    assert!(seen.gaps.len() >= 3, "three takeovers were seen: {seen:?}");
    for number in &seen.acknowledged {
        assert_eq!(answer(&world, &format!("u{number}.example.org"), "TXT"), format!("\"{number}\""));
    }
}
