//! What the listeners need to know of the configuration: checked values in typed units.
//!
//! The root package fills these from the configuration; this crate does not know its file.

use std::net::SocketAddr;
use std::time::Duration;

use regex::RegexSet;

/// A receiver of OTLP over gRPC (contract receivers.md §1).
#[derive(Clone, Debug)]
pub struct GrpcReceiver {
    /// Every address to bind (a name such as `localhost` may have several).
    pub addresses: Vec<SocketAddr>,
    /// Largest message, compressed and decompressed (`max_recv_msg_size_mib`).
    pub message_bytes_max: usize,
    /// Requests in flight on one connection (`max_concurrent_streams`); 0 = our own limit.
    pub streams_max: u32,
}

/// A receiver of OTLP over HTTP.
#[derive(Clone, Debug)]
pub struct HttpReceiver {
    /// Every address to bind.
    pub addresses: Vec<SocketAddr>,
    /// Largest body, compressed and decompressed (`max_request_body_size`).
    pub body_bytes_max: usize,
    /// Where traces are posted to (`traces_url_path`).
    pub traces_path: String,
    /// Which web pages may post; `None` answers no preflight.
    pub cors: Option<Cors>,
}

/// Cross-origin rules of an HTTP receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins that may post; `*` stands for any run of characters.
    pub allowed_origins: Vec<String>,
    /// Request headers that may be sent besides the safe ones.
    pub allowed_headers: Vec<String>,
    /// How long a browser may keep the answer to a preflight; zero leaves it to the browser.
    pub max_age: Duration,
}

/// Whether requests name a tenant, and where.
#[derive(Clone, Debug)]
pub struct TenantSettings {
    /// `multitenancy_enabled`; without it everything belongs to `single-tenant`.
    pub multitenancy: bool,
    /// Name of the header, and lower-cased of the gRPC metadata.
    pub header: String,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self { multitenancy: false, header: "X-Scope-OrgID".to_owned() }
    }
}

/// A log of spans (contract receivers.md §9).
#[derive(Clone, Debug, Default)]
pub struct SpanLog {
    /// One line per span at level info.
    pub enabled: bool,
    /// With name, duration, kind, status and attributes.
    pub include_all_attributes: bool,
    /// Only spans whose status is an error.
    pub filter_by_status_error: bool,
}

/// What all receivers share.
#[derive(Clone, Debug, Default)]
pub struct ReceiverSettings {
    /// OTLP gRPC listeners.
    pub otlp_grpc: Vec<GrpcReceiver>,
    /// OTLP HTTP listeners.
    pub otlp_http: Vec<HttpReceiver>,
    /// Tenants.
    pub tenant: TenantSettings,
    /// Log of received spans.
    pub log_received_spans: SpanLog,
    /// Log of spans that were refused.
    pub log_discarded_spans: SpanLog,
    /// How long requests in flight may take after the stop.
    pub grace: Duration,
}

/// The API's listener (contract http-api.md).
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Every address to bind.
    pub addresses: Vec<SocketAddr>,
    /// `http_api_prefix`: before every path under `/api/`. Empty, or `/…` without a last slash.
    pub api_prefix: String,
    /// `server.http_path_prefix`: before every path. Empty, or `/…` without a last slash.
    pub path_prefix: String,
    /// Tenants.
    pub tenant: TenantSettings,
    /// `query_frontend.multi_tenant_queries_enabled`: several tenants may be read at once.
    pub multi_tenant_queries: bool,
    /// Queries over gRPC.
    pub grpc: QueryGrpc,
    /// `stream_over_http_enabled`: gRPC is served on the API's addresses, too.
    pub grpc_over_http: bool,
    /// Limits of searches.
    pub search: SearchSettings,
    /// Limits of metrics queries.
    pub metrics: MetricsSettings,
    /// Connections at once per core; 0 = our own limit.
    pub connections_max: usize,
    /// How long a new connection may take until its first request; zero = no limit.
    pub read_timeout: Duration,
    /// How long a connection may be without a request; zero = no limit.
    pub idle_timeout: Duration,
    /// Queries are refused for this reason; `None`: they are answered.
    pub no_queries: Option<String>,
    /// `query_frontend.api_timeout`: how long a query may take; zero = no limit.
    pub query_timeout: Duration,
    /// `query_frontend.max_outstanding_per_tenant`: queries of a tenant under way at a time; 0 = no
    /// limit.
    pub outstanding_max: usize,
    /// `query_frontend.url_deny_list`: queries of these URLs are refused.
    pub denied_urls: RegexSet,
    /// How long requests in flight may take after the stop.
    pub grace: Duration,
}

