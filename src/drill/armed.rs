//! A program on a lab host that waits for its moment: everything slow is done before, so that the failure itself takes
//! milliseconds. It undoes what it did when it is let go, or when this process ends.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, ensure};

use crate::lab::Lab;

/// Put in front of every program: it says `ready` by itself, and then waits.
const PRELUDE: &str =
    "set -u\nawait() { echo ready; read -r _ || exit 0; }\nstruck() { echo struck; read -r _ || :; }\n";

/// A program that waits.
pub(super) struct Armed {
    child: Child,
    tell: Option<ChildStdin>,
    hear: BufReader<ChildStdout>,
}

impl Armed {
    /// Starts `script` on `host` by its console. It calls `await` before and `struck` after what it does; what follows
    /// `struck` takes it back.
    ///
    /// # Errors
    /// It ends before it is ready.
    pub fn start(lab: &Lab, host: &str, script: &str, args: &[&str]) -> Result<Self> {
        let script = format!("{PRELUDE}{script}");
        let words = ["sh", "-c", &script, "sh"].into_iter().chain(args.iter().copied());
        let mut command = lab.command(host, words)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().with_context(|| format!("failed to run a program on {host}"))?;
        let tell = child.stdin.take();
        let hear = BufReader::new(child.stdout.take().context("it has no output")?);
        let mut armed = Self { child, tell, hear };
        armed.expect("ready")?;
        Ok(armed)
    }

    /// Now. Returns when it is done.
    ///
    /// # Errors
    /// It ended.
    pub fn strike(&mut self) -> Result<()> {
        self.go()?;
        self.expect("struck")
    }

    /// Takes it back. A host that has lost its power meanwhile has nothing to take back.
    pub fn let_go(mut self) {
        let _ = self.go();
        self.tell = None;
        let _ = self.child.wait();
    }

    fn go(&mut self) -> Result<()> {
        Ok(self.tell.as_mut().context("it was let go")?.write_all(b"\n")?)
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        let mut line = String::new();
        self.hear.read_line(&mut line)?;
        ensure!(line.trim() == word, "the program that makes the failure ended before it was {word}");
        Ok(())
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        self.tell = None;
        let _ = self.child.wait();
    }
}
