//! Takes secrets out of text by value, in every form in which reveille or a program on a host may write them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::{MIN_CHARS, Secret};

/// Replaces secrets by `***`. Made once; its cost per text grows with the text, little with the number of secrets.
///
/// A secret is recognised as it is; quoted for a shell (once and twice), for JSON and in Rust's debug form;
/// percent-encoded; in hexadecimal; in base64 (both alphabets, padded or not, also as a part of longer data). Of a
/// secret of several lines each line is a secret too.
#[derive(Clone, Default)]
pub struct Redactor {
    /// By first byte, the longest first.
    forms: Vec<Vec<Box<str>>>,
}

impl Redactor {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut all = BTreeSet::new();
        for secret in secrets {
            let text = secret.expose();
            let lines = text.lines().map(str::trim).filter(|line| line.chars().count() >= MIN_CHARS);
            std::iter::once(text).chain(lines).for_each(|part| all.extend(forms(part)));
        }
        let mut forms: Vec<Vec<Box<str>>> = if all.is_empty() { Vec::new() } else { vec![Vec::new(); 256] };
        for form in all {
            if let Some(first) = form.bytes().next() {
                forms[usize::from(first)].push(form.into_boxed_str());
            }
        }
        for list in &mut forms {
            list.sort_by_key(|form| std::cmp::Reverse(form.len()));
        }
        Self { forms }
    }

    /// The text without any secret.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(mut clean) = self.pass(text) else { return Cow::Borrowed(text) };
        // What stood around a secret may, with the `***`, spell another. Each pass shortens the text.
        while let Some(cleaner) = self.pass(&clean) {
            clean = cleaner;
        }
        Cow::Owned(clean)
    }

    /// The text with every match replaced; matches that overlap or touch become one. `None` without a match.
    fn pass(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut copied = 0; // up to here, or to the end of the match that is being gone through
        for at in 0..text.len() {
            let Some(length) = self.match_at(text.as_bytes(), at) else { continue };
            if out.is_empty() || at > copied {
                out.push_str(&text[copied..at]);
                out.push_str("***");
            }
            copied = copied.max(at + length);
        }
        (!out.is_empty()).then(|| out + &text[copied..])
    }

    /// The length of the longest form that stands at `at`.
    fn match_at(&self, text: &[u8], at: usize) -> Option<usize> {
        let forms = self.forms.get(usize::from(text[at]))?;
        forms.iter().find(|form| text[at..].starts_with(form.as_bytes())).map(|form| form.len())
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} forms)", self.forms.iter().map(Vec::len).sum::<usize>())
    }
}

/// Every way to write `text`.
fn forms(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let single = text.replace('\'', r"'\''");
    let debug = format!("{text:?}");
    let json = serde_json::Value::from(text).to_string();
    let mut forms = vec![
        text.to_owned(),
        single.replace('\'', r"'\''"),
        single,
        in_double_quotes(text),
        shlex::try_quote(text).map_or_else(|_| text.to_owned(), Cow::into_owned),
        debug[1..debug.len() - 1].to_owned(),
        ascii_json(&json[1..json.len() - 1]),
        json[1..json.len() - 1].to_owned(),
        percent(text, |byte| format!("%{byte:02X}")),
        percent(text, |byte| format!("%{byte:02x}")),
        percent(text, |byte| if byte == b' ' { "+".to_owned() } else { format!("%{byte:02X}") }),
        bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")),
        bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02X}")),
        STANDARD.encode(text),
        STANDARD_NO_PAD.encode(text),
        URL_SAFE.encode(text),
        URL_SAFE_NO_PAD.encode(text),
    ];
    for offset in 0..3 {
        forms.push(inside_base64(&STANDARD_NO_PAD, bytes, offset));
        forms.push(inside_base64(&URL_SAFE_NO_PAD, bytes, offset));
    }
    forms
}

fn in_double_quotes(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if "$`\"\\".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// JSON text with nothing but ASCII, as Python writes it by default.
fn ascii_json(json: &str) -> String {
    let mut out = String::new();
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}"); // a String takes all
            }
        }
    }
    out
}

/// RFC 3986: all but unreserved characters are encoded.
fn percent(text: &str, encode: impl Fn(u8) -> String) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().fold(String::new(), |out, byte| {
        if keep(byte) { out + char::from(byte).encode_utf8(&mut [0; 4]) } else { out + &encode(byte) }
    })
}

