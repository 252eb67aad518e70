//! The main job on real hosts: Apache is lost, moved, broken, interrupted; one host serves in the end.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use reveille::lab::Cut;

use crate::world::World;

/// The changes a recap counts, over all hosts.
pub fn changes(recap: &str) -> u32 {
    let counts = recap.split_whitespace().filter_map(|word| word.strip_prefix("changed="));
    counts.map(|count| count.parse::<u32>().unwrap()).sum()
}

#[test]
fn deploying_twice_changes_nothing_the_second_time() {
    let Some(world) = World::new(2) else { return };
    assert!(changes(&world.ok(&["deploy", "web"]).out) > 0);
    let again = world.ok(&["deploy", "web"]);
    assert_eq!(changes(&again.out), 0, "{}\n{}", again.out, again.err);
    assert_eq!(world.web()["epoch"], 1);
}

#[test]
fn a_host_that_lacks_a_program_is_not_chosen() {
    let Some(world) = World::new(3) else { return };
    world.lab.sh("h1", "mv /usr/bin/arping /usr/bin/arping.away").unwrap();
    let plan = world.ok(&["plan", "deploy", "web"]);
    assert!(plan.out.contains("h1  no: lacks the program `arping`"), "{}", plan.out);
    world.ok(&["deploy", "web"]);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
}

