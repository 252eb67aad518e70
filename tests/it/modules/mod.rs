//! The modules' shell, run for real: the documented examples in a namespace of their own, service addresses on small
//! networks. Needs root; without it each test says so and passes.

#![expect(clippy::unwrap_used, reason = "a failed preparation is a failed test")]

mod address;
mod examples;
mod host;
mod net;
mod ocf;
mod probe;
mod sample;
mod shell;
mod witness;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use reveille::module::Library;

/// Whether this test can make namespaces; says so if it cannot.
fn root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: namespaces need root");
    }
    root
}

/// A text with everything it may call in front, as the engine sends it: the variables, the libraries, then the text in
/// a shell of its own.
fn assemble(library: &[Library], rv_dir: &Path, text: &str) -> String {
    let functions: Vec<&str> = library.iter().map(|library| library.text()).collect();
    let dir = rv_dir.display();
    format!(
        "RV_SERVICE=web RV_EPOCH=4 RV_RUN=r1 RV_DIR={dir}\n{}\n(\n{text}\n) </dev/null\n",
        functions.join("\n")
    )
}

/// Feeds a script to a command, `sh` or what leads to one, and waits for it.
fn feed(command: &mut Command, script: &str) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The ways to run a script as a host might: whatever `sh` is here, and the others that are installed.
fn shells() -> Vec<&'static [&'static str]> {
    const SHELLS: [&[&str]; 4] = [&["sh"], &["dash"], &["busybox", "ash"], &["bash", "--posix"]];
    let works = |shell: &&[&str]| {
        Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", "exit 0"])
            .output()
            .is_ok_and(|said| said.status.success())
    };
    SHELLS.into_iter().filter(works).collect()
}