/// The base64 digits that depend on nothing but `bytes` when they stand `offset` bytes (modulo 3) into longer data.
fn inside_base64(engine: &impl Engine, bytes: &[u8], offset: usize) -> String {
    let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(bytes.iter().copied()).collect();
    let digits = engine.encode(&padded);
    digits[(offset * 8).div_ceil(6)..padded.len() * 8 / 6].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redactor(texts: &[&str]) -> Redactor {
        let secrets: Vec<_> = texts.iter().map(|text| Secret::new(text).expect("long enough")).collect();
        Redactor::new(&secrets)
    }

    #[test]
    fn known_forms() {
        let redactor = redactor(&["pa$s 'w\"ö"]);
        for shown in [
            "pa$s 'w\"ö",
            r#"pa$s '\''w"ö"#,
            r#"pa\$s 'w\"ö"#,
            r#"pa$s 'w\"ö"#,
            r#"pa$s 'w\"\u00f6"#,
            "pa%24s%20%27w%22%C3%B6",
            "pa%24s+%27w%22%C3%B6",
            "706124732027772 2c3b6".replace(' ', "").as_str(),
            "cGEkcyAndyLDtg==",
            "cGEkcyAndyLDtg",
        ] {
            assert_eq!(redactor.redact(&format!("a {shown} b")), "a *** b");
        }
        assert!(matches!(redactor.redact("nothing to hide"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_basic_authorization_header_hides_the_password() {
        let header = format!("Authorization: Basic {}", STANDARD.encode("admin:correct horse"));
        let shown = redactor(&["correct horse"]).redact(&header).into_owned();
        assert!(shown.starts_with("Authorization: Basic YWRtaW46") && shown.contains("***"), "{shown}");
    }

    #[test]
    fn each_line_of_a_key_is_hidden() {
        let redactor = redactor(&["-----BEGIN KEY-----\nMIIEvQIBADAN\nab\n-----END KEY-----"]);
        assert_eq!(redactor.redact("line 2: MIIEvQIBADAN, ab"), "line 2: ***, ab");
    }

    #[test]
    fn overlapping_secrets_leave_no_end_behind() {
        let redactor = redactor(&["abcdef", "defghi", "abcdefgh"]);
        assert_eq!(redactor.redact("<abcdefghi>"), "<***>");
        assert_eq!(redactor.redact("<abcdefdefghi> abcdef"), "<***> ***");
    }

    fn encoded(secret: &str) -> Vec<String> {
        let escaped = serde_json::to_string(secret).expect("text");
        vec![
            secret.to_owned(),
            secret.replace('\'', "'\\''"),
            shlex::try_quote(secret).expect("no NUL").into_owned(),
            escaped[1..escaped.len() - 1].to_owned(),
            STANDARD.encode(secret),
            STANDARD_NO_PAD.encode(secret),
            URL_SAFE.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            percent(secret, |byte| format!("%{byte:02X}")),
        ]
    }

    proptest! {
        #[test]
        fn no_form_is_left(
            secrets in prop::collection::vec(r#"[^\x00]{4,12}|[a-c*'"$\n ]{4,9}"#, 1..4),
            noise in r"[a-c*]{0,6}",
            picks in prop::collection::vec((0usize..4, 0usize..9), 0..6),
        ) {
            let kept: Vec<_> = secrets.iter().map(|text| Secret::new(text).expect("long enough")).collect();
            let mut text = noise.clone();
            for (secret, form) in picks {
                text += &encoded(&secrets[secret % secrets.len()])[form];
                text += &noise;
            }
            let clean = Redactor::new(&kept).redact(&text).into_owned();
            for secret in &secrets {
                for form in &encoded(secret) {
                    prop_assert!(!clean.contains(form.as_str()), "{form:?} of {secret:?} is left in {clean:?}");
                }
            }
        }

        #[test]
        fn longer_base64_hides_it_too(secret in "[ -~]{4,20}", before in "[ -~]{0,7}", after in "[ -~]{0,7}") {
            let data = STANDARD.encode(format!("{before}{secret}{after}"));
            prop_assert!(redactor(&[&secret]).redact(&data).contains("***"));
        }

        #[test]
        fn other_text_is_left_alone(secret in "[A-Z]{6,9}", text in "[ -@a-z~é\n]{0,60}") {
            let hex_free = !text.bytes().any(|byte| byte.is_ascii_digit());
            prop_assume!(hex_free);
            prop_assert_eq!(redactor(&[&secret]).redact(&text), text.as_str());
        }
    }
}
