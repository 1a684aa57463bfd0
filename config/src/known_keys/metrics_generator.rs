//! `metrics_generator` (metrics.md A3, A5–A8).

use super::Shape::{Block, List, Map};
use super::{
    ANY, BOOL, FLOATS, INT, Row, SIZE, SPAN, TEXT, TEXT_MAP, TEXTS, none, served, shared, storage,
};

pub(super) const ROWS: &[Row] = &[
    none("ring", Block(shared::RING)),
    none("override_ring_key ring_mode limiter_type codec instance_id consumer_group", TEXT),
    served("metrics_ingestion_time_range_slack query_timeout", SPAN),
    none("ingest_concurrency", SIZE),
    none("leave_consumer_group_on_shutdown skip_stale_backlog_on_startup", BOOL),
    none("disable_local_blocks disable_grpc", BOOL),
    served("registry", Block(REGISTRY)),
    served("processor", Block(PROCESSOR)),
    served("storage", Block(STORAGE)),
    none("traces_storage", Block(TRACES_STORAGE)),
    none("traces_query_storage", Map(&ANY)),
];

const REGISTRY: &[Row] = &[
    served("collection_interval stale_duration", SPAN),
    served("external_labels", TEXT_MAP),
    served("inject_tenant_id_as", TEXT),
    served("max_label_name_length max_label_value_length", SIZE),
];

const STORAGE: &[Row] = &[
    served("path", TEXT),
    served(
        "wal",
        Block(&[
            served("wal_segment_size stripe_size min_wal_time max_wal_time", INT),
            served("wal_compression", TEXT),
            served("truncate_frequency", SPAN),
            served("no_lockfile", BOOL),
        ]),
    ),
    served("remote_write_flush_deadline", SPAN),
    served("remote_write_add_org_id_header", BOOL),
    // Prometheus' own format, with many keys.
    served("remote_write", List(&Map(&ANY))),
];

const TRACES_STORAGE: &[Row] = &[
    none("path version v2_encoding search_encoding", TEXT),
    none("ingestion_time_range_slack", SPAN),
];

const PROCESSOR: &[Row] = &[
    served("service_graphs", Block(SERVICE_GRAPHS)),
    served("span_metrics", Block(SPAN_METRICS)),
    served("host_info", Block(&[served("host_identifiers", TEXTS), served("metric_name", TEXT)])),
    none("local_blocks", Block(LOCAL_BLOCKS)),
];

const SERVICE_GRAPHS: &[Row] = &[
    served("wait", SPAN),
    served("max_items workers", SIZE),
    served("histogram_buckets", FLOATS),
    served("dimensions peer_attributes database_name_attributes", TEXTS),
    served("enable_client_server_prefix enable_messaging_system_latency_histogram", BOOL),
    served("enable_virtual_node_label enable_tracestate_span_multiplier", BOOL),
    served("span_multiplier_key", TEXT),
    served("filter_policies", ANY),
];

const SPAN_METRICS: &[Row] = &[
    served("histogram_buckets", FLOATS),
    served(
        "intrinsic_dimensions",
        Block(&[served("service span_name span_kind status_code status_message", BOOL)]),
    ),
    served("dimensions target_info_excluded_dimensions", TEXTS),
    served("dimension_mappings filter_policies", ANY),
    served("enable_target_info enable_instance_label enable_tracestate_span_multiplier", BOOL),
    served("span_multiplier_key", TEXT),
];

const LOCAL_BLOCKS: &[Row] = &[
    none("block", Block(storage::BLOCK)),
    none("search", Map(&ANY)),
    none("flush_check_period trace_idle_period trace_live_period max_block_duration", SPAN),
    none("complete_block_timeout", SPAN),
    none("max_block_bytes max_live_traces max_live_traces_bytes", SIZE),
    none("concurrency concurrent_blocks", SIZE),
    none("filter_server_spans flush_to_storage", BOOL),
    none("time_overlap_cutoff", super::FLOAT),
    none("metrics", Map(&ANY)),
];
