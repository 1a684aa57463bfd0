//! `start` and `end` where they may be given in several forms (contract http-api.md §5, §6.1):
//! seconds, nanoseconds, fractions of seconds, or RFC 3339.

use super::failure::Failure;
use super::params::Params;
use super::search_params::{since, within};
use crate::settings::SearchSettings;

const SECOND: u64 = 1_000_000_000;
/// An integer of more digits counts nanoseconds.
const SECONDS_DIGITS_MAX: usize = 10;

/// The inclusive range in nanoseconds since the Unix epoch; by default that of a search.
///
/// # Errors
/// 400 with what is wrong.
pub fn of(
    params: &Params,
    settings: &SearchSettings,
    now_unix_nanos: u64,
) -> Result<(u64, u64), Failure> {
    if let Some(since) = since(params)? {
        let start = now_unix_nanos.saturating_sub(since);
        return within(start, now_unix_nanos, settings.range_max);
    }
    match (instant(params, "start")?, instant(params, "end")?) {
        (Some(start), Some(end)) if end > start => within(start, end, settings.range_max),
        (Some(start), Some(end)) => Err(Failure::bad(format!(
            "http parameter start must be before end. received start={} end={}",
            start / SECOND,
            end / SECOND
        ))),
        (None, None) => {
            let back = u64::try_from(settings.default_range.as_nanos()).unwrap_or(u64::MAX);
            Ok((now_unix_nanos.saturating_sub(back), now_unix_nanos))
        }
        _ => Err(Failure::bad("please provide values for both start and end times")),
    }
}

/// A parameter that is a time, in nanoseconds since the Unix epoch.
///
/// # Errors
/// 400: it is none.
pub fn instant(params: &Params, name: &str) -> Result<Option<u64>, Failure> {
    let Some(text) = params.get(name) else { return Ok(None) };
    let bad = || Failure::bad(format!("invalid {name}: could not parse {text:?} as a time"));
    parse(text).map(Some).ok_or_else(bad)
}

fn parse(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: u64 = text.parse().ok()?;
        let factor = if text.len() <= SECONDS_DIGITS_MAX { SECOND } else { 1 };
        return number.checked_mul(factor);
    }
    if let Some((seconds, fraction)) = text.split_once('.')
        && [seconds, fraction].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    {
        let seconds: u64 = seconds.parse().ok()?;
        let nanos: u64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        return seconds.checked_mul(SECOND)?.checked_add(nanos);
    }
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_nanosecond()).ok()
}

#[cfg(test)]
#[path = "time_range_tests.rs"]
mod tests;
