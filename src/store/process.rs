//! A holder's process: how it is named so that it cannot be taken for another, and whether it is known to be gone.

use std::fs;

use super::Holder;

impl Holder {
    /// This process. `who` started it, on the machine `host`, by `command`.
    pub fn this_process(who: String, host: String, command: String) -> Self {
        let pid = std::process::id();
        Self {
            who,
            pid,
            host,
            since: jiff::Timestamp::now().to_string(),
            command,
            monitor: false,
            machine: machine().unwrap_or_default(),
            started: started(pid).unwrap_or_default(),
        }
    }
}

/// Whether the process is gone for certain. Of another machine, or another namespace of this one, nobody knows.
pub(super) fn is_dead(holder: &Holder) -> bool {
    let here = machine().is_some_and(|machine| machine == holder.machine);
    here && started(holder.pid) != Some(holder.started)
}

/// This boot of this machine, and whose process ids we see; `None` without a `/proc`.
fn machine() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// When the process began, in clock ticks since the boot (field 22 of proc(5)'s `stat`); `None` if it is gone, or has
/// ended and only waits for its parent.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this() -> Holder {
        Holder::this_process("me".into(), "here".into(), "test".into())
    }

    #[test]
    fn a_process_that_ended_is_known_to_be_gone_also_before_its_parent_knows() {
        assert!(!is_dead(&this()));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let holder = Holder { pid: child.id(), started: started(child.id()).unwrap(), ..this() };
        assert!(!is_dead(&holder));
        child.kill().unwrap();
        while started(child.id()).is_some() {
            std::thread::yield_now();
        }
        assert!(is_dead(&holder), "a zombie");
        child.wait().unwrap();
        assert!(is_dead(&holder));
    }

    #[test]
    fn another_process_of_the_same_number_is_not_the_holder() {
        assert!(is_dead(&Holder { started: this().started + 1, ..this() }));
        let elsewhere = Holder { machine: "another boot".into(), started: 0, ..this() };
        assert!(!is_dead(&elsewhere), "who cannot look does not know");
    }
}
