//! Messages to the JSON of the query API (contract http-api.md §1.4): proto3 JSON with base64 ids,
//! 64-bit integers as strings, zero values omitted, compact.
//!
//! From: `engine`'s answers, as messages. To: `net`, which sends the bytes. [`crate::api_json`]
//! reads traces back.

mod llm;
mod metrics;
mod search;
pub mod summary;
mod tags;
mod trace;

pub use tags::{tag_names_v1, tag_names_v2, tag_values_llm, tag_values_v1, tag_values_v2};
pub use trace::put_any_value;

use crate::json::Object;
use crate::otlp::TracesData;
use crate::tempopb::{
    QueryInstantResponse, QueryRangeResponse, SearchResponse, TraceByIdMetrics, TraceByIdResponse,
};

/// Names of [`PartialStatus`](crate::tempopb::PartialStatus).
const PARTIAL_STATUS: [&str; 2] = ["COMPLETE", "PARTIAL"];

/// `GET /api/traces/{id}`: the trace with `batches` as top-level key.
pub fn trace_v1(trace: &TracesData) -> Vec<u8> {
    let mut out = Vec::new();
    trace::put_trace(&mut out, trace, "batches");
    out
}

/// `GET /api/v2/traces/{id}`.
pub fn trace_v2(answer: &TraceByIdResponse) -> Vec<u8> {
    let mut out = Vec::new();
    let mut object = Object::begin(&mut out);
    object.message_if_set("trace", answer.trace.as_ref(), |out, trace| {
        trace::put_trace(out, trace, "resourceSpans");
    });
    object.message_if_set("metrics", answer.metrics.as_ref(), put_metrics);
    object.enum_unless_zero("status", answer.status, &PARTIAL_STATUS);
    object.string_unless_empty("message", answer.message.as_bytes());
    object.end();
    out
}

/// The same for language models; the status is always there.
pub fn trace_v2_llm(answer: &TraceByIdResponse) -> Vec<u8> {
    const STATUS: [&str; 2] = ["COMPLETE", "PARTIAL"];
    let mut out = Vec::new();
    let mut object = Object::begin(&mut out);
    object.message_if_set("trace", answer.trace.as_ref(), llm::put_trace);
    object.message_if_set("metrics", answer.metrics.as_ref(), put_metrics);
    let status = STATUS[usize::from(answer.status != 0)];
    object.string_unless_empty("status", status.as_bytes());
    object.string_unless_empty("message", answer.message.as_bytes());
    object.end();
    out
}

/// `GET /api/search`.
pub fn search(answer: &SearchResponse) -> Vec<u8> {
    let mut out = Vec::new();
    search::put_response(&mut out, answer);
    out
}

/// `GET /api/metrics/query_range`.
pub fn query_range(answer: &QueryRangeResponse) -> Vec<u8> {
    let mut out = Vec::new();
    metrics::put_range(&mut out, answer);
    out
}

/// `GET /api/metrics/query`.
pub fn query_instant(answer: &QueryInstantResponse) -> Vec<u8> {
    let mut out = Vec::new();
    metrics::put_instant(&mut out, answer);
    out
}

fn put_metrics(out: &mut Vec<u8>, metrics: &TraceByIdMetrics) {
    let mut object = Object::begin(out);
    object.u64_unless_zero("inspectedBytes", metrics.inspected_bytes);
    object.u64_unless_zero("backendReads", metrics.backend_reads);
    object.u64_unless_zero("backendBytes", metrics.backend_bytes);
    object.end();
}

#[cfg(test)]
#[path = "render_json_tests.rs"]
mod tests;
