//! Host patterns: which hosts `web:!h9`, `all:&debian`, `~db[0-9]+`, `h*` or `web[0:2]` choose.
//!
//! The same code serves a playbook's `hosts:` and `--limit`. Meanings are Ansible's, with two differences: a
//! name that nothing has is an error, and the result is always in inventory order.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::glob;
use super::model::Inventory;
use super::range;
use crate::site::diagnostic::{Diagnostic, nearest};
use crate::site::id::HostName;
use crate::site::source::Span;

/// A pattern that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    pub message: String,
    /// The offending bytes of the pattern.
    pub range: Range<usize>,
    pub hint: Option<String>,
}

impl PatternError {
    fn new(message: impl Into<String>, range: Range<usize>) -> Self {
        Self { message: message.into(), range, hint: None }
    }

    /// The error as a mistake in a file. `pattern` is the place of the pattern's text, without quotes.
    pub fn into_diagnostic(self, pattern: Span) -> Diagnostic {
        let span = pattern.slice(self.range.start, self.range.end);
        let diagnostic = Diagnostic::error("host-pattern", span, self.message);
        match self.hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        }
    }
}

/// What a part of a pattern does with the hosts it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// `web`: adds them.
    Add,
    /// `&web`: keeps no others.
    Intersect,
    /// `!web`: takes them away.
    Exclude,
}

/// One part of a pattern, between separators.
struct Term<'p> {
    role: Role,
    text: &'p str,
    /// Where `text` is in the pattern.
    at: usize,
}

impl Term<'_> {
    fn range(&self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }
}

impl Inventory {
    /// The hosts a pattern chooses, in inventory order, each once. May be none when groups are empty.
    ///
    /// # Errors
    /// At the first part that names nothing, or that is no pattern.
    pub fn select(&self, pattern: &str) -> Result<Vec<HostName>, PatternError> {
        let mut terms = self.terms(pattern)?;
        if terms.iter().all(|term| term.role != Role::Add) {
            terms.push(Term { role: Role::Add, text: "all", at: 0 });
        }
        // As in Ansible, exclusions come last wherever they stand.
        terms.sort_by_key(|term| term.role);
        let mut chosen: HashSet<&HostName> = HashSet::new();
        for term in &terms {
            let matched: HashSet<&HostName> = self.matches(term)?.into_iter().collect();
            match term.role {
                Role::Add => chosen.extend(matched),
                Role::Intersect => chosen.retain(|host| matched.contains(host)),
                Role::Exclude => chosen.retain(|host| !matched.contains(host)),
            }
        }
        Ok(self.hosts().filter(|host| chosen.contains(host)).cloned().collect())
    }

    /// Splits at `,` and `:` outside brackets. A part that is an IPv6 address keeps its colons.
    fn terms<'p>(&self, pattern: &'p str) -> Result<Vec<Term<'p>>, PatternError> {
        let mut terms = Vec::new();
        for part in split(pattern, 0, ',')? {
            let text = term(pattern, part.clone()).text;
            let is_one = self.host_named(text).is_some() || text.parse::<std::net::Ipv6Addr>().is_ok();
            let parts = if is_one { vec![part] } else { split(&pattern[part.clone()], part.start, ':')? };
            terms.extend(parts.into_iter().map(|part| term(pattern, part)));
        }
        terms.retain(|term| !term.text.is_empty());
        if terms.is_empty() {
            return Err(PatternError::new("an empty pattern chooses no host", 0..pattern.len()));
        }
        Ok(terms)
    }

    fn host_named(&self, name: &str) -> Option<&HostName> {
        let name = HostName::try_from(name).ok()?;
        self.hosts.get_key_value(&name).map(|(name, _)| name)
    }

    fn matches(&self, term: &Term<'_>) -> Result<Vec<&HostName>, PatternError> {
        if let Some(host) = self.host_named(term.text) {
            return Ok(vec![host]);
        }
        if let Some(expression) = term.text.strip_prefix('~') {
            let found = Regex::new(&format!("^(?:{expression})"))
                .map_err(|_| PatternError::new("this is not a regular expression", term.range()))?;
            return self.named_like(term, &found);
        }
        match subscript(term.text) {
            Some((base, subscript)) => self.subscripted(term, base, subscript),
            None => self.plain(term),
        }
    }

    /// A group's name, or a glob over groups and hosts.
    fn plain(&self, term: &Term<'_>) -> Result<Vec<&HostName>, PatternError> {
        if self.groups.contains_key(term.text) {
            return Ok(self.members(term.text));
        }
        if !glob::is_glob(term.text) {
            return Err(self.unknown(term.text, term.range()));
        }
        let found = glob::compile(term.text)
            .map_err(|_| PatternError::new("this is not a wildcard pattern", term.range()))?;
        self.named_like(term, &found)
    }

    /// Members of the groups, then the hosts, whose names match. None at all is a mistake unless excluded.
    fn named_like(&self, term: &Term<'_>, name: &Regex) -> Result<Vec<&HostName>, PatternError> {
        let groups: Vec<&str> = self.groups().filter(|group| name.is_match(group)).collect();
        let mut found: Vec<&HostName> = groups.iter().flat_map(|group| self.members(group)).collect();
        found.extend(self.hosts().filter(|host| name.is_match(host.as_str())));
        if found.is_empty() && groups.is_empty() && term.role != Role::Exclude {
            let message = format!("`{}` matches no host and no group", term.text);
            return Err(PatternError::new(message, term.range()));
        }
        Ok(found)
    }

    /// `web[0]`, `web[1:]`: some of what `web` matches. Where `h` is nothing, `h[1:3]` is a range of hosts.
    fn subscripted(
        &self,
        term: &Term<'_>,
        base: &str,
        subscript: Subscript,
    ) -> Result<Vec<&HostName>, PatternError> {
        let base_term = Term { role: term.role, text: base, at: term.at };
        let known = self.host_named(base).is_some() || self.groups.contains_key(base) || glob::is_glob(base);
        if !known {
            return match subscript {
                Subscript::Slice { dash: false, .. } => self.host_range(term),
                _ => self.plain(term),
            };
        }
        let mut seen = HashSet::new();
        let mut hosts = self.matches(&base_term)?;
        hosts.retain(|host| seen.insert(*host));
        subscript.apply(hosts).ok_or_else(|| {
            let message = format!("`{base}` has no host at that place");
            PatternError::new(message, term.at + base.len()..term.range().end)
        })
    }

    fn host_range(&self, term: &Term<'_>) -> Result<Vec<&HostName>, PatternError> {
        let key = range::expand(term.text).map_err(|error| {
            PatternError::new(error.message, term.at + error.at.start..term.at + error.at.end)
        })?;
        key.names
            .iter()
            .map(|name| self.host_named(name).ok_or_else(|| self.unknown(name, term.range())))
            .collect()
    }

    fn unknown(&self, name: &str, range: Range<usize>) -> PatternError {
        let known = self.groups().chain(self.hosts().map(HostName::as_str));
        let hint = nearest(name, known).map(|best| format!("did you mean `{best}`?"));
        PatternError { hint, ..PatternError::new(format!("no host or group is called `{name}`"), range) }
    }
}

