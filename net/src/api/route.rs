//! Which handler a path belongs to, and its name in metrics (contract http-api.md §2, metrics.md
//! B1).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::tags::Version;

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A trace by its id (not parsed yet), v1.
    Trace(String),
    /// A trace by its id, v2.
    TraceV2(String),
    /// Search.
    Search,
    /// Metrics over time.
    MetricsRange,
    /// Metrics over the whole of a range.
    MetricsInstant,
    /// Counts and quantiles by the values of fields.
    MetricsSummary,
    /// Names of tags.
    TagNames(Version),
    /// Values of a tag, named by a path that may hold `/`.
    TagValues(Version, String),
    /// For Grafana's "Save & test".
    Echo,
    /// Build info.
    BuildInfo,
    /// Tenants' overrides.
    Overrides,
    /// Model context protocol.
    Mcp,
    /// Readiness.
    Ready,
    /// Metrics.
    Metrics,
    /// All status pages.
    Status,
    /// One of them.
    StatusPage(String),
    /// Usage report.
    UsageStats,
    /// Flush live traces.
    Flush,
    /// End the process.
    Shutdown,
    /// Part of Tempo's API that is not served yet, by its name in metrics.
    NotServed(&'static str),
    /// Nothing.
    Unknown,
}

impl Route {
    /// Whether it asks for spans, or what is made of them.
    pub fn is_query(&self) -> bool {
        matches!(
            self,
            Self::Trace(_)
                | Self::TraceV2(_)
                | Self::Search
                | Self::MetricsRange
                | Self::MetricsInstant
                | Self::MetricsSummary
                | Self::TagNames(_)
                | Self::TagValues(..)
        )
    }
}

/// Paths with their prefixes.
#[derive(Debug)]
pub struct Routes {
    path_prefix: String,
    api_prefix: String,
}

impl Routes {
    /// `path_prefix` stands before every path, `api_prefix` between it and `/api/…`.
    pub fn new(path_prefix: &str, api_prefix: &str) -> Self {
        let trimmed = |prefix: &str| prefix.trim_end_matches('/').to_owned();
        Self { path_prefix: trimmed(path_prefix), api_prefix: trimmed(api_prefix) }
    }

    /// The route of a path, still percent-encoded.
    pub fn find(&self, path: &str) -> Route {
        let Some(path) = path.strip_prefix(self.path_prefix.as_str()) else {
            return Route::Unknown;
        };
        if let Some(api) = path.strip_prefix(self.api_prefix.as_str())
            && is_api(api)
        {
            return api_route(api);
        }
        if is_api(path) { Route::Unknown } else { operations_route(path) }
    }

    /// The name of a route in metrics.
    pub fn label(&self, route: &Route) -> Cow<'static, str> {
        let label = label(route);
        let is_below_api = label.starts_with("api_");
        let prefix = match is_below_api {
            true => sanitized(&format!("{}{}", self.path_prefix, self.api_prefix)),
            false if *route == Route::Unknown => String::new(),
            false => sanitized(&self.path_prefix),
        };
        if prefix.is_empty() { label.into() } else { format!("{prefix}_{label}").into() }
    }
}

/// Whether the API's prefix stands before this path.
fn is_api(path: &str) -> bool {
    path.starts_with("/api/") || path == "/status/usage-stats"
}

fn api_route(path: &str) -> Route {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments.as_slice() {
        ["api", "traces", id] if !id.is_empty() => Route::Trace(decoded(id)),
        ["api", "v2", "traces", "diff"] => Route::NotServed("api_v2_traces_diff"),
        ["api", "v2", "traces", id] if !id.is_empty() => Route::TraceV2(decoded(id)),
        ["api", "search"] => Route::Search,
        ["api", "echo"] => Route::Echo,
        ["api", "status", "buildinfo"] => Route::BuildInfo,
        ["api", "overrides"] => Route::Overrides,
        ["api", "mcp"] => Route::Mcp,
        ["status", "usage-stats"] => Route::UsageStats,
        ["api", "search", "tags"] => Route::TagNames(Version::V1),
        ["api", "v2", "search", "tags"] => Route::TagNames(Version::V2),
        ["api", "search", "tag", tag @ .., "values"] => {
            Route::TagValues(Version::V1, decoded(&tag.join("/")))
        }
        ["api", "v2", "search", "tag", tag @ .., "values"] => {
            Route::TagValues(Version::V2, decoded(&tag.join("/")))
        }
        ["api", "metrics", "query_range"] => Route::MetricsRange,
        ["api", "metrics", "query"] => Route::MetricsInstant,
        ["api", "metrics", "summary"] => Route::MetricsSummary,
        _ => Route::Unknown,
    }
}

fn operations_route(path: &str) -> Route {
    match path {
        "/ready" => Route::Ready,
        "/metrics" => Route::Metrics,
        "/status" => Route::Status,
        "/flush" => Route::Flush,
        "/shutdown" | "/ingester/shutdown" => Route::Shutdown,
        "/memberlist" => Route::NotServed("memberlist"),
        "/distributor/ring" => Route::NotServed("distributor_ring"),
        "/ingester/ring" => Route::NotServed("ingester_ring"),
        "/metrics-generator/ring" => Route::NotServed("metrics_generator_ring"),
        "/compactor/ring" => Route::NotServed("compactor_ring"),
        "/live-store/ring" => Route::NotServed("live_store_ring"),
        "/backend-worker/ring" => Route::NotServed("backend_worker_ring"),
        "/partition-ring" | "/partition/ring" => Route::NotServed("partition_ring"),
        "/ingester/prepare-partition-downscale" => {
            Route::NotServed("ingester_prepare_partition_downscale")
        }
        "/live-store/prepare-partition-downscale" => {
            Route::NotServed("live_store_prepare_partition_downscale")
        }
        "/live-store/prepare-downscale" => Route::NotServed("live_store_prepare_downscale"),
        "/usage_metrics" => Route::Unknown,
        _ if path.starts_with("/querier/") => Route::NotServed("querier_api"),
        _ if path.starts_with("/debug/pprof") => Route::NotServed("debug_pprof"),
        _ => match path.strip_prefix("/status/") {
            Some(page) => Route::StatusPage(page.to_owned()),
            None => Route::Unknown,
        },
    }
}

fn label(route: &Route) -> &'static str {
    match route {
        Route::Trace(_) => "api_traces_traceid",
        Route::TraceV2(_) => "api_v2_traces_traceid",
        Route::Search => "api_search",
        Route::MetricsRange => "api_metrics_query_range",
        Route::MetricsInstant => "api_metrics_query",
        Route::MetricsSummary => "api_metrics_summary",
        Route::TagNames(Version::V1) => "api_search_tags",
        Route::TagNames(Version::V2) => "api_v2_search_tags",
        Route::TagValues(Version::V1, _) => "api_search_tag_tagname_values",
        Route::TagValues(Version::V2, _) => "api_v2_search_tag_tagname_values",
        Route::Echo => "api_echo",
        Route::BuildInfo => "api_status_buildinfo",
        Route::Overrides => "api_overrides",
        Route::Mcp => "api_mcp",
        Route::Ready => "ready",
        Route::Metrics => "metrics",
        Route::Status => "status",
        Route::StatusPage(_) => "status_endpoint",
        Route::UsageStats => "status_usage_stats",
        Route::Flush => "flush",
        Route::Shutdown => "shutdown",
        Route::NotServed(label) => label,
        Route::Unknown => "other",
    }
}

/// Runs of anything but letters and digits as `_`, in lower case.
fn sanitized(prefix: &str) -> String {
    let words = prefix.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_ascii_lowercase()
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
