//! What the scanner does at a `$` and inside arithmetic: follow the simple forms, give up on the rest.

use super::scan::{Closes, Frame, Item, Scanner};
use crate::template::TemplateError;

impl Scanner {
    /// A `$`, in code or in double quotes.
    pub(super) fn dollar(&mut self) -> Result<(), TemplateError> {
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

    pub(super) fn arithmetic(&mut self, c: char) {
        let Some(Frame::Arithmetic(open)) = self.frames.last_mut() else { return };
        match c {
            '(' => *open += 1,
            ')' if *open > 2 => *open -= 1,
            ')' if matches!(self.items.get(self.at), Some(Item::Char(')'))) => {
                self.copy();
                self.pop();
            }
            '$' if matches!(self.items.get(self.at), Some(Item::Char('(' | '\'' | '"'))) => {
                self.lose_arithmetic();
            }
            ')' | '\'' | '"' | '`' | '\\' | '#' => self.lose_arithmetic(),
            _ => {}
        }
    }

    fn lose_arithmetic(&mut self) {
        self.lose("`((…))` with more than arithmetic in it", "write `( (` for two subshells");
    }
}
