//! A Nagios plugin: a program whose exit code is the answer, and whose first line is for people, with numbers behind a
//! `|`. Icinga, Naemon and others run the same.

use std::time::Instant;

use super::{Outcome, answered, command, warned, wrong};

/// By the exit code: 0 OK, 1 WARNING, 2 CRITICAL. 3 is UNKNOWN: the plugin could not find out. Any other code, or a
/// signal, is no plugin's answer at all, and must not move a service either.
pub(super) async fn ask(argv: &[String]) -> Outcome {
    let started = Instant::now();
    match command::run(argv).await {
        Ok((status, said)) => match status.code() {
            Some(0) => answered(said, started),
            Some(1) => warned(said, started),
            Some(2) => wrong(said, started),
            Some(3) => Outcome::Impossible { detail: said },
            _ => Outcome::Impossible { detail: format!("{status}: {said}") },
        },
        Err(detail) => Outcome::Impossible { detail },
    }
}
