//! `storage.trace` → where blocks live and what they look like.

use std::collections::HashSet;

use crate::node::{Node, Value};
use crate::raw::Raw;
use crate::settings::{
    Backend, Block, BlockVersion, BlocklistPoll, ColumnScope, ColumnType, DedicatedColumn, Trace,
};
use crate::value::FromNode;
use crate::warning::{ConfigError, Warning, WarningKind};

/// Spare columns per scope and type of vParquet5 (blocks.md §11).
const STRING_COLUMNS_MAX: usize = 20;
const INT_COLUMNS_MAX: usize = 5;

pub(super) fn read(
    raw: &Raw,
    trace: &mut Trace,
    warnings: &mut Vec<Warning>,
) -> Result<(), ConfigError> {
    trace.backend = backend(raw)?;
    raw.read("storage.trace.local.path", &mut trace.local.path)?;
    if trace.backend == Backend::Local && trace.local.path.as_os_str().is_empty() {
        return Err(raw.error("storage.trace.local.path", "required with backend `local`"));
    }
    raw.read("storage.trace.wal.path", &mut trace.wal.path)?;
    let slack = &mut trace.wal.ingestion_time_range_slack;
    raw.read("storage.trace.wal.ingestion_time_range_slack", slack)?;
    raw.read("storage.trace.blocklist_poll", &mut trace.blocklist_poll)?;
    poll(raw, &mut trace.poll)?;
    super::object_stores::read(raw, trace)?;
    block(raw, &mut trace.block, warnings)
}

fn backend(raw: &Raw) -> Result<Backend, ConfigError> {
    let path = "storage.trace.backend";
    match raw.get::<String>(path)?.unwrap_or_default().as_str() {
        "local" => Ok(Backend::Local),
        "s3" => Ok(Backend::S3),
        "gcs" => Ok(Backend::Gcs),
        "azure" => Ok(Backend::Azure),
        "" => Err(raw.error(path, "required; one of local, s3, gcs, azure")),
        name => {
            let why = format!("unknown backend `{name}`; use local, s3, gcs or azure");
            Err(raw.error(path, &why))
        }
    }
}

/// 0 of something at a time is the default.
fn poll(raw: &Raw, poll: &mut BlocklistPoll) -> Result<(), ConfigError> {
    let at = |key: &str| format!("storage.trace.blocklist_poll_{key}");
    let default = BlocklistPoll::default();
    raw.read(&at("concurrency"), &mut poll.blocklist_poll_concurrency)?;
    raw.read(&at("tenant_concurrency"), &mut poll.blocklist_poll_tenant_concurrency)?;
    if poll.blocklist_poll_concurrency == 0 {
        poll.blocklist_poll_concurrency = default.blocklist_poll_concurrency;
    }
    if poll.blocklist_poll_tenant_concurrency == 0 {
        poll.blocklist_poll_tenant_concurrency = default.blocklist_poll_tenant_concurrency;
    }
    raw.read(&at("fallback"), &mut poll.blocklist_poll_fallback)?;
    raw.read(&at("tenant_index_builders"), &mut poll.blocklist_poll_tenant_index_builders)?;
    raw.read(&at("stale_tenant_index"), &mut poll.blocklist_poll_stale_tenant_index)?;
    raw.read(&at("jitter_ms"), &mut poll.blocklist_poll_jitter_ms)?;
    let errors = &mut poll.blocklist_poll_tolerate_consecutive_errors;
    raw.read(&at("tolerate_consecutive_errors"), errors)?;
    let failures = &mut poll.blocklist_poll_tolerate_tenant_failures;
    raw.read(&at("tolerate_tenant_failures"), failures)?;
    let empty = |key: &str| format!("storage.trace.empty_tenant_deletion_{key}");
    raw.read(&empty("enabled"), &mut poll.empty_tenant_deletion_enabled)?;
    raw.read(&empty("age"), &mut poll.empty_tenant_deletion_age)?;
    if poll.empty_tenant_deletion_age.is_zero() {
        poll.empty_tenant_deletion_age = default.empty_tenant_deletion_age;
    }
    Ok(())
}

