//! Durations as Go and Prometheus write them, read and printed.
//!
//! Used for literals of the language, for canonical text, and by servers for parameters such as
//! `minDuration=100ms` and `since=1d`. All are signed 64-bit nanoseconds.

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000 * MICROSECOND;
const SECOND: i64 = 1_000 * MILLISECOND;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Units of Prometheus durations, in the only order that they may take.
const PROMETHEUS_UNITS: [(&str, i64); 7] = [
    ("y", 365 * DAY),
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", MILLISECOND),
];

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not a duration at all, or out of range.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// An unknown unit.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// Reads a Go duration into nanoseconds: parts in any order, fractions allowed, units
/// `h m s ms us µs ns`, an optional sign; `0` needs no unit. `1h30m`, `1.5s`, `-2ms`.
///
/// # Errors
/// The text is no such duration or does not fit 64 bits.
pub fn parse_go(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_i64;
    while !rest.is_empty() {
        let (nanos, after) = go_part(rest, text)?;
        total = total.checked_add(nanos).ok_or_else(invalid)?;
        rest = after;
    }
    Ok(if negative { -total } else { total })
}

/// Reads one number with its unit; gives its nanoseconds and what follows.
fn go_part<'t>(part: &'t str, text: &str) -> Result<(i64, &'t str), DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (whole, rest) = split_digits(part);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), split_digits);
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    if unit.is_empty() {
        return Err(DurationError::MissingUnit(text.to_owned()));
    }
    let scale = go_unit(unit).ok_or_else(|| DurationError::UnknownUnit {
        unit: unit.to_owned(),
        text: text.to_owned(),
    })?;
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
    let nanos = whole.checked_mul(scale).ok_or_else(invalid)?;
    let nanos = nanos.checked_add(fraction_nanos(fraction, scale)).ok_or_else(invalid)?;
    Ok((nanos, rest))
}

/// The digits after a point, as a part of a unit. Digits below a nanosecond are dropped.
fn fraction_nanos(digits: &str, scale: i64) -> i64 {
    let mut nanos = 0;
    let mut place = i128::from(scale);
    let mut divisor = 1_i128;
    for digit in digits.bytes().take(18) {
        divisor *= 10;
        nanos = nanos * 10 + i128::from(digit - b'0');
    }
    place *= nanos;
    i64::try_from(place / divisor).unwrap_or(0)
}

fn go_unit(unit: &str) -> Option<i64> {
    Some(match unit {
        "ns" => 1,
        // Both the micro sign and the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        _ => return None,
    })
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Reads a Prometheus duration into nanoseconds: descending whole-number parts from
/// `y w d h m s ms` with y = 365 d and w = 7 d; `0` needs no unit. `1w2d`, `15m`.
///
/// # Errors
/// The text is no such duration or does not fit 64 bits.
pub fn parse_prometheus(text: &str) -> Result<i64, DurationError> {
    if text == "0" {
        return Ok(0);
    }
    prometheus_parts(text).ok_or_else(|| DurationError::Invalid(text.to_owned()))
}

fn prometheus_parts(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut units = PROMETHEUS_UNITS.iter();
    let mut total = 0_i64;
    while !rest.is_empty() {
        let (digits, after) = split_digits(rest);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, scale) = units.find(|(name, _)| *name == unit)?;
        let count: i64 = digits.parse().ok()?;
        total = total.checked_add(count.checked_mul(*scale)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// Prints nanoseconds as Go does: `1h30m0s`, `1.5s`, `100ms`, `5µs`, `0s`.
pub fn format_go(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let size = nanos.unsigned_abs();
    let (second, minute) = (SECOND.unsigned_abs(), MINUTE.unsigned_abs());
    match size {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{size}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(size, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(size, 1_000_000)),
        _ if size < minute => format!("{sign}{}s", decimal(size, second)),
        _ => {
            let (minutes, seconds) = (size / minute, decimal(size % minute, second));
            match minutes / 60 {
                0 => format!("{sign}{minutes}m{seconds}s"),
                hours => format!("{sign}{hours}h{}m{seconds}s", minutes % 60),
            }
        }
    }
}

/// `size / unit` with as many decimals as needed.
fn decimal(size: u64, unit: u64) -> String {
    let (whole, rest) = (size / unit, size % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let fraction = format!("{rest:0width$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
#[path = "duration_tests.rs"]
mod tests;
