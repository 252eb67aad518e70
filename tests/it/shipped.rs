//! The shipped services on real hosts: what the tests of each of them have in common.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;
use std::thread::{self, JoinHandle};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use tokio::runtime::Builder;

use crate::failover::changes;
use crate::lab::TestLab;
use crate::watch::{Watching, eager};
use crate::world::World;

/// The shipped site with this service alone, its address in the lab's network, free to move as often as a test wants;
/// nothing deployed. The service address is `address`.
pub fn shipped(lab: TestLab, service: &str) -> World {
    site(lab, Path::new(env!("CARGO_MANIFEST_DIR")), service)
}

/// The same of a site below `examples/`, whose service has its name.
pub fn example(lab: TestLab, name: &str) -> World {
    site(lab, &Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name), name)
}

fn site(lab: TestLab, root: &Path, service: &str) -> World {
    let mut world = World::on(lab);
    fs::remove_file(world.root().join("playbooks/web.yml")).unwrap();
    let net = world.address.rsplit_once('.').unwrap().0.to_owned();
    let templates = fs::read_dir(root.join("templates").join(service)).unwrap();
    for template in templates.map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&template).unwrap();
        world.write(template.strip_prefix(root).unwrap().to_str().unwrap(), &text);
    }
    let playbook = format!("playbooks/{service}.yml");
    let text = fs::read_to_string(root.join(&playbook)).unwrap().replace("10.83.0.", &format!("{net}."));
    let address = text.split("addresses: [").nth(1).unwrap().split('/').next().unwrap().to_owned();
    world.write(&playbook, &eager(&text));
    world.address = address;
    world
}

impl World {
    /// Does this on a thread of its own in the network of the lab's client.
    pub fn at_client<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let network = File::open(format!("/run/netns/{}-client", self.lab.state().tag())).unwrap();
        thread::spawn(move || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            Builder::new_current_thread().enable_all().build().unwrap().block_on(work())
        })
    }

    /// Runs a command that must find everything on every host as it should be.
    #[track_caller]
    pub fn unchanged(&self, args: &[&str]) {
        let said = self.ok(args);
        // The controller's own table is written each time.
        let hosts: String = said.out.lines().filter(|line| !line.starts_with("controller")).collect();
        assert_eq!(changes(&hosts), 0, "{args:?}\n{}\n{}", said.out, said.err);
    }

    /// The only service's part of the status.
    pub fn row(&self) -> Value {
        self.status()["services"][0].clone()
    }

    /// `service` is protected, on that host, and on no other.
    #[track_caller]
    pub fn is_protected_on(&self, host: &str) {
        let row = self.row();
        assert_eq!(
            (row["state"].as_str(), row["primary"].as_str()),
            (Some("protected"), Some(host)),
            "{row}"
        );
        assert_eq!(self.holders(), [host]);
    }
}

impl Watching {
    /// Waits for the end of a takeover of this service; its new primary.
    #[track_caller]
    pub fn moved(&mut self, service: &str) -> String {
        let moved = self.wait("moved", &[("service", service)]);
        moved["primary"].as_str().unwrap().to_owned()
    }
}
