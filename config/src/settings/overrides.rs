//! `overrides`: limits per tenant (config.md §8).

use serde::Serialize;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;

use super::object_stores::{Azure, Gcs, S3};
use super::storage::{DedicatedColumn, Local};
use crate::duration::{as_optional_text, as_text};

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
    /// What tenants may set for themselves.
    pub user_configurable_overrides: UserConfigurable,
    /// Whether environment references in that file are replaced (`-config.expand-env`).
    #[serde(skip)]
    pub expand_env: bool,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            defaults: TenantLimits::default(),
            per_tenant_override_config: PathBuf::new(),
            per_tenant_override_period: Duration::from_secs(10),
            user_configurable_overrides: UserConfigurable::default(),
            expand_env: false,
        }
    }
}

/// What tenants may set for themselves, and where that is kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UserConfigurable {
    /// Whether they may set anything.
    pub enabled: bool,
    /// How often it is read again.
    #[serde(serialize_with = "as_text")]
    pub poll_interval: Duration,
    /// Where it is kept.
    pub client: UserConfigurableClient,
    /// How it is set.
    pub api: UserConfigurableApi,
}

impl Default for UserConfigurable {
    fn default() -> Self {
        Self {
            enabled: false,
            poll_interval: Duration::from_secs(60),
            client: UserConfigurableClient::default(),
            api: UserConfigurableApi::default(),
        }
    }
}

/// Where what tenants set for themselves is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct UserConfigurableClient {
    /// Kind of place: `local`, `s3`, `gcs` or `azure`.
    pub backend: String,
    /// A directory.
    pub local: Local,
    /// With backend `s3`.
    pub s3: S3,
    /// With backend `gcs`.
    pub gcs: Gcs,
    /// With backend `azure`.
    pub azure: Azure,
}

/// How tenants set what they may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UserConfigurableApi {
    /// Whether a tenant may not set what the overrides file sets for it.
    pub check_for_conflicting_runtime_overrides: bool,
}

/// Limits of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TenantLimits {
    /// Limits on the way in.
    pub ingestion: IngestionLimits,
    /// Limits of queries.
    pub read: ReadLimits,
    /// What becomes of blocks.
    pub compaction: CompactionLimits,
    /// Limits that hold everywhere.
    pub global: GlobalLimits,
    /// Form of new blocks.
    pub storage: StorageLimits,
    /// Names of forwarders; kept for what is served later.
    pub forwarders: Vec<String>,
    /// Cost attribution; kept for what is served later.
    pub cost_attribution: Map<String, Value>,
    /// Metrics-generator; kept for what is served later.
    pub metrics_generator: Map<String, Value>,
}

impl TenantLimits {
    /// What an entry of the overrides file starts from: zero, since entries are not merged with the
    /// defaults; but what is optional in Tempo is the defaults' where the entry is silent
    /// (config.md §8.1).
    #[must_use]
    pub fn of_silent_entry(defaults: &Self) -> Self {
        Self {
            ingestion: IngestionLimits::of_silent_entry(&defaults.ingestion),
            read: ReadLimits::of_silent_entry(&defaults.read),
            compaction: CompactionLimits::default(),
            global: GlobalLimits { max_bytes_per_trace: 0 },
            storage: StorageLimits::default(),
            forwarders: Vec::new(),
            cost_attribution: Map::new(),
            metrics_generator: Map::new(),
        }
    }
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
    /// Live traces of a process at once; 0 is no limit.
    pub max_traces_per_user: u64,
    /// Live traces of all processes at once; 0 is no limit.
    pub max_global_traces_per_user: u64,
    /// Cut of attribute keys and string values, bytes; 0 means the distributor's.
    pub max_attribute_bytes: u64,
    /// Time that a request takes at least; nothing means the distributor's.
    #[serde(serialize_with = "as_optional_text")]
    pub artificial_delay: Option<Duration>,
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
            max_global_traces_per_user: 0,
            max_attribute_bytes: 0,
            artificial_delay: None,
            retry_info_enabled: true,
        }
    }
}

impl IngestionLimits {
    fn of_silent_entry(defaults: &Self) -> Self {
        Self {
            rate_strategy: defaults.rate_strategy,
            rate_limit_bytes: 0,
            burst_size_bytes: 0,
            max_traces_per_user: 0,
            max_global_traces_per_user: 0,
            max_attribute_bytes: 0,
            artificial_delay: None,
            retry_info_enabled: defaults.retry_info_enabled,
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

impl ReadLimits {
    fn of_silent_entry(defaults: &Self) -> Self {
        Self {
            max_bytes_per_tag_values_query: 0,
            max_blocks_per_tag_values_query: 0,
            max_condition_groups_per_tag_query: 0,
            max_search_duration: Duration::ZERO,
            max_metrics_duration: Duration::ZERO,
            left_pad_trace_ids: defaults.left_pad_trace_ids,
        }
    }
}

/// What becomes of a tenant's blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CompactionLimits {
    /// How long blocks are kept; zero means the compactor's.
    #[serde(serialize_with = "as_text")]
    pub block_retention: Duration,
    /// Window of time whose blocks are merged; zero means the compactor's.
    #[serde(serialize_with = "as_text")]
    pub compaction_window: Duration,
    /// Whether blocks are left as they are.
    pub compaction_disabled: bool,
}

/// Form of a tenant's new blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StorageLimits {
    /// Attributes with a column of their own; none means those of `storage.trace.block`.
    pub parquet_dedicated_columns: Vec<DedicatedColumn>,
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
