//! `overrides`: limits per tenant (config.md §8).

use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

use crate::duration::as_text;

/// Limits per tenant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overrides {
    /// Limits of tenants without an entry of their own.
    pub defaults: TenantLimits,
    /// File with entries of tenants; empty is none.
    pub per_tenant_override_config: PathBuf,
    /// How often that file is read again.
    #[serde(serialize_with = "as_text")]
    pub per_tenant_override_period: Duration,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            defaults: TenantLimits::default(),
            per_tenant_override_config: PathBuf::new(),
            per_tenant_override_period: Duration::from_secs(10),
        }
    }
}

/// Limits of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TenantLimits {
    /// Limits on the way in.
    pub ingestion: IngestionLimits,
    /// Limits of queries.
    pub read: ReadLimits,
    /// Limits that hold everywhere.
    pub global: GlobalLimits,
}

/// A tenant's limits on the way in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IngestionLimits {
    /// Whether the rate is counted per process or over all of them.
    pub rate_strategy: RateStrategy,
    /// Bytes of protobuf taken per second; 0 refuses everything.
    pub rate_limit_bytes: u64,
    /// Bytes that may come at once.
    pub burst_size_bytes: u64,
    /// Live traces at once; 0 is no limit.
    pub max_traces_per_user: u64,
    /// Cut of attribute keys and string values, bytes; 0 means the distributor's.
    pub max_attribute_bytes: u64,
    /// Whether refusals carry a retry hint.
    pub retry_info_enabled: bool,
}

impl Default for IngestionLimits {
    fn default() -> Self {
        Self {
            rate_strategy: RateStrategy::Local,
            rate_limit_bytes: 30_000_000,
            burst_size_bytes: 30_000_000,
            max_traces_per_user: 10_000,
            max_attribute_bytes: 0,
            retry_info_enabled: true,
        }
    }
}

/// A tenant's limits of queries.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReadLimits {
    /// Bytes of the texts of an answer about tags, which is cut; 0 is no limit.
    pub max_bytes_per_tag_values_query: u64,
    /// Blocks that a question about tags looks at, the newest; 0 is no limit.
    pub max_blocks_per_tag_values_query: u64,
    /// Alternatives of a query that narrows tags; 0 is no limit.
    pub max_condition_groups_per_tag_query: u64,
    /// Longest time range of a search; zero means that of the query frontend.
    #[serde(serialize_with = "as_text")]
    pub max_search_duration: Duration,
    /// Longest time range of a metrics query; zero means that of the query frontend.
    #[serde(serialize_with = "as_text")]
    pub max_metrics_duration: Duration,
    /// Whether searches show trace ids with leading zeros.
    pub left_pad_trace_ids: bool,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            max_bytes_per_tag_values_query: 1_000_000,
            max_blocks_per_tag_values_query: 0,
            max_condition_groups_per_tag_query: 100,
            max_search_duration: Duration::ZERO,
            max_metrics_duration: Duration::ZERO,
            left_pad_trace_ids: false,
        }
    }
}

/// Whether a rate is counted per process or over all of them. Equal with one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RateStrategy {
    /// Each process allows the whole rate.
    Local,
    /// The processes share the rate.
    Global,
}

/// A tenant's limits that hold everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GlobalLimits {
    /// Bytes of one trace; further spans are dropped. 0 is no limit.
    pub max_bytes_per_trace: u64,
}

impl Default for GlobalLimits {
    fn default() -> Self {
        Self { max_bytes_per_trace: 5_000_000 }
    }
}
