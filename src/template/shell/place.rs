//! Makes a value a literal for the place the scanner has come to, or says why none can stand there.

use std::ops::Range;

use super::command::{Command, Reason};
use super::scan::{Datum, Frame, Item, Scanner};
use crate::template::TemplateError;

impl Scanner {
    pub(super) fn value(&mut self, datum: &Datum, range: Range<usize>) -> Result<(), TemplateError> {
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
        self.innermost().redirecting = false;
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
            self.out.extend(["\"", &single(text), "\""]);
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
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