fn block(raw: &Raw, block: &mut Block, warnings: &mut Vec<Warning>) -> Result<(), ConfigError> {
    block.version = version(raw, warnings)?;
    let path = "storage.trace.block.bloom_filter_false_positive";
    raw.read(path, &mut block.bloom_filter_false_positive)?;
    if block.bloom_filter_false_positive <= 0.0 || block.bloom_filter_false_positive >= 1.0 {
        return Err(raw.error(path, "must be between 0 and 1, both excluded"));
    }
    let path = "storage.trace.block.bloom_filter_shard_size_bytes";
    raw.read(path, &mut block.bloom_filter_shard_size_bytes)?;
    if block.bloom_filter_shard_size_bytes == 0 {
        return Err(raw.error(path, "must not be 0"));
    }
    let path = "storage.trace.block.parquet_row_group_size_bytes";
    raw.read(path, &mut block.parquet_row_group_size_bytes)?;
    if block.parquet_row_group_size_bytes == 0 {
        return Err(raw.error(path, "must not be 0"));
    }
    let path = "storage.trace.block.parquet_dedicated_columns";
    if let Some(columns) = columns(raw, path, warnings)? {
        block.parquet_dedicated_columns = columns;
    }
    Ok(())
}

fn version(raw: &Raw, warnings: &mut Vec<Warning>) -> Result<BlockVersion, ConfigError> {
    let path = "storage.trace.block.version";
    match raw.get::<String>(path)?.unwrap_or_default().as_str() {
        "" | "vParquet5" => Ok(BlockVersion::VParquet5),
        "vParquet4" => Ok(BlockVersion::VParquet4),
        name @ ("vParquet2" | "vParquet3") => {
            warnings.push(Warning {
                kind: WarningKind::Deprecated,
                place: raw.place(path),
                text: format!("`{path}`: {name} is not written any more; vParquet4 is"),
            });
            Ok(BlockVersion::VParquet4)
        }
        name => {
            let why = format!("unknown version `{name}`; use vParquet5 or vParquet4");
            Err(raw.error(path, &why))
        }
    }
}

/// Attributes with columns of their own, if the file says which.
pub(super) fn columns(
    raw: &Raw,
    path: &str,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Vec<DedicatedColumn>>, ConfigError> {
    let Some(node) = raw.at(path) else { return Ok(None) };
    let Value::List(items) = &node.value else {
        return Err(raw.error(path, "expected a list"));
    };
    let mut columns = Vec::with_capacity(items.len());
    let mut names = HashSet::new();
    for (i, item) in items.iter().enumerate() {
        let wrong = |why: &str| ConfigError::at(&item.place, &format!("{path}[{i}]"), why);
        let column = column(item).map_err(|why| wrong(&why))?;
        if !names.insert((column.scope, column.name.clone())) {
            return Err(wrong(&format!("`{}` is there twice in its scope", column.name)));
        }
        columns.push(column);
    }
    Ok(Some(within_spare_columns(columns, path, raw, warnings)))
}

fn column(item: &Node) -> Result<DedicatedColumn, String> {
    let text = |key: &str| item.get(key).map_or_else(|| Ok(String::new()), String::from_node);
    let scope = match text("scope")?.as_str() {
        "resource" => ColumnScope::Resource,
        "span" | "" => ColumnScope::Span,
        "event" => ColumnScope::Event,
        other => return Err(format!("scope `{other}` is none of resource, span, event")),
    };
    let column_type = match text("type")?.as_str() {
        "string" | "" => ColumnType::String,
        "int" => ColumnType::Int,
        other => return Err(format!("type `{other}` is none of string, int")),
    };
    let options = item.get("options").filter(|node| !node.is_null());
    let options = options.map_or_else(|| Ok(Vec::new()), Vec::<String>::from_node)?;
    if let Some(option) = options.iter().find(|o| !["array", "blob"].contains(&o.as_str())) {
        return Err(format!("option `{option}` is none of array, blob"));
    }
    let name = text("name")?;
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    let has = |option: &str| options.iter().any(|o| o == option);
    Ok(DedicatedColumn { scope, name, column_type, array: has("array"), blob: has("blob") })
}

/// Drops what exceeds the spare columns of its scope and type, with a warning for each.
fn within_spare_columns(
    columns: Vec<DedicatedColumn>,
    path: &str,
    raw: &Raw,
    warnings: &mut Vec<Warning>,
) -> Vec<DedicatedColumn> {
    let mut kept: Vec<DedicatedColumn> = Vec::with_capacity(columns.len());
    for column in columns {
        let used =
            |k: &&DedicatedColumn| k.scope == column.scope && k.column_type == column.column_type;
        let max = match column.column_type {
            ColumnType::String => STRING_COLUMNS_MAX,
            ColumnType::Int => INT_COLUMNS_MAX,
        };
        if kept.iter().filter(used).count() < max {
            kept.push(column);
            continue;
        }
        warnings.push(Warning {
            kind: WarningKind::Risky,
            place: raw.place(path),
            text: format!("`{path}`: `{}` is ignored, more than {max} of its kind", column.name),
        });
    }
    kept
}
