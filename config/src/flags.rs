//! Every command-line flag that stands for a key, as one table (config.md §1).
//!
//! A flag's type is its key's type in [`crate::known_keys`]. Every key under `storage.trace` and
//! `stringendo` has a flag of its own name too.

use crate::known_keys::{Shape, known_keys};
use crate::value::Kind;

/// A flag.
#[derive(Clone, Debug)]
pub struct Flag {
    /// Name without dashes.
    pub name: String,
    /// Path of the key that it sets; empty if it has no effect.
    pub path: String,
    /// What it takes.
    pub shape: Shape,
    /// Heading of `--help` that it stands under; empty hides it.
    pub heading: &'static str,
    /// One line of help, with the default.
    pub help: &'static str,
}

const API: &str = "API and logs";
const INGEST: &str = "Spans on the way in";
const STORE: &str = "Storage";
const OWN: &str = "Stringendo's own";
const HIDDEN: &str = "";

/// Name, key, heading, help.
type Row = (&'static str, &'static str, &'static str, &'static str);

const KEYS: &[Row] = &[
    ("target", "target", API, "What to run: all, or backend-worker [default: all]"),
    ("multitenancy.enabled", "multitenancy_enabled", API, "Demand a tenant in every request"),
    ("auth.enabled", "multitenancy_enabled", HIDDEN, "Old name of -multitenancy.enabled"),
    ("http-api-prefix", "http_api_prefix", API, "Put before every API path"),
    (
        "shutdown-delay",
        "shutdown_delay",
        API,
        "Not ready for so long before stopping [default: 0s]",
    ),
    ("log.level", "server.log_level", API, "debug, info, warn or error [default: info]"),
    ("log.format", "server.log_format", API, "logfmt or json [default: logfmt]"),
    ("server.http-listen-address", "server.http_listen_address", API, "Address of the HTTP API"),
    (
        "server.http-listen-port",
        "server.http_listen_port",
        API,
        "Port of the HTTP API [default: 3200]",
    ),
    ("server.grpc-listen-address", "server.grpc_listen_address", API, "Address of the gRPC API"),
    (
        "server.grpc-listen-port",
        "server.grpc_listen_port",
        API,
        "Port of the gRPC API [default: 9095]",
    ),
    (
        "server.path-prefix",
        "server.http_path_prefix",
        API,
        "Put before every path of the HTTP port",
    ),
    (
        "distributor.ingestion-rate-limit-bytes",
        "overrides.defaults.ingestion.rate_limit_bytes",
        INGEST,
        "Bytes per second that a tenant may send [default: 30000000]",
    ),
    (
        "distributor.ingestion-burst-size-bytes",
        "overrides.defaults.ingestion.burst_size_bytes",
        INGEST,
        "Bytes that a tenant may send at once [default: 30000000]",
    ),
    (
        "distributor.rate-limit-strategy",
        "overrides.defaults.ingestion.rate_strategy",
        INGEST,
        "local or global [default: local]",
    ),
    (
        "ingester.max-traces-per-user",
        "overrides.defaults.ingestion.max_traces_per_user",
        INGEST,
        "Live traces of a tenant; 0 is no limit [default: 10000]",
    ),
    (
        "ingester.max-global-traces-per-user",
        "overrides.defaults.ingestion.max_global_traces_per_user",
        HIDDEN,
        "",
    ),
    (
        "ingester.max-bytes-per-trace",
        "overrides.defaults.global.max_bytes_per_trace",
        INGEST,
        "Bytes of one trace; 0 is no limit [default: 5000000]",
    ),
    (
        "ingester.trace-idle-period",
        "ingester.trace_idle_period",
        INGEST,
        "A trace is complete after so long without spans [default: 5s]",
    ),
    (
        "ingester.max-block-duration",
        "ingester.max_block_duration",
        INGEST,
        "Age at which live data becomes a block [default: 30s]",
    ),
    (
        "ingester.max-block-bytes",
        "ingester.max_block_bytes",
        INGEST,
        "Bytes at which live data becomes a block [default: 52428800]",
    ),
    (
        "ingester.complete-block-timeout",
        "ingester.complete_block_timeout",
        INGEST,
        "Flushed data stays at hand for so long [default: 20m]",
    ),
    ("ingester.availability-zone", "ingester.availability_zone", HIDDEN, ""),
    (
        "distributor.log-received-spans.enabled",
        "distributor.log_received_spans.enabled",
        INGEST,
        "Log a line for every span received",
    ),
    (
        "distributor.log-received-spans.include-attributes",
        "distributor.log_received_spans.include_all_attributes",
        HIDDEN,
        "",
    ),
    (
        "distributor.log-received-spans.filter-by-status-error",
        "distributor.log_received_spans.filter_by_status_error",
        HIDDEN,
        "",
    ),
    (
        "distributor.log-discarded-spans.enabled",
        "distributor.log_discarded_spans.enabled",
        INGEST,
        "Log a line for every span refused",
    ),
    (
        "distributor.log-discarded-spans.include-attributes",
        "distributor.log_discarded_spans.include_all_attributes",
        HIDDEN,
        "",
    ),
    (
        "distributor.log-discarded-spans.filter-by-status-error",
        "distributor.log_discarded_spans.filter_by_status_error",
        HIDDEN,
        "",
    ),
    ("memberlist.host-port", "memberlist.join_members", HIDDEN, ""),
    ("memberlist.bind-port", "memberlist.bind_port", HIDDEN, ""),
    (
        "memberlist.message-history-buffer-bytes",
        "memberlist.message_history_buffer_bytes",
        HIDDEN,
        "",
    ),
    (
        "compactor.compaction.block-retention",
        "compactor.compaction.block_retention",
        STORE,
        "Age at which blocks expire [default: 336h]",
    ),
    (
        "compactor.compaction.max-objects-per-block",
        "compactor.compaction.max_compaction_objects",
        STORE,
        "Most traces of a merged block [default: 6000000]",
    ),
    (
        "compactor.compaction.max-block-bytes",
        "compactor.compaction.max_block_bytes",
        STORE,
        "Most bytes of a merged block [default: 107374182400]",
    ),
    (
        "compactor.compaction.compaction-window",
        "compactor.compaction.compaction_window",
        STORE,
        "Blocks that end in the same window are merged [default: 1h]",
    ),
    ("compactor.disabled", "compactor.disabled", STORE, "Neither merge nor delete blocks"),
    (
        "querier.max-bytes-per-tag-values-query",
        "overrides.defaults.read.max_bytes_per_tag_values_query",
        HIDDEN,
        "",
    ),
    (
        "querier.max-blocks-per-tag-values-query",
        "overrides.defaults.read.max_blocks_per_tag_values_query",
        HIDDEN,
        "",
    ),
    (
        "querier.max-condition-groups-per-tag-query",
        "overrides.defaults.read.max_condition_groups_per_tag_query",
        HIDDEN,
        "",
    ),
    (
        "metrics-generator.native-histogram-bucket-factor",
        "overrides.defaults.metrics_generator.native_histogram_bucket_factor",
        HIDDEN,
        "",
    ),
    (
        "metrics-generator.native-histogram-max-bucket-number",
        "overrides.defaults.metrics_generator.native_histogram_max_bucket_number",
        HIDDEN,
        "",
    ),
    (
        "metrics-generator.native-histogram-min-reset-duration",
        "overrides.defaults.metrics_generator.native_histogram_min_reset_duration",
        HIDDEN,
        "",
    ),
    ("query-frontend.mcp-server.enabled", "query_frontend.mcp_server.enabled", HIDDEN, ""),
    ("config.per-user-override-config", "overrides.per_tenant_override_config", HIDDEN, ""),
    ("config.per-user-override-period", "overrides.per_tenant_override_period", HIDDEN, ""),
    ("config.enable-legacy-overrides", "overrides.enable_legacy_overrides", HIDDEN, ""),
    ("enable-go-runtime-metrics", "enable_go_runtime_metrics", HIDDEN, ""),
    ("span-profiling", "span_profiling", HIDDEN, ""),
    ("reporting.enabled", "usage_report.reporting_enabled", HIDDEN, ""),
    ("mem-ballast-size-mbs", "mem_ballast_size_mbs", HIDDEN, ""),
    ("search.enabled", "search_enabled", HIDDEN, ""),
    ("metrics-generator.enabled", "metrics_generator_enabled", HIDDEN, ""),
];

