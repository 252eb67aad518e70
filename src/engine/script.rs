//! Composes the one program that carries a batch of steps to a host: guard, libraries, then each step between marker
//! lines that [`super::markers`] reads. Pure text in, text out; [`super::job`] sends it.
//!
//! Each step runs in a subshell of its own, so that `exit`, `cd` and variables of one do not reach the next. The
//! first step that fails ends the program: later ones are not begun.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::module::guard::{self, Mode};
use crate::module::{Library, NEEDS_ACTION, Script};
use crate::site::id::{Epoch, HostName, RunId, ServiceName};

/// How far a step may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Look, and act where it is needed.
    #[default]
    Act,
    /// Only look: `--check`.
    Look,
}

/// What all steps of a batch share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Undo notes on hosts bear its name.
    pub run: &'a RunId,
    pub service: &'a ServiceName,
    pub epoch: Epoch,
    pub nonce: &'a str,
    pub reach: Reach,
    /// Print what would change before changing it: `--diff`.
    pub diff: bool,
}

/// The exit code of a look that could not even be tried, since there is none.
const NO_LOOK: i32 = NEEDS_ACTION;

impl Frame<'_> {
    /// The program for these steps, to be run in this order.
    pub fn compose<'s>(&self, scripts: impl IntoIterator<Item = &'s Script> + Clone) -> String {
        let mut program = String::new();
        let only_looks = |script: &Script| script.act.trim().is_empty() || !script.changes;
        let reads = self.reach == Reach::Look || scripts.clone().into_iter().all(only_looks);
        let mode = if reads { Mode::Read } else { Mode::Write };
        line(&mut program, &prelude(self.run, self.service, self.epoch, mode));
        line(&mut program, &marker_function(self.nonce));
        let libraries: BTreeSet<Library> =
            scripts.clone().into_iter().flat_map(|script| script.library.iter().copied()).collect();
        for library in libraries {
            line(&mut program, library.text());
        }
        for (place, script) in scripts.into_iter().enumerate() {
            self.step(&mut program, place, script);
        }
        program
    }

    fn step(&self, program: &mut String, place: usize, script: &Script) {
        line(program, &format!("reveille_mark begin {place}"));
        match &script.look {
            Some(look) => {
                line(program, &format!("reveille_mark look {place}"));
                subshell(program, look);
            }
            None => line(program, &format!("reveille_code={NO_LOOK}")),
        }
        let diff = script.diff.as_ref().filter(|_| self.diff);
        let act = (self.reach == Reach::Act).then_some(&script.act);
        if diff.is_some() || act.is_some() {
            line(program, &format!("if [ \"$reveille_code\" -eq {NEEDS_ACTION} ]; then"));
            if let Some(diff) = diff {
                line(program, &format!("reveille_mark diff {place}"));
                subshell(program, diff);
                line(program, &format!("reveille_code={NEEDS_ACTION}"));
            }
            if let Some(act) = act {
                line(program, &format!("reveille_mark act {place}"));
                subshell(program, act);
            }
            line(program, "fi");
        }
        line(program, &format!("reveille_mark end {place} \"$reveille_code\""));
        line(program, &format!("case $reveille_code in {}) ;; *) exit 0 ;; esac", self.good_codes()));
    }

    /// Codes after which the next step may begin.
    fn good_codes(&self) -> String {
        match self.reach {
            Reach::Act => "0".to_owned(),
            Reach::Look => format!("0|{NEEDS_ACTION}"),
        }
    }
}

/// A single text of a step, such as its undo, as a program of its own: a person can paste it.
pub fn alone(run: &RunId, service: &ServiceName, epoch: Epoch, library: &[Library], text: &str) -> String {
    format!("RV_RUN={run}\n{}", guarded(service, epoch, library, text))
}

/// The same outside any run: it leaves no undo notes.
pub fn guarded(service: &ServiceName, epoch: Epoch, library: &[Library], text: &str) -> String {
    let mut program = guard::prelude(service, epoch, Mode::Write);
    for library in library.iter().copied().collect::<BTreeSet<_>>() {
        line(&mut program, library.text());
    }
    line(&mut program, "(");
    line(&mut program, text);
    line(&mut program, ") 9>&- </dev/null");
    // Busybox would run a last subshell in this shell's place, and so give the lock up early.
    line(&mut program, "exit $?");
    program
}

fn prelude(run: &RunId, service: &ServiceName, epoch: Epoch, mode: Mode) -> String {
    format!("RV_RUN={run}\n{}", guard::prelude(service, epoch, mode))
}

fn marker_function(nonce: &str) -> String {
    format!("reveille_mark() {{ printf '%s\\n' \"{nonce} $*\"; printf '%s\\n' \"{nonce} $*\" >&2; }}")
}

/// Runs `text` apart from the rest, with nothing to read, and keeps its exit code in `reveille_code`.
fn subshell(program: &mut String, text: &str) {
    line(program, "(");
    line(program, if text.trim().is_empty() { ":" } else { text });
    line(program, ") 9>&- </dev/null; reveille_code=$?");
}

fn line(program: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(program, "{}", text.trim_end_matches('\n'));
}

/// A command line a person can paste on the host: the program, whole, for a shell of its own.
pub fn by_hand(program: &str, run_as: Option<&str>) -> String {
    let shell = match run_as {
        None => "sh".to_owned(),
        Some("root") => "sudo sh".to_owned(),
        Some(user) => format!("sudo -u {user} sh"),
    };
    let mut end = "END".to_owned();
    while program.lines().any(|line| line == end) {
        end.push('_');
    }
    format!("{shell} <<'{end}'\n{}\n{end}", program.trim_end_matches('\n'))
}

/// A word that no output holds by chance.
pub fn nonce() -> String {
    use std::hash::{BuildHasher, Hasher};
    let random = || std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("@{:016x}{:016x}@", random(), random())
}

/// Where steps run that have no host: this machine, by the name the transports know it by.
pub fn controller() -> HostName {
    HostName::try_from("localhost").expect("letters make a host's name")
}

#[cfg(test)]
mod tests;
