//! Where words go: data to stdout, everything else to stderr; whether with colour; how much is logged.

use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;

use super::args::{Color, Common};

/// A line of data on stdout. A reader that went away is no error.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A text of data on stdout as it is.
pub fn print(text: &str) {
    let _ = write!(std::io::stdout(), "{text}");
}

/// A line for people on stderr.
pub fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Whether to colour what goes to stderr: the flag, then `NO_COLOR`, then `CLICOLOR_FORCE`, then the terminal.
pub fn color(common: &Common) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    match common.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if set("CLICOLOR_FORCE") => true,
        Color::Auto => {
            std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// Whether data on stdout may be coloured: the same, for the other stream.
pub fn stdout_color(common: &Common) -> anstream::ColorChoice {
    match common.color {
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
        Color::Auto => anstream::AutoStream::choice(&std::io::stdout()),
    }
}

/// Diagnostics of the program itself, to stderr: `-v` up to `-vvv`, or `REVEILLE_LOG`.
pub fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "reveille=info",
        2 => "reveille=debug",
        _ => "reveille=trace",
    };
    let filter = EnvFilter::try_from_env("REVEILLE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time();
    let _ = log.try_init();
}

/// Asks a yes-or-no question on the terminal. `None`: there is nobody to ask.
pub fn ask(question: &str) -> Option<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    let _ = write!(std::io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
