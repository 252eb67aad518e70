//! The command reference is that of the command line: every command has its section, every flag its row.

use clap::{Arg, Command, CommandFactory};

use super::page::pages;

#[test]
fn the_commands_are_those_of_the_program() {
    let program = reveille::cli::Cli::command();
    for page in pages() {
        page.hold("command", |path| {
            let command = path.split(' ').skip(1).fold(&program, |command, name| {
                command
                    .find_subcommand(name)
                    .unwrap_or_else(|| panic!("{}: no `{path}`", page.path.display()))
            });
            section(path, command)
        });
    }
    let shown: Vec<String> = pages().iter().flat_map(|page| page.marked("command")).collect();
    let mut missing = paths("reveille", &program);
    missing.retain(|path| !shown.contains(path));
    assert!(missing.is_empty(), "not in the command reference: {missing:?}");
}

/// `reveille`, `reveille lab`, `reveille lab up` …: what a user sees in a help text.
fn paths(path: &str, command: &Command) -> Vec<String> {
    let below = command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
    let below = below.flat_map(|below| paths(&format!("{path} {}", below.get_name()), below));
    std::iter::once(path.to_owned()).chain(below).collect()
}

fn section(path: &str, command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().bin_name(path).render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    let own = |arg: &&Arg| !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str());
    let rows: String = command.get_arguments().filter(own).map(row).collect();
    let table = if rows.is_empty() { String::new() } else { format!("\n| | |\n|---|---|\n{rows}") };
    format!("{about}.\n\n```text\n{usage}\n```\n{table}")
}

fn row(arg: &Arg) -> String {
    let value = if arg.get_action().takes_values() {
        arg.get_value_names().map(|names| names[0].to_string()).unwrap_or_default()
    } else {
        String::new()
    };
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    let name = match (flags.is_empty(), value.is_empty()) {
        (true, _) => format!("`{value}`"),
        (false, true) => format!("`{}`", flags.join("`, `")),
        (false, false) => format!("`{} {value}`", flags.join("`, `")),
    };
    let mut help = arg.get_help().map(|help| help.to_string().replace('|', "\\|")).unwrap_or_default();
    let words: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|_| arg.get_action().takes_values())
        .map(|word| format!("`{}`", word.get_name()))
        .collect();
    if !words.is_empty() {
        help = format!("{help}{}{}", if help.is_empty() { "" } else { ": " }, words.join(", "));
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        help = format!("{help} [default: {}]", defaults.join(" "));
    }
    if let Some(env) = arg.get_env() {
        help = format!("{help} [`{}`]", env.to_string_lossy());
    }
    format!("| {} | {help} |\n", name.replace('|', "\\|"))
}
