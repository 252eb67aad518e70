//! Durations and sizes as a user writes them: always with a unit, never negative.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use regex::{Captures, Regex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A length of time such as `500ms`, `4s` or `1m 30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeSpan(pub Duration);

impl TimeSpan {
    pub const fn from_millis(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    pub const fn from_secs(s: u64) -> Self {
        Self(Duration::from_secs(s))
    }
}

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().parse::<f64>().is_ok() {
            return Err(format!("duration `{text}` has no unit; write `{text}s` or `{text}ms`"));
        }
        let refusal = || format!("`{text}` is not a duration such as `500ms`, `4s` or `10m`");
        let (days, rest) = days(text);
        let rest = if rest.is_empty() && days > 0 { "0s" } else { rest };
        let parsed: jiff::SignedDuration = rest.parse().map_err(|_| refusal())?;
        let rest = Duration::try_from(parsed).map_err(|_| format!("duration `{text}` is negative"))?;
        let days = days.checked_mul(86_400).map(Duration::from_secs);
        days.and_then(|days| days.checked_add(rest)).map(Self).ok_or_else(refusal)
    }
}

/// A day is 24 hours here, which not every calendar agrees with: `14d`, `1d 12h` as days and the rest.
fn days(text: &str) -> (u64, &str) {
    let whole =
        || text.split_once('d').and_then(|(days, rest)| Some((days.trim().parse().ok()?, rest.trim())));
    whole().unwrap_or((0, text))
}

impl TryFrom<String> for TimeSpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TimeSpan> for String {
    fn from(span: TimeSpan) -> String {
        span.to_string()
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        let text = match ms {
            0 => "0s".to_owned(),
            _ if !ms.is_multiple_of(1000) => format!("{ms}ms"),
            _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
            _ if ms > 60_000 => format!("{}m{}s", ms / 60_000, ms % 60_000 / 1000),
            _ => format!("{}s", ms / 1000),
        };
        f.pad(&text)
    }
}

impl JsonSchema for TimeSpan {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeSpan".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "reveille-duration",
            "description": "A length of time with its unit: `500ms`, `4s`, `1m 30s`, `2h`.",
            "pattern": r"^\s*[0-9.]+\s*(ns|us|ms|s|sec|m|min|h|hr|d)[0-9a-z. ]*$"
        })
    }
}

/// A number of bytes such as `256MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
    ("B", 1),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refusal = || format!("`{text}` is not a size such as `256MiB` or `1GB`");
        let (unit, factor) = UNITS.iter().find(|(unit, _)| text.trim().ends_with(unit)).ok_or_else(|| {
            match text.parse::<u64>() {
                Ok(_) => format!("size `{text}` has no unit; write `{text}MiB` or `{text}B`"),
                Err(_) => refusal(),
            }
        })?;
        let number = text.trim().trim_end_matches(unit).trim().parse::<u64>().map_err(|_| refusal())?;
        number.checked_mul(*factor).map(Self).ok_or_else(refusal)
    }
}

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> String {
        size.to_string()
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS
            .iter()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor))
            .unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "reveille-size",
            "description": "A number of bytes with its unit: `256MiB`, `1GB`, `512B`.",
            "pattern": r"^\s*[0-9]+\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)\s*$"
        })
    }
}

static SIZE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b([0-9]+)(TiB|GiB|MiB|KiB|TB|GB|MB|kB|B)\b").expect("a constant"));

/// An expression with its sizes as plain numbers of bytes: `facts.mem_available > 256MiB` as the engine knows it.
pub fn sizes_in_bytes(expression: &str) -> String {
    let bytes =
        |found: &Captures<'_>| found[0].parse::<ByteSize>().map_or(found[0].to_owned(), |b| b.0.to_string());
    SIZE.replace_all(expression, bytes).into_owned()
}

/// An expression with some number of the same width for each size, so that places in it stay true.
pub(super) fn sizes_as_digits(expression: &str) -> String {
    SIZE.replace_all(expression, |found: &Captures<'_>| "1".repeat(found[0].len())).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_a_unit_and_is_not_negative() {
        assert_eq!("500ms".parse(), Ok(TimeSpan::from_millis(500)));
        assert_eq!("1m 30s".parse(), Ok(TimeSpan::from_secs(90)));
        assert_eq!("14d".parse(), Ok(TimeSpan::from_secs(14 * 86_400)));
        assert_eq!("1d 12h".parse(), Ok(TimeSpan::from_secs(36 * 3600)));
        for wrong in ["d", "2d3", "2dogs", "1h 2d", "99999999999999999999d", "999999999999999999d"] {
            assert!(wrong.parse::<TimeSpan>().is_err(), "{wrong}");
        }
        assert!("4".parse::<TimeSpan>().unwrap_err().contains("no unit"));
        assert!("-3s".parse::<TimeSpan>().unwrap_err().contains("negative"));
        assert_eq!(TimeSpan::from_secs(90).to_string(), "1m30s");
    }

    #[test]
    fn a_size_needs_a_unit() {
        assert_eq!("256MiB".parse(), Ok(ByteSize(256 << 20)));
        assert!("12".parse::<ByteSize>().unwrap_err().contains("no unit"));
        assert_eq!(ByteSize(1536).to_string(), "1536B");
        assert_eq!(ByteSize(256 << 20).to_string(), "256MiB");
    }

    #[test]
    fn sizes_in_an_expression_become_numbers() {
        assert_eq!(sizes_in_bytes("facts.x1kB > 1KiB and y < 2B"), "facts.x1kB > 1024 and y < 2");
        assert_eq!(sizes_as_digits("a > 256MiB"), "a > 111111");
    }
}
