//! Every family that is exposed, by contract metrics.md Part B.

use super::{Family, Kind};

const REQUEST_BUCKETS: &[f64] =
    &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0];
const SECONDS_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
const CACHE_BUCKETS: &[f64] =
    &[0.000016, 0.000064, 0.000256, 0.001024, 0.004096, 0.016384, 0.065536, 0.262144];
const BYTES_BUCKETS: &[f64] =
    &[1_048_576.0, 4_194_304.0, 16_777_216.0, 67_108_864.0, 268_435_456.0, 1_073_741_824.0];
const BATCH_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

const JOB_BUCKETS: &[f64] = &[0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0];

macro_rules! families {
    ($(
        $(#[$doc:meta])*
        $ident:ident = $name:literal, $kind:expr, [$($label:literal),*], $help:literal;
    )*) => {
        $(
            #[doc = $help]
            pub static $ident: Family =
                Family { name: $name, help: $help, kind: $kind, labels: &[$($label),*] };
        )*
        /// All of them, for exposition and tests.
        pub static ALL: &[&Family] = &[$(&$ident),*];
    };
}

families! {
    REQUEST_DURATION = "tempo_request_duration_seconds", Kind::Histogram(REQUEST_BUCKETS),
        ["method", "route", "status_code", "ws"], "Time (in seconds) spent serving HTTP requests.";
    INFLIGHT_REQUESTS = "tempo_inflight_requests", Kind::Gauge, ["method", "route"],
        "Current number of inflight requests.";
    SPANS_RECEIVED = "tempo_distributor_spans_received_total", Kind::Counter, ["tenant"],
        "The total number of spans received per tenant";
    BYTES_RECEIVED = "tempo_distributor_bytes_received_total", Kind::Counter, ["tenant"],
        "The total number of proto bytes received per tenant";
    INGRESS_BYTES = "tempo_distributor_ingress_bytes_total", Kind::Counter, ["tenant"],
        "The total number of bytes received per tenant before limits";
    DISCARDED_SPANS = "tempo_discarded_spans_total", Kind::Counter, ["reason", "tenant"],
        "The total number of samples that were discarded.";
    ATTRIBUTES_TRUNCATED = "tempo_distributor_attributes_truncated_total", Kind::Counter,
        ["tenant", "scope"], "The total number of attribute keys or values truncated per tenant";
    TRACES_PER_BATCH = "tempo_distributor_traces_per_batch", Kind::Histogram(BATCH_BUCKETS), [],
        "The number of traces in each batch";
    PUSH_DURATION = "tempo_distributor_push_duration_seconds", Kind::Histogram(SECONDS_BUCKETS), [],
        "Time spent from the decoded batch to its durable acknowledgement";
    ADDED_LATENCY = "tempo_distributor_added_latency_seconds", Kind::Histogram(SECONDS_BUCKETS),
        ["tenant"], "Time that requests were held back to take as long as they are to take.";
    ACCEPTED_SPANS = "tempo_receiver_accepted_spans", Kind::Counter, ["receiver", "transport"],
        "Number of spans successfully pushed into the pipeline.";
    REFUSED_SPANS = "tempo_receiver_refused_spans", Kind::Counter, ["receiver", "transport"],
        "Number of spans that could not be pushed into the pipeline.";
    REFUSED_REQUESTS = "stringendo_receiver_refused_requests_total", Kind::Counter,
        ["receiver", "transport", "reason"], "Requests that were refused, by reason.";
    LIVE_TRACES = "tempo_ingester_live_traces", Kind::Gauge, ["tenant"],
        "The current number of live traces per tenant.";
    LIVE_TRACE_BYTES = "tempo_ingester_live_trace_bytes", Kind::Gauge, ["tenant"],
        "The current number of bytes consumed by live traces per tenant.";
    TRACES_CREATED = "tempo_ingester_traces_created_total", Kind::Counter, ["tenant"],
        "The total number of traces created per tenant.";
    INGESTER_BYTES = "tempo_ingester_bytes_received_total", Kind::Counter, ["tenant", "data_type"],
        "The total bytes received per tenant and data type.";
    BLOCKS_FLUSHED = "tempo_ingester_blocks_flushed_total", Kind::Counter, [],
        "The total number of blocks flushed.";
    BLOCKS_CLEARED = "tempo_ingester_blocks_cleared_total", Kind::Counter, [],
        "The total number of segments whose blocks are durable and whose memory was given back.";
    FAILED_FLUSHES = "tempo_ingester_failed_flushes_total", Kind::Counter, [],
        "The total number of failed block flushes.";
    FLUSH_FAILURES_ALIAS = "tempo_ingester_flush_failures_total", Kind::Counter, [],
        "The total number of failed block flushes (name of users' documents).";
    FLUSH_RETRIES = "tempo_ingester_flush_retries_total", Kind::Counter, [],
        "The total number of retries after a failed flush.";
    FLUSH_FAILED_RETRIES = "tempo_ingester_flush_failed_retries_total", Kind::Counter, [],
        "The total number of retries that failed again.";
    FLUSH_DURATION = "tempo_ingester_flush_duration_seconds", Kind::Histogram(SECONDS_BUCKETS), [],
        "Time from the sealed segment to its durable block.";
    FLUSH_SIZE = "tempo_ingester_flush_size_bytes", Kind::Histogram(BYTES_BUCKETS), [],
        "Size in bytes of flushed blocks.";
    FLUSH_QUEUE = "tempo_ingester_flush_queue_length", Kind::Gauge, [],
        "Sealed segments that wait for their block.";
    REPLAY_ERRORS = "tempo_ingester_replay_errors_total", Kind::Counter, ["tenant"],
        "The total number of damaged parts met while the log was replayed.";
    BLOCKLIST_LENGTH = "tempodb_blocklist_length", Kind::Gauge, ["tenant"],
        "Number of blocks per tenant.";
    BLOCKLIST_LENGTH_ALIAS = "tempo_compactor_blocks_total", Kind::Gauge, ["tenant"],
        "Number of blocks per tenant (name of users' documents).";
    BLOCKLIST_POLL_ERRORS = "tempodb_blocklist_poll_errors_total", Kind::Counter, ["tenant"],
        "Errors met while polling the list of blocks.";
    BLOCKLIST_SKIPPED = "stringendo_blocklist_skipped_blocks_total", Kind::Counter,
        ["tenant", "reason"], "Blocks that are left out of the list, by reason, each counted once.";
    DAMAGED_BLOCKS = "stringendo_damaged_blocks", Kind::Gauge, ["tenant", "reason"],
        "Blocks that are known to be damaged.";
    DAMAGED_READS = "stringendo_damaged_block_reads_total", Kind::Counter, ["tenant", "reason"],
        "How often a query, or compaction, could not read a block since it is damaged.";
    EMPTY_TENANTS_DELETED = "stringendo_empty_tenants_deleted_total", Kind::Counter, [],
        "Tenants without blocks of which what was left was deleted.";
    BLOCKLIST_POLL_DURATION = "tempodb_blocklist_poll_duration_seconds",
        Kind::Histogram(SECONDS_BUCKETS), [], "Time to read the list of blocks.";
    BACKEND_BYTES = "tempodb_backend_bytes_total", Kind::Gauge, ["tenant", "status"],
        "Total number of bytes in the backend.";
    BACKEND_OBJECTS = "tempodb_backend_objects_total", Kind::Gauge, ["tenant", "status"],
        "Total number of objects (traces) in the backend.";
    COMPACTION_BLOCKS = "tempodb_compaction_blocks_total", Kind::Counter, ["level"],
        "Total number of blocks compacted.";
    COMPACTION_BLOCKS_ALIAS = "tempo_compactor_blocks_compacted_total", Kind::Counter, [],
        "Total number of blocks compacted (name of users' documents).";
    COMPACTION_OBJECTS = "tempodb_compaction_objects_written_total", Kind::Counter, ["level"],
        "Total number of objects (traces) written to backend during compaction.";
    COMPACTION_BYTES = "tempodb_compaction_bytes_written_total", Kind::Counter, ["level"],
        "Total number of bytes written to backend during compaction.";
    COMPACTION_COMBINED = "tempodb_compaction_objects_combined_total", Kind::Counter, ["level"],
        "Total number of objects (traces) combined during compaction.";
    COMPACTION_DEDUPED = "tempodb_compaction_spans_deduped_total", Kind::Counter,
        ["replication_factor"], "Spans that several inputs had, but for one of each.";
    COMPACTION_DEDUPED_ALIAS = "tempodb_compaction_spans_combined_total", Kind::Counter,
        ["replication_factor"], "The same by its older name.";
    COMPACTION_ERRORS = "tempodb_compaction_errors_total", Kind::Counter, [],
        "Total number of errors occurring during compaction.";
    COMPACTION_FAILURES = "stringendo_compaction_failures_total", Kind::Counter, ["reason"],
        "Jobs of compaction that came to nothing, by reason.";
    COMPACTION_KEEPER = "stringendo_compaction_keeper", Kind::Gauge, [],
        "Whether this server merges and deletes blocks; of those with one bucket, one does.";
    COMPACTION_OUTSTANDING = "tempodb_compaction_outstanding_blocks", Kind::Gauge, ["tenant"],
        "Number of blocks remaining to be compacted before next maintenance cycle";
    COMPACTION_OUTSTANDING_ALIAS = "tempo_compactor_outstanding_blocks", Kind::Gauge, ["tenant"],
        "Number of blocks remaining to be compacted (name of users' documents).";
    COMPACTION_OUTPUT_SIZE = "tempodb_compaction_output_block_size_bytes",
        Kind::Histogram(BYTES_BUCKETS), [], "Size in bytes of merged blocks.";
    COMPACTION_DURATION_ALIAS = "tempo_compactor_compaction_duration_seconds",
        Kind::Histogram(JOB_BUCKETS), [], "Time of one compaction (name of users' documents).";
    RETENTION_DURATION = "tempodb_retention_duration_seconds", Kind::Histogram(JOB_BUCKETS), [],
        "Records the amount of time to perform retention tasks.";
    RETENTION_ERRORS = "tempodb_retention_errors_total", Kind::Counter, [],
        "Total number of times an error occurred while performing retention tasks.";
    RETENTION_FAILURES = "stringendo_retention_failures_total", Kind::Counter, ["reason"],
        "Steps of retention that failed, by reason; they are tried again.";
    RETENTION_MARKED = "tempodb_retention_marked_for_deletion_total", Kind::Counter, [],
        "Total number of blocks marked for deletion.";
    RETENTION_EXPIRED = "stringendo_retention_expired_blocks_total", Kind::Counter,
        ["tenant", "reason"], "Blocks that expired, by reason.";
    RETENTION_DELETED = "tempodb_retention_deleted_total", Kind::Counter, [],
        "Total number of blocks deleted.";
    JOBS_CREATED = "tempo_backend_scheduler_jobs_created_total", Kind::Counter,
        ["tenant", "job_type"], "Total number of jobs created.";
    COMPACTION_JOBS_CREATED = "tempo_backend_scheduler_compaction_jobs_created_total",
        Kind::Counter, ["tenant"], "Total number of compaction jobs created.";
    JOBS_COMPLETED = "tempo_backend_scheduler_jobs_completed_total", Kind::Counter,
        ["tenant", "job_type"], "Total number of jobs completed successfully.";
    JOBS_FAILED = "tempo_backend_scheduler_jobs_failed_total", Kind::Counter,
        ["tenant", "job_type"], "Total number of jobs that failed.";
    JOBS_DROPPED = "tempo_backend_scheduler_jobs_dropped_total", Kind::Counter,
        ["tenant", "job_type"], "Total number of jobs dropped, since their blocks are gone.";
    JOBS_ACTIVE = "tempo_backend_scheduler_jobs_active", Kind::Gauge, [],
        "Number of jobs under way.";
    JOBS_PENDING = "tempo_backend_scheduler_jobs_pending", Kind::Gauge, [],
        "Number of jobs that are planned and not begun.";
    JOB_DURATION = "tempo_backend_scheduler_job_duration_seconds", Kind::Histogram(JOB_BUCKETS),
        ["job_type"], "Time of jobs.";
    WORKER_JOBS = "tempo_backend_worker_jobs_total", Kind::Counter, [],
        "Total number of jobs worked on.";
    TENANT_INDEX_ERRORS = "tempodb_blocklist_tenant_index_errors_total", Kind::Counter,
        ["tenant"], "Errors met while reading or writing a tenant index.";
    TENANT_INDEX_BUILDER = "tempodb_blocklist_tenant_index_builder", Kind::Gauge, ["tenant"],
        "Whether this process writes the tenant index.";
    TENANT_INDEX_AGE = "tempodb_blocklist_tenant_index_age_seconds", Kind::Gauge, ["tenant"],
        "Age of the tenant index that was last read or written, as of the last poll.";
    BACKEND_REQUESTS = "tempodb_backend_request_duration_seconds",
        Kind::Histogram(&stringendo_store::BOUNDS_SECONDS), ["operation", "status_code"],
        "Time until an object store answers a request.";
    BACKEND_HEDGED = "tempodb_backend_hedged_roundtrips_total", Kind::Counter, [],
        "Reads that were asked for once more because they took long.";
    QUERIES = "tempo_query_frontend_queries_total", Kind::Counter, ["tenant", "op", "result"],
        "Total queries received per tenant.";
    FILTERS_ASKED = "stringendo_block_filters_asked_total", Kind::Counter, ["outcome"],
        "Blocks whose own filters a query asked: those it skipped, and those it had to read.";
    FILTERS_WITHOUT = "stringendo_block_filters_absent_total", Kind::Counter, ["reason"],
        "Blocks whose own filters were missing or unusable when a query asked for them.";
    FILTERS_REBUILT = "stringendo_block_filters_rebuilt_total", Kind::Counter, ["outcome"],
        "Blocks for which filters were made again.";
    REFUSED_QUERIES = "stringendo_query_parts_refused_total", Kind::Counter, ["reason"],
        "Parts of queries that were refused for want of memory.";
    CANCELLED_PARTS = "stringendo_query_parts_cancelled_total", Kind::Counter, [],
        "Parts of queries that were given up because nobody waits for them any more.";
    BYTES_INSPECTED = "tempo_query_frontend_bytes_inspected_total", Kind::Counter, ["tenant", "op"],
        "Bytes looked at by queries.";
    CACHE_REQUESTS = "tempodb_cache_requests_total", Kind::Counter, ["role", "outcome"],
        "Questions to caches outside the process.";
    CACHE_REQUEST_BYTES = "tempodb_cache_request_bytes_total", Kind::Counter, ["role", "outcome"],
        "Bytes that caches outside the process answered.";
    CACHE_VALUES_WRONG = "stringendo_cache_wrong_values_total", Kind::Counter, ["role"],
        "Values of caches outside the process that are not what was written, and not used.";
    MEMCACHE_DURATION = "tempo_memcache_request_duration_seconds",
        Kind::Histogram(CACHE_BUCKETS), ["method", "status_code", "name"],
        "Total time spent in seconds doing memcache requests.";
    REDIS_DURATION = "tempo_rediscache_request_duration_seconds",
        Kind::Histogram(CACHE_BUCKETS), ["method", "status_code", "name"],
        "Total time spent in seconds doing Redis requests.";
    MEMCACHE_SERVERS = "tempo_memcache_client_servers", Kind::Gauge, ["name"],
        "The number of memcache servers discovered.";
    CACHE_WRITES_WAITING = "tempo_cache_background_queue_length", Kind::Gauge, ["name"],
        "Length of the cache background writeback queue.";
    CACHE_WRITES_DROPPED = "tempo_cache_dropped_background_writes_total", Kind::Counter, ["name"],
        "Total count of dropped write backs to cache.";
    RELOAD_SUCCESSFUL = "tempo_runtime_config_last_reload_successful", Kind::Gauge, [],
        "Whether the last reload of the overrides file was successful.";
    RUNTIME_CONFIG_HASH = "tempo_runtime_config_hash", Kind::Gauge, ["sha256"],
        "Hash of the overrides file that limits come from.";
    USER_LIMITS_RELOAD_FAILED =
        "tempo_overrides_user_configurable_overrides_reload_failed_total", Kind::Counter, [],
        "How often reading the user-configurable overrides again failed.";
    USER_LIMITS_LIST = "tempo_overrides_user_configurable_overrides_list_total", Kind::Counter, [],
        "How often tenants with user-configurable overrides were listed.";
    USER_LIMITS_FETCH = "tempo_overrides_user_configurable_overrides_fetch_total", Kind::Counter,
        [], "How often user-configurable overrides of a tenant were fetched.";
    USER_LIMITS_FETCH_FAILED =
        "tempo_overrides_user_configurable_overrides_fetch_failed_total", Kind::Counter, [],
        "How often user-configurable overrides of a tenant could not be fetched.";
    LIMITS_DEFAULTS = "tempo_limits_defaults", Kind::Gauge, ["limit_name"],
        "Default resource limits";
    LIMITS_OVERRIDES = "tempo_limits_overrides", Kind::Gauge, ["limit_name", "user"],
        "Resource limit overrides applied to tenants";
    WAL_BYTES = "stringendo_wal_bytes_total", Kind::Counter, [],
        "Bytes written to the log, padding included.";
    WAL_GROUPS = "stringendo_wal_groups_total", Kind::Counter, [], "Groups committed to the log.";
    WAL_COMMIT = "stringendo_wal_commit_duration_seconds", Kind::Histogram(SECONDS_BUCKETS), [],
        "Time of one group's write and sync.";
    MEMORY_USED = "stringendo_memory_used_bytes", Kind::Gauge, ["use"],
        "Accounted memory by what holds it, all cores.";
    MEMORY_BUDGET = "stringendo_memory_budget_bytes", Kind::Gauge, [],
        "Budget of all cores together.";
}
