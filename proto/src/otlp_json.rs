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

/// Most objects in one body. `{}` may stand for a span, which takes some 340 bytes of memory, so
/// this bounds a request to about 350 MiB. The objects of real requests have 25 bytes and more on
/// average, with which a body of the usual limit of 20 MiB stays below.
const OBJECTS_MAX: usize = 1 << 20;

/// Parses an OTLP/JSON `ExportTraceServiceRequest`. Values nest at most about 40 deep.
///
/// # Errors
/// Not JSON, a value that the mapping refuses, or far too many objects.
pub fn parse(body: &[u8]) -> Result<TracesData, OtlpJsonError> {
    // Counts braces in strings too, and is very fast.
    if memchr::memchr_iter(b'{', body).count() > OBJECTS_MAX {
        return Err(OtlpJsonError(format!("more than {OBJECTS_MAX} objects in one request")));
    }
    let data: Object<TracesDataJson<HexIds>> = serde_json::from_slice(body)?;
    Ok(data.0.into())
}

#[cfg(test)]
#[path = "otlp_json_tests.rs"]
mod tests;
