//! Where a part of a YAML scalar's value was written: quotes, escapes, folded lines and indentation lie between the
//! two. Messages about templates and expressions point through this.

use std::ops::Range;

use super::source::{Sources, Span};

/// The place of `range` (bytes of `value`) within the scalar written at `span`. The whole scalar if it is not
/// written there as such (a value that came from a nested mapping, or by way of an alias).
pub fn part(sources: &Sources, span: Span, value: &str, range: Range<usize>) -> Span {
    let written = sources.text(span.file).get(span.start..span.end).unwrap_or_default();
    match (offset(written, value, range.start), offset(written, value, range.end)) {
        (Some(start), Some(end)) if start <= end => span.slice(start, end),
        _ => span,
    }
}

/// The scalar without its quotes.
pub fn inside(sources: &Sources, span: Span, value: &str) -> Span {
    part(sources, span, value, 0..value.len())
}

/// Where byte `target` of `value` stands in `written`.
fn offset(written: &str, value: &str, target: usize) -> Option<usize> {
    let style = written.chars().next().filter(|first| matches!(first, '"' | '\''));
    let mut at = usize::from(style.is_some());
    let mut done = 0;
    while done < target {
        let (rest, left) = (&written[at..], &value[done..]);
        let (wrote, meant) = step(rest, left, style)?;
        if meant > target - done {
            break;
        }
        (at, done) = (at + wrote, done + meant);
    }
    Some(at)
}

/// How many bytes of the text and of the value belong together at this point.
fn step(written: &str, value: &str, style: Option<char>) -> Option<(usize, usize)> {
    let next = written.chars().next()?;
    let gap = written.len() - written.trim_start().len();
    if next == '\\' && style == Some('"') {
        let broken_line = written[1..].starts_with(['\n', '\r']);
        let indent = written[1..].len() - written[1..].trim_start().len();
        return if broken_line {
            Some((1 + indent, 0))
        } else {
            Some((escape_len(written), value.chars().next()?.len_utf8()))
        };
    }
    if written[..gap].contains('\n') {
        return Some((gap, value.len() - value.trim_start().len()));
    }
    let meant = value.chars().next()?;
    let quote = usize::from(next == '\'' && style == Some('\''));
    (next == meant).then_some((next.len_utf8() + quote, meant.len_utf8()))
}

fn escape_len(written: &str) -> usize {
    match written[1..].chars().next() {
        Some('x') => 4,
        Some('u') => 6,
        Some('U') => 10,
        Some(other) => 1 + other.len_utf8(),
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `needle` of the value is in the text.
    fn found(written: &str, value: &str, needle: &str) -> String {
        let mut sources = Sources::default();
        let file = sources.add("x", written);
        let at = value.find(needle).expect("the needle is in the value");
        let span = part(&sources, Span { file, start: 0, end: written.len() }, value, at..at + needle.len());
        written[span.start..span.end].to_owned()
    }

    #[test]
    fn every_style_of_scalar_leads_to_the_same_token() {
        assert_eq!(found("a {{ x }}", "a {{ x }}", "x"), "x");
        assert_eq!(found(r#""a\n\"é\x41 {{ x }} x""#, "a\n\"éA {{ x }} x", "x"), "x");
        assert_eq!(found("'it''s {{ x }}'", "it's {{ x }}", "{{ x }}"), "{{ x }}");
        assert_eq!(
            found("one\n      two {{ x }}\n\n    more {{ y }}", "one\ntwo {{ x }}\n\nmore {{ y }}", "y"),
            "y"
        );
        assert_eq!(found("one\n   two {{ x }}", "one two {{ x }}", "x"), "x");
        assert_eq!(found("\"one \\\n   two {{ x }}\"", "one two {{ x }}", "x"), "x");
    }

    #[test]
    fn what_is_not_written_there_is_the_whole_scalar() {
        assert_eq!(found("*alias", "a {{ x }}", "x"), "*alias");
    }
}
