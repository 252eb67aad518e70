//! Composed programs, run by the real shell of this machine.

use std::process::Command;

use super::super::markers::{Heard, Markers, Part};
use super::*;

struct Shell {
    folder: tempfile::TempDir,
    service: ServiceName,
    run: RunId,
}

impl Shell {
    fn new() -> Self {
        let (service, run) = ("web".try_into().unwrap(), "r1".try_into().unwrap());
        Self { folder: tempfile::tempdir().unwrap(), service, run }
    }

    fn frame(&self, reach: Reach, diff: bool) -> Frame<'_> {
        Frame { run: &self.run, service: &self.service, epoch: Epoch(3), nonce: "@n0nce@", reach, diff }
    }

    fn sh(&self, program: &str) -> (i32, String, String) {
        let output = Command::new("sh")
            .args(["-c", program])
            .env("RV_ROOT", self.folder.path())
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// What is heard on stdout.
    fn hear(&self, frame: &Frame<'_>, scripts: &[Script]) -> Vec<Heard> {
        let (code, out, err) = self.sh(&frame.compose(scripts));
        assert_eq!(code, 0, "{err}");
        let count = |text: &str, word: &str| text.matches(&format!("@n0nce@ {word}")).count();
        for word in ["begin", "look", "diff", "act", "end"] {
            assert_eq!(count(&out, word), count(&err, word), "both streams bear the same marks");
        }
        let mut markers = Markers::new("@n0nce@");
        out.lines().flat_map(|line| markers.hear(line)).collect()
    }
}

fn toucher(file: &str) -> Script {
    Script {
        summary: String::new(),
        look: Some(format!("[ -e {file} ] || exit 10")),
        act: format!("echo making {file}; touch {file}"),
        diff: Some(format!("echo +{file}")),
        changes: true,
        ..Script::default()
    }
}

fn acts(act: &str) -> Script {
    Script { act: act.to_owned(), changes: true, ..Script::default() }
}

fn line(step: usize, part: Part, text: &str) -> Heard {
    Heard::Line { step, part, text: text.to_owned() }
}

fn entered(step: usize, part: Part) -> Heard {
    Heard::Entered { step, part }
}

#[test]
fn it_looks_and_acts_only_if_needed() {
    let shell = Shell::new();
    let frame = shell.frame(Reach::Act, false);
    let first = shell.hear(&frame, &[toucher("a")]);
    assert_eq!(
        first,
        [
            Heard::Begun(0),
            entered(0, Part::Look),
            entered(0, Part::Act),
            line(0, Part::Act, "making a"),
            Heard::Ended { step: 0, code: 0 }
        ]
    );
    let again = shell.hear(&frame, &[toucher("a")]);
    assert_eq!(again, [Heard::Begun(0), entered(0, Part::Look), Heard::Ended { step: 0, code: 0 }]);
}

#[test]
fn looking_changes_nothing_and_goes_on() {
    let shell = Shell::new();
    let heard = shell.hear(&shell.frame(Reach::Look, true), &[toucher("a"), toucher("b")]);
    assert!(heard.contains(&line(0, Part::Diff, "+a")));
    assert!(heard.contains(&Heard::Ended { step: 0, code: 10 }));
    assert!(heard.contains(&Heard::Ended { step: 1, code: 10 }));
    assert_eq!(std::fs::read_dir(shell.folder.path()).unwrap().count(), 0, "no trace, not even the guard's");
}

#[test]
fn diff_comes_before_the_act() {
    let shell = Shell::new();
    let heard = shell.hear(&shell.frame(Reach::Act, true), &[toucher("a")]);
    let place = |what: &Heard| heard.iter().position(|heard| heard == what).unwrap();
    assert!(place(&line(0, Part::Diff, "+a")) < place(&entered(0, Part::Act)));
    assert_eq!(heard.last(), Some(&Heard::Ended { step: 0, code: 0 }));
}

#[test]
fn a_failure_ends_the_batch_and_steps_do_not_reach_each_other() {
    let shell = Shell::new();
    let steps = [
        acts("cd /; x=1; printf 'no newline'"),
        acts("echo \"$PWD ${x-unset}\"; exit 4"),
        acts("touch never"),
    ];
    let heard = shell.hear(&shell.frame(Reach::Act, false), &steps);
    let root = shell.folder.path().display();
    assert!(heard.contains(&line(0, Part::Act, "no newline")));
    assert!(heard.contains(&line(1, Part::Act, &format!("{root} unset"))));
    assert_eq!(heard.last(), Some(&Heard::Ended { step: 1, code: 4 }));
    assert!(!shell.folder.path().join("never").exists());
}

#[test]
fn a_step_cannot_read_the_program_that_follows_it() {
    let shell = Shell::new();
    let heard = shell.hear(&shell.frame(Reach::Act, false), &[acts("cat"), acts("echo on")]);
    assert!(heard.contains(&line(1, Part::Act, "on")), "{heard:?}");
}

#[test]
fn an_older_epoch_is_refused_before_anything_runs() {
    let shell = Shell::new();
    shell.hear(&shell.frame(Reach::Act, false), &[acts(":")]);
    let stale = Frame { epoch: Epoch(2), ..shell.frame(Reach::Act, false) };
    let (code, out, _) = shell.sh(&stale.compose(&[acts("touch never")]));
    assert_eq!((code, out.as_str()), (guard::STALE, "epoch 3\n"));
    assert!(!shell.folder.path().join("never").exists());
}

#[test]
fn what_is_left_to_a_person_can_be_pasted() {
    let shell = Shell::new();
    let program = alone(
        &shell.run,
        &shell.service,
        Epoch(3),
        &[Library::File],
        "cat <<'END'\nEND of it\nEND\necho \"$RV_SERVICE\"",
    );
    let pasted = by_hand(&program, None);
    let (code, out, err) = shell.sh(&pasted);
    assert_eq!((code, out.as_str()), (0, "END of it\nweb\n"), "{err}");
    assert!(by_hand(&program, Some("root")).starts_with("sudo sh <<'END_'\n"));
}
