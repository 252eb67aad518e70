//! JSON laid out as Python's `json.dumps(…, indent=4, sort_keys=True)`, byte for byte: what `ansible-inventory` prints.

use std::fmt::Write;

use serde_json::{Number, Value};

/// The text, without a newline at its end.
pub(super) fn text(value: &Value) -> String {
    let mut text = String::new();
    push(&mut text, value, 0);
    text
}

fn push(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(flag) => _ = write!(text, "{flag}"),
        Value::Number(number) => push_number(text, number),
        Value::String(string) => push_string(text, string),
        Value::Array(items) => {
            push_all(text, ['[', ']'], items.iter(), depth, |text, item| push(text, item, depth + 1));
        }
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            push_all(text, ['{', '}'], pairs.into_iter(), depth, |text, (key, value)| {
                push_string(text, key);
                text.push_str(": ");
                push(text, value, depth + 1);
            });
        }
    }
}

fn push_all<T>(
    text: &mut String,
    [open, close]: [char; 2],
    items: impl ExactSizeIterator<Item = T>,
    depth: usize,
    push_item: impl Fn(&mut String, T),
) {
    text.push(open);
    let is_empty = items.len() == 0;
    for (index, item) in items.enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        push_line(text, depth + 1);
        push_item(text, item);
    }
    if !is_empty {
        push_line(text, depth);
    }
    text.push(close);
}

fn push_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.push_str(&"    ".repeat(depth));
}

fn push_string(text: &mut String, string: &str) {
    text.push('"');
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\x08' => text.push_str("\\b"),
            '\x0c' => text.push_str("\\f"),
            c if c < ' ' => _ = write!(text, "\\u{:04x}", u32::from(c)),
            c => text.push(c),
        }
    }
    text.push('"');
}

/// Python writes the shortest decimal that is the same float, with an exponent below 1e-4 and from 1e16 on.
fn push_number(text: &mut String, number: &Number) {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        _ = write!(text, "{number}");
        return;
    };
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if float == 0.0 || (-4..16).contains(&exponent) {
        _ = write!(text, "{float:?}");
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        _ = write!(text, "{digits}e{sign}{:02}", exponent.abs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_layout_is_pythons() {
        let value = json!({"b": [], "a": {}, "é": [1, "x\u{7}\"\n"], "c": {"d": null}});
        let expected = "{\n    \"a\": {},\n    \"b\": [],\n    \"c\": {\n        \"d\": null\n    },\n    \"é\": [\n        1,\n        \"x\\u0007\\\"\\n\"\n    ]\n}";
        assert_eq!(text(&value), expected);
    }

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (float, expected) in [
            (0.0, "0.0"),
            (-2.5, "-2.5"),
            (1000.0, "1000.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (1.25e-7, "1.25e-07"),
        ] {
            assert_eq!(text(&json!(float)), expected);
        }
    }
}
