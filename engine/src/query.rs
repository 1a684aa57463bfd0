//! Questions, and how the answers of cores become one.

use std::ops::Range;
use std::sync::Arc;

use stringendo_proto::TraceId;
use stringendo_traceql::SearchPlan;
use uuid::Uuid;

pub mod allowance;
pub mod block_columns;
pub mod block_denial;
pub mod block_filters;
mod block_masks;
pub mod block_needs;
pub mod block_newest;
pub mod block_read;
pub mod block_search;
pub mod block_sift;
pub mod block_trace;
pub mod block_traces;
pub mod bound;
pub mod collect;
pub mod damage;
pub mod echo;
pub mod elsewhere;
pub mod id_filters;
pub mod judge;
pub mod live_search;
pub mod live_trace;
pub mod memory;
pub mod merge;
pub mod metrics;
pub mod pending;
pub mod progress;
pub mod search;
pub mod shares;
pub mod split;
pub mod tags;
pub mod tenants;
pub mod touch;
pub mod trace;
pub mod trace_filter;
pub mod trace_memory;
pub mod whole;
mod whole_reader;

/// A trace by id.
#[derive(Clone, Debug)]
pub struct TraceRequest {
    /// Which trace.
    pub trace_id: TraceId,
    /// Only blocks that overlap this time, nanoseconds since the Unix epoch.
    pub time_hint_unix_nanos: Option<Range<u64>>,
    /// Look at live data.
    pub live: bool,
    /// Look at blocks with ids in this inclusive range.
    pub blocks: Option<(Uuid, Uuid)>,
}

/// A search.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// What to look for.
    pub plan: Arc<SearchPlan>,
    /// Traces that end before this are left out, nanoseconds since the Unix epoch, inclusive.
    pub start_unix_nanos: u64,
    /// Traces that start after this are left out, inclusive.
    pub end_unix_nanos: u64,
    /// Traces wanted (at least 1).
    pub limit: usize,
    /// Spans wanted per span set; 0 = all.
    pub spans_per_span_set: usize,
}
