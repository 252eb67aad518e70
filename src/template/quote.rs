//! Follows the POSIX shell's quoting over an author's text and makes each value a literal for the place where it stands
//! (POSIX.1-2024, Shell Command Language, 2.2 Quoting and 2.3 Token Recognition).
//!
//! It reads only what it surely understands. From the first thing it does not (a here-document, backquotes, …) it
//! copies the rest, and refuses any value there.

use std::ops::Range;

use super::command::{Command, Reason};
use super::error::TemplateError;

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
enum Frame {
    Code(Code),
    Single,
    Double,
    Comment,
    /// `$((…))`, `((…))`: open parentheses.
    Arithmetic(usize),
}

#[derive(Default)]
struct Code {
    closes: Closes,
    command: Command,
    /// The last character was `<` or `>`, so that `&` and `|` belong to it.
    redirecting: bool,
}

/// What a `)` means.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Closes {
    /// At the top: the end of a `case` pattern.
    #[default]
    Nothing,
    Substitution,
    Subshell,
}

struct Scanner {
    items: Vec<Item>,
    at: usize,
    out: String,
    /// Never empty; the first is code.
    frames: Vec<Frame>,
    /// Why nothing is known from here on.
    lost: Option<(&'static str, &'static str)>,
    first_value: Option<Range<usize>>,
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
            Some(Frame::Single) if c == '\'' => Ok(self.pop()),
            Some(Frame::Single) => Ok(self.word_char(c)),
            Some(Frame::Comment) if c == '\n' => {
                self.pop();
                self.end_command(false)
            }
            Some(Frame::Comment) => Ok(()),
            Some(Frame::Arithmetic(_)) => Ok(self.arithmetic(c)),
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
                Ok(self.word_char(c))
            }
            None => Ok(()),
        }
    }

    /// A `$`, in code or in double quotes.
    fn dollar(&mut self) -> Result<(), TemplateError> {
        self.command().current().dynamic = true;
        let quoted = matches!(self.frames.last(), Some(Frame::Double));
        match self.items.get(self.at) {
            Some(Item::Value(_, range)) => {
                let hint = "`{{ v }}` is the value itself; a shell variable is named in the text";
                return Err(TemplateError::refused(
                    "a `$` stands right before the value",
                    range.clone(),
                    hint,
                ));
            }
            Some(Item::Char('(')) => {
                self.copy();
                if matches!(self.peek(), Some('(')) {
                    self.copy();
                    self.frames.push(Frame::Arithmetic(2));
                } else {
                    self.push_code(Closes::Substitution);
                }
            }
            Some(Item::Char('{')) => {
                self.copy();
                self.parameter()?;
            }
            Some(Item::Char('[')) => self.lose("`$[…]`", "write `$((…))`"),
            Some(Item::Char('\'')) if !quoted => self.lose("`$'…'`", "write `\"$(printf '…')\"`"),
            Some(Item::Char('\\')) if matches!(self.items.get(self.at + 1), Some(Item::Char('\n'))) => {
                self.lose("an expansion broken over two lines", "write the expansion on one line");
            }
            _ => {}
        }
        Ok(())
    }

    /// The rest of `${…}`, which is followed only when nothing in it is quoted or nested.
    fn parameter(&mut self) -> Result<(), TemplateError> {
        let mut first = true;
        while let Some(item) = self.items.get(self.at) {
            let c = match item {
                Item::Char(c) => *c,
                Item::Value(_, range) => {
                    let hint = "put it in a variable first: `v={{ v }}`, then `${…$v…}`";
                    return Err(TemplateError::refused("a value inside `${…}`", range.clone(), hint));
                }
            };
            if c == '}' {
                self.copy();
                return Ok(());
            }
            let nested = c == '$'
                && !matches!(self.items.get(self.at + 1), Some(Item::Char(c)) if c.is_ascii_alphanumeric() || *c == '_');
            if nested || "'\"`\\{\n".contains(c) || (first && " \t|".contains(c)) {
                self.lose(
                    "an expansion with quotes or braces inside `${…}`",
                    "put its parts in variables first",
                );
                return Ok(());
            }
            first = false;
            self.copy();
        }
        Ok(())
    }

    fn arithmetic(&mut self, c: char) {
        let Some(Frame::Arithmetic(open)) = self.frames.last_mut() else { return };
        match c {
            '(' => *open += 1,
            ')' if *open > 2 => *open -= 1,
            ')' if matches!(self.items.get(self.at), Some(Item::Char(')'))) => {
                self.copy();
                self.pop();
            }
            '$' if matches!(self.items.get(self.at), Some(Item::Char('(' | '\'' | '"'))) => {
                self.lose_arithmetic()
            }
            ')' | '\'' | '"' | '`' | '\\' | '#' => self.lose_arithmetic(),
            _ => {}
        }
    }

    fn lose_arithmetic(&mut self) {
        self.lose("`((…))` with more than arithmetic in it", "write `( (` for two subshells");
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
        self.end_command(false)?;
        if closes != Closes::Nothing {
            self.pop();
        }
        if closes == Closes::Subshell { self.end_command(false) } else { Ok(()) }
    }

    fn value(&mut self, datum: &Datum, range: Range<usize>) -> Result<(), TemplateError> {
        if let Some((what, hint)) = self.lost {
            return Err(TemplateError::refused(format!("a value after {what}"), range, hint));
        }
        if matches!(self.frames.last(), Some(Frame::Comment)) {
            if let Datum::Text(text) = datum {
                self.out.push_str(&single(&text.replace(['\n', '\r'], " ")));
            }
            return Ok(());
        }
        if let Some(Reason { what, hint }) = self.reads_as_code() {
            return Err(TemplateError::refused(format!("the value is {what}"), range, hint));
        }
        match (self.frames.last(), datum) {
            (Some(Frame::Arithmetic(_)), _) => {
                let hint = "put it in a variable and check that it is a number: `n={{ v }}`";
                return Err(TemplateError::refused("a value inside `((…))`", range, hint));
            }
            (Some(Frame::Single | Frame::Double), Datum::Words(_)) => {
                let hint = "leave the quotes out: each item is quoted by itself";
                return Err(TemplateError::refused("several words inside quotes", range, hint));
            }
            (Some(Frame::Single), Datum::Text(text)) => self.out.push_str(&text.replace('\'', r"'\''")),
            (Some(Frame::Double), Datum::Text(text)) => self.write_double(text),
            (_, Datum::Text(text)) => self.write_word(text),
            (_, Datum::Words(words)) => self.write_words(words, &range)?,
        }
        let begins = self.command().word.is_none();
        let word = self.command().current();
        word.value_first |= begins;
        word.dynamic = true;
        self.first_value.get_or_insert(range);
        Ok(())
    }

    /// Of the innermost command, and of every command one of whose words this is a part of.
    fn reads_as_code(&self) -> Option<Reason> {
        let mut commands = self.frames.iter().filter_map(|frame| match frame {
            Frame::Code(code) => Some(&code.command),
            _ => None,
        });
        let innermost = commands.next_back();
        commands.filter(|command| command.word.is_some()).chain(innermost).find_map(Command::reads_as_code)
    }

    /// In code: bare where that cannot change what it is, else in single quotes.
    fn write_word(&mut self, text: &str) {
        let alone = self.command().word.is_none() && !self.command().expects_name() && self.at_word_end();
        match shlex::try_quote(text) {
            Ok(bare) if alone && bare == text => self.out.push_str(text),
            _ => self.out.push_str(&single(text)),
        }
    }

    fn write_words(&mut self, words: &[String], range: &Range<usize>) -> Result<(), TemplateError> {
        if self.command().word.is_some() || !self.at_word_end() {
            let hint = "put spaces around it";
            return Err(TemplateError::refused("several words as part of one", range.clone(), hint));
        }
        let quoted: Vec<_> = words.iter().map(|word| single(word)).collect();
        self.out.push_str(&quoted.join(" "));
        Ok(())
    }

    /// In double quotes. After `$name` the quotes are closed first, so that the value does not lengthen the name.
    fn write_double(&mut self, text: &str) {
        let before = self.out.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if before.ends_with('$') {
            self.out.push_str(&format!("\"{}\"", single(text)));
            return;
        }
        for c in text.chars() {
            if "$`\"\\".contains(c) {
                self.out.push('\\');
            }
            self.out.push(c);
        }
    }

    fn at_word_end(&self) -> bool {
        match self.items.get(self.at) {
            None => true,
            Some(Item::Char(c)) => " \t\n;&|)".contains(*c),
            Some(Item::Value(..)) => false,
        }
    }

    /// The command that the text at this point belongs to.
    fn innermost(&mut self) -> &mut Code {
        let code = self.frames.iter_mut().rev().find_map(|frame| match frame {
            Frame::Code(code) => Some(code),
            _ => None,
        });
        code.expect("the first frame is code and is never popped while scanning")
    }

    fn command(&mut self) -> &mut Command {
        &mut self.innermost().command
    }

    fn word_char(&mut self, c: char) {
        self.command().current().text.push(c);
    }

    fn open_quote(&mut self, quote: Frame) {
        self.command().current();
        self.frames.push(quote);
    }

    fn push_code(&mut self, closes: Closes) {
        let piped = closes == Closes::Subshell && self.command().piped;
        self.frames.push(Frame::Code(Code {
            closes,
            command: Command { piped, ..Command::default() },
            ..Code::default()
        }));
    }

    fn pop(&mut self) {
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
    fn peek(&self) -> Option<char> {
        match self.items.get(self.at) {
            Some(Item::Char(c)) => Some(*c),
            _ => None,
        }
    }

    fn copy(&mut self) {
        if let Some(c) = self.peek() {
            self.out.push(c);
            self.at += 1;
        }
    }

    fn lose(&mut self, what: &'static str, hint: &'static str) {
        self.lost = Some((what, hint));
    }
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