/// Queries over gRPC (contract http-api.md §12).
#[derive(Clone, Debug)]
pub struct QueryGrpc {
    /// Every address to bind.
    pub addresses: Vec<SocketAddr>,
    /// Connections at once per core; 0 = our own limit.
    pub connections_max: usize,
    /// Calls in flight on one connection; 0 = our own limit.
    pub streams_max: u32,
    /// Largest message taken, compressed and decompressed.
    pub message_bytes_max: usize,
    /// Largest message sent.
    pub sent_bytes_max: usize,
    /// `query_frontend.max_grpc_streaming_packet_size`: answers above it come in several messages.
    pub packet_bytes_max: usize,
}

impl Default for QueryGrpc {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            connections_max: 0,
            streams_max: 100,
            message_bytes_max: 16 << 20,
            sent_bytes_max: 16 << 20,
            packet_bytes_max: 1 << 20,
        }
    }
}

/// Limits of searches (contract http-api.md §4).
#[derive(Clone, Debug)]
pub struct SearchSettings {
    /// `default_result_limit`.
    pub default_limit: u32,
    /// `max_result_limit`; 0 = off.
    pub limit_max: u32,
    /// `max_duration`: longest range; zero = off.
    pub range_max: Duration,
    /// `default_spans_per_span_set`.
    pub default_spans_per_span_set: u32,
    /// `max_spans_per_span_set`; 0 = off.
    pub spans_per_span_set_max: u32,
    /// `max_query_expression_size_bytes`.
    pub query_bytes_max: usize,
    /// Range of a search that names none, back from now (`query_backend_after`).
    pub default_range: Duration,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self {
            default_limit: 20,
            limit_max: 262_144,
            range_max: Duration::from_secs(168 * 3600),
            default_spans_per_span_set: 3,
            spans_per_span_set_max: 100,
            query_bytes_max: 131_072,
            default_range: Duration::from_secs(15 * 60),
        }
    }
}

/// Limits of metrics queries (contract http-api.md §6.1).
#[derive(Clone, Debug)]
pub struct MetricsSettings {
    /// `metrics.max_duration`: longest range; zero = off.
    pub range_max: Duration,
    /// `metrics.max_intervals`; 0 = off.
    pub intervals_max: u64,
    /// `metrics.max_exemplars`.
    pub exemplars_max: usize,
    /// `metrics.max_response_series`; 0 = off.
    pub series_max: usize,
    /// `query_end_cutoff`: how far back from now a query may reach at most.
    pub end_cutoff: Duration,
    /// `max_query_expression_size_bytes`.
    pub query_bytes_max: usize,
}

impl Default for MetricsSettings {
    fn default() -> Self {
        Self {
            range_max: Duration::from_secs(24 * 3600),
            intervals_max: 10_000,
            exemplars_max: 100,
            series_max: 0,
            end_cutoff: Duration::from_secs(30),
            query_bytes_max: 131_072,
        }
    }
}

/// Limits of autocompletion for one request (contract http-api.md §5); all of them are tenants'.
#[derive(Clone, Debug)]
pub struct TagSettings {
    /// `max_bytes_per_tag_values_query`: texts of an answer, which is cut; 0 = off.
    pub bytes_max: usize,
    /// `max_blocks_per_tag_values_query`: blocks looked at, the newest; 0 = off.
    pub blocks_max: usize,
    /// `max_condition_groups_per_tag_query`: alternatives of a query that narrows; 0 = off.
    pub alternatives_max: usize,
}

impl Default for TagSettings {
    fn default() -> Self {
        Self { bytes_max: 1_000_000, blocks_max: 0, alternatives_max: 100 }
    }
}

/// Texts of the status pages, rendered once by whoever knows the configuration.
#[derive(Clone, Debug, Default)]
pub struct StatusPages {
    /// What was built.
    pub build: BuildInfo,
    /// `/status/config`: YAML of the effective configuration, secrets masked.
    pub config_yaml: String,
    /// `/status/config?mode=defaults`.
    pub config_defaults_yaml: String,
    /// `/status/config?mode=diff`.
    pub config_diff_yaml: String,
}

/// What was built (`/api/status/buildinfo`, `/status/version`, `tempo_build_info`).
#[derive(Clone, Debug, Default)]
pub struct BuildInfo {
    /// Semantic version; clients derive from it what is served.
    pub version: String,
    /// Commit.
    pub revision: String,
    /// Branch.
    pub branch: String,
    /// Who built it.
    pub build_user: String,
    /// When.
    pub build_date: String,
    /// Compiler (the field that Tempo names `goVersion`).
    pub compiler_version: String,
}
