//! What several places found: one entry per trace, newest first (traceql.md §10.6).

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use stringendo_proto::TraceId;
use stringendo_proto::otlp::KeyValue;
use stringendo_proto::tempopb::{ServiceStats, SpanSet, TraceSearchMetadata};

use super::collect::{FoundTrace, order};

/// Shown for a trace whose root is not known.
const NO_ROOT: &str = "<root span not yet received>";

/// Traces by id.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    traces: HashMap<TraceId, FoundTrace>,
}

impl Merged {
    /// Adds a find. Of a trace that was found before it is given back: pieces of it are in several
    /// places, or it went from one to another meanwhile.
    pub fn add(&mut self, found: FoundTrace) -> Option<FoundTrace> {
        match self.traces.entry(found.trace_id) {
            Entry::Vacant(entry) => {
                entry.insert(found);
                None
            }
            Entry::Occupied(_) => Some(found),
        }
    }

    /// Takes a find out again.
    pub fn remove(&mut self, id: &TraceId) -> Option<FoundTrace> {
        self.traces.remove(id)
    }

    /// The start of the trace that is number `limit` of the newest; 0 if there are fewer.
    pub fn bound(&self, limit: usize) -> u64 {
        let mut starts: Vec<u64> =
            self.traces.values().map(|trace| trace.start_unix_nanos).collect();
        match limit.checked_sub(1) {
            Some(last) if last < starts.len() => {
                let (_, start, _) =
                    starts.select_nth_unstable_by_key(last, |start| Reverse(*start));
                *start
            }
            _ => 0,
        }
    }

    /// Bytes held by what was found.
    pub fn memory_bytes(&self) -> u64 {
        self.traces.values().map(FoundTrace::memory_bytes).sum()
    }

    /// The newest `limit` traces, newest first.
    pub fn newest(self, limit: usize) -> Vec<FoundTrace> {
        let mut traces: Vec<_> = self.traces.into_values().collect();
        traces.sort_by_key(order);
        traces.truncate(limit);
        traces
    }
}

/// Adds what another place made of a trace, in the way of Tempo, which judges each piece of a trace
/// by itself.
pub fn merge(known: &mut FoundTrace, more: FoundTrace) {
    if known.root_service.is_empty() {
        known.root_service = more.root_service;
    }
    if known.root_name.is_empty() {
        known.root_name = more.root_name;
    }
    known.start_unix_nanos = known.start_unix_nanos.min(more.start_unix_nanos);
    known.end_unix_nanos = known.end_unix_nanos.max(more.end_unix_nanos);
    for (service, counts) in more.services {
        let known = known.services.entry(service).or_default();
        *known = (known.0.max(counts.0), known.1.max(counts.1));
    }
    more.sets.into_iter().for_each(|set| merge_set(&mut known.sets, set));
}

/// Sets with equal `by(…)` attributes are one, and the larger one wins.
fn merge_set(known: &mut Vec<SpanSet>, more: SpanSet) {
    let groups = |set: &SpanSet| -> Vec<KeyValue> {
        let by = |attribute: &&KeyValue| attribute.key.starts_with(b"by(");
        set.attributes.iter().filter(by).cloned().collect()
    };
    match known.iter_mut().find(|set| groups(set) == groups(&more)) {
        Some(set) if set.matched < more.matched => *set = more,
        Some(_) => {}
        None => known.push(more),
    }
}

/// The answer's form of a trace.
pub fn metadata(trace: FoundTrace) -> TraceSearchMetadata {
    let stats = trace.services.into_iter().map(|(service, (span_count, error_count))| {
        (service, ServiceStats { span_count, error_count })
    });
    let duration = trace.end_unix_nanos.saturating_sub(trace.start_unix_nanos);
    let known = |text: String| if text.is_empty() { NO_ROOT.to_owned() } else { text };
    TraceSearchMetadata {
        trace_id: trace.trace_id.to_hex_trimmed(),
        root_service_name: known(trace.root_service),
        root_trace_name: trace.root_name,
        start_time_unix_nano: trace.start_unix_nanos,
        duration_ms: u32::try_from(duration / 1_000_000).unwrap_or(u32::MAX),
        span_set: trace.sets.first().cloned(),
        span_sets: trace.sets,
        service_stats: stats.collect(),
    }
}
