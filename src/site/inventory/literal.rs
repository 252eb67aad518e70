//! Values in INI inventories: Python literals where they are any, else the text as it stands.
//!
//! Called by `ini`. Follows Python's `ast.literal_eval`, which Ansible asks: `1` is a number and `0644` a text,
//! `True` is a boolean and `true` a text, `1,2` is a list. What no inventory holds on purpose, complex numbers and
//! named characters, stays text.

use serde_json::{Map, Number, Value};

/// Nested deeper than this it stays text.
const MOST_DEPTH: usize = 64;

/// The value that `text` stands for.
pub(super) fn value(text: &str) -> Value {
    literal(text).unwrap_or_else(|| text.into())
}

fn literal(text: &str) -> Option<Value> {
    let mut parser = Parser { rest: text, depth: 0 };
    let value = parser.expressions()?;
    parser.blanks();
    (parser.rest.is_empty() || parser.rest.starts_with('#')).then_some(value)
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\x0c']);
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes `token` after blanks, if it comes next.
    fn eat(&mut self, token: &str) -> bool {
        self.blanks();
        let rest = self.rest.strip_prefix(token);
        rest.map(|rest| self.rest = rest).is_some()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// One expression, or several between commas: a tuple, which is a list.
    fn expressions(&mut self) -> Option<Value> {
        let first = self.expression()?;
        if !self.eat(",") {
            return Some(first);
        }
        let mut items = vec![first];
        loop {
            self.blanks();
            if self.rest.is_empty() || self.rest.starts_with(['#', ')']) {
                return Some(items.into());
            }
            items.push(self.expression()?);
            if !self.eat(",") {
                return Some(items.into());
            }
        }
    }

    fn expression(&mut self) -> Option<Value> {
        self.depth += 1;
        self.blanks();
        let value = match self.peek().filter(|_| self.depth <= MOST_DEPTH)? {
            '[' => self.list(),
            '(' => self.parenthesis(),
            '{' => self.braces(),
            '+' | '-' => self.signed(),
            c if c.is_ascii_digit() => self.number(),
            '.' if self.eat("...") => Some("...".into()),
            '.' => self.number(),
            '\'' | '"' => self.strings(),
            _ => self.word(),
        };
        self.depth -= 1;
        value
    }

    fn word(&mut self) -> Option<Value> {
        let quote = self.rest.find(|c: char| !c.is_ascii_alphabetic()).filter(|at| *at <= 2);
        if quote.is_some_and(|at| self.rest[at..].starts_with(['\'', '"'])) {
            return self.strings();
        }
        match self.take_while(|c| c.is_alphanumeric() || c == '_') {
            "True" => Some(true.into()),
            "False" => Some(false.into()),
            "None" => Some(Value::Null),
            "set" if self.eat("(") && self.eat(")") => Some(Value::Array(Vec::new())),
            _ => None,
        }
    }

    /// A sign belongs to the number right after it; two signs are no literal.
    fn signed(&mut self) -> Option<Value> {
        let minus = self.eat("-");
        let _ = minus || self.eat("+");
        self.blanks();
        let parenthesized = self.rest.starts_with('(');
        let value = if parenthesized { self.parenthesis()? } else { self.number()? };
        match value {
            Value::Number(number) if minus => negative(&number),
            Value::Number(number) => Some(number.into()),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.rest;
        for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)] {
            if let Some(rest) = start.strip_prefix(prefix) {
                self.rest = rest;
                let digits = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                let digits = digits.strip_prefix('_').unwrap_or(digits);
                return u64::from_str_radix(&grouped(digits)?, radix).ok().map(Value::from);
            }
        }
        let whole = self.take_while(|c| c.is_ascii_digit() || c == '_');
        let is_float = self.fraction()?;
        if self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            return None; // `1j`, `10L`, `2fast`
        }
        let written = &start[..start.len() - self.rest.len()];
        if is_float {
            let float = grouped_float(written)?.parse().ok()?;
            return Number::from_f64(float).map(Value::Number);
        }
        let digits = grouped(whole)?;
        let is_padded =
            digits.len() > 1 && digits.starts_with('0') && digits.bytes().any(|digit| digit != b'0');
        if is_padded { None } else { digits.parse::<u64>().ok().map(Value::from) }
    }

    /// Takes what makes a number a float; nothing when that is cut short.
    fn fraction(&mut self) -> Option<bool> {
        let mut is_float = false;
        if let Some(rest) = self.rest.strip_prefix('.') {
            self.rest = rest;
            self.take_while(|c| c.is_ascii_digit() || c == '_');
            is_float = true;
        }
        if let Some(rest) = self.rest.strip_prefix(['e', 'E']) {
            self.rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
            is_float = true;
            let digits = self.take_while(|c| c.is_ascii_digit() || c == '_');
            (!digits.is_empty()).then_some(())?;
        }
        Some(is_float)
    }

    fn list(&mut self) -> Option<Value> {
        self.eat("[");
        let items = self.until("]", Parser::expression)?;
        Some(items.into())
    }

    fn parenthesis(&mut self) -> Option<Value> {
        self.eat("(");
        if self.eat(")") {
            return Some(Value::Array(Vec::new()));
        }
        let value = self.expressions()?;
        self.eat(")").then_some(value)
    }

    /// Items between commas up to `close`; a comma may stand before it.
    fn until<T>(&mut self, close: &str, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(item(self)?);
            if !self.eat(",") {
                return self.eat(close).then_some(items);
            }
        }
        Some(items)
    }

    /// A dictionary, or a set, which is a list.
    fn braces(&mut self) -> Option<Value> {
        self.eat("{");
        let items = self.until("}", |parser| {
            let key = parser.expression()?;
            let value = if parser.eat(":") { Some(parser.expression()?) } else { None };
            Some((key, value))
        })?;
        if !items.is_empty() && items.iter().all(|(_, value)| value.is_none()) {
            let mut set: Vec<Value> = Vec::new();
            for (item, _) in items {
                if !set.contains(&item) {
                    set.push(item);
                }
            }
            return Some(set.into());
        }
        let mut map = Map::new();
        for (key, value) in items {
            map.insert(key_text(&key)?, value?);
        }
        Some(map.into())
    }

    /// Strings side by side are one.
    fn strings(&mut self) -> Option<Value> {
        let mut text = String::new();
        let mut are_bytes = None;
        loop {
            self.blanks();
            let prefix = self.rest.find(['\'', '"']).map(|at| self.rest[..at].to_ascii_lowercase());
            let Some(prefix) =
                prefix.filter(|prefix| ["", "r", "u", "b", "br", "rb"].contains(&prefix.as_str()))
            else {
                return are_bytes.is_some().then_some(text.into());
            };
            self.rest = &self.rest[prefix.len()..];
            let is_bytes = prefix.contains('b');
            if *are_bytes.get_or_insert(is_bytes) != is_bytes {
                return None;
            }
            let piece = self.string(prefix.contains('r'))?;
            text.push_str(&piece);
            if is_bytes && !text.is_ascii() {
                return None;
            }
        }
    }

    fn string(&mut self, raw: bool) -> Option<String> {
        let quote = self.peek()?;
        let triple = quote.to_string().repeat(3);
        let close = if self.rest.starts_with(&triple) { triple } else { quote.to_string() };
        self.rest = &self.rest[close.len()..];
        let mut text = String::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix(&close) {
                self.rest = rest;
                return Some(text);
            }
            let c = self.peek()?;
            self.rest = &self.rest[c.len_utf8()..];
            if c != '\\' {
                text.push(c);
            } else if raw {
                text.push(c);
                let next = self.peek()?;
                text.push(next);
                self.rest = &self.rest[next.len_utf8()..];
            } else {
                self.escape(&mut text)?;
            }
        }
    }

    /// What follows a backslash. One before any other character stands for itself.
    fn escape(&mut self, text: &mut String) -> Option<()> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        match c {
            '\\' | '\'' | '"' => text.push(c),
            'a' => text.push('\x07'),
            'b' => text.push('\x08'),
            'f' => text.push('\x0c'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'v' => text.push('\x0b'),
            'x' => text.push(self.code(2)?),
            'u' => text.push(self.code(4)?),
            'U' => text.push(self.code(8)?),
            'N' => return None,
            '0'..='7' => {
                let more = self.rest.bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let digits = format!("{c}{}", &self.rest[..more]);
                self.rest = &self.rest[more..];
                text.push(char::from_u32(u32::from_str_radix(&digits, 8).ok()?)?);
            }
            _ => text.extend(['\\', c]),
        }
        Some(())
    }

    fn code(&mut self, digits: usize) -> Option<char> {
        let code =
            self.rest.get(..digits).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        self.rest = &self.rest[digits..];
        char::from_u32(u32::from_str_radix(code, 16).ok()?)
    }
}

