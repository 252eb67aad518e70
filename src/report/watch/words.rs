//! The words and colours all pictures of a monitor share. Whatever a colour says, a word or a sign says too.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::monitor::Gravity;

/// A gravity in one word.
pub fn gravity(gravity: Gravity) -> &'static str {
    match gravity {
        Gravity::Info => "info",
        Gravity::Notice => "notice",
        Gravity::Warning => "warning",
        Gravity::Alarm => "ALARM",
    }
}

/// Its colour.
pub fn style(gravity: Gravity) -> Style {
    match gravity {
        Gravity::Info => Style::new().dimmed(),
        Gravity::Notice => AnsiColor::Cyan.on_default(),
        Gravity::Warning => AnsiColor::Yellow.on_default(),
        Gravity::Alarm => AnsiColor::Red.on_default().bold(),
    }
}

/// `2026-11-23 11:43:16.123` where the reader is.
pub fn date_time(at_ms: u64, zone: &TimeZone) -> String {
    format(at_ms, zone, "%Y-%m-%d %H:%M:%S%.3f")
}

/// `11:43:16` where the reader is.
pub fn time(at_ms: u64, zone: &TimeZone) -> String {
    format(at_ms, zone, "%H:%M:%S")
}

/// The time, with the date where that is not today's.
pub fn moment(at_ms: u64, now_ms: u64, zone: &TimeZone) -> String {
    let day = |ms| format(ms, zone, "%F");
    if day(at_ms) == day(now_ms) { time(at_ms, zone) } else { format(at_ms, zone, "%b %-d %H:%M") }
}

/// RFC 3339 in UTC: what programs read.
pub fn instant(at_ms: u64) -> String {
    timestamp(at_ms).to_string()
}

fn format(at_ms: u64, zone: &TimeZone, format: &str) -> String {
    timestamp(at_ms).to_zoned(zone.clone()).strftime(format).to_string()
}

/// A time no calendar knows is the first one it does.
fn timestamp(at_ms: u64) -> Timestamp {
    i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default()
}
