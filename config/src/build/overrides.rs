//! `overrides` → limits of tenants. Entries of the overrides file are read here, too: there they
//! stand where a configuration has the defaults ([`crate::overrides_file`]).

use serde_json::{Map, Number, Value as Json};

use super::{object_stores, storage};
use crate::node::{Node, Value};
use crate::raw::Raw;
use crate::settings::{Overrides, TenantLimits, UserConfigurable};
use crate::value::FromNode;
use crate::warning::{ConfigError, Warning};

/// Where limits stand.
pub(crate) const LIMITS: &str = "overrides.defaults";

type Done = Result<(), ConfigError>;

pub(super) fn read(
    raw: &Raw,
    overrides: &mut Overrides,
    warnings: &mut Vec<Warning>,
) -> Result<(), ConfigError> {
    let file = &mut overrides.per_tenant_override_config;
    raw.read("overrides.per_tenant_override_config", file)?;
    let period = &mut overrides.per_tenant_override_period;
    raw.read("overrides.per_tenant_override_period", period)?;
    user_configurable(raw, &mut overrides.user_configurable_overrides)?;
    limits(raw, &mut overrides.defaults, warnings)
}

fn user_configurable(raw: &Raw, own: &mut UserConfigurable) -> Done {
    const BLOCK: &str = "overrides.user_configurable_overrides";
    let at = |key: &str| format!("{BLOCK}.{key}");
    raw.read(&at("enabled"), &mut own.enabled)?;
    raw.read(&at("poll_interval"), &mut own.poll_interval)?;
    raw.read(&at("client.backend"), &mut own.client.backend)?;
    raw.read(&at("client.local.path"), &mut own.client.local.path)?;
    let refuses = &mut own.api.check_for_conflicting_runtime_overrides;
    raw.read(&at("api.check_for_conflicting_runtime_overrides"), refuses)?;
    object_stores::read_of_users(raw, &at("client"), &mut own.client, own.enabled)?;
    if !own.enabled {
        return Ok(());
    }
    match own.client.backend.as_str() {
        "local" if own.client.local.path.as_os_str().is_empty() => {
            Err(raw.error(&at("client.local.path"), "required with backend `local`"))
        }
        "local" | "s3" | "gcs" | "azure" => Ok(()),
        "" => Err(raw.error(&at("client.backend"), "required: `local`, `s3`, `gcs` or `azure`")),
        name => {
            let why = format!("`{name}` is none of `local`, `s3`, `gcs`, `azure`");
            Err(raw.error(&at("client.backend"), &why))
        }
    }
}

/// Lays what is said of limits over `limits`.
///
/// # Errors
/// A value that cannot be.
pub(crate) fn limits(raw: &Raw, limits: &mut TenantLimits, warnings: &mut Vec<Warning>) -> Done {
    ingestion(raw, limits)?;
    read_side(raw, limits)?;
    let c = &mut limits.compaction;
    raw.read(&at("compaction.block_retention"), &mut c.block_retention)?;
    raw.read(&at("compaction.compaction_window"), &mut c.compaction_window)?;
    raw.read(&at("compaction.compaction_disabled"), &mut c.compaction_disabled)?;
    raw.read(&at("global.max_bytes_per_trace"), &mut limits.global.max_bytes_per_trace)?;
    let path = at("storage.parquet_dedicated_columns");
    if let Some(columns) = storage::columns(raw, &path, warnings)? {
        limits.storage.parquet_dedicated_columns = columns;
    }
    raw.read(&at("forwarders"), &mut limits.forwarders)?;
    unserved(raw, "cost_attribution", &mut limits.cost_attribution);
    unserved(raw, "metrics_generator", &mut limits.metrics_generator);
    Ok(())
}

fn at(key: &str) -> String {
    format!("{LIMITS}.{key}")
}

fn ingestion(raw: &Raw, limits: &mut TenantLimits) -> Done {
    let i = &mut limits.ingestion;
    raw.read(&at("ingestion.rate_strategy"), &mut i.rate_strategy)?;
    raw.read(&at("ingestion.rate_limit_bytes"), &mut i.rate_limit_bytes)?;
    raw.read(&at("ingestion.burst_size_bytes"), &mut i.burst_size_bytes)?;
    raw.read(&at("ingestion.max_traces_per_user"), &mut i.max_traces_per_user)?;
    raw.read(&at("ingestion.max_global_traces_per_user"), &mut i.max_global_traces_per_user)?;
    raw.read(&at("ingestion.max_attribute_bytes"), &mut i.max_attribute_bytes)?;
    if let Some(delay) = raw.get(&at("ingestion.artificial_delay"))? {
        i.artificial_delay = Some(delay);
    }
    raw.read(&at("ingestion.retry_info_enabled"), &mut i.retry_info_enabled)
}

fn read_side(raw: &Raw, limits: &mut TenantLimits) -> Done {
    let r = &mut limits.read;
    let bytes_max = &mut r.max_bytes_per_tag_values_query;
    raw.read(&at("read.max_bytes_per_tag_values_query"), bytes_max)?;
    let blocks_max = &mut r.max_blocks_per_tag_values_query;
    raw.read(&at("read.max_blocks_per_tag_values_query"), blocks_max)?;
    let groups_max = &mut r.max_condition_groups_per_tag_query;
    raw.read(&at("read.max_condition_groups_per_tag_query"), groups_max)?;
    raw.read(&at("read.max_search_duration"), &mut r.max_search_duration)?;
    raw.read(&at("read.max_metrics_duration"), &mut r.max_metrics_duration)?;
    raw.read(&at("read.left_pad_trace_ids"), &mut r.left_pad_trace_ids)
}

/// A block that is shown, and has no effect yet.
fn unserved(raw: &Raw, key: &str, block: &mut Map<String, Json>) {
    if let Some(Json::Object(map)) = raw.at(&at(key)).map(json) {
        *block = map;
    }
}

/// A tree as JSON; what looks like a number or a switch is one.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Scalar { text, plain: false } => text.clone().into(),
        Value::Scalar { text, plain: true } => {
            let float = || f64::from_node(node).ok().and_then(Number::from_f64).map(Json::Number);
            let bool = || bool::from_node(node).ok().map(Json::Bool);
            let number = i64::from_node(node).ok().map(Json::from);
            number.or_else(float).or_else(bool).unwrap_or_else(|| text.clone().into())
        }
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            let entries = entries.iter().filter(|entry| !entry.node.is_null());
            entries.map(|entry| (entry.key.clone(), json(&entry.node))).collect()
        }
    }
}
