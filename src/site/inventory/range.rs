//! Host keys: one line that may name many hosts (`h[01:10:3]`, `db-[a:c]`) and their port (`host:2222`).
//!
//! `load` expands the keys under `hosts:`; `pattern` lets a range be written where hosts are chosen.

use std::ops::Range;

/// More hosts than this in one key is taken for a slip.
const MOST_HOSTS: usize = 65_536;

/// What a host key names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HostKey {
    pub names: Vec<String>,
    pub port: Option<u16>,
}

/// A range that cannot be expanded; `at` are the offending bytes of the key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RangeError {
    pub at: Range<usize>,
    pub message: String,
}

/// Expands a key. Several ranges in one name multiply, the last runs fastest.
pub(super) fn expand(key: &str) -> Result<HostKey, RangeError> {
    let (name, port) = split_port(key)?;
    let offset = name.as_ptr() as usize - key.as_ptr() as usize;
    let mut names = vec![String::new()];
    let mut at = 0;
    while let Some(open) = name[at..].find('[').map(|found| at + found) {
        let close = name[open..].find(']').map(|found| open + found);
        let place = offset + open..offset + close.map_or(name.len(), |close| close + 1);
        let Some(close) = close else { return Err(wrong(place, "this `[` is never closed")) };
        let values = values(&name[open + 1..close]).map_err(|message| wrong(place.clone(), message))?;
        if names.len().saturating_mul(values.len()) > MOST_HOSTS {
            return Err(wrong(place, format!("this names more than {MOST_HOSTS} hosts")));
        }
        let between = &name[at..open];
        let heads = names.iter();
        names = heads
            .flat_map(|head| values.iter().map(move |value| format!("{head}{between}{value}")))
            .collect();
        at = close + 1;
    }
    for head in &mut names {
        head.push_str(&name[at..]);
    }
    Ok(HostKey { names, port })
}

fn wrong(at: Range<usize>, message: impl Into<String>) -> RangeError {
    RangeError { at, message: message.into() }
}

/// `host:22` and `[fe80::1]:22`. A name with two colons outside brackets is an IPv6 address, without a port.
fn split_port(key: &str) -> Result<(&str, Option<u16>), RangeError> {
    let Some((name, digits)) = key.rsplit_once(':') else { return Ok((key, None)) };
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let bracketed = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bracketed = bracketed.filter(|ip| ip.contains("::") || ip.parse::<std::net::Ipv6Addr>().is_ok());
    let is_one_word = !name.is_empty() && !colon_outside_brackets(name);
    if !is_number || (bracketed.is_none() && !is_one_word) {
        return Ok((key, None));
    }
    match digits.parse() {
        Ok(port) => Ok((bracketed.unwrap_or(name), Some(port).filter(|port| *port != 0))),
        Err(_) => Err(wrong(key.len() - digits.len()..key.len(), "a port is at most 65535")),
    }
}

/// Also true inside a bracket that never closes: `h[1:22` has no port.
fn colon_outside_brackets(name: &str) -> bool {
    let mut inside = false;
    for c in name.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            ':' if !inside => return true,
            _ => {}
        }
    }
    inside
}

/// The values of `begin:end` or `begin:end:step`; both ends count.
fn values(inner: &str) -> Result<Vec<String>, String> {
    let parts: Vec<&str> = inner.split(':').collect();
    let (begin, end, step) = match parts[..] {
        [begin, end] => (begin, end, 1),
        [begin, end, step] => match step.parse() {
            Ok(step) if step > 0 => (begin, end, step),
            _ => return Err(format!("`{step}` is not a step")),
        },
        _ => return Err("a host range is `[begin:end]` or `[begin:end:step]`".to_owned()),
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    match (letter(begin), letter(end)) {
        (Some(first), Some(last)) if first <= last => {
            Ok((first..=last).step_by(step).map(|index| char::from(LETTERS[index]).to_string()).collect())
        }
        (Some(_), Some(_)) => Err(format!("`{begin}` comes after `{end}`")),
        _ => numbers(begin, end, step),
    }
}

const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn letter(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [one] => LETTERS.iter().position(|letter| letter == one),
        _ => None,
    }
}

/// A leading zero fixes the width: `[08:10]` is 08, 09, 10.
fn numbers(begin: &str, end: &str, step: usize) -> Result<Vec<String>, String> {
    let number = |text: &str| -> Result<usize, String> {
        text.parse().map_err(|_| format!("`{text}` is neither a number nor a letter"))
    };
    let (first, last) = (number(begin)?, number(end)?);
    let padded = begin.len() > 1 && begin.starts_with('0');
    let width = if padded { begin.len() } else { 0 };
    if padded && begin.len() != end.len() {
        return Err(format!("`{begin}` and `{end}` must be equally long"));
    }
    if first > last {
        return Err(format!("`{begin}` comes after `{end}`"));
    }
    if (last - first) / step >= MOST_HOSTS {
        return Err(format!("this names more than {MOST_HOSTS} hosts"));
    }
    Ok((first..=last).step_by(step).map(|value| format!("{value:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(key: &str) -> String {
        match expand(key) {
            Ok(HostKey { names, port: None }) => names.join(" "),
            Ok(HostKey { names, port: Some(port) }) => format!("{} at {port}", names.join(" ")),
            Err(error) => format!("{}: {}", &key[error.at], error.message),
        }
    }

    #[test]
    fn keys_name_hosts_and_ports() {
        for (key, expected) in [
            ("h1", "h1"),
            ("h[1:3]", "h1 h2 h3"),
            ("h[01:10:3]", "h01 h04 h07 h10"),
            ("[a:c]x", "ax bx cx"),
            ("r[1:2]-h[:1]", "r1-h0 r1-h1 r2-h0 r2-h1"),
            ("h[1:2]:2222", "h1 h2 at 2222"),
            ("10.0.0.[9:10]", "10.0.0.9 10.0.0.10"),
            ("fe80::1", "fe80::1"),
            ("[fe80::1]:22", "fe80::1 at 22"),
            ("[2001:db8:0:0:0:0:0:1]:22", "2001:db8:0:0:0:0:0:1 at 22"),
            ("h[1:3", "[1:3: this `[` is never closed"),
            ("h[3:1]", "[3:1]: `3` comes after `1`"),
            ("h[01:1]", "[01:1]: `01` and `1` must be equally long"),
            ("h[1-3]", "[1-3]: a host range is `[begin:end]` or `[begin:end:step]`"),
            ("h[1:3:0]", "[1:3:0]: `0` is not a step"),
            ("h[1:99999999]", "[1:99999999]: this names more than 65536 hosts"),
            ("h:99999", "99999: a port is at most 65535"),
        ] {
            assert_eq!(names(key), expected, "{key}");
        }
    }
}
