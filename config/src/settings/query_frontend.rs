//! `query_frontend`: limits of queries (config.md §6).

use serde::Serialize;
use std::time::Duration;

use crate::duration::as_text;

/// Limits of queries.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryFrontend {
    /// Longest TraceQL text taken, bytes.
    pub max_query_expression_size_bytes: u64,
    /// Time one API request may take; zero is no limit.
    #[serde(serialize_with = "as_text")]
    pub api_timeout: Duration,
    /// Queries of one tenant under way at a time; zero is no limit.
    pub max_outstanding_per_tenant: u64,
    /// Answers over gRPC above so many bytes come in several messages.
    pub max_grpc_streaming_packet_size: u64,
    /// Whether several tenants may be read at once (`a|b`).
    pub multi_tenant_queries_enabled: bool,
    /// Regular expressions of URLs whose queries are refused.
    pub url_deny_list: Vec<String>,
    /// How far back from now metrics queries may reach at most.
    #[serde(serialize_with = "as_text")]
    pub query_end_cutoff: Duration,
    /// Limits of searches.
    pub search: Search,
    /// Limits of metrics queries.
    pub metrics: QueryMetrics,
}

impl Default for QueryFrontend {
    fn default() -> Self {
        Self {
            max_query_expression_size_bytes: 131_072,
            api_timeout: Duration::ZERO,
            max_outstanding_per_tenant: 2000,
            max_grpc_streaming_packet_size: 1 << 20,
            multi_tenant_queries_enabled: true,
            url_deny_list: Vec::new(),
            query_end_cutoff: Duration::from_secs(30),
            search: Search::default(),
            metrics: QueryMetrics::default(),
        }
    }
}

/// Limits of searches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Search {
    /// Traces returned when the request names no limit.
    pub default_result_limit: u32,
    /// Largest limit that a request may name; 0 is no bound.
    pub max_result_limit: u32,
    /// Longest time range, end − start; zero is no bound.
    #[serde(serialize_with = "as_text")]
    pub max_duration: Duration,
    /// Spans per span set returned when the request names no number.
    pub default_spans_per_span_set: u32,
    /// Largest number of spans per span set that a request may name; 0 is no bound.
    pub max_spans_per_span_set: u32,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            default_result_limit: 20,
            max_result_limit: 262_144,
            max_duration: Duration::from_secs(168 * 3600),
            default_spans_per_span_set: 3,
            max_spans_per_span_set: 100,
        }
    }
}

/// Limits of metrics queries.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryMetrics {
    /// Longest time range, end − start; zero is no bound.
    #[serde(serialize_with = "as_text")]
    pub max_duration: Duration,
    /// Most intervals of a range; 0 is no bound.
    pub max_intervals: u64,
    /// Most exemplars of an answer.
    pub max_exemplars: u64,
    /// Most series of an answer; 0 is no bound.
    pub max_response_series: u64,
}

impl Default for QueryMetrics {
    fn default() -> Self {
        Self {
            max_duration: Duration::from_secs(24 * 3600),
            max_intervals: 10_000,
            max_exemplars: 100,
            max_response_series: 0,
        }
    }
}
