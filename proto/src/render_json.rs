//! Messages to the JSON of the query API (contract http-api.md §1.4): proto3 JSON with base64 ids,
//! 64-bit integers as strings, zero values omitted, compact.

use crate::otlp::TracesData;
use crate::tempopb::{SearchResponse, TraceByIdResponse};

/// `GET /api/traces/{id}`: the trace with `batches` as top-level key.
pub fn trace_v1(trace: &TracesData) -> Vec<u8> {
    let _ = trace;
    todo!()
}

/// `GET /api/v2/traces/{id}`.
pub fn trace_v2(answer: &TraceByIdResponse) -> Vec<u8> {
    let _ = answer;
    todo!()
}

/// `GET /api/search`.
pub fn search(answer: &SearchResponse) -> Vec<u8> {
    let _ = answer;
    todo!()
}
