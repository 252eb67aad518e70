//! A module's arguments, however they were written: a mapping, or `key=value` words, or a command line.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Words of a command line; what is between `{{` and `}}` is not split. `None` for one that is not closed.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    let mut kept = Vec::new();
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{") {
        let (code, behind) = after.split_once("}}")?;
        text.push_str(before);
        text.push_str(&mark(kept.len()));
        kept.push(format!("{{{{{code}}}}}"));
        rest = behind;
    }
    text.push_str(rest);
    let restore = |word: String| {
        kept.iter().enumerate().fold(word, |word, (number, code)| word.replace(&mark(number), code))
    };
    Some(shlex::split(&text)?.into_iter().map(restore).collect())
}

/// Stands for a template while words are split; nobody writes these characters.
fn mark(number: usize) -> String {
    format!("\u{e000}{number}\u{e001}")
}

/// `src=a dest=b` as a mapping.
pub(super) fn pairs(line: &str) -> Option<Map<String, Value>> {
    let pair = |word: String| word.split_once('=').map(|(key, value)| (key.to_owned(), Value::from(value)));
    split(line)?.into_iter().map(pair).collect()
}

/// A command line, without Ansible's own words (`creates=/x`), which are returned beside it.
pub(super) fn own_words(line: &str) -> (String, BTreeMap<String, String>) {
    let mut own = BTreeMap::new();
    let mut line = line.trim_end().to_owned();
    while let Some((before, last)) = line.rsplit_once(char::is_whitespace) {
        let Some((key, value)) = last.split_once('=') else { break };
        if !["creates", "removes", "chdir", "executable", "stdin"].contains(&key) {
            break;
        }
        own.insert(key.to_owned(), value.to_owned());
        line = before.trim_end().to_owned();
    }
    (line, own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_not_split() {
        let words = split("install -m '0 6' {{ a | join(' ') }}/x\\ y").unwrap();
        assert_eq!(words, ["install", "-m", "0 6", "{{ a | join(' ') }}/x y"]);
        assert_eq!(split("echo 'open"), None);
        assert_eq!(pairs("src=a dest='b c'").unwrap()["dest"], "b c");
        assert_eq!(pairs("just words"), None);
    }

    #[test]
    fn ansibles_own_words_are_taken_out() {
        let (line, own) = own_words("make install PREFIX=/usr creates=/usr/bin/x chdir=/src");
        assert_eq!(line, "make install PREFIX=/usr");
        assert_eq!((own["creates"].as_str(), own["chdir"].as_str()), ("/usr/bin/x", "/src"));
    }
}
