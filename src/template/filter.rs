//! The filters an Ansible user reaches for, beside those Jinja itself has. Pure functions.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Value};
use regex::Regex;

/// Adds them all. `quote` and `sh_join` are replaced for shell text, see [`super::shell`].
pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("ip", |cidr: &str| parse(cidr).map(|net| net.addr().to_string()));
    environment.add_filter("prefix", |cidr: &str| parse(cidr).map(|net| net.prefix_len()));
    environment.add_filter("network", |cidr: &str| parse(cidr).map(|net| net.trunc().to_string()));
    environment.add_filter("ipaddr", ipaddr);
    environment.add_filter("b64encode", |text: &str| STANDARD.encode(text));
    environment.add_filter("b64decode", b64decode);
    environment.add_filter("to_json", to_json);
    environment.add_filter("to_nice_json", to_nice_json);
    environment.add_filter("bool", boolean);
    environment.add_filter("basename", |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned());
    environment.add_filter("dirname", dirname);
    environment.add_filter("regex_replace", regex_replace);
    environment.add_filter("regex_search", regex_search);
    environment.add_filter("quote", |text: &Value| quote(&word(text)?));
    environment.add_filter("sh_join", |list: &Value| {
        let words = words(list)?.iter().map(|word| quote(word)).collect::<Result<Vec<_>, _>>()?;
        Ok::<_, Error>(words.join(" "))
    });
}

/// The items of a list as words.
pub(super) fn words(list: &Value) -> Result<Vec<String>, Error> {
    if !matches!(list.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(wrong("a list is needed"));
    }
    list.try_iter()?.map(|item| word(&item)).collect()
}

fn word(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => Ok(value.to_string()),
        _ => Err(wrong("only strings, numbers and booleans can be shell words")),
    }
}

fn quote(text: &str) -> Result<String, Error> {
    Ok(shlex::try_quote(text).map_err(|_| wrong("a shell word cannot hold a NUL character"))?.into_owned())
}

fn wrong(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// `10.83.0.80/24`, or an address alone as the network of one address.
fn parse(cidr: &str) -> Result<IpNet, Error> {
    let alone = || cidr.parse::<IpAddr>().map(IpNet::from);
    cidr.parse().or_else(|_| alone()).map_err(|_| wrong("the value is not an IP address or network"))
}

/// Ansible's `ipaddr`, with the queries that need nothing but the value.
fn ipaddr(cidr: &str, query: Option<&str>) -> Result<Value, Error> {
    let net = parse(cidr)?;
    Ok(match query.unwrap_or_default() {
        "" => Value::from(cidr),
        "address" | "ip" => Value::from(net.addr().to_string()),
        "prefix" => Value::from(net.prefix_len()),
        "network" => Value::from(net.network().to_string()),
        "network/prefix" | "subnet" => Value::from(net.trunc().to_string()),
        "netmask" => Value::from(net.netmask().to_string()),
        "broadcast" => Value::from(net.broadcast().to_string()),
        "version" => Value::from(if net.addr().is_ipv4() { 4 } else { 6 }),
        _ => {
            return Err(wrong(
                "ipaddr knows address, prefix, network, network/prefix, netmask, broadcast, version",
            ));
        }
    })
}

fn b64decode(text: &str) -> Result<String, Error> {
    let bytes = STANDARD.decode(text.trim()).map_err(|_| wrong("the value is not base64"))?;
    String::from_utf8(bytes).map_err(|_| wrong("the decoded value is not UTF-8 text"))
}

fn to_json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| wrong("the value is not plain data"))
}

fn to_nice_json(value: &Value) -> Result<String, Error> {
    serde_json::to_string_pretty(value).map_err(|_| wrong("the value is not plain data"))
}

/// Ansible's words for yes and no. Jinja's own filter would call `"no"` true.
fn boolean(value: &Value) -> Result<bool, Error> {
    match value.to_string().to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "y" | "t" => Ok(true),
        "false" | "no" | "off" | "0" | "n" | "f" | "" => Ok(false),
        _ => Err(wrong("the value is neither a yes nor a no")),
    }
}

