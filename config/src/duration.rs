//! Durations as Go (`1h30m`, `500ms`, `1.5s`) and Prometheus (`1d`, `2w`, `1y`) write them.
//!
//! Tempo takes the one form for some keys and the other for the rest; here both are good
//! everywhere.

use serde::Serializer;
use std::time::Duration;

/// Units and their nanoseconds; longer names stand before their prefixes.
const UNITS: [(&str, u64); 10] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
    ("w", 604_800 * 1_000_000_000),
];
/// Prometheus' year.
const YEAR_NS: u64 = 365 * 86_400 * 1_000_000_000;

/// Reads a duration.
///
/// # Errors
/// A text that says why this is not a duration: no unit, unknown unit, negative, too long.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = |why: &str| Err(format!("`{text}` is not a duration: {why}"));
    let positive = text.strip_prefix('+').unwrap_or(text);
    if positive == "0" || text == "-0" {
        return Ok(Duration::ZERO);
    }
    if positive.starts_with('-') {
        return wrong("it is negative");
    }
    if positive.is_empty() {
        return wrong("it is empty");
    }
    let mut rest = positive;
    let mut total_ns: u64 = 0;
    while !rest.is_empty() {
        let Some((number, unit_ns, tail)) = term(rest) else {
            return wrong("write a number and a unit, such as 500ms, 30s, 5m, 1h30m or 7d");
        };
        let Some(ns) = scaled(number, unit_ns).and_then(|ns| total_ns.checked_add(ns)) else {
            return wrong("it is too long");
        };
        total_ns = ns;
        rest = tail;
    }
    Ok(Duration::from_nanos(total_ns))
}

/// Splits the first number and unit off.
fn term(text: &str) -> Option<(&str, u64, &str)> {
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(number_end);
    let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, tail) = rest.split_at(unit_end);
    let has_digit = number.bytes().any(|b| b.is_ascii_digit());
    if !has_digit || number.bytes().filter(|b| *b == b'.').count() > 1 {
        return None;
    }
    Some((number, unit_ns(unit)?, tail))
}

fn unit_ns(unit: &str) -> Option<u64> {
    if unit == "y" {
        return Some(YEAR_NS);
    }
    UNITS.iter().find(|(name, _)| *name == unit).map(|(_, ns)| *ns)
}

/// `number` of `unit_ns`, exact for whole parts and to the nanosecond below.
fn scaled(number: &str, unit_ns: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut ns = whole.checked_mul(unit_ns)?;
    let mut place_ns = unit_ns as u128 * 1_000_000_000;
    for digit in fraction.bytes().take(18) {
        place_ns /= 10;
        let part = place_ns * u128::from(digit - b'0') / 1_000_000_000;
        ns = ns.checked_add(u64::try_from(part).ok()?)?;
    }
    Some(ns)
}

/// Writes a duration as Go prints it: `1h30m0s`, `500ms`, `0s`.
#[must_use]
pub fn format(duration: Duration) -> String {
    let ns = duration.as_nanos();
    if ns == 0 {
        return "0s".to_owned();
    }
    if ns < 1_000_000_000 {
        let (unit_ns, unit) = match ns {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return with_fraction(ns / unit_ns, ns % unit_ns, unit_ns) + unit;
    }
    let (seconds, below_ns) = (ns / 1_000_000_000, ns % 1_000_000_000);
    let tail = with_fraction(seconds % 60, below_ns, 1_000_000_000) + "s";
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => tail,
        (0, minutes) => format!("{minutes}m{tail}"),
        (hours, minutes) => format!("{hours}h{minutes}m{tail}"),
    }
}

/// `whole.fraction` without trailing zeros, where the fraction is `part / of`, `of` a power of ten.
fn with_fraction(whole: u128, part: u128, of: u128) -> String {
    if part == 0 {
        return whole.to_string();
    }
    let digits = of.ilog10() as usize;
    let fraction = format!("{part:0digits$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// Serialises a duration as [`format()`] writes it.
///
/// # Errors
/// Those of the serialiser.
pub fn as_text<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

/// The same for one that need not be there.
///
/// # Errors
/// Those of the serialiser.
pub fn as_optional_text<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => as_text(duration, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
#[path = "duration_tests.rs"]
mod tests;
