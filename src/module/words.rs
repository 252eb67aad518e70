//! One shell command, word by word: every word stays one word whatever it holds. Used by the modules to write the
//! lines of a script; knows nothing of what the words mean.

use std::fmt::Display;

/// A command being put together: `Words::of("address_up").option("--check", 100).word("10.83.0.80/24")`.
#[derive(Clone, Debug)]
pub(super) struct Words(Vec<String>);

/// No shell can carry a NUL byte in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value holds a NUL byte, which no shell word can carry")]
pub struct NulByte;

impl Words {
    pub(super) fn of(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    #[must_use]
    pub(super) fn word(self, word: impl Display) -> Self {
        self.words([word])
    }

    #[must_use]
    pub(super) fn words<W: Display>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.0.extend(words.into_iter().map(|word| word.to_string()));
        self
    }

    /// `name value`, or nothing.
    #[must_use]
    pub(super) fn option(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.word(name).word(value),
            None => self,
        }
    }

    /// The line, each word quoted where it has to be.
    pub(super) fn line(&self) -> Result<String, NulByte> {
        shlex::try_join(self.0.iter().map(String::as_str)).map_err(|_| NulByte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word_and_is_never_code() {
        let line = Words::of("printf").word("$(touch /tmp/x)").word("it's; 'so'").word("").line();
        assert_eq!(line.unwrap(), r#"printf '$(touch /tmp/x)' "it's; 'so'" ''"#);
        assert_eq!(Words::of("A=b").line().unwrap(), "'A=b'");
        assert_eq!(Words::of("a").word("\0").line(), Err(NulByte));
    }
}
