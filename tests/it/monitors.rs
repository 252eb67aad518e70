//! Two monitors on two hosts of a lab, with one store: one acts, whatever happens to either. Needs root, as the lab does.

use std::process::Command;
use std::time::{Duration, Instant};

use reveille::lab::Cut;
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::watch::{Owners, Watching};
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(90);

/// Ten times the lease.
const STOPPED: Duration = Duration::from_secs(30);

impl World {
    /// `reveille watch` with this machine's files and the network of a host.
    fn watch_on(&self, host: &str) -> Watching {
        let net = format!("--net=/run/netns/{}-{host}", self.lab.state().tag());
        let watch = self.command(&["watch", "--json", "--interval", "1s"]);
        let mut command = Command::new("nsenter");
        command.arg(net).arg("--").arg(watch.get_program()).args(watch.get_args()).current_dir(self.root());
        Watching::start(command)
    }

    /// A leader on h3 and one that stands by on h4. The store is a folder that both share.
    fn two_monitors() -> Option<(Self, Watching, Watching)> {
        let world = Self::to_watch(4, |playbook| playbook)?;
        let mut leader = world.watch_on("h3");
        leader.wait("started", &[]);
        let mut standby = world.watch_on("h4");
        standby.wait("stands-by", &[]);
        // Both are past the leader's grace.
        leader.listen(Duration::from_secs(3));
        Some((world, leader, standby))
    }

    /// How often the leader has changed.
    fn terms(&self) -> u64 {
        let lease = self.read(".reveille/lease.json");
        serde_json::from_str::<Value>(&lease).unwrap()["term"].as_u64().unwrap()
    }

    /// Waits until the service is protected and nobody but its primary holds its address.
    #[track_caller]
    fn settles(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let web = self.web();
            let primary = web["primary"].as_str().unwrap_or_default().to_owned();
            if web["state"] == "protected"
                && self.holders() == [primary.clone()]
                && self.served_by() == Some(primary)
            {
                return;
            }
            assert!(Instant::now() < until, "{web:#} {:?} {:?}", self.holders(), self.served_by());
        }
    }
}

fn acts(told: &[Value]) -> Vec<&Value> {
    told.iter().filter(|told| told["happening"] == "began").collect()
}

#[test]
fn the_other_monitor_leads_when_the_cable_of_the_leader_is_cut() {
    let Some((world, mut leader, mut standby)) = World::two_monitors() else { return };
    let owners = Owners::watch(&world);
    world.lab.cut("h3", Cut::Carrier).unwrap();
    let cut = Instant::now();
    standby.wait("leads", &[]);
    eprintln!("led again {} ms after the cable of the leading monitor was cut", cut.elapsed().as_millis());
    leader.wait("steps-down", &[]);
    standby.wait("started", &[]);
    standby.listen(Duration::from_secs(3));
    world.lab.cut("h1", Cut::Carrier).unwrap();
    standby.wait("moved", &[("primary", "h2"), ("secondary", "h4")]);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
    owners.were_one();
    // h1 returns with the address still on it, and is cleaned by whoever leads.
    world.lab.heal("h3").unwrap();
    world.lab.heal("h1").unwrap();
    leader.wait("stands-by", &[]);
    world.settles();
    assert_eq!(acts(&leader.listen(Duration::ZERO)), Vec::<&Value>::new());
}

#[test]
fn a_leader_that_was_stopped_and_goes_on_does_no_harm() {
    let Some((world, mut leader, mut standby)) = World::two_monitors() else { return };
    let (epoch, term) = (world.web()["epoch"].as_u64().unwrap(), world.terms());
    let owners = Owners::watch(&world);
    kill_process(leader.pid(), Signal::STOP).unwrap();
    let stopped = Instant::now();
    standby.wait("leads", &[]);
    eprintln!("led again {} ms after the leading monitor was stopped", stopped.elapsed().as_millis());
    assert!(stopped.elapsed() < STOPPED, "the lease lasts 3 s");
    standby.wait("started", &[]);
    assert!(world.web()["epoch"].as_u64().unwrap() > epoch, "the epochs the other knows are over");
    let quiet = standby.listen(STOPPED.saturating_sub(stopped.elapsed()));
    assert_eq!(acts(&quiet), Vec::<&Value>::new(), "the service is well");
    // It fails at the very moment in which the old leader wakes.
    world.lab.cut("h1", Cut::Carrier).unwrap();
    kill_process(leader.pid(), Signal::CONT).unwrap();
    leader.wait("stands-by", &[]);
    standby.wait("moved", &[("primary", "h2")]);
    owners.were_one();
    world.lab.heal("h1").unwrap();
    world.settles();
    assert_eq!(acts(&leader.listen(Duration::from_secs(2))), Vec::<&Value>::new());
    assert_eq!(world.terms(), term + 1, "one change of leader");
}

#[test]
fn what_a_killed_monitor_began_the_next_one_finishes_or_takes_back() {
    let Some(world) = World::to_watch(4, |playbook| playbook) else { return };
    // Records of the journal of the takeover: its intent, the evidence, the claim, the commit, the new secondary.
    for record in ["1", "4", "7", "11", "16"] {
        world.settles();
        let owners = Owners::watch(&world);
        let primary = world.web()["primary"].as_str().unwrap().to_owned();
        let mut command = world.command(&["watch", "--json", "--interval", "1s"]);
        command.env("REVEILLE_CRASH_AT", record);
        let mut killed = Watching::start(command);
        killed.wait("started", &[]);
        killed.listen(Duration::from_secs(3));
        world.lab.cut(&primary, Cut::Carrier).unwrap();
        killed.wait("began", &[("operation", "failover")]);
        assert_eq!(killed.died(), Some(Signal::ABORT.as_raw()), "at record {record}");
        let next = world.watch(&[]);
        let until = Instant::now() + PATIENCE;
        while world.served_by().is_none_or(|host| host == primary) || world.web()["state"] != "protected" {
            assert!(Instant::now() < until, "after record {record}: {:#}", world.status());
        }
        owners.were_one();
        world.lab.heal(&primary).unwrap();
        world.settles();
        assert_ne!(world.web()["primary"], primary.as_str(), "after record {record}");
        assert_eq!(next.stop(), 0);
    }
}
