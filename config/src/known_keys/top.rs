//! Top-level keys (config.md §2).

use super::Shape::{Block, Word};
use super::{BOOL, FLOAT, Row, SIZE, SPAN, TEXT, alias, later, misplaced, none, served};
use super::{
    distributor, metrics_generator, overrides, read_side, server, shared, storage, write_side,
};

pub(super) const ROWS: &[Row] = &[
    served("target http_api_prefix", TEXT),
    served("multitenancy_enabled", BOOL),
    alias("auth_enabled", BOOL, "multitenancy_enabled"),
    served("stream_over_http_enabled", BOOL),
    served("shutdown_delay", SPAN),
    none("enable_go_runtime_metrics span_profiling", BOOL),
    none("use_otel_tracer search_enabled metrics_generator_enabled", BOOL),
    none("autocomplete_filtering_enabled", BOOL),
    none("mem_ballast_size_mbs", SIZE),
    none("partition_ring_live_store", BOOL),
    none("memory", Block(&[none("automemlimit_enabled", BOOL), none("automemlimit_ratio", FLOAT)])),
    served("server", Block(server::ROWS)),
    later("internal_server", Block(server::INTERNAL)),
    served("distributor", Block(distributor::ROWS)),
    served("ingester", Block(write_side::INGESTER)),
    none("ingester_client live_store_client metrics_generator_client", Block(shared::CLIENT)),
    none("backend_scheduler_client", Block(shared::CLIENT)),
    served("compactor", Block(write_side::COMPACTOR)),
    served("live_store", Block(write_side::LIVE_STORE)),
    none("block_builder", Block(write_side::BLOCK_BUILDER)),
    served("backend_scheduler", Block(write_side::BACKEND_SCHEDULER)),
    served("backend_worker", Block(write_side::BACKEND_WORKER)),
    none("ingest", Block(write_side::INGEST)),
    served("querier", Block(read_side::QUERIER)),
    served("query_frontend", Block(read_side::QUERY_FRONTEND)),
    later("metrics_generator", Block(metrics_generator::ROWS)),
    served("storage", Block(&[served("trace", Block(storage::TRACE))])),
    served("cache", Block(storage::CACHE)),
    served("overrides", Block(overrides::ROWS)),
    none("memberlist", Block(shared::MEMBERLIST)),
    // Nothing is ever reported to anybody.
    none(
        "usage_report",
        Block(&[none("reporting_enabled", BOOL), none("backoff", Block(shared::BACKOFF))]),
    ),
    // Not Tempo keys, but users' files have them (§9.1).
    served("limits", Block(LIMITS)),
    served("auth", Block(&[served("type", Word(&["header"])), served("header", TEXT)])),
    served("stringendo", Block(STRINGENDO)),
];

const LIMITS: &[Row] = &[
    misplaced("per_tenant_override_config", TEXT, "overrides.per_tenant_override_config"),
    misplaced("per_tenant_override_period", SPAN, "overrides.per_tenant_override_period"),
];

const STRINGENDO: &[Row] = &[
    served("cores", SIZE),
    served("pin_cores", BOOL),
    served("memory_budget_per_core_bytes", SIZE),
    served("query", Block(&[served("max_read_bytes", SIZE)])),
    served("compaction", Block(&[served("max_concurrent_jobs max_bytes_per_second", SIZE)])),
    served("retention", Block(&[served("max_bytes_per_tenant min_free_disk_bytes", SIZE)])),
    served(
        "wal",
        Block(&[
            served("durability", Word(&["sync", "interval", "os"])),
            served("interval", SPAN),
            served("segment_size_bytes", SIZE),
            served("path", TEXT),
        ]),
    ),
];
