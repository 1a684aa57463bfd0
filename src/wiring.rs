//! From the configuration to what each crate needs of it.
//!
//! Values only: the one question to the system is which addresses can be bound
//! ([`crate::addresses`]).

use std::io;
use std::time::Duration;

use regex::RegexSet;
use stringendo_block::Version;
use stringendo_block::meta::{self, DedicatedOption, DedicatedScope, DedicatedType};
use stringendo_config::Endpoint;
use stringendo_config::settings::{
    self as config, BlockVersion, ColumnScope, ColumnType, DedicatedColumn, Settings, Target,
};
use stringendo_engine::admission::DiscardLog;
use stringendo_engine::compaction::plan::Rules;
use stringendo_engine::outer_cache::OuterCacheSettings;
use stringendo_engine::settings::{
    BackendSettings, BlockSettings, CompactionSettings, PollSettings, RetentionSettings,
};
use stringendo_engine::{Durability, EngineSettings};
use stringendo_net::{
    ApiSettings, Cors, GrpcReceiver, HttpReceiver, MetricsSettings, QueryGrpc, ReceiverSettings,
    SearchSettings, SpanLog, StatusPages, TenantSettings,
};

use crate::addresses::to_bind;
use crate::build_info::build_info;
use crate::outer_caches;
use crate::tenant_limits;

/// For the engine, with blocks at `backend`.
///
/// # Errors
/// The overrides file cannot be taken, or settings of a store or cache do not fit.
pub fn engine(settings: &Settings, backend: BackendSettings) -> Result<EngineSettings, String> {
    let trace = &settings.storage.trace;
    Ok(EngineSettings {
        wal_path: settings.stringendo.wal.path.clone(),
        backend,
        poll: poll(&trace.poll),
        durability: durability(&settings.stringendo.wal),
        segment_bytes: settings.stringendo.wal.segment_size_bytes,
        budget_bytes_per_core: settings.stringendo.memory_budget_per_core_bytes,
        block_bytes_max: settings.live_store.max_block_bytes,
        block_age_max: settings.live_store.max_block_duration,
        retry_after: retry_after(settings),
        trace_idle: settings.live_store.max_trace_idle,
        limits: tenant_limits::source(settings)?,
        discard_log: discard_log(settings),
        user_limits: tenant_limits::of_users(settings)?,
        blocklist_poll: trace.blocklist_poll,
        query_bytes_max: settings.stringendo.query.max_read_bytes,
        block: block(&trace.block),
        compaction: compaction(settings),
        retention: retention(settings),
        // Queries ask them, merging does not.
        outer_caches: match settings.target {
            Target::All => outer_caches::settings(&settings.cache)?,
            Target::BackendWorker => OuterCacheSettings::default(),
        },
    })
}

fn compaction(settings: &Settings) -> CompactionSettings {
    let jobs = &settings.backend_scheduler.provider.compaction;
    let own = &settings.stringendo.compaction;
    CompactionSettings {
        disabled: settings.compactor.disabled,
        alone: settings.target == Target::BackendWorker,
        rules: Rules {
            window: jobs.compaction.compaction_window,
            inputs_min: usize_of(jobs.min_input_blocks),
            inputs_max: usize_of(jobs.max_input_blocks),
            objects_max: jobs.compaction.max_compaction_objects,
            bytes_max: jobs.compaction.max_block_bytes,
            level_max: u32::try_from(jobs.max_compaction_level).unwrap_or(u32::MAX),
        },
        cycle: jobs.min_cycle_interval,
        tenant_jobs_max: usize_of(jobs.max_jobs_per_tenant),
        jobs_max: own.max_concurrent_jobs,
        bytes_per_second: own.max_bytes_per_second,
    }
}

fn retention(settings: &Settings) -> RetentionSettings {
    let provider = &settings.backend_scheduler.provider;
    let (kept, own) = (&provider.compaction.compaction, &settings.stringendo.retention);
    RetentionSettings {
        block_retention: kept.block_retention,
        compacted_retention: kept.compacted_block_retention,
        interval: provider.retention.interval,
        concurrency: usize_of(kept.retention_concurrency),
        tenant_bytes_max: own.max_bytes_per_tenant,
        free_disk_bytes_min: own.min_free_disk_bytes,
    }
}

