//! The sites below `examples/`, each with a service of its own kind: clean, and moved between real hosts.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reveille::lab::Cut;

use crate::lab::TestLab;
use crate::shipped::example;
use crate::world::World;

/// The longest that anything may take while a file server is dead. A busy machine is slow.
const BOUND: Duration = Duration::from_secs(40);

#[test]
fn they_are_clean() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts.yml");
    fs::write(&hosts, "workstations: { hosts: { 'h[1:4]': { ansible_host: 10.83.0.1 } } }\n").unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let sites: Vec<_> = fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(sites.len() >= 2);
    for site in sites {
        let mut reveille = Command::new(env!("CARGO_BIN_EXE_reveille"));
        let said = reveille.arg("check").arg("--site").arg(&site).arg("-i").arg(&hosts).output().unwrap();
        let err = String::from_utf8_lossy(&said.stderr).into_owned() + &String::from_utf8_lossy(&said.stdout);
        assert_eq!(err.trim(), "0 errors, 0 warnings", "{}", site.display());
    }
}

fn cached(world: &World, words: &[&str]) -> Option<String> {
    let argv = [&["redis-cli", "-e", "-h", &world.address], words].concat();
    world.client(&argv).map(|said| said.trim().to_owned())
}

#[test]
fn a_cache_that_systemd_keeps_is_moved() {
    let Some(world) = TestLab::with_systemd(3).map(|lab| example(lab, "cache")) else { return };
    world.ok(&["deploy", "cache"]);
    world.unchanged(&["deploy", "cache"]);
    world.is_protected_on("h1");
    assert_eq!(cached(&world, &["set", "k", "v"]).as_deref(), Some("OK"));
    world.lab.cut("h1", Cut::Carrier).unwrap();
    world.ok(&["failover", "cache"]);
    assert_eq!(world.row()["primary"], "h2");
    assert_eq!(cached(&world, &["get", "k"]).as_deref(), Some(""), "a cache begins empty");
    world.lab.heal("h1").unwrap();
    world.ok(&["reprotect", "cache"]);
    world.is_protected_on("h2");
    world.ok(&["teardown", "cache", "--yes"]);
    world.unchanged(&["teardown", "cache", "--yes"]);
    assert_eq!((world.holders(), cached(&world, &["ping"])), (vec![], None));
    for host in ["h1", "h2", "h3"] {
        assert!(world.lab.sh(host, "systemctl is-active redis-server@reveille").is_err(), "{host}");
    }
}

/// `mirror` on h1 to h3, nothing deployed; h4 is the file server, with one file.
fn mirror() -> Option<World> {
    let world = TestLab::up(4).map(|lab| example(lab, "mirror"))?;
    let playbook = world.read("playbooks/mirror.yml");
    let playbook =
        playbook.replace("files.example.org", "h4").replace("hosts: workstations", "hosts: workstations:!h4");
    world.write("playbooks/mirror.yml", &playbook);
    let serve = "mkdir -p /export/mirror && echo mirrored >/export/mirror/file && cd /srv/shared &&
        ssh-keygen -q -t ed25519 -N '' -f key && cat key.pub >>/root/.ssh/authorized_keys &&
        sed 's/^/h4 /' /etc/ssh/ssh_host_ed25519_key.pub >key.known_hosts";
    world.lab.sh("h4", serve).unwrap();
    let trust = "cd /srv/shared && install -m 600 key /etc/ssh/mirror && cp key.known_hosts /etc/ssh/mirror.known_hosts";
    for host in ["h1", "h2", "h3"] {
        world.lab.sh(host, trust).unwrap();
    }
    Some(world)
}

/// The file as a client gets it.
fn fetched(world: &World) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (format!("rsync://{}/mirror/file", world.address), folder.path().join("file"));
    world.client(&["rsync", "--timeout=5", &from, to.to_str().unwrap()])?;
    fs::read_to_string(to).ok()
}

#[test]
fn a_mirror_of_a_network_file_system_is_moved() {
    let Some(world) = mirror() else { return };
    let doctor = world.ok(&["doctor", "mirror"]);
    assert!(doctor.out.contains("no errors"), "{}", doctor.out);
    world.ok(&["deploy", "mirror"]);
    world.unchanged(&["deploy", "mirror"]);
    world.is_protected_on("h1");
    assert_eq!(fetched(&world).as_deref(), Some("mirrored\n"));
    let mounted = world.lab.sh("h2", "grep ' /srv/mirror ' /proc/mounts").unwrap();
    assert!(mounted.starts_with("h4:/export/mirror /srv/mirror fuse.sshfs ro"), "{mounted}");
    world.lab.cut("h1", Cut::Carrier).unwrap();
    world.ok(&["failover", "mirror"]);
    assert_eq!(fetched(&world).as_deref(), Some("mirrored\n"));
    world.lab.heal("h1").unwrap();
    world.ok(&["reprotect", "mirror"]);
    world.is_protected_on("h2");
    world.ok(&["teardown", "mirror", "--yes"]);
    for host in ["h1", "h2", "h3"] {
        assert!(world.lab.sh(host, "grep sshfs /proc/mounts").is_err(), "{host}");
    }
}

#[test]
fn a_dead_file_server_holds_nobody_up() {
    let Some(world) = mirror() else { return };
    world.ok(&["deploy", "mirror"]);
    world.lab.freeze("h4").unwrap();
    let bounded = |args: &[&str]| {
        let start = Instant::now();
        let said = world.run(args);
        assert!(start.elapsed() < BOUND, "{args:?} took {:?}: {}", start.elapsed(), said.err);
        said.code
    };
    assert_eq!(fetched(&world), None, "what is not there is not served");
    assert_eq!(bounded(&["status"]), 0);
    // The copy has its mount and wakes; no other host can get one.
    assert_ne!(bounded(&["switchover", "mirror"]), 0);
    assert_eq!(
        (world.holders(), world.row()["state"].as_str()),
        (vec!["h2".to_owned()], Some("unprotected"))
    );
    assert_eq!(bounded(&["teardown", "mirror", "--yes"]), 0);
    assert_eq!(world.holders(), [""; 0]);
    for host in ["h1", "h2", "h3"] {
        assert!(world.lab.sh(host, "grep sshfs /proc/mounts").is_err(), "{host}");
    }
    world.lab.thaw("h4").unwrap();
    world.ok(&["deploy", "mirror"]);
    assert_eq!(fetched(&world).as_deref(), Some("mirrored\n"));
}
