//! `reveille doctor` on real hosts: well, then each with something wrong. Needs root; says so and passes where there is
//! none.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::TestLab;

/// A service that is nothing but an address.
fn write_site(site: &Path, address: &str) {
    fs::create_dir_all(site.join("playbooks")).unwrap();
    let text = format!(
        "service: web\nhosts: workstations\naddresses: [{address}/24]\n\
         prepare:\n  - id: syntax\n    command: [apachectl, configtest]\n    changed_when: false\n\
         ifconfig:\n  - id: claim\n    address: {{ state: up }}\n\
         teardown:\n  - id: release\n    address: {{ state: absent }}\n"
    );
    fs::write(site.join("playbooks/web.yml"), text).unwrap();
    fs::write(site.join("reveille.yml"), "ssh: { connect_timeout: 3s }\n").unwrap();
}

/// The exit code and the document.
fn doctor(site: &Path) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reveille"));
    command.arg("--site").arg(site).args(["doctor", "--json"]).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let document = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code().unwrap(), document)
}

/// What is wrong on one host: `check: what | fix`.
fn wrong(document: &Value, list: &str, name: &str) -> Vec<String> {
    let key = list.trim_end_matches('s');
    let all = document[list].as_array().unwrap();
    let one =
        all.iter().find(|entry| entry[key] == name).unwrap_or_else(|| panic!("no {name}: {document:#}"));
    let findings = one["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] != "ok");
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    findings.map(|f| format!("{}: {} | {}", text(f, "check"), text(f, "what"), text(f, "fix"))).collect()
}

#[test]
fn doctor_holds_a_fence_devices_options_against_what_its_agent_says() {
    let Some(lab) = TestLab::up(1) else { return };
    let inventory = lab.inventory().unwrap().parent().unwrap().to_owned();
    let site = inventory.parent().unwrap().to_owned();
    let first = lab.address("h1").unwrap().to_string();
    write_site(&site, &format!("{}.80", first.rsplit_once('.').unwrap().0));
    let agent = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agents/fence_switch");
    fs::create_dir_all(inventory.join("host_vars")).unwrap();
    let options = |text: &str| {
        let device = format!("reveille_fence: {{ agent: {}, {text} }}\n", agent.display());
        fs::write(inventory.join("host_vars/h1.yml"), device).unwrap();
        let found = wrong(&doctor(&site).1, "hosts", "h1");
        found.into_iter().filter(|finding| finding.starts_with("fence: ")).collect::<Vec<_>>()
    };
    assert_eq!(options("options: { ip: 10.0.0.9, plug: 7 }"), [""; 0]);
    let found = options("options: { ip: 10.0.0.9, plugg: 7 }");
    assert_eq!(found[0], "fence: fence_switch knows no option `plugg` | did you mean `plug`?");
    assert!(found[1].contains("fence_switch says that it needs `plug`"), "{found:?}");
    let found = options("options: { ipaddr: 10.0.0.9, plug: 7 }");
    assert_eq!(found, ["fence: `ipaddr` of fence_switch is deprecated | use `ip`"]);
    let found = options("options: { ip: 10.0.0.9, plug: 7 }, action: reboot");
    assert_eq!(found, ["fence: fence_switch cannot `reboot` | choose another `action`"]);
}

#[test]
fn doctor_names_what_is_wrong_with_each_host_and_the_fix() {
    let Some(lab) = TestLab::up(4) else { return };
    let site = lab.inventory().unwrap().parent().unwrap().parent().unwrap().to_owned();
    let first = lab.address("h1").unwrap().to_string();
    let address = format!("{}.80", first.rsplit_once('.').unwrap().0);
    write_site(&site, &address);

    let (code, document) = doctor(&site);
    assert_eq!(document["schema"], "reveille.doctor/1");
    assert_eq!((code, &document["errors"], &document["warnings"]), (0, &0.into(), &0.into()), "{document:#}");

    lab.sh("h2", "mv /usr/bin/arping /usr/bin/arping.away").unwrap();
    lab.sh("h3", &format!("ip addr add {address}/32 dev eth0")).unwrap();
    lab.cut("h4", reveille::lab::Cut::Silent).unwrap();
    let start = Instant::now();
    let (code, document) = doctor(&site);
    let took = start.elapsed();

    assert_eq!(code, 4, "{document:#}");
    assert_eq!(document["unreachable"], serde_json::json!(["h4"]));
    // One wait for the silent host, whatever the others take meanwhile.
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert_eq!(wrong(&document, "hosts", "h1"), [""; 0]);
    let arping = wrong(&document, "hosts", "h2");
    assert_eq!(arping.len(), 1, "{arping:?}");
    assert!(arping[0].starts_with("program: no `arping`, needed by ifconfig.claim"), "{arping:?}");
    assert!(arping[0].contains("iputils-arping"), "{arping:?}");
    let held = wrong(&document, "services", "web");
    assert_eq!(held.len(), 1, "{held:?}");
    assert!(held[0].contains(&format!("{address} is held by h3, but web is not deployed")), "{held:?}");

    lab.heal("h4").unwrap();
    lab.sh("h2", "mv /usr/bin/arping.away /usr/bin/arping").unwrap();
    let known_hosts = lab.state().dir.join("ssh/known_hosts");
    fs::write(&known_hosts, "").unwrap();
    let (code, document) = doctor(&site);
    assert_eq!(code, 4);
    let unknown = wrong(&document, "hosts", "h1");
    assert!(unknown[0].starts_with("host-key: ") && unknown[0].contains("ssh-keyscan"), "{unknown:?}");
    assert!(unknown[0].contains(&known_hosts.display().to_string()), "{unknown:?}");
}
