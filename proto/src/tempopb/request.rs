//! Requests of the query API over gRPC (contract http-api.md §12.2). Fields that only Tempo's own
//! processes send to each other are left out; decoding skips them.

use std::collections::BTreeMap;

use prost::Message;

/// `SearchRequest`; times in seconds, 0 is absent.
#[derive(Clone, PartialEq, Message)]
pub struct SearchRequest {
    /// Tags of the search from before TraceQL.
    #[prost(btree_map = "string, string", tag = "1")]
    pub tags: BTreeMap<String, String>,
    /// Shortest trace of such a search, milliseconds.
    #[prost(uint32, tag = "2")]
    pub min_duration_ms: u32,
    /// Longest trace of such a search, milliseconds.
    #[prost(uint32, tag = "3")]
    pub max_duration_ms: u32,
    /// Traces wanted.
    #[prost(uint32, tag = "4")]
    pub limit: u32,
    /// Begin of the range.
    #[prost(uint32, tag = "5")]
    pub start: u32,
    /// End of the range.
    #[prost(uint32, tag = "6")]
    pub end: u32,
    /// TraceQL.
    #[prost(string, tag = "8")]
    pub query: String,
    /// Spans wanted per set.
    #[prost(uint32, tag = "9")]
    pub spans_per_span_set: u32,
}

/// `SearchTagsRequest`; times in seconds, 0 is absent.
#[derive(Clone, PartialEq, Message)]
pub struct SearchTagsRequest {
    /// Which scope; empty is all.
    #[prost(string, tag = "1")]
    pub scope: String,
    /// TraceQL that narrows the spans.
    #[prost(string, tag = "2")]
    pub query: String,
    /// Begin of the range.
    #[prost(uint32, tag = "3")]
    pub start: u32,
    /// End of the range.
    #[prost(uint32, tag = "4")]
    pub end: u32,
    /// Most names per scope; 0 is no limit.
    #[prost(uint32, tag = "5")]
    pub max_tags_per_scope: u32,
    /// Stop after so many known names without a new one; 0 is never.
    #[prost(uint32, tag = "6")]
    pub stale_values_threshold: u32,
}

/// `SearchTagValuesRequest`; times in seconds, 0 is absent.
#[derive(Clone, PartialEq, Message)]
pub struct SearchTagValuesRequest {
    /// Whose values.
    #[prost(string, tag = "1")]
    pub tag_name: String,
    /// TraceQL that narrows the spans.
    #[prost(string, tag = "2")]
    pub query: String,
    /// Begin of the range.
    #[prost(uint32, tag = "4")]
    pub start: u32,
    /// End of the range.
    #[prost(uint32, tag = "5")]
    pub end: u32,
    /// Most values; 0 is no limit.
    #[prost(uint32, tag = "6")]
    pub max_tag_values: u32,
    /// Stop after so many known values without a new one; 0 is never.
    #[prost(uint32, tag = "7")]
    pub stale_value_threshold: u32,
}

/// `QueryRangeRequest`; times in nanoseconds, 0 is absent.
#[derive(Clone, PartialEq, Message)]
pub struct QueryRangeRequest {
    /// TraceQL.
    #[prost(string, tag = "1")]
    pub query: String,
    /// Begin of the range.
    #[prost(uint64, tag = "2")]
    pub start: u64,
    /// End of the range.
    #[prost(uint64, tag = "3")]
    pub end: u64,
    /// Distance of samples; 0 is automatic.
    #[prost(uint64, tag = "4")]
    pub step: u64,
    /// Exemplars wanted; 0 is as many as allowed.
    #[prost(uint32, tag = "16")]
    pub exemplars: u32,
    /// Most series; 0 is no limit.
    #[prost(uint32, tag = "17")]
    pub max_series: u32,
}

/// `QueryInstantRequest`; times in nanoseconds, 0 is absent.
#[derive(Clone, PartialEq, Message)]
pub struct QueryInstantRequest {
    /// TraceQL.
    #[prost(string, tag = "1")]
    pub query: String,
    /// Begin of the range.
    #[prost(uint64, tag = "2")]
    pub start: u64,
    /// End of the range.
    #[prost(uint64, tag = "3")]
    pub end: u64,
}

/// `TraceByIDRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct TraceByIdRequest {
    /// Up to 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// Lowest id of blocks to look at.
    #[prost(string, tag = "2")]
    pub block_start: String,
    /// Highest id of blocks to look at.
    #[prost(string, tag = "3")]
    pub block_end: String,
    /// `all`, `ingesters`, `blocks`, `external`; empty is all.
    #[prost(string, tag = "5")]
    pub query_mode: String,
    /// Whether part of a trace that is too large is better than an error.
    #[prost(bool, tag = "6")]
    pub allow_partial_trace: bool,
}
