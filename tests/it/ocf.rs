//! Services run by OCF agents on real hosts: Debian's own for Apache through every operation, and one of ours that
//! fails in each way that an agent can.

use std::fs;
use std::path::Path;

use reveille::lab::Cut;
use serde_json::Value;

use crate::lab::TestLab;
use crate::shipped::example;
use crate::world::World;

/// Whether Debian's agents are installed here, and so on each host of a lab; says so if not.
fn agents() -> bool {
    let there = Path::new("/usr/lib/ocf/resource.d/heartbeat/apache").exists();
    if !there {
        eprintln!("skipped: no resource-agents here");
    }
    there
}

fn pages() -> Option<World> {
    agents().then(|| TestLab::up(3)).flatten().map(|lab| example(lab, "pages"))
}

/// What the service says of who it is.
fn page(world: &World) -> Option<String> {
    let said = world.client(&["curl", "-sf", "-m", "1", &format!("http://{}/", world.address)])?;
    Some(said.trim().trim_start_matches("<p>pages of ").trim_end_matches("</p>").to_owned())
}

/// Hosts on which an Apache runs.
fn running(world: &World) -> Vec<&'static str> {
    let runs = |host: &&str| world.lab.sh(host, "pgrep -x apache2").is_ok();
    ["h1", "h2", "h3"].into_iter().filter(runs).collect()
}

#[test]
fn a_service_of_debians_apache_agent_goes_through_every_operation() {
    let Some(world) = pages() else { return };
    let doctor = world.ok(&["doctor", "pages"]);
    assert!(doctor.out.contains("no errors, no warnings"), "{}", doctor.out);
    world.ok(&["deploy", "pages"]);
    world.unchanged(&["deploy", "pages"]);
    world.is_protected_on("h1");
    assert_eq!((page(&world).as_deref(), running(&world)), (Some("h1"), vec!["h1"]));
    let doctor = world.ok(&["doctor", "pages", "-v"]);
    assert!(doctor.out.contains("heartbeat:apache could start apache"), "{}", doctor.out);

    world.lab.cut("h1", Cut::Carrier).unwrap();
    world.ok(&["failover", "pages"]);
    assert_eq!((page(&world).as_deref(), world.row()["primary"].as_str()), (Some("h2"), Some("h2")));
    world.lab.heal("h1").unwrap();
    world.ok(&["reprotect", "pages"]);
    world.is_protected_on("h2");
    assert_eq!(running(&world), ["h2"], "the old primary's is stopped");

    world.ok(&["switchover", "pages", "--to", "h1"]);
    world.is_protected_on("h1");
    assert_eq!((page(&world).as_deref(), running(&world)), (Some("h1"), vec!["h1"]));
    world.ok(&["drill", "wake", "pages"]);
    assert_eq!(running(&world), ["h1"], "the copy was started, and is stopped again");

    world.ok(&["teardown", "pages", "--yes"]);
    world.unchanged(&["teardown", "pages", "--yes"]);
    assert_eq!((world.holders(), running(&world)), (vec![], vec![]));
}

