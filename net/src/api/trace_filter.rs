//! Parameters of `/api/v2/traces/{id}` that ask for some spans of a trace (contract http-api.md
//! §3.2).

use stringendo_engine::query::trace_filter::TraceFilter;

use super::failure::Failure;
use super::params::Params;
use super::search_params::search_plan;
use crate::settings::SearchSettings;

/// What an answer says that lacks spans for this reason.
pub const FILTERED: &str = "trace filtered by query";

/// Reads the filter, if there is one. The other parameters mean nothing without `q`; those of span
/// pruning mean nothing where that is switched off, which it always is.
///
/// # Errors
/// 400 with what is wrong.
pub fn filter(params: &Params, settings: &SearchSettings) -> Result<Option<TraceFilter>, Failure> {
    let keep_hierarchy = boolean(params, "keep_hierarchy")?;
    let descendants = depth(params, "match_depth", Some(0))?;
    let ancestors = depth(params, "ancestor_depth", None)?;
    let Some(query) = params.get("q") else { return Ok(None) };
    let plan = search_plan(query, settings.query_bytes_max)?;
    let ancestors = if keep_hierarchy { ancestors } else { Some(0) };
    Ok(Some(TraceFilter { plan, ancestors, descendants }))
}

/// A number of levels; -1 is all, which is `None`.
fn depth(params: &Params, name: &str, default: Option<u32>) -> Result<Option<u32>, Failure> {
    let bad = |value: i32| Failure::bad(format!("invalid {name}: must be at least -1: {value}"));
    match params.typed::<i32>(name)? {
        None => Ok(default),
        Some(-1) => Ok(None),
        Some(depth) => u32::try_from(depth).map(Some).map_err(|_| bad(depth)),
    }
}

/// A truth value in any of Go's spellings.
fn boolean(params: &Params, name: &str) -> Result<bool, Failure> {
    match params.get(name) {
        None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some(other) => Err(Failure::bad(format!("invalid {name}: not a boolean: {other:?}"))),
    }
}

#[cfg(test)]
#[path = "trace_filter_tests.rs"]
mod tests;