fn poll(poll: &config::BlocklistPoll) -> PollSettings {
    PollSettings {
        tenants_at_once: usize_of(poll.blocklist_poll_tenant_concurrency),
        metas_at_once: usize_of(poll.blocklist_poll_concurrency),
        writes_index: poll.blocklist_poll_tenant_index_builders > 0,
        falls_back: poll.blocklist_poll_fallback,
        index_age_max: Some(poll.blocklist_poll_stale_tenant_index).filter(|age| !age.is_zero()),
        jitter_max: Duration::from_millis(poll.blocklist_poll_jitter_ms),
        tenant_retries_max: usize_of(poll.blocklist_poll_tolerate_consecutive_errors),
        failed_tenants_max: usize_of(poll.blocklist_poll_tolerate_tenant_failures),
        empty_tenant_age: poll
            .empty_tenant_deletion_enabled
            .then_some(poll.empty_tenant_deletion_age),
    }
}

fn durability(wal: &config::Wal) -> Durability {
    match wal.durability {
        config::Durability::Sync => Durability::Sync,
        config::Durability::Interval => Durability::Interval(wal.interval),
        config::Durability::Os => Durability::Os,
    }
}

/// Spans that limits of traces drop are logged as those of refused requests.
fn discard_log(settings: &Settings) -> DiscardLog {
    let log = span_log(&settings.distributor.log_discarded_spans);
    match log.enabled {
        true => DiscardLog::to(move |tenant, batch| {
            stringendo_net::span_log::log_discarded(&log, tenant.as_str(), batch);
        }),
        false => DiscardLog::default(),
    }
}

fn retry_after(settings: &Settings) -> Option<Duration> {
    let hint = settings.distributor.retry_after_on_resource_exhausted;
    (!hint.is_zero()).then_some(hint)
}

fn block(block: &config::Block) -> BlockSettings {
    BlockSettings {
        version: match block.version {
            BlockVersion::VParquet4 => Version::V4,
            BlockVersion::VParquet5 => Version::V5,
        },
        dedicated_columns: block.parquet_dedicated_columns.iter().map(dedicated_column).collect(),
        bloom_false_positive: block.bloom_filter_false_positive,
        bloom_shard_bytes: usize_of(block.bloom_filter_shard_size_bytes),
        row_group_bytes: block.parquet_row_group_size_bytes,
    }
}

/// An attribute with a column of its own, as blocks have it.
pub fn dedicated_column(column: &DedicatedColumn) -> meta::DedicatedColumn {
    let options = [(column.array, DedicatedOption::Array), (column.blob, DedicatedOption::Blob)];
    meta::DedicatedColumn {
        scope: match column.scope {
            ColumnScope::Resource => DedicatedScope::Resource,
            ColumnScope::Span => DedicatedScope::Span,
            ColumnScope::Event => DedicatedScope::Event,
        },
        name: column.name.clone(),
        kind: match column.column_type {
            ColumnType::String => DedicatedType::String,
            ColumnType::Int => DedicatedType::Int,
        },
        options: options.into_iter().filter_map(|(on, option)| on.then_some(option)).collect(),
    }
}

/// For the API's listener.
///
/// # Errors
/// When its address cannot be bound.
pub fn api(settings: &Settings, cores: u16) -> io::Result<ApiSettings> {
    let server = &settings.server;
    let head = server.http_server_read_header_timeout;
    Ok(ApiSettings {
        addresses: to_bind(&Endpoint::new(&server.http_listen_address, server.http_listen_port))?,
        api_prefix: settings.http_api_prefix.clone(),
        path_prefix: server.http_path_prefix.clone(),
        tenant: tenant(settings),
        multi_tenant_queries: settings.query_frontend.multi_tenant_queries_enabled,
        grpc: query_grpc(settings, cores)?,
        grpc_over_http: settings.stream_over_http_enabled,
        search: search(settings),
        metrics: metrics(settings),
        connections_max: usize_of(server.http_listen_conn_limit).div_ceil(usize::from(cores)),
        read_timeout: if head.is_zero() { server.http_server_read_timeout } else { head },
        idle_timeout: server.http_server_idle_timeout,
        no_queries: no_queries(settings.target),
        query_timeout: settings.query_frontend.api_timeout,
        outstanding_max: usize_of(settings.query_frontend.max_outstanding_per_tenant),
        denied_urls: RegexSet::new(&settings.query_frontend.url_deny_list)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
        grace: server.graceful_shutdown_timeout,
    })
}

fn no_queries(target: Target) -> Option<String> {
    let name = target.name();
    let why = || format!("target {name} answers no queries: ask a process with target all");
    (target != Target::All).then(why)
}

