//! `storage.trace` and `cache` (config.md §7).

use super::Shape::{Block, List, Word};
use super::{
    BOOL, FLOAT, INT, Row, SIZE, SPAN, TEXT, TEXT_MAP, TEXTS, alias, later, misplaced, none, served,
};

pub(super) const TRACE: &[Row] = &[
    served("backend", TEXT),
    served("local", Block(&[served("path", TEXT)])),
    served("wal", Block(WAL)),
    served("block", Block(BLOCK)),
    misplaced(
        "bloom_filter_false_positive",
        FLOAT,
        "storage.trace.block.bloom_filter_false_positive",
    ),
    misplaced(
        "bloom_filter_shard_size_bytes",
        SIZE,
        "storage.trace.block.bloom_filter_shard_size_bytes",
    ),
    none("pool", Block(&[none("max_workers queue_depth", SIZE)])),
    served("search", Block(SEARCH)),
    served("blocklist_poll", SPAN),
    served("blocklist_poll_concurrency blocklist_poll_tenant_concurrency", SIZE),
    served("blocklist_poll_tenant_index_builders blocklist_poll_jitter_ms", SIZE),
    served("blocklist_poll_tolerate_consecutive_errors", SIZE),
    served("blocklist_poll_tolerate_tenant_failures", SIZE),
    served("blocklist_poll_fallback", BOOL),
    served("blocklist_poll_stale_tenant_index", SPAN),
    served("empty_tenant_deletion_enabled", BOOL),
    served("empty_tenant_deletion_age", SPAN),
    served("s3", Block(S3)),
    served("gcs", Block(GCS)),
    served("azure", Block(TRACE_AZURE)),
    // A warning of its own says that this block is the old one (crate::rules).
    served("cache", Word(&["", "memcached", "redis"])),
    served("memcached", Block(MEMCACHED)),
    served("redis", Block(REDIS)),
    served("background_cache", Block(BACKGROUND)),
    served("cache_min_compaction_level", SIZE),
    served("cache_max_block_age", SPAN),
];

const WAL: &[Row] = &[
    served("path", TEXT),
    later("ingestion_time_range_slack", SPAN),
    none("v2_encoding search_encoding version encoding", TEXT),
];

pub(super) const BLOCK: &[Row] = &[
    served("version", TEXT),
    served("bloom_filter_false_positive", FLOAT),
    served("bloom_filter_shard_size_bytes parquet_row_group_size_bytes", SIZE),
    served("parquet_dedicated_columns", List(&Block(DEDICATED_COLUMN))),
    none("search_encoding v2_encoding", TEXT),
    none("search_page_size_bytes v2_index_downsample_bytes v2_index_page_size_bytes", SIZE),
];

pub(super) const DEDICATED_COLUMN: &[Row] =
    &[served("scope name type", TEXT), served("options", TEXTS)];

const SEARCH: &[Row] = &[
    none("chunk_size_bytes prefetch_trace_count read_buffer_count read_buffer_size_bytes", SIZE),
    served("cache_control", Block(&[served("footer column_index offset_index", BOOL)])),
];

const HEDGING: &[Row] = &[served("hedge_requests_at", SPAN), served("hedge_requests_up_to", SIZE)];

/// Keys that others of the same names do not serve yet.
const S3_TLS: &[Row] = &[
    none("tls_enabled", BOOL),
    served("tls_insecure_skip_verify", BOOL),
    served("tls_cert_path tls_key_path tls_ca_path tls_server_name tls_min_version", TEXT),
    later("tls_cipher_suites", TEXT),
];

const SSE: &[Row] =
    &[served("type kms_key_id encryption_key", TEXT), later("kms_encryption_context", TEXT)];

