//! Reads the paths a Rust file names (`crate::site::id`, `std::fs::read`, `println!`), each with its line.
//!
//! A reader of words, not a parser: comments, strings and `#[cfg(test)]` items are left out, `use` trees are unfolded,
//! `self` and `super` are resolved. Macros are read like any other text.

/// One path as written, unfolded and resolved as far as it begins with `crate`, `self` or `super`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// `["crate", "site", "id"]`; a macro call ends in `!`, a glob in `*`.
    pub path: Vec<String>,
    /// From 1.
    pub line: usize,
}

/// A word, `::`, or one other character.
#[derive(Clone, Debug)]
struct Token {
    text: String,
    line: usize,
}

/// Every path of a file; `module` is the file's own place, `["plan", "render"]` for `src/plan/render/mod.rs`.
pub fn paths(source: &str, module: &[String]) -> Vec<Named> {
    let tokens = without_tests(tokens(&without_text(source)));
    let mut reader =
        Reader { tokens: &tokens, module: module.to_vec(), inline: Vec::new(), found: Vec::new() };
    reader.read();
    reader.found
}

/// Names of files that only exist under `#[cfg(test)]`: `#[cfg(test)] mod tests;`.
pub fn test_modules(source: &str) -> Vec<String> {
    let tokens = tokens(&without_text(source));
    let ends = test_items(&tokens);
    let names = ends.iter().filter_map(|&(start, end)| {
        let item: Vec<&str> = tokens[start..end].iter().map(|token| token.text.as_str()).collect();
        let at = item.iter().position(|text| *text == "mod")?;
        (item.get(at + 2) == Some(&";")).then(|| item[at + 1].to_owned())
    });
    names.collect()
}

struct Reader<'a> {
    tokens: &'a [Token],
    module: Vec<String>,
    /// Open braces; `Some` for those of an inline module.
    inline: Vec<Option<String>>,
    found: Vec<Named>,
}

impl Reader<'_> {
    fn read(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            match self.text(at) {
                "{" => self.inline.push(self.module_before(at)),
                "}" => _ = self.inline.pop(),
                text if is_word(text) && (at == 0 || self.text(at - 1) != "::") => {
                    at = self.tree(at, Vec::new());
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// The text of a token; nothing after the end.
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    /// The `NAME` of `mod NAME {`.
    fn module_before(&self, brace: usize) -> Option<String> {
        let name = brace.checked_sub(1)?;
        (name > 0 && self.text(name - 1) == "mod").then(|| self.text(name).to_owned())
    }

    /// Reads a path and, where it branches, its branches. Returns the place after it.
    fn tree(&mut self, start: usize, mut path: Vec<String>) -> usize {
        let mut at = start;
        loop {
            match self.text(at) {
                "{" => return self.branches(at + 1, &path),
                word @ ("*" | "<") if !path.is_empty() => {
                    path.push(word.to_owned());
                    at += 1;
                    break;
                }
                word if is_word(word) => path.push(word.to_owned()),
                _ => break,
            }
            at += 1;
            match self.text(at) {
                "::" => at += 1,
                "!" if self.text(at + 1) != "=" => {
                    path.last_mut().expect("a word was just added").push('!');
                    break;
                }
                _ => break,
            }
        }
        self.keep(path, self.tokens[start].line);
        at.max(start + 1)
    }

    fn branches(&mut self, start: usize, stem: &[String]) -> usize {
        let mut at = start;
        while at < self.tokens.len() {
            match self.text(at) {
                "}" => return at + 1,
                "as" => at += 2,
                text if is_word(text) || text == "*" || text == "{" => at = self.tree(at, stem.to_vec()),
                _ => at += 1,
            }
        }
        at
    }

    fn keep(&mut self, path: Vec<String>, line: usize) {
        let path = match path.first().map(String::as_str) {
            Some("self" | "super") if path.len() > 1 => self.resolved(&path),
            _ => path,
        };
        // `use a::{self}` names `a`.
        let path = match path.split_last() {
            Some((last, stem)) if last == "self" && !stem.is_empty() => stem.to_vec(),
            _ => path,
        };
        self.found.push(Named { path, line });
    }

    fn resolved(&self, path: &[String]) -> Vec<String> {
        let mut place = vec!["crate".to_owned()];
        place.extend(self.module.iter().cloned());
        place.extend(self.inline.iter().flatten().cloned());
        for (at, word) in path.iter().enumerate() {
            match word.as_str() {
                "self" if at == 0 => {}
                "super" => place.truncate(place.len().saturating_sub(1).max(1)),
                _ => place.push(word.clone()),
            }
        }
        place
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let in_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if in_word(first) {
            rest.find(|c| !in_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        line += usize::from(first == '\n');
        if !first.is_whitespace() {
            tokens.push(Token { text: rest[..length].to_owned(), line });
        }
        rest = &rest[length..];
    }
    tokens
}

/// The items under `#[cfg(test)]`, from the attribute to the end of the item.
fn test_items(tokens: &[Token]) -> Vec<(usize, usize)> {
    let is_test = |at: &usize| {
        let words = ["#", "[", "cfg", "(", "test", ")", "]"];
        words.iter().zip(&tokens[*at..]).filter(|(word, token)| **word == token.text).count() == words.len()
    };
    let starts = (0..tokens.len()).filter(is_test);
    starts.map(|start| (start, item_end(tokens, start))).collect()
}

/// The place after the item: its closing brace, or the semicolon before any brace.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" if depth <= 1 => return at + 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let items = test_items(&tokens);
    let inside = |at: usize| items.iter().any(|&(start, end)| (start..end).contains(&at));
    tokens.into_iter().enumerate().filter(|(at, _)| !inside(*at)).map(|(_, token)| token).collect()
}

/// The source with comments, strings and characters blanked out; lines stay where they are.
fn without_text(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while !rest.is_empty() {
        let skipped = text_length(rest, code.chars().next_back());
        if skipped == 0 {
            let next = rest.chars().next().expect("not empty");
            code.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            code.extend(rest[..skipped].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
        }
    }
    code
}

/// How long the comment, string or character is that `rest` begins with; 0 if it begins with none.
fn text_length(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return comment_length(rest);
    }
    if rest.starts_with('\'') {
        return character_length(rest);
    }
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return 0;
    }
    let prefix = rest.find(|c| !matches!(c, 'b' | 'c' | 'r')).unwrap_or(rest.len());
    let opening = &rest[prefix..];
    let hashes = opening.len() - opening.trim_start_matches('#').len();
    if prefix > 2 || !opening[hashes..].starts_with('"') {
        return 0;
    }
    if rest[..prefix].contains('r') {
        let close = format!("\"{}", "#".repeat(hashes));
        let body = prefix + hashes + 1;
        return rest[body..].find(&close).map_or(rest.len(), |end| body + end + close.len());
    }
    if hashes > 0 { 0 } else { prefix + quoted_length(opening) }
}

fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// `'a'`, `'\n'`, `'\u{1f}'`; a lifetime is none.
fn character_length(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((escape, c))) => {
            let close = escape + c.len_utf8();
            text[close..].find('\'').map_or(0, |end| close + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}
