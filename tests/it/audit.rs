//! Journals that were changed, cut, taken away or moved: said, and named.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::world::World;

impl World {
    /// Two runs of `web`, and where their journals are.
    fn with_runs() -> Option<(Self, Vec<PathBuf>)> {
        let world = Self::deployed(3)?;
        world.ok(&["switchover", "web"]);
        world.ok(&["switchover", "web"]);
        let journals = world.journals();
        assert_eq!(journals.len(), 3);
        Some((world, journals))
    }

    fn journals(&self) -> Vec<PathBuf> {
        let runs = fs::read_dir(self.root().join(".reveille/runs")).unwrap();
        let mut journals: Vec<PathBuf> = runs.map(|entry| entry.unwrap().path()).collect();
        journals.sort();
        journals
    }

    /// What an audit says that is not content.
    #[track_caller]
    fn complaint(&self) -> String {
        let said = self.run(&["audit", "verify"]);
        assert_eq!(said.code, 3, "{}\n{}", said.out, said.err);
        said.out
    }
}

fn stem(path: &std::path::Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn seal_of_last_line(path: &std::path::Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let last: Value = serde_json::from_str(text.lines().next_back().unwrap()).unwrap();
    last["hash"].as_str().unwrap().to_owned()
}

#[test]
fn one_changed_byte_is_found_and_its_record_named() {
    let Some((world, journals)) = World::with_runs() else { return };
    let said = world.ok(&["audit", "verify"]);
    assert!(said.out.starts_with("3 journals, ") && said.out.contains("none missing"), "{}", said.out);
    assert!(said.err.contains(&seal_of_last_line(&journals[2])), "{}", said.err);
    let text = fs::read_to_string(&journals[1]).unwrap();
    let line = text.lines().position(|line| line.contains("\"kind\":\"evidence\"")).unwrap();
    let at = text.find("\"kind\":\"evidence\"").unwrap() + 9;
    let mut bytes = text.clone().into_bytes();
    bytes[at] ^= 1;
    fs::write(&journals[1], bytes).unwrap();
    let complaint = world.complaint();
    assert_eq!(
        complaint.trim(),
        format!("{}: record {line}: it was changed after it was written", stem(&journals[1]))
    );
    fs::write(&journals[1], text).unwrap();
    world.ok(&["audit", "verify"]);
}

#[test]
fn a_journal_that_was_taken_away_is_missed() {
    let Some((world, journals)) = World::with_runs() else { return };
    let text = fs::read_to_string(&journals[1]).unwrap();
    fs::remove_file(&journals[1]).unwrap();
    let complaint = world.complaint();
    let expected = format!(
        "{}: the journal of {}, which goes before it, is missing",
        stem(&journals[2]),
        stem(&journals[1])
    );
    assert_eq!(complaint.trim(), expected);
    // Its end alone is cut off, at the end of a line.
    let cut = text.trim_end().rfind('\n').unwrap() + 1;
    fs::write(&journals[1], &text[..cut]).unwrap();
    let complaint = world.complaint();
    assert!(complaint.contains("lacks the record it goes on from"), "{complaint}");
    fs::write(&journals[1], text).unwrap();
    world.ok(&["audit", "verify"]);
    // Nothing goes on from the newest; the table names it, and so does whoever noted its seal.
    let seal = seal_of_last_line(&journals[2]);
    world.ok(&["audit", "verify", "--seal", &seal]);
    fs::remove_file(&journals[2]).unwrap();
    let complaint = world.complaint();
    assert_eq!(
        complaint.trim(),
        format!("the journal of {}, the last run of web, is missing", stem(&journals[2]))
    );
    let folder = world.root().join(".reveille/runs");
    let said = world.run(&["audit", "verify", "--seal", &seal, folder.to_str().unwrap()]);
    assert_eq!((said.code, said.out.trim()), (3, format!("no record has the seal {seal}").as_str()));
}

#[test]
fn journals_that_were_moved_are_still_proven_and_a_plan_stays_used() {
    let Some(world) = World::new(3) else { return };
    world.ok(&["plan", "deploy", "web", "--to", "h1", "-o", "plan.json"]);
    world.ok(&["apply", "plan.json"]);
    world.ok(&["switchover", "web"]);
    let before = world.journals();
    let said = world.ok(&["audit", "rotate", "--keep", "1d", "--to", "old"]);
    assert_eq!(said.out, "", "they are young");
    let said = world.ok(&["audit", "rotate", "--keep", "0s", "--to", "old", "--check"]);
    assert_eq!((said.out.trim(), world.journals()), (stem(&before[0]).as_str(), before.clone()));
    world.ok(&["audit", "rotate", "--keep", "0s", "--to", "old"]);
    assert_eq!(world.journals(), before[1..], "the newest stays");
    let said = world.ok(&["audit", "verify"]);
    assert!(said.out.contains("1 journals") && said.out.contains("1 moved away"), "{}", said.out);
    world.ok(&["audit", "verify", "old"]);
    let said = world.run(&["apply", "plan.json", "--yes"]);
    assert_eq!(said.code, 6, "{}", said.err);
    assert!(said.err.contains(&stem(&before[0])), "{}", said.err);
    // The list of what was moved is sealed as well.
    let list = world.read(".reveille/moved.jsonl");
    world.write(".reveille/moved.jsonl", &list.replacen("\"records\":", "\"records\":1", 1));
    assert!(world.complaint().contains("moved.jsonl: record 0: it was changed"), "{}", world.complaint());
    let said = world.run(&["audit", "rotate", "--keep", "0s", "--to", "old"]);
    assert_eq!(said.code, 3, "nothing is moved from a chain that is not proven");
}

#[test]
fn two_runs_are_compared_by_what_their_hosts_were() {
    let Some((world, journals)) = World::with_runs() else { return };
    let runs: Vec<String> = journals.iter().map(|path| stem(path)).collect();
    let said = world.ok(&["diff", &runs[1], &runs[1]]);
    assert!(said.err.contains("both did the same"), "{}\n{}", said.out, said.err);
    let said = world.ok(&["diff", &runs[1], &runs[2]]);
    for expected in ["web h1 → h2, copy on h1, epoch 2", "web h2 → h1, copy on h2, epoch 3"] {
        assert!(said.out.contains(expected), "{}", said.out);
    }
    assert!(!said.out.contains("Only in"), "the same operation: {}", said.out);
    // A changed template is a line that differs.
    let template = world.read("templates/web/site.conf.j2");
    world.write("templates/web/site.conf.j2", &template.replace("Options None", "Options Indexes"));
    world.ok(&["deploy", "web"]);
    let said = world.ok(&["diff", &runs[0], "--json"]);
    let differs: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&differs["schema"], &differs["runs"][0]),
        (&"reveille.diff/1".into(), &runs[0].as_str().into())
    );
    let does = |step: &Value| {
        step["does"].as_array().is_some_and(|lines| lines.iter().any(|line| line == "+ Options Indexes"))
    };
    let steps = differs["steps"].as_array().unwrap();
    assert!(
        steps.iter().any(|step| step["step"] == "web, new primary: prepare.site" && does(step)),
        "{differs:#}"
    );
    assert_eq!(world.run(&["diff", "nonsense"]).code, 64);
}

