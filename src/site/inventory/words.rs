//! A host line of an INI inventory cut into words, as Python's `shlex` cuts it: quotes, backslashes, `#` comments.
//!
//! Called by `ini`. Unlike a shell, a `#` begins a comment in the middle of a word too.

use std::ops::Range;

/// A word without its quotes, and the bytes of the line it was written in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    pub at: Range<usize>,
}

/// A line that does not end where it must; `at` is where the unfinished part begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WordsError {
    pub at: usize,
    pub message: &'static str,
}

/// The words of a line, up to a comment.
pub(super) fn split(line: &str) -> Result<Vec<Word>, WordsError> {
    let mut cutter = Cutter { line, at: 0 };
    let mut words = Vec::new();
    while let Some(word) = cutter.word()? {
        words.push(word);
    }
    Ok(words)
}

struct Cutter<'a> {
    line: &'a str,
    at: usize,
}

impl Cutter<'_> {
    fn peek(&self) -> Option<char> {
        self.line[self.at..].chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn word(&mut self) -> Result<Option<Word>, WordsError> {
        while self.peek().is_some_and(is_blank) {
            self.take();
        }
        let start = self.at;
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| !is_blank(*c)) {
            if c == '#' {
                let at = start..self.at;
                self.at = self.line.len();
                return Ok((!at.is_empty()).then_some(Word { text, at }));
            }
            self.piece(&mut text)?;
        }
        let at = start..self.at;
        Ok((!at.is_empty()).then_some(Word { text, at }))
    }

    /// One character outside quotes, or one quoted piece.
    fn piece(&mut self, text: &mut String) -> Result<(), WordsError> {
        let start = self.at;
        match self.take() {
            Some('\\') => text.push(self.escaped(start)?),
            Some(quote @ ('"' | '\'')) => self.quoted(quote, start, text)?,
            Some(c) => text.push(c),
            None => {}
        }
        Ok(())
    }

    fn escaped(&mut self, start: usize) -> Result<char, WordsError> {
        let message = "nothing follows this backslash; lines are not continued";
        self.take().ok_or(WordsError { at: start, message })
    }

    /// Inside double quotes a backslash takes the meaning from `"` and `\` alone; elsewhere it stands for itself.
    fn quoted(&mut self, quote: char, start: usize, text: &mut String) -> Result<(), WordsError> {
        loop {
            let at = self.at;
            match self.take() {
                None => return Err(WordsError { at: start, message: "this quote is never closed" }),
                Some(c) if c == quote => return Ok(()),
                Some('\\') if quote == '"' => {
                    let next = self.escaped(at)?;
                    if next != '"' && next != '\\' {
                        text.push('\\');
                    }
                    text.push(next);
                }
                Some(c) => text.push(c),
            }
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> String {
        match split(line) {
            Ok(words) => {
                let words: Vec<_> = words.into_iter().map(|word| format!("<{}>", word.text)).collect();
                words.concat()
            }
            Err(error) => format!("{}: {}", error.at, error.message),
        }
    }

    #[test]
    fn words_are_cut_as_ansible_cuts_them() {
        for (line, expected) in [
            ("h1  a=1\tb=2 # c", "<h1><a=1><b=2>"),
            ("h1 a='x y'\"z\" b=\"\"", "<h1><a=x yz><b=>"),
            ("h1 a=x#y b=2", "<h1><a=x>"),
            (r#"h1 a="\"\n" b='\n' c=\n"#, r#"<h1><a="\n><b=\n><c=n>"#),
            ("h1 a='x # y'", "<h1><a=x # y>"),
            ("h1 '' # x", "<h1><>"),
            ("h1 a='x", "5: this quote is never closed"),
            ("h1 a=1 \\", "7: nothing follows this backslash; lines are not continued"),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn a_word_knows_its_place() {
        let line = "h1 a='x y' # c";
        let words = split(line).expect("nothing is open");
        assert_eq!(&line[words[1].at.clone()], "a='x y'");
    }
}
