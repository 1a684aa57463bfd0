//! What a search found on one core: the newest traces up to the limit, and what finding them cost.

use std::collections::BTreeMap;

use prost::Message;
use stringendo_proto::TraceId;
use stringendo_proto::tempopb::{Span, SpanSet};

use super::memory::{AnswerMemory, Charged};
use super::trace_memory::attributes_bytes;
use crate::block_store::Reads;
use crate::error::QueryError;

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
    /// Sets of matching spans, in the answer's form; empty where answers show none.
    pub sets: Vec<SpanSet>,
}

impl FoundTrace {
    /// Bytes held.
    pub fn memory_bytes(&self) -> u64 {
        // A node of the map holds up to 11 entries.
        let entry = 2 * size_of::<(String, (u32, u32))>();
        let services: usize = self.services.keys().map(|name| name.len() + entry).sum();
        let names = self.root_service.len() + self.root_name.len();
        (size_of::<Self>() + services + names) as u64 + self.sets_memory_bytes()
    }

    /// Of that, what its sets of spans hold.
    pub fn sets_memory_bytes(&self) -> u64 {
        let spans = |set: &SpanSet| set.spans.iter().map(span_memory_bytes).sum::<u64>();
        self.sets.iter().map(|set| set_memory_bytes(set) + spans(set)).sum()
    }
}

/// Bytes that a span of an answer holds.
pub fn span_memory_bytes(span: &Span) -> u64 {
    (size_of::<Span>() + attributes_bytes(&span.attributes) + span.encoded_len()) as u64
}

/// Bytes that a set of spans holds without its spans.
pub fn set_memory_bytes(set: &SpanSet) -> u64 {
    let texts: usize = set.attributes.iter().map(Message::encoded_len).sum();
    (size_of::<SpanSet>() + attributes_bytes(&set.attributes) + texts) as u64
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

/// Keeps the newest `limit` traces, and their memory charged.
pub struct Newest {
    limit: usize,
    traces: Vec<FoundTrace>,
    memory: AnswerMemory,
}

impl Newest {
    /// Room for `limit` traces (at least 1).
    pub fn new(limit: usize, memory: AnswerMemory) -> Self {
        Self { limit: limit.max(1), traces: Vec::new(), memory }
    }

    /// Whether a trace that starts then would be kept.
    pub fn wants(&self, start_unix_nanos: u64) -> bool {
        self.traces.len() < self.limit
            || self.traces.last().is_some_and(|last| last.start_unix_nanos <= start_unix_nanos)
    }

    /// Where the spans of a trace are charged before it is added ([`super::echo::sets`]).
    pub fn memory(&mut self) -> &mut AnswerMemory {
        &mut self.memory
    }

    /// Adds a trace whose spans are charged already, if it is new enough.
    ///
    /// # Errors
    /// There is no memory for the rest of it.
    pub fn add(&mut self, trace: FoundTrace) -> Result<(), QueryError> {
        self.memory.grow(trace.memory_bytes() - trace.sets_memory_bytes())?;
        let key = order(&trace);
        let at = self.traces.partition_point(|other| order(other) < key);
        self.traces.insert(at, trace);
        while self.traces.len() > self.limit {
            let dropped = self.traces.pop().map_or(0, |trace| trace.memory_bytes());
            self.memory.shrink(dropped);
        }
        Ok(())
    }

    /// Whether there is no room left for anything older.
    pub fn is_full(&self) -> bool {
        self.traces.len() >= self.limit
    }

    /// The traces, newest first, and what finding them cost.
    pub fn into_findings(self, cost: SearchCost) -> Charged<Findings> {
        Charged { value: Findings { traces: self.traces, cost }, memory: self.memory }
    }
}

/// Newest first, then by id, so that every run gives the same order.
pub fn order(trace: &FoundTrace) -> (std::cmp::Reverse<u64>, TraceId) {
    (std::cmp::Reverse(trace.start_unix_nanos), trace.trace_id)
}
