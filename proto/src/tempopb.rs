//! Messages of Tempo's query API (contract http-api.md §3, §12.2).

use std::collections::BTreeMap;

use prost::Message;

use crate::otlp::{KeyValue, TracesData};

mod metrics;
pub mod request;
mod tags;

pub use metrics::{
    Exemplar, InstantSeries, QueryInstantResponse, QueryRangeResponse, Sample, TimeSeries,
};
pub use tags::{
    MetadataMetrics, SearchTagValuesResponse, SearchTagValuesV2Response, SearchTagsResponse,
    SearchTagsV2Response, TagScope, TagValue,
};

/// `TraceByIDResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct TraceByIdResponse {
    /// The trace; empty when nothing was found.
    #[prost(message, optional, tag = "1")]
    pub trace: Option<TracesData>,
    /// What answering cost.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<TraceByIdMetrics>,
    /// Whether the trace is whole.
    #[prost(enumeration = "PartialStatus", tag = "3")]
    pub status: i32,
    /// Why it is not whole; reasons joined with `; `.
    #[prost(string, tag = "4")]
    pub message: String,
}

/// Whether an answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum PartialStatus {
    /// Nothing is missing.
    Complete = 0,
    /// Something is missing; the message says what.
    Partial = 1,
}

/// `TraceByIDMetrics`.
#[derive(Clone, PartialEq, Message)]
pub struct TraceByIdMetrics {
    /// Bytes looked at.
    #[prost(uint64, tag = "1")]
    pub inspected_bytes: u64,
    /// Reads of the backend.
    #[prost(uint64, tag = "2")]
    pub backend_reads: u64,
    /// Bytes read from the backend.
    #[prost(uint64, tag = "3")]
    pub backend_bytes: u64,
}

/// `SearchResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct SearchResponse {
    /// Traces, newest first.
    #[prost(message, repeated, tag = "1")]
    pub traces: Vec<TraceSearchMetadata>,
    /// What answering cost.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<SearchMetrics>,
}

/// One trace of a search answer.
#[derive(Clone, PartialEq, Message)]
pub struct TraceSearchMetadata {
    /// Lower-case hex without leading zeros.
    #[prost(string, tag = "1")]
    pub trace_id: String,
    /// Service of the root span, or `<root span not yet received>`.
    #[prost(string, tag = "2")]
    pub root_service_name: String,
    /// Name of the root span.
    #[prost(string, tag = "3")]
    pub root_trace_name: String,
    /// Earliest start.
    #[prost(uint64, tag = "4")]
    pub start_time_unix_nano: u64,
    /// Whole trace, truncated to milliseconds.
    #[prost(uint32, tag = "5")]
    pub duration_ms: u32,
    /// Deprecated: the first of `span_sets`.
    #[prost(message, optional, tag = "6")]
    pub span_set: Option<SpanSet>,
    /// What matched.
    #[prost(message, repeated, tag = "7")]
    pub span_sets: Vec<SpanSet>,
    /// Spans and errors per service, over the whole trace.
    #[prost(btree_map = "string, message", tag = "8")]
    pub service_stats: BTreeMap<String, ServiceStats>,
}

/// Counts of one service in a trace.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct ServiceStats {
    /// Spans.
    #[prost(uint32, tag = "1")]
    pub span_count: u32,
    /// Spans with status error.
    #[prost(uint32, tag = "2")]
    pub error_count: u32,
}

/// Matching spans of a trace.
#[derive(Clone, PartialEq, Message)]
pub struct SpanSet {
    /// The first `spss` of them.
    #[prost(message, repeated, tag = "1")]
    pub spans: Vec<Span>,
    /// How many matched.
    #[prost(uint32, tag = "2")]
    pub matched: u32,
    /// Results of pipeline stages.
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
}

/// A matching span.
#[derive(Clone, PartialEq, Message)]
pub struct Span {
    /// 16 hex digits.
    #[prost(string, tag = "1")]
    pub span_id: String,
    /// Only if the query mentions the name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Start.
    #[prost(uint64, tag = "3")]
    pub start_time_unix_nano: u64,
    /// End − start.
    #[prost(uint64, tag = "4")]
    pub duration_nanos: u64,
    /// Every field that the query mentions and the span has.
    #[prost(message, repeated, tag = "5")]
    pub attributes: Vec<KeyValue>,
}

/// What a search cost.
#[derive(Clone, PartialEq, Message)]
pub struct SearchMetrics {
    /// Traces looked at.
    #[prost(uint32, tag = "1")]
    pub inspected_traces: u32,
    /// Bytes looked at.
    #[prost(uint64, tag = "2")]
    pub inspected_bytes: u64,
    /// Blocks in the range.
    #[prost(uint32, tag = "3")]
    pub total_blocks: u32,
    /// Jobs done.
    #[prost(uint32, tag = "4")]
    pub completed_jobs: u32,
    /// Jobs planned.
    #[prost(uint32, tag = "5")]
    pub total_jobs: u32,
    /// Bytes of those blocks.
    #[prost(uint64, tag = "6")]
    pub total_block_bytes: u64,
    /// Spans looked at.
    #[prost(uint64, tag = "7")]
    pub inspected_spans: u64,
    /// Reads of the backend.
    #[prost(uint64, tag = "8")]
    pub backend_reads: u64,
    /// Bytes read from the backend.
    #[prost(uint64, tag = "9")]
    pub backend_bytes: u64,
    /// More figures by name, without those that are zero.
    #[prost(btree_map = "string, int64", tag = "10")]
    pub additional_metrics: BTreeMap<String, i64>,
}
