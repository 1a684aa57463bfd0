//! From `overrides` and the overrides file to the limits of tenants that the engine holds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use stringendo_config::overrides_file::{self, ANY_TENANT, OverridesFile};
use stringendo_config::settings as config;
use stringendo_config::{Settings, settings};
use stringendo_engine::user_limits::UserLimitsSettings;
use stringendo_engine::{Limits, LimitsSource, TenantId, TenantLimits};

use crate::stores;
use crate::wiring::{dedicated_column, usize_of};

/// A file of more bytes is refused: 100,000 tenants with all their limits need a third of it.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The limits at the start, and how they are read again.
///
/// # Errors
/// The overrides file cannot be read, or says something that cannot be.
pub fn source(settings: &Settings) -> Result<LimitsSource, String> {
    let overrides = settings.overrides.clone();
    let distributor = settings.distributor.clone();
    let tempos = settings::TenantLimits::default();
    let defaults = Arc::new(of_tenant(&overrides.defaults, &tempos, &distributor));
    let without_file = Limits { defaults, ..Limits::default() };
    if overrides.per_tenant_override_config.as_os_str().is_empty() {
        return Ok(LimitsSource::fixed(without_file));
    }
    let period = overrides.per_tenant_override_period;
    let read = move |now: &Limits| -> Result<Option<Limits>, String> {
        let path = &overrides.per_tenant_override_config;
        let limits = read(path, &overrides, &distributor, now);
        limits.map_err(|why| format!("{}: {why}", path.display()))
    };
    let initial = read(&without_file)?.unwrap_or(without_file);
    Ok(LimitsSource { initial: Arc::new(initial), reload: Some((period, Arc::new(read))) })
}

/// What tenants may set for themselves.
///
/// # Errors
/// Settings of an object store that do not fit.
pub fn of_users(settings: &Settings) -> Result<Option<UserLimitsSettings>, String> {
    let own = &settings.overrides.user_configurable_overrides;
    if !own.enabled {
        return Ok(None);
    }
    let backend = stores::of_users(&own.client);
    Ok(Some(UserLimitsSettings {
        backend: backend.map_err(|error| format!("user-configurable overrides: {error}"))?,
        poll_interval: own.poll_interval,
        refuses_conflicts: own.api.check_for_conflicting_runtime_overrides,
    }))
}

