//! Values that contradict one another: fatal checks and warnings of config.md §10.
//!
//! Some concern keys that are not served yet: a file that Tempo would refuse is refused here too.

use std::time::Duration;

use crate::node::{Node, Value};
use crate::raw::Raw;
use crate::settings::{Backend, CacheRole, Settings, Target};
use crate::value::FromNode;
use crate::warning::{ConfigError, Warning, WarningKind};

/// Blocks of compaction settings, of which one is given.
const COMPACTION: [&str; 3] = [
    "compactor.compaction",
    "backend_worker.compaction",
    "backend_scheduler.provider.compaction.compaction",
];

/// Refuses what contradicts itself.
///
/// # Errors
/// The first contradiction.
pub fn refuse(raw: &Raw) -> Result<(), ConfigError> {
    positive(raw)?;
    query_shards(raw)?;
    query_end_cutoff(raw)?;
    cache_roles(raw)
}

fn positive(raw: &Raw) -> Result<(), ConfigError> {
    for path in [
        "query_frontend.search.concurrent_jobs",
        "query_frontend.search.target_bytes_per_job",
        "query_frontend.search.most_recent_shards",
        "query_frontend.metrics.concurrent_jobs",
        "query_frontend.metrics.target_bytes_per_job",
    ] {
        if raw.get::<u64>(path)? == Some(0) {
            return Err(raw.error(path, "must not be 0"));
        }
    }
    let path = "query_frontend.metrics.interval";
    match raw.get::<Duration>(path)? {
        Some(Duration::ZERO) => Err(raw.error(path, "must not be 0")),
        _ => Ok(()),
    }
}

fn query_shards(raw: &Raw) -> Result<(), ConfigError> {
    let path = "query_frontend.trace_by_id.query_shards";
    match raw.get::<u64>(path)? {
        Some(shards) if !(2..=100_000).contains(&shards) => {
            Err(raw.error(path, "must be from 2 to 100000"))
        }
        _ => Ok(()),
    }
}

fn query_end_cutoff(raw: &Raw) -> Result<(), ConfigError> {
    let path = "query_frontend.query_end_cutoff";
    let cutoff = raw.get(path)?.unwrap_or(Duration::from_secs(30));
    let after = raw.get("query_frontend.search.query_backend_after")?;
    if cutoff > after.unwrap_or(Duration::from_secs(15 * 60)) {
        let why = "must not be longer than query_frontend.search.query_backend_after";
        return Err(raw.error(path, why));
    }
    Ok(())
}

fn cache_roles(raw: &Raw) -> Result<(), ConfigError> {
    let Some(Value::List(caches)) = raw.at("cache.caches").map(|node| &node.value) else {
        return Ok(());
    };
    let mut seen: Vec<String> = Vec::new();
    for (i, cache) in caches.iter().enumerate() {
        let wrong = |why: &str| ConfigError::at(&cache.place, &format!("cache.caches[{i}]"), why);
        let roles = cache.get("roles").map(Vec::<String>::from_node);
        let roles = roles.and_then(Result::ok).unwrap_or_default();
        if roles.is_empty() {
            return Err(wrong("no roles"));
        }
        if cache.get("memcached").is_some() == cache.get("redis").is_some() {
            return Err(wrong("exactly one of memcached and redis is needed"));
        }
        for role in roles {
            let known = CacheRole::ALL.map(CacheRole::name);
            if !known.contains(&role.as_str()) {
                return Err(wrong(&format!("role `{role}` is none of {}", known.join(", "))));
            }
            if seen.contains(&role) {
                return Err(wrong(&format!("role `{role}` is claimed twice")));
            }
            seen.push(role);
        }
    }
    Ok(())
}

