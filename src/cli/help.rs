//! What `--help` looks like: commands by what one wants, short lines, examples below. No behaviour. The command line
//! itself is in [`super::args`]; shells and `man` get it from here too.

use std::fmt::Write as _;

use clap::builder::Styles;
use clap::{Command, CommandFactory};

use super::Cli;
use super::help_examples::{EXAMPLES, Examples};

/// Every command in one group, in the order in which a person meets them.
pub const GROUPS: [(&str, &[&str]); 7] = [
    ("Begin", &["init", "import", "check", "doctor", "inventory"]),
    ("Operations", &["deploy", "failover", "switchover", "reprotect", "teardown"]),
    ("Plans and audits", &["plan", "show", "apply", "facts", "whatif", "history", "report", "diff", "audit"]),
    ("Watching", &["status", "watch", "explain", "pause", "resume", "depose"]),
    ("After a failure", &["recover", "ack", "confirm-dead"]),
    ("Rehearsal", &["lab", "drill", "sim", "replay"]),
    ("Editors and shells", &["schema", "completions", "man"]),
];

const EXIT_CODES: &str = "\
Exit codes:
  0 done; 2 undone; 3 a person is needed; 4 unreachable; 5 invalid files;
  6 kept plan refused; 7 locked; 8 no eligible host; 9 evidence missing;
  64 usage; 130, 143 ended by a signal";

/// The longest line of a help text.
const WIDTH: usize = 80;

/// The whole command line, with groups and examples.
pub fn command() -> Command {
    let command = with_examples(Cli::command(), "");
    let groups = groups(&command);
    let examples = examples_of("").map(shown).unwrap_or_default();
    command
        .help_template(format!(
            "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{}\n{{options}}{{after-help}}",
            heading("Options")
        ))
        .after_help(
            "`reveille COMMAND -h` is short, `reveille COMMAND --help` has the common options and examples.",
        )
        .after_long_help(format!("{examples}\n\n{EXIT_CODES}"))
}

fn heading(text: &str) -> String {
    let style = Styles::styled().get_header().to_owned();
    format!("{style}{text}:{style:#}")
}

fn groups(command: &Command) -> String {
    let literal = Styles::styled().get_literal().to_owned();
    let mut text = String::new();
    for (title, names) in GROUPS {
        text += &heading(title);
        text.push('\n');
        for command in names.iter().filter_map(|name| command.find_subcommand(name)) {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {literal}{:<12}{literal:#}  {about}", command.get_name());
        }
        text.push('\n');
    }
    text
}

/// The examples below each command's long help; `path` is empty for `reveille` itself.
fn with_examples(command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    let command = names.iter().fold(command, |command, name| {
        let below = format!("{path} {name}").trim_start().to_owned();
        command.mut_subcommand(name, |sub| with_examples(sub, &below))
    });
    match examples_of(path) {
        Some(examples) => command.after_long_help(shown(examples)),
        None => command,
    }
}

fn examples_of(path: &str) -> Option<Examples> {
    EXAMPLES.iter().find(|(of, _)| *of == path).map(|(_, examples)| *examples)
}

fn shown(examples: Examples) -> String {
    let width = examples.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
    let beside = examples.iter().all(|(_, why)| 2 + width + 2 + why.len() <= WIDTH);
    let mut text = heading("Examples");
    for (line, why) in examples {
        let _ = match (why.is_empty(), beside) {
            (true, _) => write!(text, "\n  {line}"),
            (false, true) => write!(text, "\n  {line:width$}  {why}"),
            (false, false) => write!(text, "\n  {line}\n      {why}"),
        };
    }
    text
}
