//! The alert rules that are shipped, by Prometheus' own judge where it is installed (Debian: prometheus).

use std::process::Command;

/// What promtool says of a file, or nothing where it is not installed.
fn judged(args: &[&str]) {
    let Ok(said) = Command::new("promtool").args(args).output() else {
        eprintln!("skipped: no promtool (Debian: prometheus)");
        return;
    };
    let words = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{words}");
}

#[test]
fn prometheus_accepts_the_alert_rules() {
    judged(&["check", "rules", "book/src/how-to/reveille.rules.yml"]);
}

/// They are raised when they should be, and not before.
#[test]
fn alerts_are_raised_in_time() {
    judged(&["test", "rules", "tests/fixtures/prometheus/rules.test.yml"]);
}
