//! Components that hold, build and compact blocks, of 2.x and of 3.x (config.md §5).

use super::Shape::{Block, Map};
use super::{
    ANY, BOOL, FLOAT, INT, PORT, Row, SIZE, SPAN, TEXT, TEXTS, later, misplaced, none, served,
    shared,
};

pub(super) const INGESTER: &[Row] = &[
    none("lifecycler", Block(LIFECYCLER)),
    none("partition_ring", Block(shared::PARTITION_RING)),
    served("max_block_duration", SPAN),
    served("max_block_bytes", SIZE),
    served("trace_idle_period", SPAN),
    none("trace_live_period complete_block_timeout flush_check_period", SPAN),
    none("concurrent_flushes", SIZE),
    none("flush_op_timeout", SPAN),
    none("flush_all_on_shutdown flush_object_storage", BOOL),
    none("override_ring_key", TEXT),
    none("availability_zone", TEXT),
];

const LIFECYCLER: &[Row] = &[
    none("ring", Block(shared::RING)),
    none("num_tokens", SIZE),
    none("heartbeat_period heartbeat_timeout observe_period join_after final_sleep", SPAN),
    none("min_ready_duration", SPAN),
    none("interface_names", TEXTS),
    none("enable_inet6 unregister_on_shutdown readiness_check_ring_health", BOOL),
    none("tokens_file_path availability_zone address id", TEXT),
    none("port", PORT),
];

pub(super) const LIVE_STORE: &[Row] = &[
    none("ring", Block(shared::RING)),
    none("partition_ring", Block(shared::PARTITION_RING)),
    none("metrics", Block(&[none("time_overlap_cutoff", FLOAT)])),
    none("wal", Block(WAL)),
    served("max_block_duration", SPAN),
    served("max_block_bytes", SIZE),
    served("max_trace_idle", SPAN),
    none("max_trace_live complete_block_timeout flush_check_period", SPAN),
    none("complete_block_concurrency", SIZE),
    later("max_live_traces_bytes", SIZE),
    none("query_block_concurrency", SIZE),
    none("commit_interval block_reclaim_grace flush_op_timeout", SPAN),
    none("readiness_target_lag readiness_max_wait", SPAN),
    none("shutdown_marker_dir", TEXT),
    none("fail_on_high_lag remove_owner_on_shutdown", BOOL),
];

const WAL: &[Row] = &[
    none("path version v2_encoding search_encoding", TEXT),
    none("ingestion_time_range_slack", SPAN),
];

pub(super) const COMPACTOR: &[Row] = &[
    served("disabled", BOOL),
    none("ring", Block(shared::RING)),
    none("override_ring_key", TEXT),
    served("compaction", Block(COMPACTOR_COMPACTION)),
];

const COMPACTOR_COMPACTION: &[Row] = &[
    Row::Of(COMPACTION),
    misplaced("retention_duration", SPAN, "compactor.compaction.block_retention"),
];

const COMPACTION: &[Row] = &[
    served("compaction_window block_retention compacted_block_retention", SPAN),
    served("compaction_cycle", SPAN),
    served("max_compaction_objects max_block_bytes retention_concurrency", SIZE),
    // The tenant with the largest backlog has the next job.
    none("max_time_per_tenant", SPAN),
    none("v2_in_buffer_bytes v2_out_buffer_bytes v2_prefetch_traces_count", SIZE),
    none("chunk_size_bytes flush_size_bytes iterator_buffer_size", SIZE),
];

pub(super) const BLOCK_BUILDER: &[Row] = &[
    none("instance_id", TEXT),
    none("assigned_partitions", Map(&ANY)),
    none("partitions_per_instance max_consuming_bytes", SIZE),
    none("consume_cycle_duration", SPAN),
    none("block", Block(&[none("max_block_bytes", SIZE), Row::Of(super::storage::BLOCK)])),
    none("wal", Block(WAL)),
];

pub(super) const BACKEND_SCHEDULER: &[Row] = &[
    // Jobs are not handed to other processes, so nothing of them is stored.
    none("work", Block(&[none("prune_age dead_job_timeout", SPAN)])),
    none("maintenance_interval backend_flush_interval job_timeout", SPAN),
    served("provider", Block(PROVIDER)),
    none("local_work_path", TEXT),
];

const PROVIDER: &[Row] = &[
    served("retention", Block(&[served("interval", SPAN)])),
    served("compaction", Block(PROVIDER_COMPACTION)),
    later(
        "redaction",
        Block(&[
            served("poll_interval rescan_delay", SPAN),
            served("max_rescan_generations", SIZE),
        ]),
    ),
];

const PROVIDER_COMPACTION: &[Row] = &[
    served("compaction", Block(COMPACTION)),
    served("min_cycle_interval", SPAN),
    served("max_jobs_per_tenant min_input_blocks max_input_blocks max_compaction_level", SIZE),
    // Measured with every plan.
    none("measure_interval", SPAN),
];

pub(super) const BACKEND_WORKER: &[Row] = &[
    none("backend_scheduler_addr override_ring_key", TEXT),
    none("backoff", Block(shared::BACKOFF)),
    served("compaction", Block(COMPACTION)),
    none("ring", Block(shared::RING)),
    none("finish_on_shutdown_timeout", SPAN),
];

pub(super) const INGEST: &[Row] = &[none("enabled", BOOL), none("kafka", Block(KAFKA))];

/// Tempo's internal log between microservices; there is none in one process.
pub(super) const KAFKA: &[Row] = &[
    none("address topic client_id client_rack", TEXT),
    none("sasl_mechanism sasl_username sasl_password", TEXT),
    none("sasl_oauthbearer_token sasl_oauthbearer_zid sasl_oauthbearer_extensions", ANY),
    none("sasl_oauthbearer_file_path sasl_oauthbearer_token_file", TEXT),
    none("sasl_msk_iam_region sasl_msk_iam_access_key sasl_msk_iam_secret_key", TEXT),
    none("sasl_msk_iam_session_token sasl_msk_iam_profile sasl_msk_iam_role_arn", TEXT),
    none("consumer_group producer_compression", TEXT),
    none("dial_timeout write_timeout consumer_group_offset_commit_interval", SPAN),
    none("last_produced_offset_retry_timeout target_consumer_lag_at_startup", SPAN),
    none("max_consumer_lag_at_startup consumer_group_lag_metric_update_interval", SPAN),
    none("auto_create_topic_enabled disable_kafka_telemetry", BOOL),
    none("auto_create_topic_default_partitions", INT),
    none("producer_max_record_size_bytes producer_max_buffered_bytes", SIZE),
    Row::Of(shared::CLIENT_TLS),
];