/// The ranges of `text` between separators outside brackets and parentheses; `offset` is added to each.
fn split(text: &str, offset: usize, separator: char) -> Result<Vec<Range<usize>>, PatternError> {
    let mut parts = Vec::new();
    let (mut start, mut open) = (0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '[' | '(' => open.push((at, c)),
            ']' | ')' => drop(open.pop()),
            c if c == separator && open.is_empty() => {
                parts.push(offset + start..offset + at);
                start = at + 1;
            }
            _ => {}
        }
    }
    if let Some((at, c)) = open.first() {
        let place = offset + at..offset + text.len();
        return Err(PatternError::new(format!("this `{c}` is never closed"), place));
    }
    parts.push(offset + start..offset + text.len());
    Ok(parts)
}

fn term(pattern: &str, range: Range<usize>) -> Term<'_> {
    let part = pattern[range.clone()].trim();
    let (role, text) = match part.split_at_checked(1) {
        Some(("!", rest)) => (Role::Exclude, rest),
        Some(("&", rest)) => (Role::Intersect, rest),
        _ => (Role::Add, part),
    };
    let text = text.trim();
    Term { role, text, at: text.as_ptr() as usize - pattern.as_ptr() as usize }
}

/// A choice among matches by place, counted from 0; both ends of a slice count.
#[derive(Clone, Copy)]
enum Subscript {
    /// Negative from the end.
    Index(isize),
    Slice {
        first: usize,
        last: Option<usize>,
        dash: bool,
    },
}

impl Subscript {
    /// Nothing when the one place does not exist.
    fn apply<T: Copy>(self, items: Vec<T>) -> Option<Vec<T>> {
        match self {
            Self::Index(index) => {
                let at =
                    if index < 0 { items.len().checked_add_signed(index)? } else { index.unsigned_abs() };
                items.get(at).map(|item| vec![*item])
            }
            Self::Slice { first, last, .. } => {
                let count = last.map_or(items.len(), |last| (last + 1).saturating_sub(first));
                Some(items.into_iter().skip(first).take(count).collect())
            }
        }
    }
}

static SUBSCRIPT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(.+)\[(?:(-?[0-9]{1,9})|([0-9]{1,9})([:-])([0-9]{0,9}))\]$")
        .expect("the pattern is a constant, and the tests use it")
});

fn subscript(text: &str) -> Option<(&str, Subscript)> {
    let found = SUBSCRIPT.captures(text)?;
    let base = found.get(1)?.as_str();
    if let Some(index) = found.get(2) {
        return Some((base, Subscript::Index(index.as_str().parse().ok()?)));
    }
    let first = found.get(3)?.as_str().parse().ok()?;
    let last = found.get(5).map_or("", |last| last.as_str()).parse().ok();
    Some((base, Subscript::Slice { first, last, dash: &found[4] == "-" }))
}
