//! `overrides` in its scoped and its flat form (config.md §8).

use super::Shape::{Block, List, Map};
use super::{
    ANY, BOOL, FLOAT, FLOATS, Row, SIZE, SPAN, TEXT, TEXT_MAP, TEXTS, later, misplaced, none,
    served, storage,
};

pub(super) const ROWS: &[Row] = &[
    served("defaults", Block(DEFAULTS)),
    later("per_tenant_override_config", TEXT),
    // Says something only beside a file, which is spoken of above.
    later("per_tenant_override_period", SPAN),
    later("user_configurable_overrides", Block(USER_CONFIGURABLE)),
    none("enable_legacy_overrides", BOOL),
    Row::Of(FLAT),
];

const USER_CONFIGURABLE: &[Row] = &[
    served("enabled", BOOL),
    served("poll_interval", SPAN),
    served(
        "client",
        Block(&[
            served("backend", TEXT),
            served("confirm_versioning", BOOL),
            served("local", Block(&[served("path", TEXT)])),
            served("s3", Block(storage::S3)),
            served("gcs", Block(storage::GCS)),
            served("azure", Block(storage::AZURE)),
        ]),
    ),
    served("api", Block(&[served("check_for_conflicting_runtime_overrides", BOOL)])),
];

const DEFAULTS: &[Row] = &[
    served("ingestion", Block(INGESTION)),
    served("global", Block(&[served("max_bytes_per_trace", SIZE)])),
    served("read", Block(READ)),
    later("compaction", Block(COMPACTION)),
    later("storage", Block(&[DEDICATED])),
    later("cost_attribution", Block(COST_ATTRIBUTION)),
    later("metrics_generator", Block(GENERATOR)),
    Row::Of(FLAT),
];

const DEDICATED: Row = later("parquet_dedicated_columns", List(&Block(storage::DEDICATED_COLUMN)));

const INGESTION: &[Row] = &[
    later("rate_strategy", super::Shape::Word(&["local", "global"])),
    later("rate_limit_bytes burst_size_bytes max_traces_per_user", SIZE),
    served("max_attribute_bytes", SIZE),
    served("retry_info_enabled", BOOL),
    // One process, so the number per user and the number over all processes are the same.
    later("max_global_traces_per_user", SIZE),
    none("tenant_shard_size", SIZE),
    later("artificial_delay", SPAN),
];

const READ: &[Row] = &[
    served("max_bytes_per_tag_values_query max_blocks_per_tag_values_query", SIZE),
    served("max_condition_groups_per_tag_query", SIZE),
    served("max_search_duration max_metrics_duration", SPAN),
    served("left_pad_trace_ids", BOOL),
    Row::Of(READ_SWITCHES),
];

const READ_SWITCHES: &[Row] = &[
    later("unsafe_query_hints metrics_spanonly_fetch", BOOL),
    later("span_pruning_awareness engine_bytes_tracking span_pruning_enabled", BOOL),
];

const COMPACTION: &[Row] =
    &[served("block_retention compaction_window", SPAN), served("compaction_disabled", BOOL)];

const COST_ATTRIBUTION: &[Row] = &[served("max_cardinality", SIZE), served("dimensions", TEXT_MAP)];

const GENERATOR: &[Row] = &[
    served("ring_size max_active_series max_active_entities max_cardinality_per_label", SIZE),
    served("native_histogram_max_bucket_number", SIZE),
    served("processors", TEXTS),
    served("collection_interval ingestion_time_range_slack", SPAN),
    served("native_histogram_min_reset_duration", SPAN),
    served("disable_collection", BOOL),
    served("generate_native_histograms trace_id_label_name span_name_sanitization", TEXT),
    served("remote_write_headers", TEXT_MAP),
    served("native_histogram_bucket_factor", FLOAT),
    served("forwarder", Block(&[served("queue_size workers", SIZE)])),
    served(
        "processor",
        Block(&[
            served("service_graphs", Block(SERVICE_GRAPHS)),
            served("span_metrics", Block(SPAN_METRICS)),
            served("local_blocks", Block(LOCAL_BLOCKS)),
            served(
                "host_info",
                Block(&[served("host_identifiers", TEXTS), served("metric_name", TEXT)]),
            ),
        ]),
    ),
];

const SERVICE_GRAPHS: &[Row] = &[
    served("histogram_buckets", FLOATS),
    served("dimensions peer_attributes", TEXTS),
    served("filter_policies", ANY),
    served("enable_client_server_prefix enable_messaging_system_latency_histogram", BOOL),
    served("enable_virtual_node_label enable_tracestate_span_multiplier", BOOL),
    served("span_multiplier_key", TEXT),
];

const SPAN_METRICS: &[Row] = &[
    served("histogram_buckets", FLOATS),
    served("dimensions target_info_excluded_dimensions", TEXTS),
    served("intrinsic_dimensions", Map(&BOOL)),
    served("filter_policies dimension_mappings", ANY),
    served("enable_target_info enable_instance_label enable_tracestate_span_multiplier", BOOL),
    served("span_multiplier_key", TEXT),
];

const LOCAL_BLOCKS: &[Row] = &[
    served("max_live_traces max_block_bytes", SIZE),
    served("max_block_duration flush_check_period trace_idle_period", SPAN),
    served("complete_block_timeout", SPAN),
];

