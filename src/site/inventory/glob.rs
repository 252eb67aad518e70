//! Shell wildcards over names: `*`, `?`, `[abc]`, `[a-c]`, `[!abc]`, as Python's `fnmatch` reads them.
//!
//! Called by `pattern` alone.

use regex::Regex;

/// Whether any character has a meaning beyond itself.
pub(super) fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// The glob as a regular expression over whole names.
pub(super) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    let mut expression = String::from("(?s)^");
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        match (first, class_end(rest)) {
            ('*', _) => expression.push_str(".*"),
            ('?', _) => expression.push('.'),
            ('[', Some(end)) => {
                push_class(&mut expression, &rest[..end]);
                rest = &rest[end + 1..];
            }
            _ => expression.push_str(&regex::escape(first.encode_utf8(&mut [0; 4]))),
        }
    }
    Regex::new(&(expression + "$"))
}

/// Where the `]` of a class is; one right at the beginning is a member.
fn class_end(rest: &str) -> Option<usize> {
    let lead = rest.strip_prefix('!').map_or(0, |_| 1);
    let lead = lead + usize::from(rest[lead..].starts_with(']'));
    rest[lead..].find(']').map(|end| lead + end)
}

fn push_class(expression: &mut String, class: &str) {
    expression.push('[');
    let members = class.strip_prefix('!').inspect(|_| expression.push('^')).unwrap_or(class);
    for c in members.chars() {
        if !c.is_alphanumeric() && c != '-' {
            expression.push('\\');
        }
        expression.push(c);
    }
    expression.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_whole_names() {
        let matches = |pattern: &str, name: &str| compile(pattern).unwrap().is_match(name);
        assert!(matches("h*", "h12") && !matches("h*", "ah1"));
        assert!(matches("h?", "h1") && !matches("h?", "h12"));
        assert!(matches("h[!1-3]", "h4") && !matches("h[!1-3]", "h2"));
        assert!(matches("a.b", "a.b") && !matches("a.b", "axb"));
        assert!(matches("[]]", "]") && matches("h[", "h["));
    }
}
