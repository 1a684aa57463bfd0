//! `Raw` → [`Settings`]: every field of the settings is read here, and only here.
//!
//! Starts from [`Settings::default`], overwrites what the file says, and refuses what cannot be.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::node::Node;
use crate::raw::Raw;
use crate::settings::{Durability, LogFormat, LogLevel, RateStrategy, Settings, SpanLog};
use crate::value::FromNode;
use crate::warning::{ConfigError, Warning};

mod cache;
mod keeping;
mod object_stores;
pub(crate) mod overrides;
mod receivers;
mod storage;
mod target;

type Done = Result<(), ConfigError>;

/// Builds the settings; warnings about what they will not do are added to `warnings`.
///
/// # Errors
/// A value that cannot be, or that asks for what is not supported yet.
pub fn settings(raw: &Raw, warnings: &mut Vec<Warning>) -> Result<Settings, ConfigError> {
    let mut settings = Settings::default();
    top(raw, &mut settings)?;
    server(raw, &mut settings)?;
    distributor(raw, &mut settings, warnings)?;
    live_store(raw, &mut settings)?;
    keeping::read(raw, &mut settings)?;
    query_frontend(raw, &mut settings)?;
    storage::read(raw, &mut settings.storage.trace, warnings)?;
    target::refuse(raw, &settings)?;
    cache::read(raw, &mut settings.cache, warnings)?;
    overrides::read(raw, &mut settings.overrides, warnings)?;
    stringendo(raw, &mut settings)?;
    Ok(settings)
}

