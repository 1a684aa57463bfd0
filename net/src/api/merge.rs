//! One answer out of those of several tenants (contract http-api.md §1.1, §4.1).

use std::collections::HashMap;

use stringendo_proto::otlp::KeyValue;
use stringendo_proto::tempopb::{SearchMetrics, SearchResponse, SpanSet, TraceSearchMetadata};

/// What the engine shows where no root was found begins with this.
const NO_ROOT: &str = "<root span";

/// Searches with the same request: the newest `limit` traces of all.
pub fn searches(mut answers: Vec<SearchResponse>, limit: usize) -> SearchResponse {
    if answers.len() == 1 {
        return answers.pop().unwrap_or_default();
    }
    let mut metrics = SearchMetrics::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut traces: Vec<TraceSearchMetadata> = Vec::new();
    for answer in answers {
        answer.metrics.iter().for_each(|more| add_metrics(&mut metrics, more));
        for trace in answer.traces {
            match places.get(&trace.trace_id) {
                Some(place) => merge_trace(&mut traces[*place], trace),
                None => {
                    places.insert(trace.trace_id.clone(), traces.len());
                    traces.push(trace);
                }
            }
        }
    }
    // Ids are shown without leading zeros: the longer one is the larger one.
    traces.sort_by(|a, b| {
        let by_start = b.start_time_unix_nano.cmp(&a.start_time_unix_nano);
        let by_id = || (a.trace_id.len(), &a.trace_id).cmp(&(b.trace_id.len(), &b.trace_id));
        by_start.then_with(by_id)
    });
    traces.truncate(limit);
    SearchResponse { traces, metrics: Some(metrics) }
}

fn add_metrics(all: &mut SearchMetrics, more: &SearchMetrics) {
    all.inspected_traces = all.inspected_traces.saturating_add(more.inspected_traces);
    all.inspected_bytes += more.inspected_bytes;
    all.total_blocks += more.total_blocks;
    all.completed_jobs += more.completed_jobs;
    all.total_jobs += more.total_jobs;
    all.total_block_bytes = all.total_block_bytes.saturating_add(more.total_block_bytes);
    all.inspected_spans += more.inspected_spans;
    all.backend_reads += more.backend_reads;
    all.backend_bytes += more.backend_bytes;
    for (name, figure) in &more.additional_metrics {
        let sum = all.additional_metrics.entry(name.clone()).or_default();
        *sum = sum.saturating_add(*figure);
    }
}

fn merge_trace(known: &mut TraceSearchMetadata, more: TraceSearchMetadata) {
    if known.root_service_name.starts_with(NO_ROOT) {
        known.root_service_name = more.root_service_name;
    }
    if known.root_trace_name.is_empty() {
        known.root_trace_name = more.root_trace_name;
    }
    known.start_time_unix_nano = known.start_time_unix_nano.min(more.start_time_unix_nano);
    known.duration_ms = known.duration_ms.max(more.duration_ms);
    for (service, stats) in more.service_stats {
        let known = known.service_stats.entry(service).or_default();
        known.span_count = known.span_count.max(stats.span_count);
        known.error_count = known.error_count.max(stats.error_count);
    }
    more.span_sets.into_iter().for_each(|set| merge_set(&mut known.span_sets, set));
    known.span_set = known.span_sets.first().cloned();
}

/// Sets with equal `by(…)` attributes are one, and the larger one wins.
fn merge_set(known: &mut Vec<SpanSet>, more: SpanSet) {
    match known.iter_mut().find(|set| groups(set).eq(groups(&more))) {
        Some(set) if set.matched < more.matched => *set = more,
        Some(_) => {}
        None => known.push(more),
    }
}

fn groups(set: &SpanSet) -> impl Iterator<Item = &KeyValue> {
    set.attributes.iter().filter(|attribute| attribute.key.starts_with(b"by("))
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
