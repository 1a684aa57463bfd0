//! The answer of a search (contract http-api.md §4.1).

use std::collections::BTreeMap;

use super::trace::put_key_value;
use crate::json::{Object, put_array, put_quoted};
use crate::tempopb::{
    SearchMetrics, SearchResponse, ServiceStats, Span, SpanSet, TraceSearchMetadata,
};

pub(super) fn put_response(out: &mut Vec<u8>, answer: &SearchResponse) {
    let mut object = Object::begin(out);
    // Clients expect the list even if it is empty.
    put_array(object.key("traces"), &answer.traces, put_trace);
    object.message_if_set("metrics", answer.metrics.as_ref(), put_metrics);
    object.end();
}

fn put_trace(out: &mut Vec<u8>, trace: &TraceSearchMetadata) {
    let mut object = Object::begin(out);
    object.string_unless_empty("traceID", trace.trace_id.as_bytes());
    object.string_unless_empty("rootServiceName", trace.root_service_name.as_bytes());
    object.string_unless_empty("rootTraceName", trace.root_trace_name.as_bytes());
    object.u64_unless_zero("startTimeUnixNano", trace.start_time_unix_nano);
    object.u32_unless_zero("durationMs", trace.duration_ms);
    object.message_if_set("spanSet", trace.span_set.as_ref(), put_span_set);
    object.list_unless_empty("spanSets", &trace.span_sets, put_span_set);
    if !trace.service_stats.is_empty() {
        let mut services = Object::begin(object.key("serviceStats"));
        for (service, stats) in &trace.service_stats {
            put_stats(services.key(service), stats);
        }
        services.end();
    }
    object.end();
}

fn put_stats(out: &mut Vec<u8>, stats: &ServiceStats) {
    let mut object = Object::begin(out);
    object.u32_unless_zero("spanCount", stats.span_count);
    object.u32_unless_zero("errorCount", stats.error_count);
    object.end();
}

fn put_span_set(out: &mut Vec<u8>, set: &SpanSet) {
    let mut object = Object::begin(out);
    object.list_unless_empty("spans", &set.spans, put_span);
    object.u32_unless_zero("matched", set.matched);
    object.list_unless_empty("attributes", &set.attributes, put_key_value);
    object.end();
}

fn put_span(out: &mut Vec<u8>, span: &Span) {
    let mut object = Object::begin(out);
    object.string_unless_empty("spanID", span.span_id.as_bytes());
    object.string_unless_empty("name", span.name.as_bytes());
    object.u64_unless_zero("startTimeUnixNano", span.start_time_unix_nano);
    object.u64_unless_zero("durationNanos", span.duration_nanos);
    object.list_unless_empty("attributes", &span.attributes, put_key_value);
    object.end();
}

/// Figures by name.
pub(super) fn put_additional(object: &mut Object<'_>, metrics: &BTreeMap<String, i64>) {
    if metrics.is_empty() {
        return;
    }
    let mut figures = Object::begin(object.key("additionalMetrics"));
    for (name, figure) in metrics {
        put_quoted(figures.key(name), figure);
    }
    figures.end();
}

pub(super) fn put_metrics(out: &mut Vec<u8>, metrics: &SearchMetrics) {
    let mut object = Object::begin(out);
    object.u32_unless_zero("inspectedTraces", metrics.inspected_traces);
    object.u64_unless_zero("inspectedBytes", metrics.inspected_bytes);
    object.u32_unless_zero("totalBlocks", metrics.total_blocks);
    object.u32_unless_zero("completedJobs", metrics.completed_jobs);
    object.u32_unless_zero("totalJobs", metrics.total_jobs);
    object.u64_unless_zero("totalBlockBytes", metrics.total_block_bytes);
    object.u64_unless_zero("inspectedSpans", metrics.inspected_spans);
    object.u64_unless_zero("backendReads", metrics.backend_reads);
    object.u64_unless_zero("backendBytes", metrics.backend_bytes);
    put_additional(&mut object, &metrics.additional_metrics);
    object.end();
}