#[test]
fn two_services_of_one_plan_get_hosts_of_their_own() {
    let Some(world) = World::new(4) else { return };
    let other =
        world.read("playbooks/web.yml").replace("service: web", "service: other").replace(".80/24", ".81/24");
    world.write("playbooks/other.yml", &other);
    let plan = world.ok(&["plan", "deploy", "web", "other", "--format", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&plan.out).unwrap();
    let hosts = |at: usize| {
        let service = &plan["services"][at];
        [service["to"].as_str().unwrap().to_owned(), service["secondary"].as_str().unwrap().to_owned()]
    };
    assert_eq!((hosts(0), hosts(1)), (["h1".into(), "h2".into()], ["h3".into(), "h4".into()]));
}

#[test]
fn a_cut_primary_is_replaced_and_protection_restored() {
    let Some(world) = World::deployed(4) else { return };
    assert_eq!((world.served_by().as_deref(), world.web()["epoch"].as_u64()), (Some("h1"), Some(1)));
    world.lab.cut("h1", Cut::Carrier).unwrap();
    world.ok(&["failover", "web"]);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
    let web = world.web();
    assert_eq!((web["primary"].as_str(), web["state"].as_str()), (Some("h2"), Some("protected")));
    assert_eq!(web["epoch"], 2);
    assert!(["h3", "h4"].contains(&web["secondary"].as_str().unwrap()), "{web}");
    let neighbour = world.client(&["ip", "neigh", "show", &world.address]).unwrap();
    assert!(neighbour.contains(&world.lab.mac("h2").unwrap()), "{neighbour}");
    world.lab.heal("h1").unwrap();
    world.ok(&["reprotect", "web"]);
    assert_eq!(world.holders(), ["h2"]);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
}

#[test]
fn nothing_moves_while_the_old_primary_still_answers_for_the_address() {
    let Some(world) = World::deployed(3) else { return };
    // Its sshd is mute, its kernel and Apache are well: neither released nor silent.
    world.lab.sh("h1", "pkill -STOP sshd").unwrap();
    let said = world.run(&["failover", "web", "--yes"]);
    assert_eq!(said.code, 9, "{}\n{}", said.out, said.err);
    assert_eq!(world.holders(), ["h1"]);
    assert_eq!(world.served_by().as_deref(), Some("h1"));
    assert_eq!(world.web()["primary"], "h1");
}

#[test]
fn a_persons_word_is_evidence_once() {
    let Some(world) = World::deployed(3) else { return };
    let refused = world.run(&["confirm-dead", "h1", "--because", "it looks dead"]);
    assert_eq!(refused.code, 64, "a host that answers is not dead: {}", refused.err);
    let playbook = world.read("playbooks/web.yml").replace("data: shared-read ", "data: shared-write");
    world.write("playbooks/web.yml", &playbook);
    world.lab.cut("h1", Cut::Carrier).unwrap();
    let refused = world.run(&["failover", "web"]);
    assert_eq!(refused.code, 9, "silence is not enough for shared-write: {}", refused.err);
    world.ok(&["confirm-dead", "h1", "--because", "I pulled its plug"]);
    let moved = world.ok(&["failover", "web"]);
    assert!(moved.err.contains("I pulled its plug"), "{}", moved.err);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
}

#[test]
fn a_switchover_there_and_back_loses_no_request_that_is_sent_twice() {
    let Some(world) = World::deployed(3) else { return };
    let url = format!("http://{}/healthz", world.address);
    let meter = world.lab.meter_at(&url, &["--retries", "1", "--timeout", "3s"]);
    world.ok(&["switchover", "web", "--to", "h2"]);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
    world.ok(&["switchover", "web", "--to", "h1"]);
    assert_eq!(world.served_by().as_deref(), Some("h1"));
    let report = meter.stop();
    assert!(report.requests > 100, "{report:?}");
    assert_eq!(report.failed, 0, "{report:?}");
    assert_eq!(world.holders(), ["h1"]);
}

#[test]
fn a_switchover_to_a_broken_host_is_taken_back() {
    let Some(world) = World::deployed(3) else { return };
    world.lab.sh("h2", "echo 'NoSuchDirective on' >>/etc/apache2/apache2.conf").unwrap();
    let said = world.run(&["switchover", "web", "--to", "h2"]);
    assert_eq!(said.code, 2, "{}\n{}", said.out, said.err);
    assert_eq!((world.served_by().as_deref(), world.holders()), (Some("h1"), vec!["h1".to_owned()]));
    assert_eq!(world.web()["primary"], "h1");
}

#[test]
fn a_failover_whose_secondary_is_broken_takes_the_next_host() {
    let Some(world) = World::deployed(4) else { return };
    // The copy cannot be woken; its record looks well.
    world.lab.cut("h1", Cut::Carrier).unwrap();
    let said = world.run(&["failover", "web", "--inject", "web/h2/wake.resume=failed"]);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    assert_eq!(world.served_by().as_deref(), Some("h3"), "{}", said.err);
    assert_eq!(world.holders(), ["h1", "h3"], "h1 is cut off and cannot know better");
}

/// Every step that the switchover would run, by its name.
fn steps(world: &World) -> Vec<String> {
    let plan = world.ok(&["plan", "switchover", "web", "--format", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&plan.out).unwrap();
    plan["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_failure_of_any_step_leaves_the_service_on_exactly_one_host() {
    let Some(world) = World::deployed(3) else { return };
    let mut seen = [0; 2];
    for at in 0..steps(&world).len() {
        // Each failure may have moved it: the steps are those of the next switchover.
        let Some(step) = steps(&world).get(at).cloned() else { break };
        for fault in ["failed", "failed-after"] {
            let said = world.run(&["switchover", "web", "--inject", &format!("{step}={fault}")]);
            let holders = world.holders();
            match said.code {
                // 4: on a busy machine a host may not answer in time; then nothing may have moved.
                0 | 2 | 4 => {
                    seen[usize::from(said.code == 2)] += 1;
                    assert_eq!(holders.len(), 1, "{step}={fault}: {}", said.err);
                    assert_eq!(world.served_by().as_deref(), Some(holders[0].as_str()), "{step}={fault}");
                }
                3 => assert!(said.err.contains("To be done by hand"), "{step}={fault}: {}", said.err),
                code => panic!("{step}={fault} ended with {code}: {}", said.err),
            }
            world.ok(&["deploy", "web"]);
            if steps(&world).get(at) != Some(&step) {
                break;
            }
        }
    }
    assert!(seen[1] > 5, "faults were injected and undone: {seen:?}");
}

#[test]
fn a_controller_killed_in_the_middle_is_recovered() {
    let Some(world) = World::deployed(4) else { return };
    world.lab.cut("h1", Cut::Carrier).unwrap();
    let mut failover = world.command(&["failover", "web", "--json"]);
    let mut child = failover.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // kill -9 as soon as the address is being claimed.
    for line in lines {
        let line = line.unwrap();
        if line.contains("step-started") && line.contains("ifconfig.claim") {
            child.kill().unwrap();
            break;
        }
    }
    child.wait().unwrap();
    let status = world.status();
    assert_eq!(status["services"][0]["state"], "stuck", "{status}");
    assert_eq!(status["interrupted"]["operation"], "failover");
    let refused = world.run(&["switchover", "web"]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    world.ok(&["recover"]);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
    let web = world.web();
    assert_eq!((web["state"].as_str(), web["primary"].as_str()), (Some("protected"), Some("h2")), "{web}");
    world.lab.heal("h1").unwrap();
    world.ok(&["reprotect", "web"]);
    assert_eq!(world.holders(), ["h2"]);
}

#[test]
fn a_lost_store_is_rebuilt_from_the_hosts() {
    let Some(world) = World::deployed(3) else { return };
    std::fs::remove_dir_all(world.root().join(".reveille")).unwrap();
    let web = world.web();
    assert_eq!(
        (web["primary"].as_str(), web["secondary"].as_str(), web["state"].as_str()),
        (Some("h1"), Some("h2"), Some("protected")),
        "{web}"
    );
    world.ok(&["switchover", "web"]);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
}

#[test]
fn the_journal_holds_the_plan_that_was_printed() {
    let Some(world) = World::deployed(3) else { return };
    let plan = world.ok(&["plan", "switchover", "web", "--format", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&plan.out).unwrap();
    let before: Vec<_> = std::fs::read_dir(world.root().join(".reveille/runs")).unwrap().collect();
    world.ok(&["switchover", "web"]);
    let mut runs: Vec<_> = std::fs::read_dir(world.root().join(".reveille/runs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    runs.sort();
    assert_eq!(runs.len(), before.len() + 1);
    let journal = std::fs::read_to_string(runs.last().unwrap()).unwrap();
    let first: serde_json::Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    let hash = plan["hash"].as_str().unwrap();
    assert!(first.to_string().contains(hash), "{hash} is not in {first}");
}

#[test]
fn values_never_become_code_and_secrets_are_never_shown() {
    let Some(world) = World::new(2) else { return };
    world.write(
        "playbooks/echo.yml",
        r#"
service: echo
hosts: workstations
data: none
secrets: { token: { env: ECHO_TOKEN } }
prepare:
  - id: bare
    shell: echo {{ v }} >/tmp/bare
  - id: double
    shell: echo "say {{ v }}" >/tmp/double
  - id: single
    shell: "echo 'say {{ v }}' >/tmp/single"
  - id: secret
    shell: echo {{ token }}; echo {{ token }} >&2; echo {{ token }} >/tmp/token; false
    failed_when: rc != 1
"#,
    );
    for value in ["x; touch /tmp/pwn", "$(touch /tmp/pwn)", "`touch /tmp/pwn`", "'; touch /tmp/pwn; '"] {
        let json = serde_json::json!({ "v": value }).to_string();
        let output = world
            .command(&["deploy", "echo", "-vvv", "--json", "-e", &json])
            .env("ECHO_TOKEN", "S3cr3t-t0ken")
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}\n{err}");
        assert!(!out.contains("S3cr3t") && !err.contains("S3cr3t"), "{out}\n{err}");
        for host in ["h1", "h2"] {
            assert_eq!(world.lab.sh(host, "ls /tmp/pwn 2>/dev/null || true").unwrap().trim(), "");
            assert_eq!(world.lab.sh(host, "cat /tmp/bare").unwrap().trim(), value);
            assert_eq!(
                world.lab.sh(host, "cat /tmp/double /tmp/single").unwrap(),
                format!("say {value}\n").repeat(2)
            );
            assert_eq!(world.lab.sh(host, "cat /tmp/token").unwrap().trim(), "S3cr3t-t0ken");
        }
    }
    let plan = world
        .command(&["plan", "deploy", "echo", "-vvv", "-e", "v=1"])
        .env("ECHO_TOKEN", "S3cr3t-t0ken")
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&plan.stdout).contains("S3cr3t"));
    for run in std::fs::read_dir(world.root().join(".reveille/runs")).unwrap() {
        assert!(!std::fs::read_to_string(run.unwrap().path()).unwrap().contains("S3cr3t"));
    }
}
