//! The scripts `doctor` asks hosts with; [`crate::doctor::Answer`] reads what they print. They change nothing.

use super::words::Words;
use super::{Library, Script, ocf};
use crate::site::action::AgentName;

/// What the login itself costs. For the login user, in front of or behind other questions.
pub fn login_script() -> String {
    format!("{}\ndoctor_login\n", include_str!("sh/doctor.sh"))
}

/// What a service's commands would find: for the user they run as. Each of `asks` and
/// of `agents` is answered by its place.
pub fn host_script<'a>(
    login: Option<&str>,
    programs: impl IntoIterator<Item = &'a str>,
    asks: impl IntoIterator<Item = &'a Script>,
    agents: impl IntoIterator<Item = &'a AgentName>,
) -> String {
    let asks: Vec<&Script> = asks.into_iter().collect();
    let agents: Vec<Script> = agents.into_iter().map(ocf::describe).collect();
    let mut text = String::from("RV_SERVICE=- RV_RUN=- RV_EPOCH=0\nRV_DIR=${RV_ROOT:-/run/reveille}/-\n");
    text.push_str(include_str!("sh/doctor.sh"));
    let libraries: std::collections::BTreeSet<Library> =
        asks.iter().copied().chain(&agents).flat_map(|ask| ask.library.iter().copied()).collect();
    for library in libraries {
        text.push_str(library.text());
    }
    text.push_str("doctor_room\ndoctor_freezer\ndoctor_links\n");
    let login = login.map_or("\"$(id -un)\"".to_owned(), quoted);
    let mut line = |line: String| text.extend([line.as_str(), "\n"]);
    line(format!("doctor_sessions {login}"));
    for program in programs {
        let word = quoted(program);
        line(format!("command -v {word} >/dev/null 2>&1 || echo missing {word}"));
    }
    for (place, ask) in asks.iter().enumerate() {
        line(format!("said=$( {{ {}\n}} 2>&1 </dev/null)", ask.act));
        line(format!("doctor_checked {place} $? \"$said\""));
    }
    for (place, agent) in agents.iter().enumerate() {
        line(format!("said=$( {{ {}\n}} </dev/null)", agent.act));
        line(format!("doctor_described {place} $? \"$said\""));
    }
    text
}

fn quoted(text: &str) -> String {
    Words::of(text).line().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_that_preflights_call_is_in_their_library() {
        for (function, library) in [("address_fits", Library::Address), ("mount_answers", Library::Mount)] {
            assert!(
                library.text().contains(&format!("\n{function}() (")),
                "{function} is gone from {library:?}"
            );
        }
    }

    #[test]
    fn each_ask_is_answered_by_its_place_whatever_it_says() {
        let ask = |act: &str| Script { act: act.to_owned(), ..Script::default() };
        let asks = [ask("true"), ask("echo 'no; way' >&2; false"), ask("exit 3")];
        let script = host_script(Some("root"), ["sh", "no-such-program"], &asks, []);
        let output = std::process::Command::new("sh").arg("-c").arg(&script).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> =
            said.lines().filter(|line| line.starts_with("check") || line.starts_with("missing")).collect();
        assert_eq!(lines, ["missing no-such-program", "check 0 0 ", "check 1 1 no; way", "check 2 3 "]);
    }
}
