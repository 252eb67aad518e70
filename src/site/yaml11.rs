//! What unquoted words mean in YAML 1.1, the dialect Ansible reads inventories in (<https://yaml.org/type/>).
//!
//! Called by `yaml` alone. The rules are those of `PyYAML`'s resolver, which differ from the type pages in
//! details: `y` and `n` are words, an exponent needs a sign, a leading zero means octal.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::yaml::Value;

/// Whether `text[start..end]` is a scalar without quotes and tag, on one line: only such words have a type.
pub(super) fn is_plain(text: &str, start: usize, end: usize) -> bool {
    let (Some(before), Some(word)) = (text.get(..start), text.get(start..end)) else { return false };
    if word.is_empty() || word.starts_with(['\'', '"']) || word.contains('\n') {
        return false;
    }
    let lead = before.trim_end();
    let own_line = before[lead.len()..].contains('\n');
    let mut line = lead.rsplit('\n').next().unwrap_or("");
    if own_line {
        line = line.split(" #").next().unwrap_or(line).trim_end();
    }
    let mut tokens = line.split_whitespace().rev().skip_while(|token| token.starts_with('&'));
    !tokens.next().is_some_and(|token| token.starts_with('!') || own_line && is_block_header(token))
}

/// `|`, `>-`, `|2+`: what follows is a block of text.
fn is_block_header(token: &str) -> bool {
    token
        .strip_prefix(['|', '>'])
        .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || "+-".contains(c)))
}

/// The value of a plain scalar.
pub(super) fn scalar(word: &str) -> Value {
    match word {
        "~" | "null" | "Null" | "NULL" | "" => Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ if word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
            number(word).or_else(|| timestamp(word)).unwrap_or_else(|| Value::String(word.to_owned()))
        }
        _ => Value::String(word.to_owned()),
    }
}

static INT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^([-+]?)(?:0b([01_]+)|0([0-7_]+)|0x([0-9a-fA-F_]+)|(0|[1-9][0-9_]*)|([1-9][0-9_]*(?::[0-5]?[0-9])+))$",
    )
});

static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|([-+]?)([0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*))$",
    )
});

static TIMESTAMP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?[ \t]*(Z|([-+])([0-9]{1,2})(?::([0-9]{2}))?)?$",
    )
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant, and the tests use it")
}

fn number(word: &str) -> Option<Value> {
    int(word).or_else(|| float(word))
}

fn int(word: &str) -> Option<Value> {
    let found = INT.captures(word)?;
    let digits = |group| found.get(group).map(|digits| digits.as_str().replace('_', ""));
    let radix = |group, radix| digits(group).and_then(|digits| i64::from_str_radix(&digits, radix).ok());
    let size = radix(2, 2)
        .or_else(|| radix(3, 8))
        .or_else(|| radix(4, 16))
        .or_else(|| radix(5, 10))
        .or_else(|| digits(6).and_then(|digits| base_sixty(&digits)))?;
    Some(Value::Int(if &found[1] == "-" { -size } else { size }))
}

/// `1:30` is 90: the sexagesimal integers of YAML 1.1.
fn base_sixty(digits: &str) -> Option<i64> {
    digits.split(':').try_fold(0i64, |sum, part| sum.checked_mul(60)?.checked_add(part.parse().ok()?))
}

fn float(word: &str) -> Option<Value> {
    let found = FLOAT.captures(word)?;
    let Some(digits) = found.get(2) else { return word.replace('_', "").parse().ok().map(Value::Float) };
    let parts = digits.as_str().replace('_', "");
    let size = parts.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))?;
    Some(Value::Float(if &found[1] == "-" { -size } else { size }))
}

/// A point in time becomes text again, in the one form Ansible prints (ISO 8601). A bare date stays as it is.
fn timestamp(word: &str) -> Option<Value> {
    let found = TIMESTAMP.captures(word)?;
    let [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(|group| part(&found, group));
    let fraction = match part(&found, 7) {
        "" => String::new(),
        digits if digits.trim_matches('0').is_empty() => String::new(),
        digits => format!(".{:0<6}", &digits[..digits.len().min(6)]),
    };
    let zone = match part(&found, 8) {
        "" => String::new(),
        "Z" => "+00:00".to_owned(),
        _ => format!("{}{:0>2}:{:0>2}", part(&found, 9), part(&found, 10), part(&found, 11)),
    };
    Some(Value::String(format!("{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute}:{second}{fraction}{zone}")))
}

fn part<'a>(found: &'a Captures<'_>, group: usize) -> &'a str {
    found.get(group).map_or("", |part| part.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(word: &str) -> String {
        match scalar(word) {
            Value::Null => "null".into(),
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Float(value) => format!("{value:?}"),
            Value::String(value) => format!("'{value}'"),
            Value::Seq(_) | Value::Map(_) => unreachable!("a word is no container"),
        }
    }

    #[test]
    fn words_have_the_types_ansible_gives_them() {
        for (word, expected) in [
            ("Yes", "true"),
            ("oFF", "'oFF'"),
            ("off", "false"),
            ("y", "'y'"),
            ("0644", "420"),
            ("0o17", "'0o17'"),
            ("08", "'08'"),
            ("-0x1F", "-31"),
            ("0b101", "5"),
            ("1_000", "1000"),
            ("1:30", "90"),
            ("22:22:22", "80542"),
            ("1e3", "'1e3'"),
            ("1.5e+3", "1500.0"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("1:30.5", "90.5"),
            ("10.0.0.1", "'10.0.0.1'"),
            ("2024-01-02", "'2024-01-02'"),
            ("2001-12-14t21:59:43.10-5", "'2001-12-14T21:59:43.100000-05:00'"),
            ("2001-12-14 1:59:43 Z", "'2001-12-14T01:59:43+00:00'"),
            ("-", "'-'"),
        ] {
            assert_eq!(shown(word), expected, "{word}");
        }
    }

    #[test]
    fn only_plain_words_have_a_type() {
        let plain = |text: &str, word: &str| {
            let start = text.rfind(word).unwrap();
            is_plain(text, start, start + word.len())
        };
        assert!(plain("a: yes", "yes"));
        assert!(plain("a:\n  yes", "yes"));
        assert!(plain("a: &x yes", "yes"));
        assert!(plain("[b, yes]", "yes"));
        assert!(!plain("a: 'yes'", "'yes'"));
        assert!(!plain("a: !!str yes", "yes"));
        assert!(!plain("a: !!str &x yes", "yes"));
        assert!(!plain("a: |- # why\n  yes", "yes"));
    }
}