fn query_grpc(settings: &Settings, cores: u16) -> io::Result<QueryGrpc> {
    let server = &settings.server;
    Ok(QueryGrpc {
        addresses: to_bind(&Endpoint::new(&server.grpc_listen_address, server.grpc_listen_port))?,
        connections_max: usize_of(server.grpc_listen_conn_limit).div_ceil(usize::from(cores)),
        streams_max: server.grpc_server_max_concurrent_streams,
        message_bytes_max: usize_of(server.grpc_server_max_recv_msg_size),
        sent_bytes_max: usize_of(server.grpc_server_max_send_msg_size),
        packet_bytes_max: usize_of(settings.query_frontend.max_grpc_streaming_packet_size),
    })
}

fn search(settings: &Settings) -> SearchSettings {
    let frontend = &settings.query_frontend;
    let search = &frontend.search;
    SearchSettings {
        default_limit: search.default_result_limit,
        limit_max: search.max_result_limit,
        range_max: search.max_duration,
        default_spans_per_span_set: search.default_spans_per_span_set,
        spans_per_span_set_max: search.max_spans_per_span_set,
        query_bytes_max: usize_of(frontend.max_query_expression_size_bytes),
        ..SearchSettings::default()
    }
}

fn metrics(settings: &Settings) -> MetricsSettings {
    let frontend = &settings.query_frontend;
    let metrics = &frontend.metrics;
    MetricsSettings {
        range_max: metrics.max_duration,
        intervals_max: metrics.max_intervals,
        exemplars_max: usize_of(metrics.max_exemplars),
        series_max: usize_of(metrics.max_response_series),
        end_cutoff: frontend.query_end_cutoff,
        query_bytes_max: usize_of(frontend.max_query_expression_size_bytes),
    }
}

fn tenant(settings: &Settings) -> TenantSettings {
    TenantSettings {
        multitenancy: settings.multitenancy_enabled,
        header: settings.auth.header.clone(),
    }
}

/// For the receivers.
///
/// # Errors
/// When an address cannot be bound.
pub fn receivers(settings: &Settings) -> io::Result<ReceiverSettings> {
    let receivers = &settings.distributor.receivers;
    let listens = settings.target == Target::All;
    let (over_grpc, over_http) = (receivers.otlp_grpc.iter(), receivers.otlp_http.iter());
    Ok(ReceiverSettings {
        otlp_grpc: over_grpc.filter(|_| listens).map(grpc).collect::<io::Result<_>>()?,
        otlp_http: over_http.filter(|_| listens).map(http).collect::<io::Result<_>>()?,
        tenant: tenant(settings),
        log_received_spans: span_log(&settings.distributor.log_received_spans),
        log_discarded_spans: span_log(&settings.distributor.log_discarded_spans),
        grace: settings.server.graceful_shutdown_timeout,
    })
}

fn grpc(receiver: &config::OtlpGrpc) -> io::Result<GrpcReceiver> {
    Ok(GrpcReceiver {
        addresses: to_bind(&receiver.endpoint)?,
        message_bytes_max: usize_of(receiver.max_recv_msg_size_bytes),
        streams_max: receiver.max_concurrent_streams,
    })
}

fn http(receiver: &config::OtlpHttp) -> io::Result<HttpReceiver> {
    let cors = &receiver.cors;
    Ok(HttpReceiver {
        addresses: to_bind(&receiver.endpoint)?,
        body_bytes_max: usize_of(receiver.max_request_body_size),
        traces_path: receiver.traces_url_path.clone(),
        cors: (!cors.allowed_origins.is_empty()).then(|| Cors {
            allowed_origins: cors.allowed_origins.clone(),
            allowed_headers: cors.allowed_headers.clone(),
            max_age: Duration::from_secs(cors.max_age),
        }),
    })
}

fn span_log(log: &config::SpanLog) -> SpanLog {
    SpanLog {
        enabled: log.enabled,
        include_all_attributes: log.include_all_attributes,
        filter_by_status_error: log.filter_by_status_error,
    }
}

/// For the status pages.
pub fn status_pages(settings: &Settings) -> StatusPages {
    StatusPages {
        build: build_info(),
        config_yaml: settings.to_yaml(),
        config_defaults_yaml: Settings::default().to_yaml(),
        config_diff_yaml: settings.diff_yaml(),
    }
}

/// The server runs where a `usize` has 64 bits.
pub fn usize_of(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[path = "wiring_tests.rs"]
mod tests;
