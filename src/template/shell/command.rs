//! One simple command as far as it has been read, and whether its next argument will be read as code. Called by
//! [`super::scan`]; knows programs' options, no quoting.

use super::programs::{CODE, INTERPRETERS, LONG_WITH_WORD, POSITIONAL, RESERVED, SHELLS, WRAPPERS};

/// Why a word is read as code, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub what: String,
    pub hint: &'static str,
}

/// A word with its quotes removed.
#[derive(Clone, Debug, Default)]
pub(super) struct Word {
    pub text: String,
    /// Part of it is only known when it runs: a value, an expansion.
    pub dynamic: bool,
    /// It begins with a value, and could so turn out to be an option.
    pub value_first: bool,
}

impl Word {
    fn is(&self, name: &str) -> bool {
        !self.dynamic && self.text == name
    }

    /// The program a word names.
    fn program(&self) -> Option<&str> {
        (!self.dynamic).then(|| self.text.rsplit('/').next().unwrap_or_default())
    }

    fn is_shell(&self) -> bool {
        self.program().is_some_and(|program| SHELLS.contains(&program))
    }

    fn is_assignment(&self) -> bool {
        self.text.split_once('=').is_some_and(|(name, _)| is_name(name))
    }

    /// Whether it is a cluster of one-letter options with one of `letters`.
    fn has_option(&self, letters: &[char]) -> bool {
        self.text.starts_with(['-', '+']) && !self.text.starts_with("--") && self.text.contains(letters)
    }

    /// Of a cluster of one-letter options: the first of `letters`, which takes a word, and whether that is the next one
    /// (else it is the rest of the cluster).
    fn taken(&self, letters: &str) -> Option<(char, bool)> {
        let cluster = self.text.strip_prefix('-').filter(|cluster| !cluster.starts_with('-'))?;
        let (at, letter) = cluster.char_indices().find(|(_, c)| letters.contains(*c))?;
        Some((letter, at + letter.len_utf8() == cluster.len() && !self.dynamic))
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The words so far, and the one being read.
#[derive(Clone, Debug, Default)]
pub(super) struct Command {
    pub words: Vec<Word>,
    pub word: Option<Word>,
    /// The next word is the file of a redirection, not an argument.
    pub redirects: bool,
    /// Reads another command's output.
    pub piped: bool,
}

impl Command {
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.word.is_none()
    }

    pub(super) fn current(&mut self) -> &mut Word {
        self.word.get_or_insert_default()
    }

    pub(super) fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        if !std::mem::take(&mut self.redirects) {
            self.words.push(word);
        }
    }

    /// Whether the next word names the command, where even a plain word can be a keyword.
    pub(super) fn expects_name(&self) -> bool {
        self.words.iter().all(|word| word.is_assignment() || RESERVED.contains(&word.text.as_str()))
    }

    /// Why a value at this point would be read as code, if it would.
    pub(super) fn reads_as_code(&self) -> Option<Reason> {
        if self.redirects {
            return None;
        }
        let prefix = self.word.as_ref().map_or("", |word| word.text.as_str());
        if self.expects_name() {
            let subscript =
                prefix.split_once('[').is_some_and(|(name, rest)| is_name(name) && !rest.contains(']'));
            let hint = "shells evaluate array subscripts: compute the name in the text";
            return subscript.then(|| reason("an array subscript", hint));
        }
        self.interpreted(prefix).or_else(|| self.head().and_then(|head| self.argument_of(head, prefix)))
    }

    /// Whether it runs what it reads: `… | sh`.
    pub(super) fn runs_its_input(&self) -> bool {
        let Some(head) = self.head() else { return false };
        let (Some(program), rest) = (self.words[head].program(), &self.words[head + 1..]) else {
            return false;
        };
        if self.words[..=head].iter().any(|word| word.is("xargs")) {
            let replaces = |word: &Word| word.has_option(&['I', 'i']) || word.text.starts_with("--replace");
            return self.words.iter().any(replaces) && self.words.iter().any(Word::is_shell);
        }
        let operand = rest.iter().find(|word| !word.text.starts_with(['-', '+']) || word.text == "-");
        let reads =
            rest.iter().any(|word| word.has_option(&['s'])) || operand.is_none_or(|word| word.text == "-");
        let is_shell = self.words[head].is_shell() && !rest.iter().any(|word| word.has_option(&['c']));
        let sources =
            matches!(program, "." | "source") && rest.iter().any(|word| word.text.starts_with("/dev/"));
        (is_shell && reads) || sources || matches!(program, "at" | "batch") || (program == "crontab" && reads)
    }

    /// `sh -c CODE`, `perl -e CODE`, wherever in the command the interpreter stands.
    fn interpreted(&self, prefix: &str) -> Option<Reason> {
        let head = self.head();
        for (at, word) in self.words.iter().enumerate() {
            let rest = &self.words[at + 1..];
            let Some(program) = word.program() else {
                // `"$SHELL" -c CODE`
                if at == 0 && rest.last().is_some_and(|option| option.is("-c")) {
                    return Some(reason("code for the program a variable names", POSITIONAL));
                }
                continue;
            };
            if SHELLS.contains(&program) && next_is_code(rest, prefix, &['c'], head == Some(at)) {
                return Some(reason(&format!("code for `{program} -c`"), POSITIONAL));
            }
            let known = INTERPRETERS.iter().find(|(names, _)| names.contains(&program));
            if known.is_some_and(|(_, options)| next_is_code(rest, prefix, options, head == Some(at))) {
                let hint = "pass it as an argument of the program, or in its environment";
                return Some(reason(&format!("a program for `{program}`"), hint));
            }
        }
        None
    }

