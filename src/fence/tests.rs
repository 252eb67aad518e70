use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::site::inventory::{Confirms, FenceAction};

/// A site with agents of shell. `$option` holds what is said of it on standard input.
struct Bench {
    site: tempfile::TempDir,
    agents: Agents,
}

impl Bench {
    fn new() -> Self {
        let site = tempfile::tempdir().unwrap();
        let agents = Agents::new(site.path());
        Self { site, agents }
    }

    fn device(&self, name: &str, body: &str) -> Device {
        let text =
            format!("#!/bin/sh\nwhile IFS='=' read -r key value; do eval \"$key=\\$value\"; done\n{body}\n");
        let path = self.site.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Device {
            agent: format!("./{name}"),
            action: FenceAction::Off,
            options: [("state".to_owned(), self.path("state"))].into(),
            confirms: Confirms::Power,
            status: true,
            timeout_ms: 5000,
        }
    }

    fn path(&self, file: &str) -> String {
        self.site.path().join(file).display().to_string()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.path("state")).unwrap_or_default()
    }

    async fn fence(&self, devices: &[&Device]) -> Result<String, String> {
        let fence = Fence {
            host: "h1".try_into().unwrap(),
            devices: devices.iter().map(|one| (*one).clone()).collect(),
        };
        self.agents.fence(&fence).await
    }
}

/// Notes what it is asked; off at the second look.
const SLOW: &str = r#"echo "$action" >>"$state"
case $action in status) [ "$(grep -c status "$state")" -ge 2 ] && exit 2; exit 0 ;; esac"#;

#[tokio::test]
async fn a_host_is_fenced_when_its_device_says_that_it_is_off() {
    let bench = Bench::new();
    let words = bench.fence(&[&bench.device("fence_slow", SLOW)]).await.unwrap();
    assert_eq!(words, "fenced h1 by fence_slow: off, confirmed by status");
    assert_eq!(bench.said(), "off\nstatus\nstatus\n");
}

#[tokio::test]
async fn success_without_a_confirmation_is_none() {
    let bench = Bench::new();
    let mut liar = bench.device("fence_liar", "exit 0");
    liar.timeout_ms = 700;
    let said = bench.fence(&[&liar]).await.unwrap_err();
    assert_eq!(said, "fence_liar: off succeeded, but status still says that the host is on");
    liar.status = false;
    assert_eq!(bench.fence(&[&liar]).await.unwrap(), "fenced h1 by fence_liar: off");
}

#[tokio::test]
async fn the_next_device_is_tried_when_one_fails() {
    let bench = Bench::new();
    let broken = bench.device("fence_broken", "echo 'Unable to connect' >&2; exit 1");
    let absent = Device { agent: "fence_no_such_agent".to_owned(), ..broken.clone() };
    let good = bench.device("fence_good", r#"[ "$action" = off ] || exit 2"#);
    let words = bench.fence(&[&absent, &broken, &good]).await.unwrap();
    assert!(words.starts_with("fenced h1 by fence_good"), "{words}");
    let bench = Bench::new();
    let broken = bench.device("fence_broken", "echo 'Unable to connect' >&2; exit 1");
    let said = bench.fence(&[&absent, &broken]).await.unwrap_err();
    assert_eq!(
        said,
        "fence_no_such_agent: there is no program `fence_no_such_agent` on the controller; \
         fence_broken: off failed: exit 1: Unable to connect"
    );
}

#[tokio::test]
async fn a_host_is_on_when_all_its_devices_say_so() {
    let bench = Bench::new();
    let on = bench.device("fence_on", r#"[ "$action" = status ]"#);
    let off = bench.device("fence_off", "exit 2");
    let mute = Device { status: false, ..on.clone() };
    let is_on = async |devices: &[&Device]| {
        let devices = devices.iter().map(|one| (*one).clone()).collect();
        bench.agents.is_on(&Fence { host: "h1".try_into().unwrap(), devices }).await
    };
    assert!(is_on(&[&on]).await);
    assert!(!is_on(&[&on, &off]).await);
    assert!(!is_on(&[&mute]).await, "one that cannot be asked may have done its work");
}

#[tokio::test]
async fn an_agent_that_hangs_is_ended_with_all_it_started() {
    let bench = Bench::new();
    let mut hung = bench.device("fence_hung", r#"(sleep 2; echo late >"$state") & sleep 60"#);
    hung.timeout_ms = 300;
    let start = std::time::Instant::now();
    assert_eq!(bench.fence(&[&hung]).await.unwrap_err(), "fence_hung: off did not end in time");
    assert!(start.elapsed() < Duration::from_secs(2));
    // Longer than the child it started would have taken.
    tokio::time::sleep(Duration::from_millis(2200)).await;
    assert_eq!(bench.said(), "");
}

#[tokio::test]
async fn services_that_leave_a_host_together_fence_it_once() {
    let bench = Bench::new();
    let device = bench.device("fence_slow", SLOW);
    let devices = [&device];
    let (one, other) = tokio::join!(bench.fence(&devices), bench.fence(&devices));
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(bench.said().matches("off").count(), 1);
}

#[tokio::test]
async fn what_was_confirmed_before_proves_nothing() {
    let bench = Bench::new();
    let device = bench.device("fence_quick", r#"echo "$action" >>"$state"; [ "$action" = off ] || exit 2"#);
    bench.fence(&[&device]).await.unwrap();
    // Somebody switches the host on; soon after that, it fails again.
    bench.fence(&[&device]).await.unwrap();
    assert_eq!(bench.said(), "off\nstatus\noff\nstatus\n");
}

#[tokio::test]
async fn an_agent_describes_itself() {
    let bench = Bench::new();
    let device = bench.device("fence_x", r#"[ "$1 $2" = "-o metadata" ] && echo '<action name="off"/>'"#);
    let until = Instant::now() + Duration::from_secs(5);
    assert_eq!(bench.agents.metadata(&device.agent, until).await.unwrap(), "<action name=\"off\"/>\n");
    let silent = bench.device("fence_y", "exit 3");
    assert_eq!(
        bench.agents.metadata(&silent.agent, until).await.unwrap_err(),
        "`-o metadata` failed: exit 3"
    );
}