/// Flags without a key and without effect.
const IGNORED: [(&str, Kind); 2] =
    [("mutex-profile-fraction", Kind::Int), ("block-profile-threshold", Kind::Int)];

/// Help of flags that bear their key's own name.
const NAMED_HELP: &[(&str, &str, &str)] = &[
    ("storage.trace.backend", STORE, "Where blocks live: local, s3, gcs or azure"),
    ("storage.trace.local.path", STORE, "Directory of blocks"),
    ("storage.trace.wal.path", STORE, "Directory of the write-ahead log [default: /var/tempo/wal]"),
    ("storage.trace.blocklist_poll", STORE, "How often the block list is read [default: 5m]"),
    ("stringendo.cores", OWN, "Shards; 0 is one per processor [default: 0]"),
    ("stringendo.pin_cores", OWN, "Pin each shard to a processor [default: true]"),
    (
        "stringendo.memory_budget_per_core_bytes",
        OWN,
        "Memory of a shard, bytes; ingest is refused beyond [default: 536870912]",
    ),
    ("stringendo.query.max_read_bytes", OWN, "Bytes that a query may read; 0 is any [default: 0]"),
    (
        "stringendo.compaction.max_concurrent_jobs",
        OWN,
        "Blocks that are merged at a time; 0 is one per core [default: 0]",
    ),
    (
        "stringendo.compaction.max_bytes_per_second",
        OWN,
        "Bytes of blocks read for merging; 0 is any [default: 0]",
    ),
    (
        "stringendo.retention.max_bytes_per_tenant",
        OWN,
        "Bytes of blocks that a tenant keeps; 0 is any [default: 0]",
    ),
    (
        "stringendo.retention.min_free_disk_bytes",
        OWN,
        "Bytes that blocks leave free on their disk; 0 is none [default: 0]",
    ),
    (
        "stringendo.wal.durability",
        OWN,
        "What an acknowledgement promises: sync, interval or os [default: sync]",
    ),
    ("stringendo.wal.interval", OWN, "Time between syncs of `interval` [default: 100ms]"),
    ("stringendo.wal.segment_size_bytes", OWN, "Bytes of a log segment [default: 67108864]"),
];

