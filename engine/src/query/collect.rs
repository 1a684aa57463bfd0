//! What a search found on one core: the newest traces up to the limit, and what finding them cost.

use std::collections::BTreeMap;

use stringendo_proto::TraceId;
use stringendo_proto::tempopb::Span;

use crate::block_store::Reads;

/// A trace that matches, as far as one place holds it.
#[derive(Clone, Debug, Default)]
pub struct FoundTrace {
    /// Id.
    pub trace_id: TraceId,
    /// Service of the root span, or empty.
    pub root_service: String,
    /// Name of the root span, or empty.
    pub root_name: String,
    /// Earliest start, nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// Latest end.
    pub end_unix_nanos: u64,
    /// Spans and errors per service, over all spans.
    pub services: BTreeMap<String, (u32, u32)>,
    /// The first matching spans.
    pub spans: Vec<Span>,
    /// How many match.
    pub matched: u32,
}

/// What was found, and what it cost.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Newest first.
    pub traces: Vec<FoundTrace>,
    /// Cost.
    pub cost: SearchCost,
}

/// What a search cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct SearchCost {
    /// Traces looked at.
    pub traces: u64,
    /// Spans looked at.
    pub spans: u64,
    /// Bytes looked at.
    pub bytes: u64,
    /// Reads of the backend.
    pub reads: Reads,
}

impl SearchCost {
    /// Adds another cost.
    pub fn add(&mut self, other: &SearchCost) {
        self.traces += other.traces;
        self.spans += other.spans;
        self.bytes += other.bytes;
        self.reads.merge(other.reads);
    }
}

/// Keeps the newest `limit` traces.
pub struct Newest {
    limit: usize,
    traces: Vec<FoundTrace>,
}

impl Newest {
    /// Room for `limit` traces (at least 1).
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), traces: Vec::new() }
    }

    /// Whether a trace that starts then would be kept.
    pub fn wants(&self, start_unix_nanos: u64) -> bool {
        self.traces.len() < self.limit
            || self.traces.last().is_some_and(|last| last.start_unix_nanos <= start_unix_nanos)
    }

    /// Adds a trace, if it is new enough.
    pub fn add(&mut self, trace: FoundTrace) {
        let key = order(&trace);
        let at = self.traces.partition_point(|other| order(other) < key);
        self.traces.insert(at, trace);
        self.traces.truncate(self.limit);
    }

    /// Whether there is no room left for anything older.
    pub fn is_full(&self) -> bool {
        self.traces.len() >= self.limit
    }

    /// The traces, newest first.
    pub fn into_traces(self) -> Vec<FoundTrace> {
        self.traces
    }
}

/// Newest first, then by id, so that every run gives the same order.
pub fn order(trace: &FoundTrace) -> (std::cmp::Reverse<u64>, TraceId) {
    (std::cmp::Reverse(trace.start_unix_nanos), trace.trace_id)
}