fn dirname(path: &str) -> String {
    path.rsplit_once('/')
        .map(|(dir, _)| if dir.is_empty() { "/" } else { dir })
        .unwrap_or_default()
        .to_owned()
}

/// `replacement` refers to groups as `\1` (Python, Ansible) or `${1}`.
fn regex_replace(text: &str, pattern: &str, replacement: Option<&str>) -> Result<String, Error> {
    let group = Regex::new(r"\\(\d)").expect("a constant pattern");
    let replacement = group.replace_all(replacement.unwrap_or_default(), "$${$1}");
    Ok(compile(pattern)?.replace_all(text, replacement).into_owned())
}

/// The match, or the group asked for; `none` without a match.
fn regex_search(text: &str, pattern: &str, group: Option<&str>) -> Result<Value, Error> {
    let pattern = compile(pattern)?;
    let Some(found) = pattern.captures(text) else { return Ok(Value::from(())) };
    let part = match group.map(|group| group.trim_start_matches('\\')) {
        None => found.get(0),
        Some(number) if number.bytes().all(|b| b.is_ascii_digit()) => {
            number.parse().ok().and_then(|number: usize| found.get(number))
        }
        Some(name) => found.name(name.trim_start_matches("g<").trim_end_matches('>')),
    };
    Ok(part.map_or(Value::from(()), |part| Value::from(part.as_str())))
}

fn compile(pattern: &str) -> Result<Regex, Error> {
    Regex::new(pattern).map_err(|_| wrong("the pattern is not a regular expression"))
}

#[cfg(test)]
mod tests {
    use crate::template::{Vars, render};
    use serde_json::json;

    fn check(cases: &[(&str, &str)]) {
        let vars = Vars::from(json!({"cidr": "10.83.0.80/24", "v6": "fd00::1/64", "l": ["a b", 1], "e": []}));
        for (text, expected) in cases {
            assert_eq!(render(&format!("{{{{ {text} }}}}"), &vars).as_deref(), Ok(*expected), "{text}");
        }
    }

    #[test]
    fn addresses() {
        check(&[
            ("cidr | ip", "10.83.0.80"),
            ("v6 | ip", "fd00::1"),
            ("cidr | prefix", "24"),
            ("cidr | network", "10.83.0.0/24"),
            ("cidr | ipaddr('address')", "10.83.0.80"),
            ("cidr | ipaddr('network')", "10.83.0.0"),
            ("cidr | ipaddr('netmask')", "255.255.255.0"),
            ("'10.0.0.1' | prefix", "32"),
        ]);
        assert!(render("{{ 'h1' | ip }}", &Vars::default()).is_err());
    }

    #[test]
    fn text() {
        check(&[
            ("'äb' | b64encode | b64decode", "äb"),
            ("'/etc/apache2/x.conf' | basename", "x.conf"),
            ("'/etc/apache2/x.conf' | dirname", "/etc/apache2"),
            ("'/x' | dirname", "/"),
            (r"'web-12' | regex_replace('^(\w+)-(\d+)$', '\\2-\\1')", "12-web"),
            (r"'rev 42' | regex_search('\d+')", "42"),
            (r"'rev 42' | regex_search('rev (\d+)', '\\1')", "42"),
            ("('x' | regex_search('y')) is none", "True"),
            ("{'a': [1, '<']} | to_json", r#"{"a":[1,"<"]}"#),
            ("\"it's\" | quote", "\"it's\""),
            ("l | sh_join", "'a b' 1"),
            ("e | default('x') | length", "0"),
        ]);
    }

    #[test]
    fn yes_and_no() {
        check(&[
            ("'no' | bool", "False"),
            ("'Yes' | bool", "True"),
            ("0 | bool", "False"),
            ("true | bool", "True"),
        ]);
        assert!(render("{{ 'maybe' | bool }}", &Vars::default()).is_err());
    }
}