    /// The word that names the command, behind `sudo`, `env A=b`, `timeout 5` and the like.
    fn head(&self) -> Option<usize> {
        let words = &self.words;
        let mut at = 0;
        loop {
            let word = words.get(at)?;
            if word.is_assignment() || RESERVED.contains(&word.text.as_str()) {
                at += 1;
                continue;
            }
            if word.is("ip") && words.get(at + 1)?.is("netns") && words.get(at + 2)?.is("exec") {
                at += 4;
                continue;
            }
            let Some((name, letters, before)) =
                WRAPPERS.iter().find(|(name, ..)| word.program() == Some(name))
            else {
                return (!word.dynamic).then_some(at);
            };
            at += 1;
            while let Some(option) = words.get(at).filter(|word| word.text.starts_with('-')) {
                let long = *name != "systemd-run" && LONG_WITH_WORD.contains(&option.text.as_str());
                let takes_word = long || option.taken(letters).is_some_and(|(_, takes_next)| takes_next);
                at += 1 + usize::from(takes_word);
            }
            at += before;
        }
    }

    fn argument_of(&self, head: usize, prefix: &str) -> Option<Reason> {
        let program = self.words[head].program()?;
        let rest = &self.words[head + 1..];
        let all = CODE.iter().find(|(names, _)| names.contains(&program));
        if let Some((_, hint)) = all {
            return Some(reason(&format!("an argument of `{program}`"), hint));
        }
        let splits = |word: &Word| match word.program() {
            Some("env") => self.words[..=head].iter().any(|w| w.has_option(&['S']) || w.is("--split-string")),
            Some("flock") => self.words[..=head].iter().any(|w| w.has_option(&['c']) || w.is("--command")),
            _ => false,
        };
        if self.words[..head].iter().any(splits) {
            return Some(reason("words that are split and read once more", POSITIONAL));
        }
        let variable = match program {
            "printf" => rest.len() == 1 && rest[0].is("-v"),
            "test" | "[" => rest.last().is_some_and(|word| word.is("-v")),
            _ => false,
        };
        if variable {
            return Some(reason("a variable's name", "name the variable in the text"));
        }
        match program {
            "script" if rest.iter().any(|word| word.has_option(&['c'])) => {
                Some(reason("code for `script -c`", POSITIONAL))
            }
            "awk" | "gawk" | "mawk" | "nawk" if program_is_next(rest, prefix, "FvfilEe", "") => {
                Some(reason("part of an awk program", "pass it as a variable: `awk -v v={{ v }} '… v …'`"))
            }
            "sed" | "gsed" if program_is_next(rest, prefix, "efli", "i") => {
                Some(reason("part of a sed program", "use `template:`, or awk with `-v v={{ v }}`"))
            }
            _ => None,
        }
    }
}

fn reason(what: &str, hint: &'static str) -> Reason {
    Reason { what: what.to_owned(), hint }
}

/// Whether the next argument of an interpreter is the program that one of `options` announces. An operand right after
/// an option may be that option's own word, so only an operand elsewhere ends the options. What else a value might turn
/// out to be is asked only when the interpreter is surely the command (`is_head`).
fn next_is_code(rest: &[Word], prefix: &str, options: &[char], is_head: bool) -> bool {
    let repeats = options != ['c'];
    let mut announced = false;
    let mut after_option = false;
    let mut doubtful = false;
    for word in rest {
        if word.text.starts_with(['-', '+']) && word.text.len() > 1 && !word.value_first {
            if word.is("--") && !announced {
                return false;
            }
            announced |= word.has_option(options) || matches!(word.text.as_str(), "--eval" | "--print");
            after_option = !announced || word.text.ends_with(['o', 'O']);
        } else if after_option {
            after_option = false;
            doubtful |= word.value_first;
        } else if announced && repeats {
            announced = false;
        } else if announced || !word.value_first {
            return false;
        } else {
            doubtful = true;
        }
    }
    let inline = Word { text: prefix.to_owned(), ..Word::default() };
    let option = prefix.starts_with(['-', '+']) && !prefix.starts_with("--");
    announced || inline.has_option(options) || (is_head && (doubtful || option))
}

/// Whether the next argument of awk or sed is its program: the first operand, unless options gave it already.
/// `with_word` are the one-letter options that take a word, `attached` those of them that never take the next one.
fn program_is_next(rest: &[Word], prefix: &str, with_word: &str, attached: &str) -> bool {
    let mut given = false;
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        if word.is("--") {
            return !given && words.next().is_none();
        }
        if !word.text.starts_with('-') || word.value_first {
            return false; // it was the program, or a file
        }
        let taken = word.taken(with_word);
        let long = ["--expression", "--file", "--source"].iter().any(|option| word.text.starts_with(option));
        given |= long || taken.is_some_and(|(letter, _)| "efE".contains(letter));
        if taken.is_some_and(|(letter, takes_next)| takes_next && !attached.contains(letter))
            && words.next().is_none()
        {
            return taken.is_some_and(|(letter, _)| letter == 'e');
        }
    }
    let inline = Word { text: prefix.to_owned(), ..Word::default() };
    let code = inline.taken(with_word).is_some_and(|(letter, _)| letter == 'e')
        || ["--expression", "--source"].iter().any(|option| prefix.starts_with(option));
    code || !(given || prefix.starts_with('-'))
}
