//! Performance data, as Nagios plugins write it behind their text: `'label'=value[unit];warn;crit;min;max`, any number of
//! them, with blanks between. The format is described in the Monitoring Plugins' development guidelines. Pure.

use serde::{Deserialize, Serialize};

/// One number with its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    pub label: String,
    pub value: f64,
    /// `s`, `ms`, `%`, `B`, `c` (a counter) …; often empty.
    pub unit: String,
}

/// Every measure that can be read; the others (`U` is "unknown") are passed over.
pub(super) fn parse(mut data: &str) -> Vec<Measure> {
    let mut measures = Vec::new();
    loop {
        data = data.trim_start();
        let Some((label, rest)) = label(data) else { return measures };
        let (numbers, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        measures.extend(measure(label, numbers));
        data = rest;
    }
}

/// A label, in quotes if it holds blanks, a doubled quote standing for one; and what follows its `=`.
fn label(data: &str) -> Option<(String, &str)> {
    let Some(quoted) = data.strip_prefix('\'') else {
        return data.split_once('=').map(|(label, rest)| (label.to_owned(), rest));
    };
    let end = quoted.find("'=")?;
    Some((quoted[..end].replace("''", "'"), &quoted[end + 2..]))
}

/// `numbers` is `value[unit];warn;…`: the limits are the plugin's own business.
fn measure(label: String, numbers: &str) -> Option<Measure> {
    let first = numbers.split(';').next()?;
    let end = first.find(|c: char| !(c.is_ascii_digit() || "+-.,eE".contains(c))).unwrap_or(first.len());
    let (value, unit) = first.split_at(end);
    let value: f64 = value.replace(',', ".").parse().ok()?;
    (value.is_finite() && !label.is_empty()).then(|| Measure { label, value, unit: unit.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_values_and_units_come_apart() {
        let found = parse(" time=0.0123s;1;2;0 'free space'=12%;;;0;100 'it''s'=-3 size=1,5kB load=U x=1e3");
        let read: Vec<(&str, f64, &str)> =
            found.iter().map(|m| (m.label.as_str(), m.value, m.unit.as_str())).collect();
        assert_eq!(
            read,
            [
                ("time", 0.0123, "s"),
                ("free space", 12.0, "%"),
                ("it's", -3.0, ""),
                ("size", 1.5, "kB"),
                ("x", 1000.0, ""),
            ]
        );
    }

    #[test]
    fn what_is_no_performance_data_gives_none() {
        for text in ["", "  ", "just words", "=3", "a=", "'open=3", "a=b=c"] {
            assert_eq!(parse(text), [], "{text}");
        }
    }
}
