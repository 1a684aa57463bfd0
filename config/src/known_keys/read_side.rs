//! `querier` and `query_frontend` (config.md §6).

use super::Shape::{Block, Map};
use super::{ANY, BOOL, FLOAT, Row, SIZE, SPAN, TEXT, TEXTS, later, none, served, shared};

pub(super) const QUERIER: &[Row] = &[
    later("max_concurrent_queries", SIZE),
    served(
        "search",
        Block(&[
            later("query_timeout", SPAN),
            none("prefer_self external_hedge_requests_up_to", SIZE),
            none("external_hedge_requests_at", SPAN),
            none("external_endpoints", TEXTS),
            none("external_backend", TEXT),
            none("google_cloud_run", Map(&ANY)),
        ]),
    ),
    served(
        "trace_by_id",
        Block(&[
            later("query_timeout", SPAN),
            later("external", Block(&[served("endpoint", TEXT), served("timeout", SPAN)])),
        ]),
    ),
    later(
        "metrics",
        Block(&[served("concurrent_blocks", SIZE), served("time_overlap_cutoff", FLOAT)]),
    ),
    none("partition_ring", Block(&[none("minimize_requests", BOOL), none("hedging_delay", SPAN)])),
    // Queries never leave the process, so there is no front end to connect to.
    none("frontend_worker", Block(FRONTEND_WORKER)),
    none("shuffle_sharding_ingesters_enabled query_relevant_ingesters", BOOL),
    none("shuffle_sharding_ingesters_lookback_period extra_query_delay", SPAN),
    none("secondary_ingester_ring", TEXT),
    none("query_live_store", BOOL),
];

const FRONTEND_WORKER: &[Row] = &[
    none("frontend_address id", TEXT),
    none("dns_lookup_duration", SPAN),
    none("parallelism", SIZE),
    none("match_max_concurrent", BOOL),
    none("grpc_client_config", Block(shared::GRPC_CLIENT)),
];

pub(super) const QUERY_FRONTEND: &[Row] = &[
    served("max_query_expression_size_bytes", SIZE),
    served("api_timeout", SPAN),
    served("search", Block(SEARCH)),
    served("trace_by_id", Block(TRACE_BY_ID)),
    served("metrics", Block(METRICS)),
    served("max_outstanding_per_tenant", SIZE),
    later("max_batch_size max_retries response_consumers", SIZE),
    served("max_grpc_streaming_packet_size", SIZE),
    served("query_end_cutoff", SPAN),
    later("log_query_request_headers", TEXT),
    served("url_deny_list", TEXTS),
    later("allowed_headers skip_ast_transformations", TEXTS),
    served("multi_tenant_queries_enabled", BOOL),
    none("rf1_after", TEXT),
    none("tolerate_failed_blocks", SIZE),
    later(
        "weights",
        Block(&[
            served("request_with_weights retry_with_weights", BOOL),
            served("max_traceql_conditions max_regex_conditions", SIZE),
        ]),
    ),
    later("mcp_server", Block(&[served("enabled", BOOL)])),
];

const SLO: &[Row] = &[later("duration_slo", SPAN), later("throughput_bytes_slo", FLOAT)];

const SEARCH: &[Row] = &[
    served("default_result_limit max_result_limit", SIZE),
    served("default_spans_per_span_set max_spans_per_span_set", SIZE),
    served("max_duration", SPAN),
    later("timeout query_backend_after query_ingesters_until", SPAN),
    later("concurrent_jobs target_bytes_per_job ingester_shards most_recent_shards", SIZE),
    Row::Of(SLO),
    later("metadata_slo", Block(SLO)),
];

const TRACE_BY_ID: &[Row] = &[
    later("query_shards concurrent_shards blocks_per_shard", SIZE),
    Row::Of(SLO),
    later("external_enabled span_pruning_enabled span_pruning_enabled_by_default", BOOL),
    none("hedge_requests_at", SPAN),
    none("hedge_requests_up_to", SIZE),
];

const METRICS: &[Row] = &[
    served("max_intervals max_exemplars max_response_series", SIZE),
    served("max_duration", SPAN),
    later("concurrent_jobs target_bytes_per_job streaming_shards", SIZE),
    later("query_backend_after interval", SPAN),
    Row::Of(SLO),
];