fn top(raw: &Raw, settings: &mut Settings) -> Done {
    raw.read("target", &mut settings.target)?;
    raw.read("multitenancy_enabled", &mut settings.multitenancy_enabled)?;
    raw.read("stream_over_http_enabled", &mut settings.stream_over_http_enabled)?;
    raw.read("shutdown_delay", &mut settings.shutdown_delay)?;
    settings.http_api_prefix = path_prefix(raw, "http_api_prefix")?;
    raw.read("auth.header", &mut settings.auth.header)?;
    if !is_header_name(&settings.auth.header) {
        return Err(raw.error("auth.header", "not a name of an HTTP header"));
    }
    Ok(())
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// A prefix of paths without a `/` at its end; it must begin with one.
fn path_prefix(raw: &Raw, path: &str) -> Result<String, ConfigError> {
    let text = raw.get::<String>(path)?.unwrap_or_default();
    let prefix = text.trim_end_matches('/');
    if !prefix.is_empty() && !prefix.starts_with('/') {
        return Err(raw.error(path, &format!("`{text}` must begin with `/`")));
    }
    Ok(prefix.to_owned())
}

fn server(raw: &Raw, settings: &mut Settings) -> Done {
    let s = &mut settings.server;
    raw.read("server.http_listen_address", &mut s.http_listen_address)?;
    raw.read("server.http_listen_port", &mut s.http_listen_port)?;
    raw.read("server.http_listen_conn_limit", &mut s.http_listen_conn_limit)?;
    raw.read("server.grpc_listen_address", &mut s.grpc_listen_address)?;
    raw.read("server.grpc_listen_port", &mut s.grpc_listen_port)?;
    raw.read("server.grpc_listen_conn_limit", &mut s.grpc_listen_conn_limit)?;
    raw.read("server.graceful_shutdown_timeout", &mut s.graceful_shutdown_timeout)?;
    raw.read("server.http_server_read_timeout", &mut s.http_server_read_timeout)?;
    raw.read("server.http_server_read_header_timeout", &mut s.http_server_read_header_timeout)?;
    raw.read("server.http_server_write_timeout", &mut s.http_server_write_timeout)?;
    raw.read("server.http_server_idle_timeout", &mut s.http_server_idle_timeout)?;
    raw.read("server.grpc_server_max_recv_msg_size", &mut s.grpc_server_max_recv_msg_size)?;
    raw.read("server.grpc_server_max_send_msg_size", &mut s.grpc_server_max_send_msg_size)?;
    let streams = &mut s.grpc_server_max_concurrent_streams;
    raw.read("server.grpc_server_max_concurrent_streams", streams)?;
    raw.read("server.log_format", &mut s.log_format)?;
    raw.read("server.log_level", &mut s.log_level)?;
    s.http_path_prefix = path_prefix(raw, "server.http_path_prefix")?;
    Ok(())
}

fn distributor(raw: &Raw, settings: &mut Settings, warnings: &mut Vec<Warning>) -> Done {
    let d = &mut settings.distributor;
    d.receivers = receivers::read(raw, warnings)?;
    span_log(raw, "distributor.log_received_spans", &mut d.log_received_spans)?;
    span_log(raw, "distributor.log_discarded_spans", &mut d.log_discarded_spans)?;
    let retry_after = &mut d.retry_after_on_resource_exhausted;
    raw.read("distributor.retry_after_on_resource_exhausted", retry_after)?;
    raw.read("distributor.artificial_delay", &mut d.artificial_delay)?;
    raw.read("distributor.max_attribute_bytes", &mut d.max_attribute_bytes)
}

fn span_log(raw: &Raw, block: &str, log: &mut SpanLog) -> Done {
    raw.read(&format!("{block}.enabled"), &mut log.enabled)?;
    raw.read(&format!("{block}.include_all_attributes"), &mut log.include_all_attributes)?;
    raw.read(&format!("{block}.filter_by_status_error"), &mut log.filter_by_status_error)?;
    let path = format!("{block}.log_sampling_fraction");
    raw.read(&path, &mut log.log_sampling_fraction)?;
    if !(0.0..=1.0).contains(&log.log_sampling_fraction) {
        return Err(raw.error(&path, "must be from 0 to 1"));
    }
    Ok(())
}

/// 2.x's block first, so that 3.x's wins where a file has both.
fn live_store(raw: &Raw, settings: &mut Settings) -> Done {
    let l = &mut settings.live_store;
    raw.read("ingester.trace_idle_period", &mut l.max_trace_idle)?;
    raw.read("ingester.trace_live_period", &mut l.max_trace_live)?;
    raw.read("ingester.concurrent_flushes", &mut l.complete_block_concurrency)?;
    raw.read("live_store.max_trace_idle", &mut l.max_trace_idle)?;
    raw.read("live_store.max_trace_live", &mut l.max_trace_live)?;
    raw.read("live_store.complete_block_concurrency", &mut l.complete_block_concurrency)?;
    for block in ["ingester", "live_store"] {
        raw.read(&format!("{block}.max_block_duration"), &mut l.max_block_duration)?;
        raw.read(&format!("{block}.max_block_bytes"), &mut l.max_block_bytes)?;
        raw.read(&format!("{block}.complete_block_timeout"), &mut l.complete_block_timeout)?;
        raw.read(&format!("{block}.flush_check_period"), &mut l.flush_check_period)?;
    }
    for (is_zero, key) in [
        (l.max_block_duration.is_zero(), "max_block_duration"),
        (l.max_block_bytes == 0, "max_block_bytes"),
        (l.flush_check_period.is_zero(), "flush_check_period"),
        (l.complete_block_concurrency == 0, "complete_block_concurrency"),
    ] {
        if is_zero {
            return Err(ConfigError::Invalid(format!("`live_store.{key}` must not be 0")));
        }
    }
    Ok(())
}

fn query_frontend(raw: &Raw, settings: &mut Settings) -> Done {
    let q = &mut settings.query_frontend;
    let expression_max = &mut q.max_query_expression_size_bytes;
    raw.read("query_frontend.max_query_expression_size_bytes", expression_max)?;
    raw.read("query_frontend.api_timeout", &mut q.api_timeout)?;
    let outstanding_max = &mut q.max_outstanding_per_tenant;
    raw.read("query_frontend.max_outstanding_per_tenant", outstanding_max)?;
    let packet_max = &mut q.max_grpc_streaming_packet_size;
    raw.read("query_frontend.max_grpc_streaming_packet_size", packet_max)?;
    let several = &mut q.multi_tenant_queries_enabled;
    raw.read("query_frontend.multi_tenant_queries_enabled", several)?;
    raw.read("query_frontend.url_deny_list", &mut q.url_deny_list)?;
    if let Err(error) = regex::RegexSet::new(&q.url_deny_list) {
        return Err(raw.error("query_frontend.url_deny_list", &error.to_string()));
    }
    let s = &mut q.search;
    raw.read("query_frontend.search.default_result_limit", &mut s.default_result_limit)?;
    raw.read("query_frontend.search.max_result_limit", &mut s.max_result_limit)?;
    raw.read("query_frontend.search.max_duration", &mut s.max_duration)?;
    let spans_default = &mut s.default_spans_per_span_set;
    raw.read("query_frontend.search.default_spans_per_span_set", spans_default)?;
    raw.read("query_frontend.search.max_spans_per_span_set", &mut s.max_spans_per_span_set)?;
    raw.read("query_frontend.query_end_cutoff", &mut q.query_end_cutoff)?;
    let m = &mut q.metrics;
    raw.read("query_frontend.metrics.max_duration", &mut m.max_duration)?;
    raw.read("query_frontend.metrics.max_intervals", &mut m.max_intervals)?;
    raw.read("query_frontend.metrics.max_exemplars", &mut m.max_exemplars)?;
    raw.read("query_frontend.metrics.max_response_series", &mut m.max_response_series)
}

fn stringendo(raw: &Raw, settings: &mut Settings) -> Done {
    // Code, stacks and the allocator take half of less.
    const BUDGET_BYTES_MIN: u64 = 112 << 20;
    // Whole pages of direct I/O; offsets in a segment have 32 bits (docs/format/wal.md).
    const SEGMENT_BYTES: RangeInclusive<u64> = (1 << 20)..=((1 << 32) - PAGE_BYTES);
    const PAGE_BYTES: u64 = 4096;
    let s = &mut settings.stringendo;
    raw.read("stringendo.cores", &mut s.cores)?;
    raw.read("stringendo.pin_cores", &mut s.pin_cores)?;
    raw.read("stringendo.memory_budget_per_core_bytes", &mut s.memory_budget_per_core_bytes)?;
    raw.read("stringendo.query.max_read_bytes", &mut s.query.max_read_bytes)?;
    let c = &mut s.compaction;
    raw.read("stringendo.compaction.max_concurrent_jobs", &mut c.max_concurrent_jobs)?;
    raw.read("stringendo.compaction.max_bytes_per_second", &mut c.max_bytes_per_second)?;
    let r = &mut s.retention;
    raw.read("stringendo.retention.max_bytes_per_tenant", &mut r.max_bytes_per_tenant)?;
    raw.read("stringendo.retention.min_free_disk_bytes", &mut r.min_free_disk_bytes)?;
    raw.read("stringendo.wal.durability", &mut s.wal.durability)?;
    raw.read("stringendo.wal.interval", &mut s.wal.interval)?;
    raw.read("stringendo.wal.segment_size_bytes", &mut s.wal.segment_size_bytes)?;
    s.wal.path = settings.storage.trace.wal.path.clone();
    raw.read("stringendo.wal.path", &mut s.wal.path)?;
    let segment_bytes = s.wal.segment_size_bytes;
    if !SEGMENT_BYTES.contains(&segment_bytes) || !segment_bytes.is_multiple_of(PAGE_BYTES) {
        let (least, most) = (SEGMENT_BYTES.start(), SEGMENT_BYTES.end());
        let why = format!("must be a multiple of {PAGE_BYTES} from {least} to {most}");
        return Err(raw.error("stringendo.wal.segment_size_bytes", &why));
    }
    if s.memory_budget_per_core_bytes < BUDGET_BYTES_MIN {
        let why = format!("must be at least {BUDGET_BYTES_MIN} (112 MiB)");
        return Err(raw.error("stringendo.memory_budget_per_core_bytes", &why));
    }
    if s.memory_budget_per_core_bytes < 2 * s.wal.segment_size_bytes {
        let why = "must hold two segments (stringendo.wal.segment_size_bytes)";
        return Err(raw.error("stringendo.memory_budget_per_core_bytes", why));
    }
    if s.wal.durability == Durability::Interval && s.wal.interval.is_zero() {
        return Err(raw.error("stringendo.wal.interval", "must not be 0 with durability interval"));
    }
    if s.wal.path == PathBuf::new() {
        return Err(raw.error("stringendo.wal.path", "must not be empty"));
    }
    Ok(())
}

/// Words of an enumeration.
macro_rules! words {
    ($($type:ident { $($word:literal => $variant:ident,)* })*) => {$(
        impl FromNode for $type {
            fn from_node(node: &Node) -> Result<Self, String> {
                match String::from_node(node)?.as_str() {
                    $($word => Ok(Self::$variant),)*
                    other => Err(format!("`{other}` is none of {}", [$($word),*].join(", "))),
                }
            }
        }
    )*};
}
words! {
    LogLevel { "debug" => Debug, "info" => Info, "warn" => Warn, "error" => Error, }
    LogFormat { "logfmt" => Logfmt, "json" => Json, }
    RateStrategy { "local" => Local, "global" => Global, }
    Durability { "sync" => Sync, "interval" => Interval, "os" => Os, }
}
