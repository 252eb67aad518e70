//! The shipped playbook of the monitor: a monitor that is deployed, moved and taken over like any other service, and
//! watches the site from wherever it is. Needs root, as the lab does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::Path;
use std::time::{Duration, Instant};

use reveille::lab::Cut;
use serde_json::Value;

use crate::world::{Said, World};

const PATIENCE: Duration = Duration::from_mins(1);

/// A world whose site lies on the shared folder too, with `web` and the monitor deployed.
struct Site {
    world: World,
    /// The site that the monitor on the hosts reads, as seen from here.
    shared: String,
    /// The service address of the monitor.
    address: String,
}

impl Site {
    fn new() -> Option<Self> {
        let world = World::free(4, |playbook| playbook)?;
        let net = world.address.rsplit_once('.').unwrap().0.to_owned();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/monitor.yml");
        let playbook = std::fs::read_to_string(shipped).unwrap().replace("10.83.0.", &format!("{net}."));
        let playbook = playbook
            .replace("hold_down: 10m, max_per_day: 6", "hold_down: 0s, max_per_day: 1000")
            .replace("load_per_cpu: 4.0", "load_per_cpu: 4000.0")
            .replace("timeout: 500ms, confirm", "timeout: 900ms, confirm")
            .replace("above: 300ms", "above: 800ms");
        world.write("playbooks/monitor.yml", &playbook);
        let shared = world.lab.share_site(world.root(), Path::new(env!("CARGO_BIN_EXE_reveille"))).unwrap();
        let site = Self { world, shared: shared.display().to_string(), address: format!("{net}.83") };
        site.ok(&["deploy", "web"]);
        site.world.ok(&["deploy", "monitor"]);
        Some(site)
    }

    /// A command at the shared site.
    #[track_caller]
    fn ok(&self, args: &[&str]) -> Said {
        self.world.ok(&[&["--site", &self.shared], args].concat())
    }

    /// A service, by the store of the monitor on the hosts.
    fn service(&self, name: &str) -> Value {
        let status: Value = serde_json::from_str(&self.ok(&["status", "--json"]).out).unwrap();
        status["services"].as_array().unwrap().iter().find(|one| one["service"] == name).unwrap().clone()
    }

    /// The monitor, by the store of who keeps it.
    fn monitor(&self) -> Value {
        let status = self.world.status();
        status["services"].as_array().unwrap().iter().find(|one| one["service"] == "monitor").unwrap().clone()
    }

    /// What a client is told at the monitor's address, if it leads.
    fn leads(&self) -> Option<String> {
        self.world.client(&["curl", "-sf", "-m", "1", &format!("http://{}:9464/leader", self.address)])
    }

    #[track_caller]
    fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !so(self) {
            assert!(
                Instant::now() < until,
                "not in time: {what}: {:#} {:#}",
                self.monitor(),
                self.service("web")
            );
        }
    }

    /// Kills the program of `web` where it serves; the monitor on the hosts has it served again elsewhere.
    #[track_caller]
    fn web_is_watched(&self) {
        let primary = self.service("web")["primary"].as_str().unwrap().to_owned();
        // Past its grace, and every host was looked at.
        self.until("the monitor watches", |site| {
            let page = site.world.client(&[
                "curl",
                "-sf",
                "-m",
                "1",
                &format!("http://{}:9464/status.json", site.address),
            ]);
            page.is_some_and(|page| {
                page.contains("\"service\":\"web\"") && page.contains("\"verdict\":\"ok\"")
            })
        });
        self.world.lab.sh(&primary, "pkill -KILL apache2").unwrap();
        self.until("web is taken over", |site| {
            site.world.served_by().is_some_and(|host| host != primary)
                && site.service("web")["state"] == "protected"
        });
    }
}

#[test]
fn the_monitor_is_a_service_that_watches_the_others_from_wherever_it_is() {
    let Some(site) = Site::new() else { return };
    assert_eq!(site.monitor()["state"], "protected");
    assert!(site.leads().is_some());
    site.web_is_watched();
    // Each phase again changes nothing, and the leader stays who it is.
    let term = |site: &Site| {
        let lease = std::fs::read_to_string(Path::new(&site.shared).join("../state/lease.json")).unwrap();
        serde_json::from_str::<Value>(&lease).unwrap()["term"].clone()
    };
    let before = term(&site);
    let again = site.world.ok(&["deploy", "monitor"]);
    assert!(again.err.contains("changed=0") || again.out.contains("changed=0"), "{again:?}");
    assert_eq!(term(&site), before);
    // Somebody else keeps the monitor itself: with a site and a store of their own.
    let mut guard = site.world.watch(&["monitor"]);
    let [primary, copy] =
        ["primary", "secondary"].map(|role| site.monitor()[role].as_str().unwrap().to_owned());
    site.world.lab.cut(&primary, Cut::Carrier).unwrap();
    let moved = guard.wait("moved", &[("service", "monitor"), ("primary", &copy)]);
    eprintln!("the monitor was out for {} ms", moved["outage_ms"]);
    assert!(site.leads().is_some());
    assert_eq!(term(&site), before.as_u64().unwrap() + 1);
    site.world.lab.heal(&primary).unwrap();
    guard.wait("cleaned", &[("host", &primary)]);
    let left = site.world.lab.sh(&primary, "pgrep -f '[w]atch --except monitor' || true").unwrap();
    assert_eq!(left, "");
    site.web_is_watched();
    assert_eq!(guard.stop(), 0);
}

#[test]
fn a_monitor_that_hangs_is_moved_by_hand_and_taken_away() {
    let Some(site) = Site::new() else { return };
    let to = site.monitor()["secondary"].as_str().unwrap().to_owned();
    site.world.ok(&["switchover", "monitor", "--yes"]);
    assert_eq!(site.monitor()["primary"], to.as_str());
    assert!(site.leads().is_some());
    // Frozen: its kernel accepts, it says nothing.
    site.world.lab.sh(&to, "pkill -STOP -f '[w]atch --except monitor'").unwrap();
    assert_eq!(site.leads(), None);
    site.world.ok(&["failover", "monitor", "--yes"]);
    assert!(site.leads().is_some());
    assert_ne!(site.monitor()["primary"], to.as_str());
    site.world.ok(&["teardown", "monitor", "--yes"]);
    assert_eq!(site.leads(), None);
    for host in ["h1", "h2", "h3", "h4"] {
        let left = site.world.lab.sh(host, "pgrep -f '[w]atch --except monitor' || true").unwrap();
        assert_eq!(left, "", "{host}");
    }
}