/// Reads the file, unless it is the one that `now` comes from.
fn read(
    path: &Path,
    overrides: &config::Overrides,
    distributor: &config::Distributor,
    now: &Limits,
) -> Result<Option<Limits>, String> {
    let bytes = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!("{bytes} bytes are more than {FILE_BYTES_MAX}"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let source_sha256 = format!("{:x}", Sha256::digest(&text));
    if source_sha256 == now.source_sha256 {
        return Ok(None);
    }
    let env = |name: &str| std::env::var(name).ok();
    let env: Option<stringendo_config::expand::Env<'_>> = overrides.expand_env.then_some(&env);
    let file = overrides_file::parse(&text, env, &overrides.defaults)?;
    for warning in &file.warnings {
        tracing::warn!("{}: {warning}", path.display());
    }
    let limits = of_file(file, &overrides.defaults, distributor);
    Ok(Some(Limits { defaults: Arc::clone(&now.defaults), source_sha256, ..limits }))
}

fn of_file(
    file: OverridesFile,
    defaults: &settings::TenantLimits,
    distributor: &config::Distributor,
) -> Limits {
    let mut limits = Limits::default();
    for (name, entry) in file.entries {
        let entry = Arc::new(of_tenant(&entry, defaults, distributor));
        if name == ANY_TENANT {
            limits.any = Some(entry);
            continue;
        }
        match TenantId::parse(&name) {
            Ok(tenant) => drop(limits.tenants.insert(tenant, entry)),
            Err(error) => tracing::warn!(%error, "limits of a tenant that cannot be"),
        }
    }
    limits
}

/// The tenant's own where it has one, else the distributor's.
fn of_tenant(
    limits: &settings::TenantLimits,
    compared_with: &settings::TenantLimits,
    distributor: &config::Distributor,
) -> TenantLimits {
    let (ingestion, read) = (&limits.ingestion, &limits.read);
    let delay = ingestion.artificial_delay.unwrap_or(distributor.artificial_delay);
    TenantLimits {
        rate_bytes: ingestion.rate_limit_bytes,
        burst_bytes: ingestion.burst_size_bytes,
        live_traces_max: live_traces_max(ingestion),
        trace_bytes_max: limits.global.max_bytes_per_trace,
        attribute_bytes_max: attribute_bytes_max(ingestion, distributor),
        artificial_delay: delay,
        retry_info: ingestion.retry_info_enabled,
        search_range_max: read.max_search_duration,
        metrics_range_max: read.max_metrics_duration,
        tag_bytes_max: usize_of(read.max_bytes_per_tag_values_query),
        tag_blocks_max: usize_of(read.max_blocks_per_tag_values_query),
        tag_alternatives_max: usize_of(read.max_condition_groups_per_tag_query),
        pads_trace_ids: read.left_pad_trace_ids,
        block_retention: limits.compaction.block_retention,
        compaction_window: limits.compaction.compaction_window,
        compaction_disabled: limits.compaction.compaction_disabled,
        dedicated_columns: columns(&limits.storage),
        gauges: gauges(limits),
        extras: extras(limits),
        yaml: limits.to_yaml(),
        yaml_diff: limits.diff_yaml(compared_with),
    }
}

fn columns(storage: &settings::StorageLimits) -> Vec<stringendo_block::DedicatedColumn> {
    storage.parquet_dedicated_columns.iter().map(dedicated_column).collect()
}

/// What is not served yet, as far as it says something.
fn extras(limits: &settings::TenantLimits) -> serde_json::Map<String, serde_json::Value> {
    let blocks = [
        ("forwarders", serde_json::json!(limits.forwarders)),
        ("cost_attribution", limits.cost_attribution.clone().into()),
        ("metrics_generator", limits.metrics_generator.clone().into()),
    ];
    let is_empty = |value: &serde_json::Value| {
        value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(serde_json::Map::is_empty)
    };
    let each = blocks.into_iter().filter(|(_, value)| !is_empty(value));
    each.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// There is one process, so the smaller of both numbers is what it may take; 0 is none.
fn live_traces_max(ingestion: &settings::IngestionLimits) -> u64 {
    let each = [ingestion.max_traces_per_user, ingestion.max_global_traces_per_user];
    each.into_iter().filter(|limit| *limit > 0).min().unwrap_or(0)
}

/// Larger than 4 GiB is as good as none.
fn attribute_bytes_max(
    ingestion: &settings::IngestionLimits,
    distributor: &config::Distributor,
) -> u32 {
    let bytes = match ingestion.max_attribute_bytes {
        0 => distributor.max_attribute_bytes,
        tenant => tenant,
    };
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// By their names in contract metrics.md B9.
fn gauges(limits: &settings::TenantLimits) -> Vec<(&'static str, f64)> {
    let (ingestion, read) = (&limits.ingestion, &limits.read);
    let series = limits.metrics_generator.get("max_active_series");
    let series = series.and_then(serde_json::Value::as_u64).unwrap_or(0);
    let seconds = |duration: Duration| duration.as_secs_f64();
    vec![
        ("max_local_traces_per_user", ingestion.max_traces_per_user as f64),
        ("max_global_traces_per_user", ingestion.max_global_traces_per_user as f64),
        ("max_bytes_per_trace", limits.global.max_bytes_per_trace as f64),
        ("max_bytes_per_tag_values_query", read.max_bytes_per_tag_values_query as f64),
        ("max_blocks_per_tag_values_query", read.max_blocks_per_tag_values_query as f64),
        ("ingestion_rate_limit_bytes", ingestion.rate_limit_bytes as f64),
        ("ingestion_burst_size_bytes", ingestion.burst_size_bytes as f64),
        ("block_retention", seconds(limits.compaction.block_retention)),
        ("metrics_generator_max_active_series", series as f64),
    ]
}

#[cfg(test)]
#[path = "tenant_limits_tests.rs"]
mod tests;
