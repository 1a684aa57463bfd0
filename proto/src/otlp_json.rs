//! OTLP/JSON requests to messages (contract receivers.md §3.3).

use crate::otlp::TracesData;

/// Why a JSON body was refused, with line, column and what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OtlpJsonError(pub String);

/// Parses an OTLP/JSON `ExportTraceServiceRequest`.
///
/// # Errors
/// Not JSON, or a value that the mapping refuses.
pub fn parse(body: &[u8]) -> Result<TracesData, OtlpJsonError> {
    let _ = body;
    todo!()
}
