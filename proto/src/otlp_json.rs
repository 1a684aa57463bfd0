//! OTLP/JSON requests to messages (contract receivers.md §3.3).
//!
//! From: `net`, a request body. To: `net`, which encodes the message as protobuf and goes on as if
//! it had come so; the checks of [`crate::walk`] (ids that are missing, depth) are not repeated
//! here. `json_model.rs` says how each message looks.

use crate::json_model::{HexIds, Object, TracesDataJson};
use crate::otlp::TracesData;

/// Names of `SpanKind`, by number.
pub(crate) const SPAN_KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

/// Names of `StatusCode`, by number.
pub(crate) const STATUS_CODES: [&str; 3] =
    ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

/// Why a JSON body was refused, with line, column and what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OtlpJsonError(pub String);

impl From<serde_json::Error> for OtlpJsonError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// Parses an OTLP/JSON `ExportTraceServiceRequest`. Values nest at most about 40 deep.
///
/// # Errors
/// Not JSON, or a value that the mapping refuses.
pub fn parse(body: &[u8]) -> Result<TracesData, OtlpJsonError> {
    let data: Object<TracesDataJson<HexIds>> = serde_json::from_slice(body)?;
    Ok(data.0.into())
}

#[cfg(test)]
#[path = "otlp_json_tests.rs"]
mod tests;