/// The findings of one host that are not well: `what | fix`.
fn wrong(world: &World, host: &str) -> Vec<String> {
    let said = world.run(&["doctor", "--json"]);
    let document: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let hosts = document["hosts"].as_array().unwrap();
    let one = hosts.iter().find(|entry| entry["host"] == host).unwrap();
    let findings = one["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] != "ok");
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    findings.map(|finding| format!("{} | {}", text(finding, "what"), text(finding, "fix"))).collect()
}

#[test]
fn doctor_holds_a_playbook_against_what_the_agent_says() {
    let Some(world) = pages() else { return };
    let playbook = world.read("playbooks/pages.yml");
    let line = 1 + playbook.lines().position(|line| line.contains("&apache")).unwrap();

    world.write("playbooks/pages.yml", &playbook.replace("configfile:", "configfil:"));
    let found = wrong(&world, "h1");
    assert_eq!(found.len(), 3, "each step says what it sees through its alias: {found:?}");
    assert!(found[0].contains(&format!("playbooks/pages.yml:{line}:")), "{found:?}");
    assert!(found[0].ends_with("has no parameter `configfil` | did you mean `configfile`?"), "{found:?}");

    world.write("playbooks/pages.yml", &playbook.replace("pages.conf }", "pages.conf, port: http }"));
    let found = wrong(&world, "h2");
    assert!(found[0].contains("`port` of heartbeat:apache is not a whole number"), "{found:?}");

    world.write("playbooks/pages.yml", &playbook.replace("timeout: 40s", "timeout: 20s"));
    let found = wrong(&world, "h1");
    assert!(found[0].contains("heartbeat:apache would be given 40s to start, and has 20s"), "{found:?}");

    world.write("playbooks/pages.yml", &playbook.replace("heartbeat:apache", "heartbeat:apach"));
    let found = wrong(&world, "h1");
    assert!(found[0].contains("no OCF agent heartbeat:apach, needed by sleep.fit"), "{found:?}");
    assert!(found[0].ends_with("did you mean `heartbeat:apache`?"), "{found:?}");

    world.write("playbooks/pages.yml", &playbook);
    world.lab.sh("h3", "mv /usr/lib/ocf/resource.d/heartbeat /usr/lib/ocf/away").unwrap();
    let found = wrong(&world, "h3");
    assert!(found[0].ends_with("(Debian: apt-get install resource-agents)"), "{found:?}");
    assert_eq!(wrong(&world, "h1"), [""; 0]);
}

/// The agent `test:lamp` on h1 and h2, and a service that is one lamp, in this mode.
fn lamp(world: &World, mode: &str) {
    let agent = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agents/lamp")).unwrap();
    fs::write(world.lab.shared("lamp"), agent).unwrap();
    for host in ["h1", "h2"] {
        let folder = "/usr/lib/ocf/resource.d/test";
        world.lab.sh(host, &format!("mkdir -p {folder} && install /srv/shared/lamp {folder}/lamp")).unwrap();
    }
    let params = format!("{{ file: /run/on, mode: {mode} }}");
    let step = |state: &str| {
        format!(
            "  - id: lamp\n    timeout: 3s\n    ocf: {{ agent: test:lamp, params: {params}, state: {state} }}\n"
        )
    };
    let playbook = format!(
        "service: web\nhosts: workstations\naddresses: [{}/24]\ndata: none\n\
         sleep:\n{}wake:\n{}ifconfig:\n  - id: claim\n    address: {{ state: up }}\n\
         teardown:\n  - id: release\n    address: {{ state: absent }}\n{}",
        world.address,
        step("startable"),
        step("started"),
        step("stopped")
    );
    world.write("playbooks/web.yml", &playbook);
}

#[test]
fn a_start_that_fails_is_told_in_words_and_taken_back() {
    let Some(world) = World::new(2) else { return };
    lamp(&world, "refuses");
    let said = world.run(&["deploy", "web", "--to", "h1"]);
    let words =
        "test:lamp: start failed: its parameters are wrong (OCF_ERR_CONFIGURED): this lamp has no bulb";
    assert_eq!(said.code, 2, "{said:?}");
    assert!((said.out + &said.err).contains(words));

    lamp(&world, "unfit");
    let said = world.run(&["deploy", "web", "--to", "h1"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!((said.out + &said.err).contains("is not installed here (OCF_ERR_INSTALLED): there is no socket"));

    lamp(&world, "works");
    world.lab.sh("h1", "rm -r /usr/lib/ocf/resource.d/test").unwrap();
    let said = world.run(&["deploy", "web", "--to", "h1"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!((said.out + &said.err).contains("this host has no OCF agent test:lamp"));

    lamp(&world, "hangs");
    world.lab.sh("h1", "rm -f /run/on.log").unwrap();
    let said = world.run(&["deploy", "web", "--to", "h1"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!((said.out + &said.err).contains("timed out"), "its time is over");
    let asked = world.lab.sh("h1", "cat /run/on.log; pgrep -fx 'sleep 613' || echo gone").unwrap();
    assert_eq!(asked, "start\nstop\ngone\n", "what hung is ended, and stopped");
    assert!(world.lab.sh("h1", "ls /run/on /run/on.half").is_err());
    assert_eq!(world.holders(), [""; 0]);
    assert_ne!(world.web()["state"], "stuck");

    lamp(&world, "works");
    world.ok(&["deploy", "web", "--to", "h1"]);
    world.unchanged(&["deploy", "web"]);
    world.lab.sh("h1", "echo gone >/run/on.broken").unwrap();
    world.ok(&["deploy", "web"]);
    assert!(world.lab.sh("h1", "tail -n 2 /run/on.log").unwrap().ends_with("stop\nstart\n"));
}
