//! `overrides` in its scoped and its flat form (config.md §8).

use super::Shape::{Block, List, Map};
use super::{
    ANY, BOOL, FLOAT, FLOATS, Row, SIZE, SPAN, TEXT, TEXT_MAP, TEXTS, later, misplaced, none,
    served, storage,
};

mod generator;

pub(super) const ROWS: &[Row] = &[
    served("defaults", Block(DEFAULTS)),
    served("per_tenant_override_config", TEXT),
    served("per_tenant_override_period", SPAN),
    served("user_configurable_overrides", Block(USER_CONFIGURABLE)),
    none("enable_legacy_overrides", BOOL),
    misplaced("forwarders", TEXTS, "overrides.defaults.forwarders"),
    later("cost_attribution", Block(COST_ATTRIBUTION)),
    Row::Of(FLAT),
];

const USER_CONFIGURABLE: &[Row] = &[
    served("enabled", BOOL),
    served("poll_interval", SPAN),
    served(
        "client",
        Block(&[
            served("backend", TEXT),
            // Writes are compared with the version of the object, not with a bucket's history.
            none("confirm_versioning", BOOL),
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
    served("compaction", Block(COMPACTION)),
    served("storage", Block(&[DEDICATED])),
    later("forwarders", TEXTS),
    later("cost_attribution", Block(COST_ATTRIBUTION)),
    later("metrics_generator", Block(GENERATOR)),
    Row::Of(FLAT),
];

const DEDICATED: Row = served("parquet_dedicated_columns", List(&Block(storage::DEDICATED_COLUMN)));

const INGESTION: &[Row] = &[
    served("rate_strategy", super::Shape::Word(&["local", "global"])),
    served("rate_limit_bytes burst_size_bytes max_traces_per_user", SIZE),
    served("max_global_traces_per_user", SIZE),
    served("max_attribute_bytes", SIZE),
    served("retry_info_enabled", BOOL),
    served("artificial_delay", SPAN),
    // One process takes all tenants.
    none("tenant_shard_size", SIZE),
];

const READ: &[Row] = &[
    served("max_bytes_per_tag_values_query max_blocks_per_tag_values_query", SIZE),
    served("max_condition_groups_per_tag_query", SIZE),
    served("max_search_duration max_metrics_duration", SPAN),
    served("left_pad_trace_ids", BOOL),
    Row::Of(READ_SWITCHES),
];

const READ_SWITCHES: &[Row] = &[
    // Hints about the insides of Tempo's engine, which ours does not have.
    none("unsafe_query_hints metrics_spanonly_fetch engine_bytes_tracking", BOOL),
    later("span_pruning_awareness span_pruning_enabled", BOOL),
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

/// The flat form, good directly under `overrides`, in the overrides file and, as users write it,
/// under `defaults`. What stands in both forms is listed once.
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
    misplaced("ingestion_artificial_delay", SPAN, "overrides.defaults.ingestion.artificial_delay"),
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
    misplaced("block_retention", SPAN, "overrides.defaults.compaction.block_retention"),
    misplaced("compaction_window", SPAN, "overrides.defaults.compaction.compaction_window"),
    misplaced("compaction_disabled", BOOL, "overrides.defaults.compaction.compaction_disabled"),
    misplaced(
        "parquet_dedicated_columns",
        List(&Block(storage::DEDICATED_COLUMN)),
        "overrides.defaults.storage.parquet_dedicated_columns",
    ),
    Row::Of(generator::FLAT),
];
