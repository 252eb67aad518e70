//! The script of one host's part in a round of watching: its facts, and what overload rules count there, in one round
//! trip. [`crate::plan::sample::Sample::parse`] reads the answer. Reads only.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::words::Words;
use crate::site::playbook::Playbook;

/// How long folders may take to be counted. One that is slower, or dead, counts as unreadable.
pub const QUEUE_LIMIT_MS: u64 = 300;

/// What is asked beside the facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Names of processes, as `/proc/PID/comm` has them (the kernel keeps 15 bytes; longer ones match by those).
    pub processes: BTreeSet<String>,
    /// Folders whose entries are counted.
    pub queues: BTreeSet<String>,
    /// Programs that are looked for; those that are not there are named.
    pub programs: BTreeSet<String>,
}

impl Wanted {
    /// Adds what the overload rules of a service look at.
    pub fn add(&mut self, playbook: &Playbook) {
        for rule in playbook.overload.values() {
            self.processes.extend(rule.processes.iter().map(|limit| limit.name.clone()));
            self.queues.extend(rule.queue.iter().map(|limit| limit.path.clone()));
        }
    }
}

/// Complete: needs no prelude and no library. Any login may run it; what it must not read is missing in the answer.
pub fn script(wanted: &Wanted) -> String {
    let mut script = String::new();
    for part in [
        include_str!("sh/record.sh"),
        include_str!("sh/facts.sh"),
        include_str!("sh/guard.sh"),
        include_str!("sh/crew.sh"),
        include_str!("sh/sample.sh"),
        "facts",
    ] {
        line(&mut script, part);
    }
    ask(&mut script, "sample_queues", &wanted.queues);
    ask(&mut script, "sample_processes", &wanted.processes);
    ask(&mut script, "sample_programs", &wanted.programs);
    if !wanted.queues.is_empty() {
        line(&mut script, &format!("crew_wait {QUEUE_LIMIT_MS}"));
    }
    line(&mut script, "true");
    script
}

/// Names that no shell can carry are left out, and with them their count.
fn ask(script: &mut String, function: &str, about: &BTreeSet<String>) {
    let able = about.iter().filter(|word| !word.contains('\0'));
    let words = Words::of(function).words(able);
    if let (false, Ok(call)) = (about.is_empty(), words.line()) {
        line(script, &call);
    }
}

fn line(script: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(script, "{}", text.trim_end_matches('\n'));
}
