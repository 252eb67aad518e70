//! The script of a round, run for real on this machine by every shell there is.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reveille::module::sample::{QUEUE_LIMIT_MS, Wanted, script};
use reveille::plan::sample::Sample;

use super::net::Running;
use super::{feed, shells};

/// A name of more than the kernel's fifteen bytes, and one that is a pattern to a shell.
const NAMES: [&str; 3] = ["rv-long-name-of-a-daemon", "rv sp*ce", "rv-not-there"];

/// Two processes of the first name, one of the second.
fn sleepers(folder: &Path) -> Vec<Running> {
    let found = Command::new("sh").args(["-c", "command -v sleep"]).output().unwrap();
    let sleep = String::from_utf8(found.stdout).unwrap();
    for name in &NAMES[..2] {
        std::fs::copy(sleep.trim(), folder.join(name)).unwrap();
    }
    let start = |name: &str| Running(Command::new(folder.join(name)).arg("60").spawn().unwrap());
    [NAMES[0], NAMES[0], NAMES[1]].map(start).into()
}

#[test]
fn processes_and_queues_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (full, empty, gone) =
        (folder.path().join("it's full"), folder.path().join("empty"), folder.path().join("gone"));
    std::fs::create_dir_all(full.join("deep")).unwrap();
    std::fs::create_dir_all(&empty).unwrap();
    std::fs::write(full.join("qf1"), "x").unwrap();
    std::fs::write(full.join(".hidden"), "x").unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let _sleepers = sleepers(&bin);
    let path = |path: &Path| path.display().to_string();
    let wanted = Wanted {
        processes: NAMES.map(str::to_owned).into(),
        queues: [path(&full), path(&empty), path(&gone)].into(),
        ..Wanted::default()
    };
    for shell in shells() {
        let output = feed(
            Command::new(shell[0]).args(&shell[1..]).env("RV_ROOT", folder.path().join("run")),
            &script(&wanted),
        );
        assert!(output.status.success(), "{shell:?}");
        let lines: Vec<String> =
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
        let sample = Sample::parse(&lines).unwrap();
        assert!(sample.facts.uptime_ms > 0);
        assert_eq!(NAMES.map(|name| sample.processes[name]), [2, 1, 0], "{shell:?}");
        let queues = [&full, &empty, &gone].map(|folder| sample.queues[&path(folder)]);
        assert_eq!(queues, [Some(2), Some(0), None], "{shell:?}");
    }
}

#[test]
fn a_folder_that_hangs_is_left_behind_at_the_limit() {
    let functions = script(&Wanted { queues: ["/".to_owned()].into(), ..Wanted::default() });
    // The last folder never answers: its reader waits for a writer that does not come.
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let hang = format!("stuck() {{ read -r _ <'{}'; }}\ncrew_start hung stuck\n", fifo.display());
    let waiting = functions.replace("\ncrew_wait ", &format!("\n{hang}crew_wait "));
    for shell in shells() {
        let start = Instant::now();
        let output = feed(Command::new(shell[0]).args(&shell[1..]), &format!("{waiting}echo late$crew_late"));
        let took = start.elapsed();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.ends_with("late hung\n"), "{shell:?}: {said}");
        assert!(
            said.contains("\nqueue - /\n")
                && said.lines().any(|line| line.ends_with(" /") && !line.contains('-'))
        );
        let limit = Duration::from_millis(QUEUE_LIMIT_MS);
        assert!(
            took + Duration::from_millis(20) >= limit && took < Duration::from_secs(5),
            "{shell:?}: {took:?}"
        );
    }
}
