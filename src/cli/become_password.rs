//! `-K`: asks for sudo's password, once, before anything else is done. On a terminal nothing of it is shown; without one
//! it is the first line of the input. It is never an argument or a variable of the environment.

use std::fs::File;
use std::io::{BufRead, IsTerminal, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::args::Common;
use super::exit::Exit;
use super::failure::Failure;
use crate::site::secret::Secret;

const QUESTION: &str = "BECOME password: ";

/// The password, if `-K` asks for it.
pub fn ask(common: &Common) -> Result<Option<Secret>, Failure> {
    if !common.ask_become_pass {
        return Ok(None);
    }
    let text = if std::io::stdin().is_terminal() { on_terminal()? } else { first_line()? };
    let wrong = |error| Failure::words(Exit::Usage, format!("this password cannot be used: {error}"));
    Secret::new(&text).map(Some).map_err(wrong)
}

fn first_line() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().lock().read_line(&mut text).map_err(Failure::internal)?;
    match text.trim_end_matches(['\n', '\r']) {
        "" => Err(Failure::words(Exit::Usage, "-K: there is no password in the input".to_owned())
            .hint("its first line is the password, as in `pass show sudo | reveille … -K`")),
        line => Ok(line.to_owned()),
    }
}

fn on_terminal() -> Result<String, Failure> {
    let terminal = File::options().read(true).write(true).open("/dev/tty").map_err(Failure::internal)?;
    let quiet = Quiet::new(&terminal)?;
    let _ = (&terminal).write_all(QUESTION.as_bytes());
    let typed = typed(&terminal);
    drop(quiet);
    let _ = (&terminal).write_all(b"\n");
    let bytes = typed.ok_or_else(|| Failure::words(Exit::Signal(2), "no password was given".to_owned()))?;
    String::from_utf8(bytes).map_err(Failure::internal)
}

/// What is typed up to the end of the line; nothing when it was broken off.
fn typed(mut terminal: &File) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        match terminal.read(&mut byte) {
            Ok(1) => {}
            Ok(_) | Err(_) => return None,
        }
        match byte[0] {
            b'\n' | b'\r' => return Some(bytes),
            // Ctrl-C and Ctrl-D: the terminal sends no signal while it is quiet.
            3 | 4 => return None,
            8 | 127 => drop_last(&mut bytes),
            21 => bytes.clear(),
            other => bytes.push(other),
        }
    }
}

/// Takes the last character away, however many bytes it has.
fn drop_last(bytes: &mut Vec<u8>) {
    while bytes.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn new(terminal: &'a File) -> Result<Self, Failure> {
        let before = tcgetattr(terminal).map_err(Failure::internal)?;
        let mut quiet = before.clone();
        quiet.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(terminal, OptionalActions::Flush, &quiet).map_err(Failure::internal)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_taken_back_whole() {
        let mut bytes = "aé".as_bytes().to_vec();
        drop_last(&mut bytes);
        assert_eq!(bytes, b"a");
        drop_last(&mut bytes);
        drop_last(&mut bytes);
        assert!(bytes.is_empty());
    }
}