pub(super) const S3: &[Row] = &[
    served("bucket prefix endpoint region access_key secret_key session_token", TEXT),
    served("storage_class", TEXT),
    served("bucket_lookup_type", SIZE),
    served("insecure forcepathstyle enable_dual_stack", BOOL),
    later("signature_v2", BOOL),
    none("native_aws_auth_enabled", BOOL),
    served("part_size retry_max_attempts list_blocks_concurrency", SIZE),
    served("tags metadata", TEXT_MAP),
    served("retry_backoff_initial retry_backoff_max", SPAN),
    served("sse", Block(SSE)),
    Row::Of(HEDGING),
    Row::Of(S3_TLS),
];

pub(super) const GCS: &[Row] = &[
    served("bucket_name prefix endpoint object_cache_control", TEXT),
    served("chunk_buffer_size list_blocks_concurrency max_retries", SIZE),
    served("insecure", BOOL),
    served("object_metadata", TEXT_MAP),
    Row::Of(HEDGING),
];

pub(super) const AZURE: &[Row] = &[
    served("storage_account_name storage_account_key container_name prefix", TEXT),
    served("endpoint_suffix user_assigned_id", TEXT),
    served("use_managed_identity use_federated_token", BOOL),
    served("buffer_size", SIZE),
    none("max_buffers max-buffers", SIZE),
    Row::Of(HEDGING),
];

/// With the names of 1.x.
const TRACE_AZURE: &[Row] = &[
    Row::Of(AZURE),
    alias("storage-account-name", TEXT, "storage.trace.azure.storage_account_name"),
    alias("storage-account-key", TEXT, "storage.trace.azure.storage_account_key"),
    alias("container-name", TEXT, "storage.trace.azure.container_name"),
    alias("endpoint-suffix", TEXT, "storage.trace.azure.endpoint_suffix"),
    alias("user-assigned-id", TEXT, "storage.trace.azure.user_assigned_id"),
    alias("use-managed-identity", BOOL, "storage.trace.azure.use_managed_identity"),
    alias("buffer-size", SIZE, "storage.trace.azure.buffer_size"),
    alias("hedge-requests-at", SPAN, "storage.trace.azure.hedge_requests_at"),
    alias("hedge-requests-up-to", SIZE, "storage.trace.azure.hedge_requests_up_to"),
];

pub(super) const CACHE: &[Row] =
    &[served("background", Block(BACKGROUND)), served("caches", List(&Block(CACHE_ENTRY)))];

const BACKGROUND: &[Row] = &[served("writeback_goroutines writeback_buffer", SIZE)];

const CACHE_ENTRY: &[Row] =
    &[served("roles", TEXTS), served("memcached", Block(MEMCACHED)), served("redis", Block(REDIS))];

const MEMCACHED: &[Row] = &[
    served("host service addresses", TEXT),
    served("timeout connect_timeout update_interval ttl", SPAN),
    served("circuit_breaker_timeout circuit_breaker_interval", SPAN),
    served("max_idle_conns max_item_size circuit_breaker_consecutive_failures", SIZE),
    none("min_idle_conns_headroom_percentage", FLOAT),
    none("consistent_hash", BOOL),
    served("tls_enabled tls_insecure_skip_verify", BOOL),
    served("tls_cert_path tls_key_path tls_ca_path tls_server_name tls_min_version", TEXT),
    later("tls_cipher_suites", TEXT),
];

const REDIS: &[Row] = &[
    served("endpoint username password master_name", TEXT),
    served("sentinel_username sentinel_password", TEXT),
    served("timeout expiration ttl", SPAN),
    none("conn_max_idle_time conn_max_lifetime idle_timeout max_connection_age", SPAN),
    served("db max_item_size", INT),
    none("pool_size max_redirects min_idle_conns", INT),
    served("single_node read_only tls_enabled tls_insecure_skip_verify", BOOL),
    none("route_by_latency route_randomly", BOOL),
    served("tls_cert_path tls_key_path tls_ca_path", TEXT),
    none("tls_server_name tls_cipher_suites tls_min_version", TEXT),
];
