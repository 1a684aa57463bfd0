//! Parameters of the endpoints for tags (contract http-api.md §5, traceql.md §12).

use stringendo_engine::query::tags::TagScope;
use stringendo_engine::{TagLimits, TagNamesRequest, TagValuesRequest};
use stringendo_traceql::narrow::{Narrowing, ValueSource, parse_tag};
use stringendo_traceql::{AttributeScope, Field, Intrinsic};

use super::failure::Failure;
use super::params::Params;
use super::tags::Version;
use super::time_range;
use crate::settings::{SearchSettings, TagSettings};

/// Names that are asked for.
#[derive(Debug)]
pub struct Names {
    /// Of attributes.
    pub request: TagNamesRequest,
    /// Intrinsics as well.
    pub with_intrinsic: bool,
}

/// Values that are asked for.
#[derive(Debug)]
pub enum Values {
    /// These, whatever is stored.
    Known(&'static [&'static str]),
    /// Those of what is stored.
    Asked(Box<TagValuesRequest>),
}

/// Reads a question for names.
///
/// # Errors
/// 400 with what is wrong.
pub fn names(
    version: Version,
    params: &Params,
    (search, tags): (&SearchSettings, &TagSettings),
    now_unix_nanos: u64,
) -> Result<Names, Failure> {
    let (scopes, with_intrinsic) = scopes(version, params.get("scope").unwrap_or_default())?;
    let (start_unix_nanos, end_unix_nanos) = time_range::of(params, search, now_unix_nanos)?;
    let narrowing = narrowing(version, params, tags)?;
    let limits = limits(params, tags)?;
    let request = TagNamesRequest { scopes, narrowing, start_unix_nanos, end_unix_nanos, limits };
    Ok(Names { request, with_intrinsic })
}

/// Reads a question for the values of `tag`.
///
/// # Errors
/// 400 with what is wrong.
pub fn values(
    version: Version,
    tag: &str,
    params: &Params,
    (search, tags): (&SearchSettings, &TagSettings),
    now_unix_nanos: u64,
) -> Result<Values, Failure> {
    let (tag, source) = match version {
        Version::V1 => match virtual_tag(tag) {
            Some(known) => return Ok(Values::Known(known)),
            None => attribute(tag),
        },
        Version::V2 => parse_tag(tag).map_err(|error| Failure::bad(error.to_string()))?,
    };
    let (start_unix_nanos, end_unix_nanos) = time_range::of(params, search, now_unix_nanos)?;
    let narrowing = narrowing(version, params, tags)?;
    let limits = limits(params, tags)?;
    Ok(Values::Asked(Box::new(TagValuesRequest {
        tag,
        source,
        narrowing,
        start_unix_nanos,
        end_unix_nanos,
        limits,
    })))
}

/// Scopes of attributes, and whether intrinsics are asked for.
fn scopes(version: Version, scope: &str) -> Result<(Vec<TagScope>, bool), Failure> {
    let one = |scope| Ok((vec![scope], false));
    match scope {
        "" | "none" => Ok((TagScope::ALL.into(), version == Version::V2)),
        "intrinsic" => Ok((Vec::new(), true)),
        // There are no attributes of traces.
        "trace" => Ok((Vec::new(), false)),
        "resource" => one(TagScope::Resource),
        "span" => one(TagScope::Span),
        "event" => one(TagScope::Event),
        "link" => one(TagScope::Link),
        "instrumentation" => one(TagScope::Instrumentation),
        other => Err(Failure::bad(format!("invalid scope: {other}"))),
    }
}

/// Tags that version 1 knows the values of.
fn virtual_tag(tag: &str) -> Option<&'static [&'static str]> {
    match tag {
        "status.code" => Some(&["error", "ok", "unset"]),
        "error" => Some(&["true"]),
        _ => None,
    }
}

/// Version 1 names attributes without scope; besides, the intrinsics that the search for tags of
/// that time has (contract http-api.md §4.2).
fn attribute(tag: &str) -> (Option<Field>, ValueSource) {
    let intrinsic = match tag {
        "name" => Some(Intrinsic::Name),
        "root.name" => Some(Intrinsic::RootName),
        "root.service.name" => Some(Intrinsic::RootService),
        _ => None,
    };
    let fields = match intrinsic {
        Some(intrinsic) => vec![Field::Intrinsic(intrinsic)],
        None => [AttributeScope::Span, AttributeScope::Resource]
            .map(|scope| Field::attribute(scope, tag))
            .into(),
    };
    (None, ValueSource::Stored(fields))
}

/// Only version 2 narrows.
fn narrowing(
    version: Version,
    params: &Params,
    settings: &TagSettings,
) -> Result<Option<Narrowing>, Failure> {
    match params.get("q").filter(|_| version == Version::V2) {
        Some(query) => Narrowing::of(query, settings.alternatives_max)
            .map_err(|error| Failure::bad(error.to_string())),
        None => Ok(None),
    }
}

fn limits(params: &Params, settings: &TagSettings) -> Result<TagLimits, Failure> {
    let number = |name| params.typed::<u32>(name).map(|number| number.unwrap_or(0) as usize);
    Ok(TagLimits {
        count: number("limit")?,
        stale: number("maxStaleValues")?,
        bytes: settings.bytes_max,
        blocks: settings.blocks_max,
    })
}

#[cfg(test)]
#[path = "tags_params_tests.rs"]
mod tests;
