//! What happened, line by line, and a hash over all of it: the same seed tells the same story.

use sha2::{Digest, Sha256};

use super::host::Ms;

/// Grows while a world lives.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    lines: Vec<(Ms, String)>,
    hash: Sha256,
}

impl Story {
    pub(super) fn tell(&mut self, at: Ms, line: String) {
        self.hash.update(at.to_le_bytes());
        self.hash.update(line.as_bytes());
        self.lines.push((at, line));
    }

    /// Hexadecimal.
    pub(super) fn hash(&self) -> String {
        format!("{:x}", self.hash.clone().finalize())
    }

    /// `  12.345 s  h1 crashes`.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |(at, line): &(Ms, String)| format!("{:>4}.{:03} s  {line}", at / 1000, at % 1000);
        self.lines.iter().map(line).collect()
    }
}