#[test]
fn a_decision_of_the_past_is_explained_from_what_was_written_then() {
    let Some((world, journals)) = World::with_runs() else { return };
    let text = fs::read_to_string(&journals[2]).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let second_switch = first["at"].as_str().unwrap();
    let said = world.ok(&["explain", "web", "--run", &stem(&journals[1])]);
    for expected in ["switchover of web: done", "the primary: h2", "h1: no: is being left by this plan"] {
        assert!(said.out.contains(expected), "{}", said.out);
    }
    // At the moment the second switchover began, the first one's outcome was true.
    let said = world.ok(&["explain", "web", "--at", second_switch, "--json"]);
    let past: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(past["schema"], "reveille.past/1");
    assert_eq!((&past["row"]["primary"], &past["row"]["epoch"]), (&"h2".into(), &2.into()), "{past:#}");
    assert_eq!(past["decision"]["run"].as_str().unwrap(), stem(&journals[2]));
    let said = world.ok(&["explain", "web", "--at", "2001-01-01T00:00"]);
    assert!(said.out.contains("no run had given it a primary yet"), "{}", said.out);
    for (args, word) in
        [(["--at", "yesterday"], "is no time"), (["--at", "2999-01-01T00:00"], "has not come yet")]
    {
        let said = world.run(&[&["explain", "web"], &args[..]].concat());
        assert!(said.code == 64 && said.err.contains(word), "{}", said.err);
    }
}