/// Warns of what is allowed and rarely meant.
///
/// # Errors
/// None in practice: types were checked before.
pub fn warn(
    raw: &Raw,
    settings: &Settings,
    warnings: &mut Vec<Warning>,
) -> Result<(), ConfigError> {
    let mut advise = |path: &str, why: &str| {
        let text = format!("`{path}`: {why}");
        warnings.push(Warning { kind: WarningKind::Risky, place: raw.place(path), text });
    };
    let trace = &settings.storage.trace;
    if settings.live_store.complete_block_timeout < trace.blocklist_poll {
        let block = if raw.at("ingester.complete_block_timeout").is_some() {
            "ingester.complete_block_timeout"
        } else {
            "live_store.complete_block_timeout"
        };
        advise(block, "shorter than storage.trace.blocklist_poll: flushed data may be missed");
    }
    for (log, path) in [
        (&settings.distributor.log_received_spans, "distributor.log_received_spans.enabled"),
        (&settings.distributor.log_discarded_spans, "distributor.log_discarded_spans.enabled"),
    ] {
        if log.enabled {
            advise(path, "a log line for every span is for debugging only");
        }
    }
    user_configurable(settings, &mut advise);
    if is_text(raw.at("target"), "scalable-single-binary") {
        advise("target", "with backend `local`, processes do not see one another's blocks");
    }
    if settings.target == Target::BackendWorker && settings.compactor.disabled {
        let why = "with this target the process has nothing to do; `-compactor.disabled=false` \
                   on its command line makes it the one that merges and deletes blocks";
        advise("compactor.disabled", why);
    }
    for block in COMPACTION {
        compaction(raw, block, trace.blocklist_poll, &mut advise)?;
    }
    storage(raw, &mut advise)?;
    query(raw, &mut advise)?;
    let prune_age = raw.get::<Duration>("backend_scheduler.work.prune_age")?;
    if prune_age.is_some_and(|age| age <= 2 * trace.blocklist_poll) {
        let why = "not longer than twice storage.trace.blocklist_poll";
        advise("backend_scheduler.work.prune_age", why);
    }
    Ok(())
}

type Advise<'a> = &'a mut dyn FnMut(&str, &str);

fn compaction(
    raw: &Raw,
    block: &str,
    blocklist_poll: Duration,
    advise: Advise<'_>,
) -> Result<(), ConfigError> {
    let path = format!("{block}.block_retention");
    if raw.get::<Duration>(&path)?.is_some_and(|retention| retention < blocklist_poll) {
        advise(&path, "shorter than storage.trace.blocklist_poll: blocks go before they are seen");
    }
    let path = format!("{block}.retention_concurrency");
    if raw.get::<u64>(&path)? == Some(0) {
        advise(&path, "0 means the default");
    }
    Ok(())
}

/// What tenants set for themselves belongs beside blocks, not among them.
fn user_configurable(settings: &Settings, advise: Advise<'_>) {
    let own = &settings.overrides.user_configurable_overrides;
    let (client, trace) = (&own.client, &settings.storage.trace);
    let (key, is_same) = match (client.backend.as_str(), trace.backend) {
        ("local", Backend::Local) => ("local.path", client.local.path == trace.local.path),
        ("s3", Backend::S3) => ("s3.bucket", client.s3.bucket == trace.s3.bucket),
        ("gcs", Backend::Gcs) => {
            ("gcs.bucket_name", client.gcs.bucket_name == trace.gcs.bucket_name)
        }
        ("azure", Backend::Azure) => {
            ("azure.container_name", client.azure.container_name == trace.azure.container_name)
        }
        _ => return,
    };
    if own.enabled && is_same {
        let path = format!("overrides.user_configurable_overrides.client.{key}");
        advise(&path, "where blocks are: use another one");
    }
}

fn storage(raw: &Raw, advise: Advise<'_>) -> Result<(), ConfigError> {
    let path = "storage.trace.blocklist_poll_concurrency";
    if raw.get::<u64>(path)? == Some(0) {
        advise(path, "0 means the default");
    }
    let path = "storage.trace.s3.native_aws_auth_enabled";
    if raw.at(path).is_some() {
        advise(path, "gone from Tempo; it has no effect");
    }
    let path = "storage.trace.cache";
    if raw.at(path).is_some_and(|node| !is_text(Some(node), "")) {
        advise(path, "the old form of the top-level `cache` block");
    }
    Ok(())
}

fn query(raw: &Raw, advise: Advise<'_>) -> Result<(), ConfigError> {
    let path = "query_frontend.mcp_server.enabled";
    if raw.get::<bool>(path)? == Some(true) {
        advise(path, "lets a language model read traces, and pass them on to its maker");
    }
    if raw.at("query_frontend.rf1_after").is_some() {
        advise("query_frontend.rf1_after", "gone from Tempo; it has no effect");
    }
    let path = "query_frontend.trace_by_id.concurrent_shards";
    let shards = raw.get::<u64>("query_frontend.trace_by_id.query_shards")?.unwrap_or(50);
    if raw.get::<u64>(path)?.is_some_and(|concurrent| concurrent > shards) {
        advise(path, "more than query_frontend.trace_by_id.query_shards");
    }
    Ok(())
}

fn is_text(node: Option<&Node>, text: &str) -> bool {
    node.and_then(|node| String::from_node(node).ok()).is_some_and(|found| found == text)
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