/// The flat form, good directly under `overrides` and, as users write it, under `defaults`.
const FLAT: &[Row] = &[
    misplaced("ingestion_rate_strategy", TEXT, "overrides.defaults.ingestion.rate_strategy"),
    misplaced("ingestion_rate_limit_bytes", SIZE, "overrides.defaults.ingestion.rate_limit_bytes"),
    misplaced("ingestion_burst_size_bytes", SIZE, "overrides.defaults.ingestion.burst_size_bytes"),
    misplaced("max_traces_per_user", SIZE, "overrides.defaults.ingestion.max_traces_per_user"),
    misplaced(
        "max_global_traces_per_user",
        SIZE,
        "overrides.defaults.ingestion.max_global_traces_per_user",
    ),
    misplaced(
        "ingestion_max_attribute_bytes",
        SIZE,
        "overrides.defaults.ingestion.max_attribute_bytes",
    ),
    misplaced(
        "ingestion_retry_info_enabled",
        BOOL,
        "overrides.defaults.ingestion.retry_info_enabled",
    ),
    misplaced("max_bytes_per_trace", SIZE, "overrides.defaults.global.max_bytes_per_trace"),
    none("ingestion_tenant_shard_size", SIZE),
    later("ingestion_artificial_delay", SPAN),
    misplaced(
        "max_bytes_per_tag_values_query",
        SIZE,
        "overrides.defaults.read.max_bytes_per_tag_values_query",
    ),
    misplaced(
        "max_blocks_per_tag_values_query",
        SIZE,
        "overrides.defaults.read.max_blocks_per_tag_values_query",
    ),
    misplaced(
        "max_condition_groups_per_tag_query",
        SIZE,
        "overrides.defaults.read.max_condition_groups_per_tag_query",
    ),
    misplaced("max_search_duration", SPAN, "overrides.defaults.read.max_search_duration"),
    misplaced("max_metrics_duration", SPAN, "overrides.defaults.read.max_metrics_duration"),
    misplaced("left_pad_trace_ids", BOOL, "overrides.defaults.read.left_pad_trace_ids"),
    Row::Of(READ_SWITCHES),
    later("block_retention compaction_window", SPAN),
    later("compaction_disabled", BOOL),
    DEDICATED,
    later("forwarders", TEXTS),
    Row::Of(FLAT_GENERATOR),
];

const FLAT_GENERATOR: &[Row] = &[
    later("metrics_generator_processors", TEXTS),
    later("metrics_generator_ring_size metrics_generator_max_active_series", SIZE),
    later("metrics_generator_max_active_entities", SIZE),
    later("metrics_generator_max_cardinality_per_label", SIZE),
    later("metrics_generator_native_histogram_max_bucket_number", SIZE),
    later("metrics_generator_forwarder_queue_size metrics_generator_forwarder_workers", SIZE),
    later("metrics_generator_collection_interval", SPAN),
    later("metrics_generator_ingestion_time_range_slack", SPAN),
    later("metrics_generator_native_histogram_min_reset_duration", SPAN),
    later("metrics_generator_native_histogram_bucket_factor", FLOAT),
    later("metrics_generator_disable_collection", BOOL),
    later("metrics_generator_generate_native_histograms", TEXT),
    later("metrics_generator_trace_id_label_name", TEXT),
    later("metrics_generator_span_name_sanitization", TEXT),
    later("metrics_generator_remote_write_headers", TEXT_MAP),
    later("metrics_generator_processor_service_graphs_histogram_buckets", FLOATS),
    later("metrics_generator_processor_service_graphs_dimensions", TEXTS),
    later("metrics_generator_processor_service_graphs_peer_attributes", TEXTS),
    later("metrics_generator_processor_service_graphs_filter_policies", ANY),
    later("metrics_generator_processor_service_graphs_enable_client_server_prefix", BOOL),
    later(
        "metrics_generator_processor_service_graphs_enable_messaging_system_latency_histogram",
        BOOL,
    ),
    later("metrics_generator_processor_service_graphs_enable_virtual_node_label", BOOL),
    later("metrics_generator_processor_service_graphs_span_multiplier_key", TEXT),
    later("metrics_generator_processor_service_graphs_enable_tracestate_span_multiplier", BOOL),
    later("metrics_generator_processor_span_metrics_histogram_buckets", FLOATS),
    later("metrics_generator_processor_span_metrics_dimensions", TEXTS),
    later("metrics_generator_processor_span_metrics_intrinsic_dimensions", Map(&BOOL)),
    later("metrics_generator_processor_span_metrics_filter_policies", ANY),
    later("metrics_generator_processor_span_metrics_dimension_mappings", ANY),
    later("metrics_generator_processor_span_metrics_enable_target_info", BOOL),
    later("metrics_generator_processor_span_metrics_target_info_excluded_dimensions", TEXTS),
    later("metrics_generator_processor_span_metrics_enable_instance_label", BOOL),
    later("metrics_generator_processor_span_metrics_span_multiplier_key", TEXT),
    later("metrics_generator_processor_span_metrics_enable_tracestate_span_multiplier", BOOL),
    later("metrics_generator_processor_local_blocks_max_live_traces", SIZE),
    later("metrics_generator_processor_local_blocks_max_block_bytes", SIZE),
    later("metrics_generator_processor_local_blocks_max_block_duration", SPAN),
    later("metrics_generator_processor_local_blocks_flush_check_period", SPAN),
    later("metrics_generator_processor_local_blocks_trace_idle_period", SPAN),
    later("metrics_generator_processor_local_blocks_complete_block_timeout", SPAN),
    later("metrics_generator_processor_host_info_host_identifiers", TEXTS),
    later("metrics_generator_processor_host_info_metric_name", TEXT),
];
