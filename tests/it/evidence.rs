//! Evidence on real hosts: fenced by a device of the lab, leased addresses that run out.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reveille::lab::{Cut, FenceKind, Power};

use crate::lab::TestLab;
use crate::world::World;

/// `web` writing shared data, deployed; each host has a fence device.
fn writing(hosts: u8, fence: FenceKind) -> Option<World> {
    let world = World::on(TestLab::fenced(hosts, fence)?);
    let playbook = world.read("playbooks/web.yml").replace("data: shared-read ", "data: shared-write");
    world.write("playbooks/web.yml", &playbook);
    world.ok(&["deploy", "web"]);
    Some(world)
}

pub fn power(world: &World, host: &str) -> Power {
    let status = world.lab.status();
    status.hosts.into_iter().find(|one| one.host.as_str() == host).unwrap().power
}

/// One question to the agent of a host, as anybody who knows fence agents would ask it.
fn agent(world: &World, lines: &str) -> (i32, String) {
    let inventory = std::fs::read_to_string(world.lab.inventory().unwrap()).unwrap();
    let path = inventory.split("agent: ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    let mut command = Command::new(path);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

pub fn last_journal(world: &World) -> String {
    let runs = std::fs::read_dir(world.root().join(".reveille/runs")).unwrap();
    let last = runs.map(|entry| entry.unwrap().path()).max().unwrap();
    std::fs::read_to_string(last).unwrap()
}

#[test]
fn a_cut_writer_is_fenced_and_replaced() {
    let Some(world) = writing(3, FenceKind::Power) else { return };
    world.lab.cut("h1", Cut::Carrier).unwrap();
    let plan = world.ok(&["plan", "failover", "web"]);
    assert!(plan.out.contains("fence_lab_power powers off h1"), "{}", plan.out);
    assert!(plan.out.contains("action=off plug=h1"), "{}", plan.out);
    world.ok(&["failover", "web", "--check"]);
    assert_eq!(power(&world, "h1"), Power::On, "a check fences nobody");
    let start = Instant::now();
    let moved = world.ok(&["failover", "web"]);
    let words = "web: evidence fenced: fenced h1 by fence_lab_power: off, confirmed by status";
    assert!(moved.err.contains(words), "{}", moved.err);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}: {}", start.elapsed(), moved.err);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
    assert_eq!((power(&world, "h1"), world.holders()), (Power::Off, vec!["h2".to_owned()]));
    let journal = last_journal(&world);
    let at = |text: &str| journal.lines().skip(1).position(|line| line.contains(text)).unwrap();
    let intent = at("\"kind\":\"step-intent\",\"steps\":[{\"step\":\"web/-/evidence.fence-h1\"");
    assert!(intent < at("\"evidence\":\"fenced\""), "written down before it was done");
}

#[test]
fn without_a_device_nothing_moves() {
    let Some(world) = writing(3, FenceKind::Power) else { return };
    let inventory = std::fs::read_to_string(world.lab.inventory().unwrap()).unwrap();
    let without: String = inventory
        .lines()
        .filter(|line| !line.contains("reveille_fence"))
        .fold(String::new(), |text, line| text + line + "\n");
    std::fs::write(world.lab.inventory().unwrap(), &without).unwrap();
    world.lab.cut("h1", Cut::Carrier).unwrap();
    let refused = world.run(&["failover", "web"]);
    assert_eq!(refused.code, 9, "{}\n{}", refused.out, refused.err);
    assert!(refused.err.contains("h1 does not answer and has no fence device"), "{}", refused.err);
    assert_eq!((power(&world, "h1"), world.holders()), (Power::On, vec!["h1".to_owned()]));
    // An agent that cannot do it is no better than none.
    let broken = inventory.replace("plug: h1", "plug: h9");
    std::fs::write(world.lab.inventory().unwrap(), broken).unwrap();
    let refused = world.run(&["failover", "web"]);
    assert_eq!(refused.code, 9, "{}\n{}", refused.out, refused.err);
    assert!(refused.err.contains("the lab has no host h9"), "{}", refused.err);
    let moved = world.run(&["failover", "web", "--to", "h3"]);
    assert_eq!(moved.code, 9, "{}\n{}", moved.out, moved.err);
}

#[test]
fn a_writer_that_answers_releases_and_is_not_fenced() {
    let Some(world) = writing(3, FenceKind::Power) else { return };
    let moved = world.ok(&["failover", "web", "--yes"]);
    assert!(moved.err.contains("evidence released"), "{}", moved.err);
    assert_eq!((power(&world, "h1"), world.served_by().as_deref()), (Power::On, Some("h2")));
}

#[test]
fn a_host_can_be_cut_off_from_the_store_alone() {
    let Some(world) = writing(3, FenceKind::Store) else { return };
    // It writes all the time, as it would with a database.
    let write = "setsid sh -c 'exec 3>>/srv/shared/log; while :; do echo x >&3; sleep 0.05; done' </dev/null >/dev/null 2>&1 &";
    world.lab.sh("h1", write).unwrap();
    world.lab.cut("h1", Cut::Silent).unwrap();
    let moved = world.ok(&["failover", "web"]);
    let words = "fenced h1 by fence_lab_store: cut off from the shared data, confirmed by status";
    assert!(moved.err.contains(words), "{}", moved.err);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
    assert_eq!(power(&world, "h1"), Power::On);
    let log = || std::fs::metadata(world.lab.shared("log")).unwrap().len();
    let before = log();
    world.lab.sh("h1", "sleep 0.3; ! echo x >>/srv/shared/log").unwrap();
    assert_eq!(log(), before, "it writes no more");
    world.lab.sh("h2", "echo x >>/srv/shared/log").unwrap();
    assert_eq!(agent(&world, "plug=h1\naction=status\n").0, 2);
    assert_eq!(agent(&world, "plug=h1\naction=on\n").0, 0);
    world.lab.sh("h1", "echo x >>/srv/shared/log").unwrap();
}

#[test]
fn a_host_that_is_cut_off_from_the_store_but_still_answers_is_not_followed() {
    let Some(world) = writing(3, FenceKind::Store) else { return };
    world.lab.sh("h1", "pkill -STOP sshd").unwrap();
    let refused = world.run(&["failover", "web", "--yes"]);
    assert_eq!(refused.code, 9, "{}\n{}", refused.out, refused.err);
    assert_eq!(world.holders(), ["h1"]);
}

#[test]
fn the_labs_agents_speak_as_fence_agents_do() {
    let Some(world) = TestLab::fenced(1, FenceKind::Power).map(World::on) else { return };
    let (code, xml) = agent(&world, "action=metadata\n");
    assert!(code == 0 && xml.contains("<parameter name=\"plug\""), "{xml}");
    assert_eq!(agent(&world, "action=monitor\n").0, 0);
    assert_eq!(agent(&world, "plug=h1\naction=status\n").0, 0);
    assert_eq!(agent(&world, "plug=h1\n").0, 0, "off is what is meant when nothing is said");
    assert_eq!((agent(&world, "plug=h1\naction=status\n").0, power(&world, "h1")), (2, Power::Off));
    assert_eq!(agent(&world, "plug=h1\naction=on\n").0, 0);
    assert_eq!((agent(&world, "plug=h1\naction=status\n").0, power(&world, "h1")), (0, Power::On));
    assert_eq!(agent(&world, "plug=h9\naction=off\n").0, 1);
}

#[test]
fn a_leased_address_is_dropped_by_its_own_kernel_and_the_deployer_is_told() {
    let Some(world) = World::new(2) else { return };
    let playbook = world.read("playbooks/web.yml").replace("{ state: up,", "{ state: up, lease: 3s,");
    assert!(playbook.contains("lease: 3s"));
    world.write("playbooks/web.yml", &playbook);
    let deployed = world.ok(&["deploy", "web"]);
    assert!(deployed.err.contains("has a lease of 3s: h1 drops it then"), "{}", deployed.err);
    world.lab.cut("h1", Cut::Carrier).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !world.holders().is_empty() {
        assert!(Instant::now() < deadline, "the kernel keeps it");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn doctor_looks_at_devices_and_turns_nothing_off() {
    let Some(world) = TestLab::fenced(3, FenceKind::Power).map(World::on) else { return };
    let inventory = std::fs::read_to_string(world.lab.inventory().unwrap()).unwrap();
    let wrong = inventory.replace("plug: h1", "pulg: h1").replace("plug: h2", "plug: h9");
    std::fs::write(world.lab.inventory().unwrap(), wrong).unwrap();
    let said = world.run(&["doctor", "web"]);
    assert_eq!(said.code, 2, "{}", said.out);
    for words in [
        "fence_lab_power knows no option `pulg`",
        "did you mean `plug`?",
        "fence_lab_power: status failed: exit 1: fence_lab_power: the lab has no host h9",
    ] {
        assert!(said.out.contains(words), "no `{words}` in\n{}", said.out);
    }
    std::fs::write(world.lab.inventory().unwrap(), inventory).unwrap();
    world.ok(&["doctor", "web"]);
    assert!(["h1", "h2", "h3"].iter().all(|host| power(&world, host) == Power::On));
}
