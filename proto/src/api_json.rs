//! JSON of the query API back to messages: what [`crate::render_json`] writes, and what Tempo
//! answers.
//!
//! From: an answer's body, read by checkers and tests; a block's values that have no column of
//! their own. It differs from [`crate::otlp_json`] in the ids, which are base64 here.

use serde::Deserialize;

use crate::json_model::{AnyValueJson, Base64Ids, Object, TracesDataJson, nullable};
use crate::otlp::{AnyValue, TracesData};
use crate::otlp_json::OtlpJsonError;

/// Either version's answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    /// v2: the trace is in here.
    #[serde(deserialize_with = "nullable")]
    trace: Option<Object<TracesDataJson<Base64Ids>>>,
    /// v1: the answer is the trace.
    #[serde(flatten)]
    whole: TracesDataJson<Base64Ids>,
}

/// Parses the body of `GET /api/traces/{id}` or `GET /api/v2/traces/{id}`; the list may be called
/// `batches` or `resourceSpans`, at the top or inside `trace`.
///
/// # Errors
/// Not JSON, or not a trace.
pub fn parse_trace(body: &[u8]) -> Result<TracesData, OtlpJsonError> {
    let answer: Answer = serde_json::from_slice(body)?;
    Ok(answer.trace.map_or(answer.whole, |trace| trace.0).into())
}

/// Parses one value: `{"stringValue":"x"}`.
///
/// # Errors
/// Not JSON, or not a value.
pub fn parse_any_value(body: &[u8]) -> Result<AnyValue, OtlpJsonError> {
    let value: AnyValueJson = serde_json::from_slice(body)?;
    Ok(value.into())
}

#[cfg(test)]
#[path = "api_json_tests.rs"]
mod tests;
