//! When a certificate ends: the one field of X.509 (RFC 5280, 4.1) a probe looks at, so that no parser of all the rest
//! is needed. The chain was checked, or deliberately not, by the TLS library.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter` of a certificate in DER; `None` if it is none.
pub(super) fn end(certificate: &[u8]) -> Option<Timestamp> {
    let (_, mut certificate, _) = element(certificate, SEQUENCE)?;
    let (_, mut fields, _) = element(certificate, SEQUENCE)?;
    certificate = fields;
    if *certificate.first()? == VERSION {
        (_, _, fields) = element(certificate, VERSION)?;
    }
    // The serial number, the algorithm and the issuer stand before the validity.
    for _ in 0..3 {
        (_, _, fields) = any(fields)?;
    }
    let (_, validity, _) = element(fields, SEQUENCE)?;
    let (_, _, not_after) = any(validity)?;
    let (kind, text, _) = any(not_after)?;
    time(kind, std::str::from_utf8(text).ok()?)
}

/// `YYMMDDHHMMSSZ`, where years from 50 on are of the last century, or `YYYYMMDDHHMMSSZ`.
fn time(kind: u8, text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match (kind, digits.len()) {
        (UTC_TIME, 12) => {
            let year: i16 = digits[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| rest[at..at + 2].parse::<i8>().ok();
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    let when = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    Some(when.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// One element of this kind: its kind, what is in it, what follows it.
fn element(bytes: &[u8], kind: u8) -> Option<(u8, &[u8], &[u8])> {
    any(bytes).filter(|(found, _, _)| *found == kind)
}

/// One element in DER (X.690): its kind, what is in it, what follows it.
fn any(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // 0x80 is a length that only the end tells, which DER has not.
        0x80 | 0x85.. => return None,
        _ => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x0f))?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
    };
    let (inner, rest) = rest.split_at_checked(length)?;
    Some((kind, inner, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_time_are_read() {
        let text = |kind, text| time(kind, text).map(|when| when.to_string());
        assert_eq!(text(UTC_TIME, "261123112300Z").as_deref(), Some("2026-11-23T11:23:00Z"));
        assert_eq!(text(UTC_TIME, "500101000000Z").as_deref(), Some("1950-01-01T00:00:00Z"));
        assert_eq!(text(GENERALIZED_TIME, "20510203040506Z").as_deref(), Some("2051-02-03T04:05:06Z"));
        for wrong in ["261323112300Z", "26112311230Z", "261123112300", "2611231123é0Z"] {
            assert_eq!(text(UTC_TIME, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for bytes in [&b""[..], b"\x30", b"\x30\x82\xff", b"\x30\x03\x30\x01\xa0", &[0x30; 64], &[0x80; 64]] {
            assert_eq!(end(bytes), None, "{bytes:?}");
        }
    }
}
