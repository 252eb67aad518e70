//! The shell files themselves: plain POSIX.

use std::path::PathBuf;
use std::process::Command;

fn files() -> Vec<PathBuf> {
    let of_ours = [
        "address", "announce", "ask", "crew", "file", "mount", "ocf", "sample", "sysctl", "talk", "undo",
        "wait", "witness",
    ];
    of_ours.iter().map(|name| PathBuf::from(format!("src/module/sh/{name}.sh"))).collect()
}

#[test]
fn every_library_parses_in_the_plainest_shell() {
    for file in files() {
        let status = Command::new("sh").arg("-n").arg(&file).status().unwrap();
        assert!(status.success(), "{}", file.display());
    }
}

#[test]
fn shellcheck_has_nothing_to_say() {
    match Command::new("shellcheck").args(files()).output() {
        Ok(said) => assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout)),
        Err(_) => eprintln!("skipped: no shellcheck here"),
    }
}
