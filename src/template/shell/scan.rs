//! Follows the POSIX shell's quoting over an author's text, and has each value placed as [`super::place`] does it (POSIX.1-2024,
//! Shell Command Language, 2.2 Quoting and 2.3 Token Recognition).
//!
//! It reads only what it surely understands. From the first thing it does not (a here-document, backquotes, …) it
//! copies the rest, and refuses any value there.

use std::ops::Range;

use super::command::Command;
use crate::template::TemplateError;

/// What an expression gave.
#[derive(Clone, Debug)]
pub(super) enum Datum {
    /// One word or a part of one.
    Text(String),
    /// Words of their own.
    Words(Vec<String>),
}

/// A character of the author's, or a value with the place of its expression.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Char(char),
    Value(Datum, Range<usize>),
}

/// The shell text in which every value is data.
///
/// # Errors
/// The first value that cannot be.
pub(super) fn join(items: Vec<Item>) -> Result<String, TemplateError> {
    let mut scanner = Scanner {
        items,
        at: 0,
        out: String::new(),
        frames: vec![Frame::Code(Code::default())],
        lost: None,
        first_value: None,
    };
    scanner.run()?;
    Ok(scanner.out)
}

/// What the text at one point is inside of.
pub(super) enum Frame {
    Code(Code),
    Single,
    Double,
    Comment,
    /// `$((…))`, `((…))`: open parentheses.
    Arithmetic(usize),
}

#[derive(Default)]
pub(super) struct Code {
    closes: Closes,
    pub(super) command: Command,
    /// The last character was `<` or `>`, so that `&` and `|` belong to it.
    pub(super) redirecting: bool,
}

/// What a `)` means.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Closes {
    /// At the top: the end of a `case` pattern.
    #[default]
    Nothing,
    Substitution,
    Subshell,
}

pub(super) struct Scanner {
    pub(super) items: Vec<Item>,
    pub(super) at: usize,
    pub(super) out: String,
    /// Never empty; the first is code.
    pub(super) frames: Vec<Frame>,
    /// Why nothing is known from here on.
    pub(super) lost: Option<(&'static str, &'static str)>,
    pub(super) first_value: Option<Range<usize>>,
}

impl Scanner {
    fn run(&mut self) -> Result<(), TemplateError> {
        while self.at < self.items.len() {
            let item = self.items[self.at].clone();
            self.at += 1;
            match item {
                Item::Char(c) => {
                    self.out.push(c);
                    if self.lost.is_none() {
                        self.char(c)?;
                    }
                }
                Item::Value(datum, range) => self.value(&datum, range)?,
            }
        }
        while let Some(frame) = self.frames.pop() {
            if let Frame::Code(mut code) = frame {
                code.command.end_word();
                self.check_input(&code.command)?;
            }
        }
        Ok(())
    }

    fn char(&mut self, c: char) -> Result<(), TemplateError> {
        match self.frames.last_mut() {
            Some(Frame::Code(_)) | None => self.code(c),
            Some(Frame::Double) => self.double(c),
            Some(Frame::Single) if c == '\'' => {
                self.pop();
                Ok(())
            }
            Some(Frame::Single) => {
                self.word_char(c);
                Ok(())
            }
            Some(Frame::Comment) if c == '\n' => {
                self.pop();
                self.end_command(false)
            }
            Some(Frame::Comment) => Ok(()),
            Some(Frame::Arithmetic(_)) => {
                self.arithmetic(c);
                Ok(())
            }
        }
    }

    fn code(&mut self, c: char) -> Result<(), TemplateError> {
        let redirecting = std::mem::take(&mut self.innermost().redirecting);
        match c {
            '\\' => return self.escape(),
            '\'' => self.open_quote(Frame::Single),
            '"' => self.open_quote(Frame::Double),
            '`' => self.lose("backquotes", "write `$(…)` instead of backquotes"),
            '$' => return self.dollar(),
            '#' if self.command().word.is_none() => self.frames.push(Frame::Comment),
            ' ' | '\t' => self.end_word(),
            '\n' if self.command().is_empty() => {}
            '&' | '|' if redirecting => {}
            '|' if matches!(self.peek(), Some('|')) => {
                self.copy();
                return self.end_command(false);
            }
            '|' => {
                if matches!(self.peek(), Some('&')) {
                    self.copy();
                }
                return self.end_command(true);
            }
            '\n' | ';' | '&' => return self.end_command(false),
            '<' | '>' => self.redirect(c),
            '(' => self.parenthesis(),
            ')' => return self.close(),
            _ => self.word_char(c),
        }
        Ok(())
    }