fn negative(number: &Number) -> Option<Value> {
    match number.as_u64() {
        Some(whole) => i64::try_from(-i128::from(whole)).ok().map(Value::from),
        None => Number::from_f64(-number.as_f64()?).map(Value::Number),
    }
}

/// Digits without the `_` between them, which may stand between two digits alone.
fn grouped(digits: &str) -> Option<String> {
    let is_good = !digits.is_empty() && digits.split('_').all(|group| !group.is_empty());
    is_good.then(|| digits.replace('_', ""))
}

fn grouped_float(written: &str) -> Option<String> {
    let parts: Vec<&str> = written.split(['.', 'e', 'E', '+', '-']).filter(|part| !part.is_empty()).collect();
    (!parts.is_empty() && parts.iter().all(|part| grouped(part).is_some())).then(|| written.replace('_', ""))
}

/// A dictionary's key as JSON spells it.
fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn literals_are_what_python_makes_of_them() {
        for (text, expected) in [
            ("1", json!(1)),
            ("+5", json!(5)),
            ("-5", json!(-5)),
            ("(1)", json!(1)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("1_000", json!(1000)),
            ("1e3", json!(1000.0)),
            (".5", json!(0.5)),
            ("1.", json!(1.0)),
            ("True", json!(true)),
            ("None", json!(null)),
            ("'a' \"b\"", json!("ab")),
            (r#""a\tb\x41\q""#, json!("a\tbA\\q")),
            (r"r'\d'", json!(r"\d")),
            ("b'x'", json!("x")),
            ("1, 2", json!([1, 2])),
            ("1,", json!([1])),
            ("()", json!([])),
            ("[1, 'a', None,]", json!([1, "a", null])),
            ("{'a': [1], 2: {}}", json!({"a": [1], "2": {}})),
            ("{1, 1, 2}", json!([1, 2])),
            ("1 # one", json!(1)),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn everything_else_is_text() {
        for text in [
            "",
            "true",
            "yes",
            "0644",
            "10.0.0.1",
            "1.2.3",
            "1j",
            "1+2",
            "--1",
            "2fast",
            "1_",
            "a,b",
            "'a' b",
            "[1",
            "[a]",
            "{'a': 1, 2}",
            "f'x'",
            "foo # comment",
            "'open",
            "(1",
            "1)",
            "0x",
            "{{ x }}",
            "-",
            "{'a'",
            "\u{e9}",
            "-True",
            "'a' b'c'",
        ] {
            assert_eq!(value(text), Value::from(text), "{text}");
        }
    }
}
