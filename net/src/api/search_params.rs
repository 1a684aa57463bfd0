//! Parameters of `/api/search` (contract http-api.md §4, traceql.md §9.4, §10.4, §10.5).
//!
//! `query_end_cutoff` is not applied: live data is complete as soon as it is acknowledged, so a
//! search may reach up to now.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use stringendo_engine::SearchRequest;
use stringendo_traceql::duration::{format_go, parse_go, parse_prometheus};
use stringendo_traceql::legacy_tags::{compile_tag_pairs, compile_tags};
use stringendo_traceql::{SearchPlan, compile_search};

use super::failure::Failure;
use super::params::Params;
use crate::settings::SearchSettings;

const SECOND: u64 = 1_000_000_000;

/// Parameters that mean something; every other one is a tag in old Grafana's style.
const KNOWN: [&str; 9] =
    ["q", "tags", "minDuration", "maxDuration", "limit", "spss", "start", "end", "since"];

/// Reads a search.
///
/// # Errors
/// 400 with what is wrong.
pub fn request(
    params: &Params,
    settings: &SearchSettings,
    now_unix_nanos: u64,
) -> Result<SearchRequest, Failure> {
    let plan = Arc::new(plan(params, settings)?);
    let limit = limit(params, settings)?;
    let spans_per_span_set = spans_per_span_set(params, settings)?;
    let (start_unix_nanos, end_unix_nanos) = range(params, settings, now_unix_nanos)?;
    Ok(SearchRequest { plan, start_unix_nanos, end_unix_nanos, limit, spans_per_span_set })
}

fn plan(params: &Params, settings: &SearchSettings) -> Result<SearchPlan, Failure> {
    let bad = |error: &dyn std::fmt::Display| Failure::bad(error.to_string());
    let (min, max) = (duration(params, "minDuration")?, duration(params, "maxDuration")?);
    let is_old_style = ["q", "tags", "start", "end"].iter().all(|name| params.get(name).is_none());
    match (params.get("q"), params.get("tags")) {
        (Some(_), Some(_)) => {
            Err(Failure::bad("invalid request: can't specify tags and q in the same query"))
        }
        (Some(query), None) => {
            if min.zip(max).is_some_and(|(min, max)| max < min) {
                return Err(Failure::bad("invalid maxDuration: must be greater than minDuration"));
            }
            search_plan(query, settings.query_bytes_max)
        }
        (None, Some(tags)) => compile_tags(tags, min, max).map_err(|error| bad(&error)),
        (None, None) if is_old_style => {
            let tags = params.iter().filter(|(name, _)| !KNOWN.contains(name));
            compile_tag_pairs(tags, min, max).map_err(|error| bad(&error))
        }
        (None, None) => compile_tags("", min, max).map_err(|error| bad(&error)),
    }
}

/// Compiles TraceQL of at most so many bytes.
///
/// # Errors
/// 400 with what is wrong.
pub fn search_plan(query: &str, bytes_max: usize) -> Result<SearchPlan, Failure> {
    ensure_length(query, bytes_max)?;
    compile_search(query).map_err(|error| Failure {
        status: if error.is_of_client() {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        },
        message: error.response_text().into(),
    })
}

/// Refuses a query that is too long.
///
/// # Errors
/// 400.
pub fn ensure_length(query: &str, bytes_max: usize) -> Result<(), Failure> {
    if query.len() <= bytes_max {
        return Ok(());
    }
    Err(Failure::bad(format!(
        "TraceQL expression exceeds the configured maximum size of {bytes_max} bytes, \
         reduce the query expression size or contact your system administrator"
    )))
}

fn duration(params: &Params, name: &str) -> Result<Option<Duration>, Failure> {
    let Some(text) = params.get(name) else { return Ok(None) };
    let bad = |error: &dyn std::fmt::Display| Failure::bad(format!("invalid {name}: {error}"));
    let nanos = parse_go(text).map_err(|error| bad(&error))?;
    u64::try_from(nanos)
        .map(|nanos| Some(Duration::from_nanos(nanos)))
        .map_err(|_| bad(&format!("must not be negative: {text:?}")))
}

fn limit(params: &Params, settings: &SearchSettings) -> Result<usize, Failure> {
    let limit = params.typed("limit")?.unwrap_or(settings.default_limit);
    if limit == 0 {
        return Err(Failure::bad("invalid limit: must be a positive number"));
    }
    let limit_max = settings.limit_max;
    if limit_max > 0 && limit > limit_max {
        return Err(Failure::bad(format!("limit {limit} exceeds max limit {limit_max}")));
    }
    Ok(limit as usize)
}

/// Spans shown of a set; 0 = all of them.
///
/// Asking for 0 asks for all (contract http-api.md §4), but not past a limit: where there is one,
/// as there is by default, 0 is the default (traceql.md §10.2), as over gRPC, where 0 is nothing.
fn spans_per_span_set(params: &Params, settings: &SearchSettings) -> Result<usize, Failure> {
    let default = settings.default_spans_per_span_set;
    let count_max = settings.spans_per_span_set_max;
    let count = match params.typed("spss")? {
        None => default,
        Some(0) if count_max > 0 => default,
        Some(count) => count,
    };
    if count_max > 0 && count > count_max {
        return Err(Failure::bad(format!(
            "spans per span set exceeds {count_max}. received {count}"
        )));
    }
    Ok(count as usize)
}

/// The inclusive range in nanoseconds.
fn range(params: &Params, settings: &SearchSettings, now: u64) -> Result<(u64, u64), Failure> {
    let (start, end) = (params.typed::<u32>("start")?, params.typed::<u32>("end")?);
    let (start, end) = match (since(params)?, start, end) {
        (Some(since), _, _) => (now.saturating_sub(since), now),
        (None, Some(start), Some(end)) if end > start => {
            (u64::from(start) * SECOND, u64::from(end) * SECOND)
        }
        (None, Some(start), Some(end)) => {
            return Err(Failure::bad(format!(
                "http parameter start must be before end. received start={start} end={end}"
            )));
        }
        (None, None, None) => {
            let back = u64::try_from(settings.default_range.as_nanos()).unwrap_or(u64::MAX);
            return Ok((now.saturating_sub(back), now));
        }
        (None, _, _) => {
            let text = "please provide values for both start and end times";
            return Err(Failure::bad(text));
        }
    };
    within(start, end, settings.range_max)
}

/// How far back from now `since` asks to look, nanoseconds.
///
/// # Errors
/// 400: it is no duration.
pub fn since(params: &Params) -> Result<Option<u64>, Failure> {
    let Some(text) = params.get("since") else { return Ok(None) };
    let nanos =
        parse_prometheus(text).map_err(|error| Failure::bad(format!("invalid since: {error}")))?;
    match u64::try_from(nanos) {
        Ok(nanos) if nanos > 0 => Ok(Some(nanos)),
        _ => Err(Failure::bad(format!("invalid since: must be positive: {text:?}"))),
    }
}

/// The range, if it is no longer than allowed.
///
/// # Errors
/// 400: it is.
pub fn within(start: u64, end: u64, range_max: Duration) -> Result<(u64, u64), Failure> {
    if range_max.is_zero() || Duration::from_nanos(end - start) <= range_max {
        return Ok((start, end));
    }
    let longest = format_go(i64::try_from(range_max.as_nanos()).unwrap_or(i64::MAX));
    Err(Failure::bad(format!(
        "range specified by start and end exceeds {longest}. received start={} end={}",
        start / SECOND,
        end / SECOND
    )))
}

#[cfg(test)]
#[path = "search_params_tests.rs"]
mod tests;
