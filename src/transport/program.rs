//! The shell text around a job: what the host starts, what it is sent, and what ends it. Nothing here does
//! anything but make words, and a job's nonce; links turn the words into a command line or an argument list.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

/// Up to this many bytes a host reads a script bytewise rather than start `head` for it.
const BYTEWISE: usize = 2048;

static BOOTSTRAP: LazyLock<String> = LazyLock::new(|| one_line(include_str!("bootstrap.sh")));
static KILL: LazyLock<String> = LazyLock::new(|| one_line(include_str!("kill.sh")));

/// The words of the program that reads a script from stdin and runs it.
pub(super) fn bootstrap() -> [&'static str; 3] {
    ["sh", "-c", &BOOTSTRAP]
}

/// The words of the program that ends process group `group` and prints `gone` when nothing of it is left.
pub(super) fn kill(group: &str) -> [&str; 5] {
    ["sh", "-c", &KILL, "sh", group]
}

/// What [`bootstrap`] reads: a header, the script, a last line that proves it complete.
pub(super) fn payload(nonce: &str, script: &str) -> Vec<u8> {
    let body = format!("{script}\n#{nonce}");
    match body.len() {
        0..=BYTEWISE => format!("{nonce} lines\n{body}\n").into_bytes(),
        size => format!("{nonce} {size}\n{body}").into_bytes(),
    }
}

/// A word that no script prints by chance.
pub(super) fn nonce() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// A shell file without comments and newlines. Its lines must bear being joined by a space.
fn one_line(file: &str) -> String {
    let lines = file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remote_text_survives_the_quotes_of_every_login_shell() {
        for text in [&*BOOTSTRAP, &*KILL] {
            assert!(!text.replace("! ", "").contains(['\'', '\n', '!']), "{text}");
            let quoted = shlex::try_quote(text).unwrap();
            assert_eq!(quoted.matches('\'').count(), 2, "{quoted}");
        }
    }

    #[test]
    fn a_long_script_is_announced_by_its_size() {
        let script = "#".repeat(5000);
        let payload = payload("n0", &script);
        let (header, body) = payload.split_at(payload.iter().position(|b| *b == b'\n').unwrap() + 1);
        assert_eq!(header, format!("n0 {}\n", body.len()).as_bytes());
    }

    #[test]
    fn nonces_differ() {
        assert_ne!(nonce(), nonce());
    }
}
