//! sudo around a program: its words, and the answer when it asks for a password. Both links start programs through
//! [`Started`].
//!
//! The password goes to sudo's standard input and nowhere else, and only once sudo has asked for it: a sudo that does
//! not ask (`NOPASSWD`) leaves its input to the program, which must not find a password there. So the program says on
//! stderr that it runs, before anything is sent to it.

use std::sync::OnceLock;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;

use super::link::Channel;
use super::{Lost, RunAs, program};
use crate::site::secret::Secret;

/// What sudo may say besides its question; a lecture is shorter.
const MOST_SAID: usize = 16 * 1024;

/// A program's words, sudo's among them, and whether sudo may ask.
pub(super) struct Started {
    pub(super) words: Vec<String>,
    /// The word that sudo's question and the program's first line are known by.
    nonce: Option<String>,
}

impl Started {
    /// `words` with the rights of `run_as`.
    pub(super) fn new(run_as: &RunAs, words: &[&str], may_ask: bool) -> Self {
        let RunAs::Sudo { user } = run_as else { return Self { words: owned(words), nonce: None } };
        let nonce = may_ask.then(program::nonce);
        let (question, first_line) =
            nonce.as_deref().map(|nonce| (question(nonce), first_line(nonce))).unzip();
        let mut all = vec!["sudo"];
        match &question {
            Some(question) => all.extend(["-S", "-p", question]),
            None => all.push("-n"),
        }
        all.push("-H");
        all.extend(user.iter().flat_map(|user| ["-u", user]));
        all.push("--");
        let announce = first_line.map(|line| format!("echo {line} >&2; exec \"$@\""));
        all.extend(announce.iter().flat_map(|announce| ["sh", "-c", announce, "sh"]));
        all.extend(words);
        Self { words: owned(&all), nonce }
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn question(nonce: &str) -> String {
    format!("{nonce}?")
}

fn first_line(nonce: &str) -> String {
    format!("{nonce}=")
}

/// One host's password, and what its sudo thinks of it. A password that was refused is not tried again: after a few
/// wrong ones some hosts lock the account.
#[derive(Debug)]
pub(super) struct Password {
    secret: Secret,
    /// Held by the first program that asks, until it is known whether the password is right.
    first: Mutex<()>,
    verdict: OnceLock<Result<(), String>>,
}

impl Password {
    pub(super) fn new(secret: Secret) -> Self {
        Self { secret, first: Mutex::new(()), verdict: OnceLock::new() }
    }

    /// Waits until the program itself runs, and answers sudo before if it asks. Nothing ran when this fails.
    pub(super) async fn tell(&self, started: &Started, channel: &mut Channel) -> Result<(), Lost> {
        let Some(nonce) = &started.nonce else { return Ok(()) };
        let known = || self.verdict.get().cloned();
        let _first = if known().is_none() { Some(self.first.lock().await) } else { None };
        if let Some(Err(reason)) = known() {
            return Err(Lost::Unreachable(reason));
        }
        let told = self.answer(nonce, channel).await;
        match &told {
            Ok(Taken::Asked) => _ = self.verdict.set(Ok(())),
            Err(Refused { for_good: true, reason }) => _ = self.verdict.set(Err(reason.clone())),
            Ok(Taken::Unasked) | Err(_) => {}
        }
        told.map(|_| ()).map_err(|refused| Lost::Unreachable(refused.reason))
    }

    async fn answer(&self, nonce: &str, channel: &mut Channel) -> Result<Taken, Refused> {
        let (question, first_line) = (question(nonce), first_line(nonce) + "\n");
        let mut said = Vec::new();
        let mut asked = false;
        // One byte at a time: what follows the program's first line is not for us.
        while let Ok(byte) = channel.stderr.read_u8().await {
            said.push(byte);
            if said.ends_with(first_line.as_bytes()) {
                return Ok(if asked { Taken::Asked } else { Taken::Unasked });
            }
            if said.ends_with(question.as_bytes()) {
                if asked {
                    let reason = "sudo does not take the password that was given".to_owned();
                    return Err(Refused { for_good: true, reason });
                }
                asked = true;
                said.clear();
                let line = format!("{}\n", self.secret.expose());
                // If it cannot be written, sudo is gone: what it said last is still to be read.
                _ = channel.stdin.write_all(line.as_bytes()).await;
                _ = channel.stdin.flush().await;
            }
            if said.len() > MOST_SAID {
                break;
            }
        }
        let said = String::from_utf8_lossy(&said).split_whitespace().collect::<Vec<_>>().join(" ");
        let said = if said.is_empty() { "no reason given".to_owned() } else { said };
        Err(Refused { for_good: false, reason: format!("no shell was started: {said}") })
    }
}

enum Taken {
    Asked,
    Unasked,
}

struct Refused {
    for_good: bool,
    reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_goes_around_the_words() {
        let run_as = RunAs::Sudo { user: Some("web user".into()) };
        let started = Started::new(&run_as, &program::kill("12"), false);
        assert_eq!(started.words[..7], ["sudo", "-n", "-H", "-u", "web user", "--", "sh"]);
        assert_eq!(Started::new(&RunAs::Login, &["true"], true).words, ["true"]);
    }

    #[test]
    fn a_sudo_that_may_ask_is_followed_by_a_program_that_says_it_runs() {
        let started = Started::new(&RunAs::Sudo { user: None }, &["true"], true);
        let nonce = started.nonce.unwrap();
        let announce = format!("echo {nonce}= >&2; exec \"$@\"");
        let question = format!("{nonce}?");
        assert_eq!(
            started.words,
            ["sudo", "-S", "-p", &question, "-H", "--", "sh", "-c", &announce, "sh", "true"]
        );
    }
}
