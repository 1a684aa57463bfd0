//! What each tenant may do: an immutable snapshot that every core holds, and that core 0 replaces
//! when the overrides file changes ([`crate::limits_reload`]).
//!
//! From: the root package, which reads configuration and file. To: ingest, queries, encoding,
//! compaction and retention, which ask `limits_of` ([`crate::shard::Shard::limits_of`],
//! [`crate::Node::limits_of`]) each time, so a new snapshot counts from the next request on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use stringendo_block::DedicatedColumn;

use crate::metrics::{Metrics, families as family};
use crate::tenant::TenantId;
use crate::user_limits::UserLimits;

/// Limits of one tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantLimits {
    /// Bytes of protobuf taken per second; 0 refuses everything.
    pub rate_bytes: u64,
    /// Bytes that may come at once.
    pub burst_bytes: u64,
    /// Live traces at once in this process; 0 = no limit.
    pub live_traces_max: u64,
    /// Bytes of one trace; further spans are dropped. 0 = no limit.
    pub trace_bytes_max: u64,
    /// Attribute keys and string values are cut to this; 0 = off.
    pub attribute_bytes_max: u32,
    /// Time that a request takes at least.
    pub artificial_delay: Duration,
    /// Whether refusals carry a retry hint.
    pub retry_info: bool,
    /// Longest range of a search; zero = that of all tenants.
    pub search_range_max: Duration,
    /// Longest range of a metrics query; zero = that of all tenants.
    pub metrics_range_max: Duration,
    /// Texts of an answer about tags, which is cut; 0 = no limit.
    pub tag_bytes_max: usize,
    /// Blocks that a question about tags looks at, the newest; 0 = no limit.
    pub tag_blocks_max: usize,
    /// Alternatives of a query that narrows tags; 0 = no limit.
    pub tag_alternatives_max: usize,
    /// Whether searches show trace ids with leading zeros.
    pub pads_trace_ids: bool,
    /// How long blocks are kept; zero = as those of all tenants.
    pub block_retention: Duration,
    /// Window of time whose blocks are merged; zero = as those of all tenants.
    pub compaction_window: Duration,
    /// Whether blocks are left as they are.
    pub compaction_disabled: bool,
    /// Attributes with a column of their own; none = those of all tenants.
    pub dedicated_columns: Vec<DedicatedColumn>,
    /// Gauges that show these limits, by `limit_name` (contract metrics.md B9).
    pub gauges: Vec<(&'static str, f64)>,
    /// Forwarders, cost attribution and metrics-generator, as the file has them: what a tenant may
    /// set for itself is laid over these.
    pub extras: Map<String, Value>,
    /// All of it as YAML, for status pages.
    pub yaml: String,
    /// What of it is not the default.
    pub yaml_diff: String,
}

impl TenantLimits {
    /// No limits at all.
    pub fn unlimited() -> Self {
        Self {
            rate_bytes: u64::MAX,
            burst_bytes: u64::MAX,
            live_traces_max: 0,
            trace_bytes_max: 0,
            attribute_bytes_max: 0,
            artificial_delay: Duration::ZERO,
            retry_info: true,
            search_range_max: Duration::ZERO,
            metrics_range_max: Duration::ZERO,
            tag_bytes_max: 0,
            tag_blocks_max: 0,
            tag_alternatives_max: 0,
            pads_trace_ids: false,
            block_retention: Duration::ZERO,
            compaction_window: Duration::ZERO,
            compaction_disabled: false,
            dedicated_columns: Vec::new(),
            gauges: Vec::new(),
            extras: Map::new(),
            yaml: String::new(),
            yaml_diff: String::new(),
        }
    }
}

impl Default for TenantLimits {
    /// Tempo's sizes, and no rates (config.md §8.2): what tests and benches start from.
    fn default() -> Self {
        Self {
            trace_bytes_max: 5_000_000,
            attribute_bytes_max: 2048,
            tag_bytes_max: 1_000_000,
            tag_alternatives_max: 100,
            ..Self::unlimited()
        }
    }
}

/// Limits of all tenants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Of tenants without an entry.
    pub defaults: Arc<TenantLimits>,
    /// Of tenants without an entry of their own, if the file says so.
    pub any: Option<Arc<TenantLimits>>,
    /// Of these.
    pub tenants: HashMap<TenantId, Arc<TenantLimits>>,
    /// What tenants have set for themselves.
    pub user: HashMap<TenantId, Arc<UserLimits>>,
    /// What follows for those tenants ([`Limits::with_user`]).
    pub merged: HashMap<TenantId, Arc<TenantLimits>>,
    /// SHA-256 of the file that says so, in hexadecimal digits, or nothing: tells whether a reload
    /// brings anything new.
    pub source_sha256: String,
    /// Grows with every snapshot.
    pub version: u64,
}

impl Limits {
    /// The same for all tenants.
    pub fn of_all(limits: TenantLimits) -> Self {
        Self { defaults: Arc::new(limits), ..Self::default() }
    }

    /// The limits of a tenant: what it has set for itself, laid over those of its own entry, of the
    /// entry for any, or the defaults.
    pub fn of(&self, tenant: &TenantId) -> &Arc<TenantLimits> {
        self.merged.get(tenant).unwrap_or_else(|| self.of_operator(tenant))
    }

    /// The limits of a tenant without what it has set for itself.
    pub fn of_operator(&self, tenant: &TenantId) -> &Arc<TenantLimits> {
        self.tenants.get(tenant).or(self.any.as_ref()).unwrap_or(&self.defaults)
    }

    /// The same with what tenants have set for themselves.
    pub fn with_user(&self, user: HashMap<TenantId, Arc<UserLimits>>) -> Self {
        let merged = user.iter().map(|(tenant, own)| {
            let mut limits = TenantLimits::clone(self.of_operator(tenant));
            lay_over(&mut limits.extras, &own.limits);
            (tenant.clone(), Arc::new(limits))
        });
        Self { merged: merged.collect(), user, ..self.clone() }
    }

    /// The same with what tenants have set for themselves in `other`.
    pub fn with_user_of(&self, other: &Self) -> Self {
        self.with_user(other.user.clone())
    }

    /// Shows them as gauges. Entries that have gone show nothing any more.
    pub fn show(&self, metrics: &Metrics) {
        metrics.clear(&family::LIMITS_OVERRIDES);
        metrics.clear(&family::RUNTIME_CONFIG_HASH);
        if !self.source_sha256.is_empty() {
            metrics.set(&family::RUNTIME_CONFIG_HASH, &[&self.source_sha256], 1.0);
        }
        for (name, value) in &self.defaults.gauges {
            metrics.set(&family::LIMITS_DEFAULTS, &[name], *value);
        }
        let any = self.any.iter().map(|limits| ("*", limits));
        let own = self.tenants.iter().map(|(tenant, limits)| (tenant.as_str(), limits));
        for (tenant, limits) in own.chain(any) {
            for (name, value) in &limits.gauges {
                metrics.set(&family::LIMITS_OVERRIDES, &[name, tenant], *value);
            }
        }
    }
}

/// Each field that is there replaces the one below.
fn lay_over(below: &mut Map<String, Value>, own: &Map<String, Value>) {
    for (key, value) in own {
        match (below.get_mut(key), value) {
            (Some(Value::Object(below)), Value::Object(own)) => lay_over(below, own),
            (_, Value::Null) => {}
            _ => drop(below.insert(key.clone(), value.clone())),
        }
    }
}

#[cfg(test)]
#[path = "tenant_limits_tests.rs"]
mod tests;
