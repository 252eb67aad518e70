//! Plans that are kept and applied: once, exactly, or not at all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;

use reveille::lab::Cut;
use serde_json::Value;

use crate::world::{Said, World};

impl World {
    /// Keeps a plan in `plan.json`.
    fn keeps(&self, what: &[&str]) -> Value {
        self.ok(&[&["plan", "-o", "plan.json"], what].concat());
        serde_json::from_str(&self.read("plan.json")).unwrap()
    }

    /// Tries to apply it, in vain.
    #[track_caller]
    fn refuses(&self) -> Said {
        let said = self.run(&["apply", "plan.json", "--yes"]);
        assert_eq!(said.code, 6, "{}\n{}", said.out, said.err);
        said
    }
}

/// The first record of the only journal that has this plan.
fn journaled(world: &World, hash: &str) -> Value {
    let runs = fs::read_dir(world.root().join(".reveille/runs")).unwrap();
    let texts = runs.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let mut firsts = texts.map(|text| serde_json::from_str::<Value>(text.lines().next().unwrap()).unwrap());
    firsts.find(|record| record["plan"]["hash"] == hash).unwrap()
}

#[test]
fn what_is_applied_is_what_was_kept_and_only_once() {
    let Some(world) = World::new(3) else { return };
    let kept = world.keeps(&["deploy", "web", "--to", "h1"]);
    assert_eq!(kept["schema"], "reveille.saved-plan/1");
    assert_eq!(world.served_by(), None, "planning does nothing");
    let shown = world.ok(&["show", "plan.json"]);
    assert!(shown.out.contains("httpd") && shown.err.contains("kept by"), "{}\n{}", shown.out, shown.err);
    world.ok(&["apply", "plan.json", "--check"]);
    assert_eq!(world.served_by(), None, "looking does nothing");
    world.ok(&["apply", "plan.json"]);
    assert_eq!(world.served_by().as_deref(), Some("h1"));
    let record = journaled(&world, kept["plan"]["hash"].as_str().unwrap());
    assert_eq!(record["plan"]["steps"], kept["plan"]["steps"], "the commands, byte for byte");
    let again = world.refuses();
    assert!(again.err.contains(record["run"].as_str().unwrap()), "{}", again.err);
}

#[test]
fn a_site_that_was_changed_since_is_named() {
    let Some(world) = World::deployed(3) else { return };
    world.keeps(&["switchover", "web"]);
    let template = world.read("templates/web/site.conf.j2");
    world.write("templates/web/site.conf.j2", &format!("{template}# a remark\n"));
    let said = world.refuses();
    assert!(said.err.contains("templates/web/site.conf.j2 has changed"), "{}", said.err);
    let said = world.ok(&["plan", "switchover", "web", "--diff", "plan.json"]);
    assert!(said.out.contains("templates/web/site.conf.j2 has changed"), "{}", said.out);
    world.write("templates/web/site.conf.j2", &template);
    let playbook = world.read("playbooks/web.yml");
    world.write("playbooks/web.yml", &format!("{playbook}# a remark\n"));
    assert!(world.refuses().err.contains("playbooks/web.yml has changed"));
    world.write("playbooks/web.yml", &playbook);
    let said = world.ok(&["plan", "switchover", "web", "--diff", "plan.json"]);
    assert_eq!((said.out.as_str(), said.err.trim()), ("", "the same plan"));
    assert_eq!(world.served_by().as_deref(), Some("h1"));
}

#[test]
fn a_decision_that_would_not_be_taken_any_more_is_named() {
    let Some(world) = World::deployed(4) else { return };
    let kept = world.keeps(&["switchover", "web"]);
    assert_eq!(kept["plan"]["services"][0]["to"], "h2");
    world.lab.cut("h2", Cut::Carrier).unwrap();
    let said = world.refuses();
    assert!(said.err.contains("web: the primary would be h3, not h2 (h2: no: unreachable"), "{}", said.err);
    world.lab.heal("h2").unwrap();
    world.ok(&["switchover", "web", "--to", "h2"]);
    world.ok(&["switchover", "web", "--to", "h1"]);
    let said = world.refuses();
    assert!(said.err.contains("web: its epoch would be 4, not 2"), "{}", said.err);
    assert_eq!(world.served_by().as_deref(), Some("h1"));
}

#[test]
fn a_host_that_became_loaded_is_a_reason() {
    let Some(world) = World::new(3) else { return };
    let kept = world.keeps(&["deploy", "web"]);
    let chosen = kept["plan"]["services"][0]["to"].as_str().unwrap().to_owned();
    world.ok(&["apply", "plan.json", "--check"]);
    // All hosts of a lab have one load; this one says otherwise.
    world
        .lab
        .sh(&chosen, "echo '90 90 90 1/1 1' >/run/load && mount --bind /run/load /proc/loadavg")
        .unwrap();
    let said = world.refuses();
    let expected = format!(", not {chosen} ({chosen}: -");
    assert!(said.err.contains("web: the primary would be ") && said.err.contains(&expected), "{}", said.err);
    assert_eq!(world.served_by(), None, "nothing was done");
}

#[test]
fn a_role_that_was_taken_meanwhile_is_a_reason() {
    let Some(world) = World::new(4) else { return };
    let kept = world.keeps(&["deploy", "web"]);
    let chosen = kept["plan"]["services"][0]["to"].as_str().unwrap().to_owned();
    let other =
        world.read("playbooks/web.yml").replace("service: web", "service: other").replace(".80/24", ".81/24");
    world.write("playbooks/other.yml", &other);
    world.ok(&["deploy", "other", "--to", &chosen]);
    let said = world.refuses();
    assert!(said.err.contains(&format!("not {chosen}")), "{}", said.err);
}

#[test]
fn an_edited_plan_is_none() {
    let Some(world) = World::deployed(3) else { return };
    world.keeps(&["switchover", "web"]);
    let text = world.read("plan.json");
    world.write("plan.json", &text.replacen("h2", "h3", 1));
    assert!(world.refuses().err.contains("edited"));
    world.write("plan.json", "{}");
    assert_eq!(world.run(&["apply", "plan.json"]).code, 64);
}

#[test]
fn no_secret_is_kept_and_another_one_is_noticed() {
    let Some(world) = World::new(2) else { return };
    let playbook = world.read("playbooks/web.yml");
    let with = playbook.replacen(
        "prepare:\n",
        "secrets: { word: { env: WORD } }\nprepare:\n  - { id: word, copy: { content: \"{{ word }}\", dest: /etc/word } }\n",
        1,
    );
    world.write("playbooks/web.yml", &with);
    let run = |word: &str, args: &[&str]| world.command(args).env("WORD", word).output().unwrap();
    assert!(run("open sesame", &["plan", "deploy", "web", "-o", "plan.json"]).status.success());
    assert!(!world.read("plan.json").contains("sesame"));
    let said = run("open barley", &["apply", "plan.json"]);
    assert_eq!(said.status.code(), Some(6), "{said:?}");
    assert!(String::from_utf8_lossy(&said.stderr).contains("the secret word has changed"), "{said:?}");
    let said = run("open sesame", &["apply", "plan.json"]);
    assert!(said.status.success(), "{said:?}");
    assert_eq!(world.lab.sh("h1", "cat /etc/word").unwrap(), "open sesame");
}