/// The whole table.
#[must_use]
pub fn flags() -> Vec<Flag> {
    let keys = known_keys();
    let shape_of = |path: &str| keys.iter().find(|key| key.path == path).map(|key| key.shape);
    let mut flags: Vec<Flag> = KEYS
        .iter()
        .map(|(name, path, heading, help)| Flag {
            name: (*name).to_owned(),
            path: (*path).to_owned(),
            shape: shape_of(path).unwrap_or(Shape::One(Kind::Text)),
            heading,
            help,
        })
        .collect();
    flags.extend(IGNORED.map(|(name, kind)| Flag {
        name: name.to_owned(),
        path: String::new(),
        shape: Shape::One(kind),
        heading: HIDDEN,
        help: "",
    }));
    let own_name =
        |path: &str| path.starts_with("storage.trace.") || path.starts_with("stringendo.");
    flags.extend(
        keys.iter()
            .filter(|key| own_name(&key.path) && !key.path.contains(['*', '[', '-']))
            .filter(|key| matches!(key.shape, Shape::One(_) | Shape::Word(_)))
            .map(|key| named(&key.path, key.shape)),
    );
    flags
}

fn named(path: &str, shape: Shape) -> Flag {
    let help = NAMED_HELP.iter().find(|(known, _, _)| *known == path);
    let (heading, help) = help.map_or((HIDDEN, ""), |(_, heading, help)| (*heading, *help));
    Flag { name: path.to_owned(), path: path.to_owned(), shape, heading, help }
}