    fn double(&mut self, c: char) -> Result<(), TemplateError> {
        match c {
            '"' => self.pop(),
            '\\' => return self.escape(),
            '$' => return self.dollar(),
            '`' => self.lose("backquotes", "write `$(…)` instead of backquotes"),
            _ => self.word_char(c),
        }
        Ok(())
    }

    /// A backslash, in code or in double quotes.
    fn escape(&mut self) -> Result<(), TemplateError> {
        match self.items.get(self.at) {
            Some(Item::Value(_, range)) => {
                let hint = "leave the backslash out: the value is quoted already";
                Err(TemplateError::refused("a backslash stands right before the value", range.clone(), hint))
            }
            Some(Item::Char('\n')) => {
                let before = self.out.chars().rev().nth(1);
                if before.is_some_and(|c| "$<>(&|".contains(c)) {
                    self.lose("an operator broken over two lines", "write the operator on one line");
                }
                self.copy();
                Ok(())
            }
            Some(Item::Char(c)) => {
                let c = *c;
                self.copy();
                self.word_char(c);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn redirect(&mut self, c: char) {
        match self.peek() {
            Some('<') if c == '<' => {
                self.lose(
                    "a here-document",
                    "write `printf '%s\\n' {{ v }} | …`, or use `copy:` or `template:`",
                );
            }
            Some('(') => self.lose("a process substitution", "POSIX sh has none: use a pipe"),
            _ => {
                let code = self.innermost();
                code.redirecting = true;
                let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
                code.command.word.take_if(|word| !word.dynamic && digits(&word.text));
                code.command.end_word();
                code.command.redirects = true;
            }
        }
    }

    fn parenthesis(&mut self) {
        if matches!(self.peek(), Some('(')) {
            self.copy();
            self.frames.push(Frame::Arithmetic(2));
        } else {
            self.push_code(Closes::Subshell);
        }
    }

    fn close(&mut self) -> Result<(), TemplateError> {
        let closes = self.innermost().closes;
        if closes == Closes::Nothing {
            *self.command() = Command::default(); // it was a pattern
            return Ok(());
        }
        self.end_command(false)?;
        self.pop();
        if closes == Closes::Subshell { self.end_command(false) } else { Ok(()) }
    }

    /// The command that the text at this point belongs to.
    pub(super) fn innermost(&mut self) -> &mut Code {
        let code = self.frames.iter_mut().rev().find_map(|frame| match frame {
            Frame::Code(code) => Some(code),
            _ => None,
        });
        code.expect("the first frame is code and is never popped while scanning")
    }

    pub(super) fn command(&mut self) -> &mut Command {
        &mut self.innermost().command
    }

    fn word_char(&mut self, c: char) {
        self.command().current().text.push(c);
    }

    fn open_quote(&mut self, quote: Frame) {
        self.command().current();
        self.frames.push(quote);
    }

    pub(super) fn push_code(&mut self, closes: Closes) {
        let piped = closes == Closes::Subshell && self.command().piped;
        self.frames.push(Frame::Code(Code {
            closes,
            command: Command { piped, ..Command::default() },
            ..Code::default()
        }));
    }

    pub(super) fn pop(&mut self) {
        self.frames.pop();
    }

    fn end_word(&mut self) {
        let is_case = self.command().word.as_ref().is_some_and(|word| word.text == "case");
        let nested =
            self.frames.iter().any(|f| matches!(f, Frame::Code(code) if code.closes != Closes::Nothing));
        if is_case && nested {
            self.lose("a `case` inside parentheses", "move the `case` out of the parentheses, or use `if`");
        }
        self.command().end_word();
    }

    fn end_command(&mut self, pipe: bool) -> Result<(), TemplateError> {
        self.end_word();
        let command = std::mem::take(self.command());
        self.command().piped = pipe;
        self.check_input(&command)
    }

    fn check_input(&self, command: &Command) -> Result<(), TemplateError> {
        match &self.first_value {
            Some(range) if command.piped && command.runs_its_input() => {
                let hint = "a shell that reads its commands from a pipe runs values as code: call it with `-c` and \
                            pass values as positional parameters";
                Err(TemplateError::refused("the value may reach a shell through a pipe", range.clone(), hint))
            }
            _ => Ok(()),
        }
    }

    /// The next character of the author's, if it is one.
    pub(super) fn peek(&self) -> Option<char> {
        match self.items.get(self.at) {
            Some(Item::Char(c)) => Some(*c),
            _ => None,
        }
    }

    pub(super) fn copy(&mut self) {
        if let Some(c) = self.peek() {
            self.out.push(c);
            self.at += 1;
        }
    }

    pub(super) fn lose(&mut self, what: &'static str, hint: &'static str) {
        self.lost = Some((what, hint));
    }
}
