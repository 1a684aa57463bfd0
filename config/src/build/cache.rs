//! `cache`, and its old form in `storage.trace` → caches outside the process (config.md §7.5).
//!
//! That roles are known, in one cache each, and that a cache is of one kind, is checked before
//! ([`crate::rules`]).

use std::time::Duration;

use crate::node::{Node, Value};
use crate::raw::Raw;
use crate::settings::{CacheEntry, CacheRole, Caches, Memcached, Redis};
use crate::warning::{ConfigError, Warning, WarningKind};

pub(super) fn read(
    raw: &Raw,
    caches: &mut Caches,
    warnings: &mut Vec<Warning>,
) -> Result<(), ConfigError> {
    let old = old_form(raw)?;
    let background =
        if old.is_some() { "storage.trace.background_cache" } else { "cache.background" };
    let path = |key: &str| format!("{background}.{key}");
    raw.read(&path("writeback_goroutines"), &mut caches.background.writeback_goroutines)?;
    raw.read(&path("writeback_buffer"), &mut caches.background.writeback_buffer)?;
    if caches.background.writeback_goroutines == 0 {
        return Err(raw.error(&path("writeback_goroutines"), "must not be 0"));
    }
    caches.caches.extend(old);
    if let Some(Node { value: Value::List(entries), .. }) = raw.at("cache.caches") {
        for entry in entries {
            caches.caches.push(self::entry(entry)?);
        }
    }
    warn_unused(raw, caches, warnings);
    Ok(())
}

fn entry(node: &Node) -> Result<CacheEntry, ConfigError> {
    let raw = Raw::new(node.clone());
    let names: Vec<String> = raw.get("roles")?.unwrap_or_default();
    let role = |name: &String| CacheRole::ALL.into_iter().find(|role| role.name() == name);
    Ok(CacheEntry {
        roles: names.iter().filter_map(role).collect(),
        memcached: raw.at("memcached").map(|_| memcached(&raw, "memcached")).transpose()?,
        redis: raw.at("redis").map(|_| redis(&raw, "redis")).transpose()?,
        cache_min_compaction_level: 0,
        cache_max_block_age: Duration::ZERO,
    })
}

/// The old form: one cache, for Bloom filters and what `search.cache_control` says.
fn old_form(raw: &Raw) -> Result<Option<CacheEntry>, ConfigError> {
    let kind = raw.get::<String>("storage.trace.cache")?.unwrap_or_default();
    if kind.is_empty() {
        return Ok(None);
    }
    if raw.at("cache.caches").is_some() {
        return Err(raw.error("storage.trace.cache", "`cache` is given as well; remove this one"));
    }
    let is_memcached = kind == "memcached";
    let path = format!("storage.trace.{kind}");
    let mut entry = CacheEntry {
        roles: vec![CacheRole::Bloom],
        memcached: is_memcached.then(|| memcached(raw, &path)).transpose()?,
        redis: (!is_memcached).then(|| redis(raw, &path)).transpose()?,
        cache_min_compaction_level: 0,
        cache_max_block_age: Duration::ZERO,
    };
    for (key, role) in [
        ("footer", CacheRole::ParquetFooter),
        ("column_index", CacheRole::ParquetColumnIdx),
        ("offset_index", CacheRole::ParquetOffsetIdx),
    ] {
        if raw.get(&format!("storage.trace.search.cache_control.{key}"))? == Some(true) {
            entry.roles.push(role);
        }
    }
    raw.read("storage.trace.cache_min_compaction_level", &mut entry.cache_min_compaction_level)?;
    raw.read("storage.trace.cache_max_block_age", &mut entry.cache_max_block_age)?;
    Ok(Some(entry))
}

fn memcached(raw: &Raw, block: &str) -> Result<Memcached, ConfigError> {
    let mut memcached = Memcached::default();
    let m = &mut memcached;
    let at = |key: &str| format!("{block}.{key}");
    for (key, text) in
        [("host", &mut m.host), ("service", &mut m.service), ("addresses", &mut m.addresses)]
    {
        raw.read(&at(key), text)?;
    }
    for (key, time) in [
        ("timeout", &mut m.timeout),
        ("connect_timeout", &mut m.connect_timeout),
        ("update_interval", &mut m.update_interval),
        ("ttl", &mut m.ttl),
        ("circuit_breaker_timeout", &mut m.circuit_breaker_timeout),
        ("circuit_breaker_interval", &mut m.circuit_breaker_interval),
    ] {
        raw.read(&at(key), time)?;
    }
    for (key, number) in [
        ("max_idle_conns", &mut m.max_idle_conns),
        ("max_item_size", &mut m.max_item_size),
        ("circuit_breaker_consecutive_failures", &mut m.circuit_breaker_consecutive_failures),
    ] {
        raw.read(&at(key), number)?;
    }
    if m.host.is_empty() && m.addresses.is_empty() {
        return Err(raw.error(block, "needs `host` or `addresses`"));
    }
    if m.addresses.contains("dnssrv") {
        let why = "names with SRV records are not supported; use dns+name:port";
        return Err(raw.error(&at("addresses"), why));
    }
    raw.read(&at("tls_enabled"), &mut m.tls_enabled)?;
    super::object_stores::tls(raw, block, &mut m.tls)?;
    positive(raw, &at("timeout"), m.timeout)?;
    Ok(memcached)
}

fn redis(raw: &Raw, block: &str) -> Result<Redis, ConfigError> {
    let mut redis = Redis::default();
    let r = &mut redis;
    let at = |key: &str| format!("{block}.{key}");
    for (key, text) in [
        ("endpoint", &mut r.endpoint),
        ("username", &mut r.username),
        ("password", &mut r.password),
        ("master_name", &mut r.master_name),
        ("sentinel_username", &mut r.sentinel_username),
        ("sentinel_password", &mut r.sentinel_password),
        ("tls_ca_path", &mut r.tls_ca_path),
        ("tls_cert_path", &mut r.tls_cert_path),
        ("tls_key_path", &mut r.tls_key_path),
    ] {
        raw.read(&at(key), text)?;
    }
    raw.read(&at("timeout"), &mut r.timeout)?;
    raw.read(&at("expiration"), &mut r.ttl)?;
    raw.read(&at("ttl"), &mut r.ttl)?;
    for (key, switch) in [
        ("single_node", &mut r.single_node),
        ("read_only", &mut r.read_only),
        ("tls_enabled", &mut r.tls_enabled),
        ("tls_insecure_skip_verify", &mut r.tls_insecure_skip_verify),
    ] {
        raw.read(&at(key), switch)?;
    }
    raw.read(&at("db"), &mut r.db)?;
    raw.read(&at("max_item_size"), &mut r.max_item_size)?;
    if r.endpoint.is_empty() {
        return Err(raw.error(block, "needs `endpoint`"));
    }
    if r.master_name.is_empty()
        && !(r.sentinel_username.is_empty() && r.sentinel_password.is_empty())
    {
        return Err(raw.error(block, "sentinel_username and sentinel_password need master_name"));
    }
    if r.tls_cert_path.is_empty() != r.tls_key_path.is_empty() {
        return Err(raw.error(&at("tls_cert_path"), "needs tls_key_path, which needs it"));
    }
    positive(raw, &at("timeout"), r.timeout)?;
    Ok(redis)
}

fn positive(raw: &Raw, path: &str, time: Duration) -> Result<(), ConfigError> {
    if time.is_zero() { Err(raw.error(path, "must not be 0")) } else { Ok(()) }
}

/// A user would wait for hits in vain.
fn warn_unused(raw: &Raw, caches: &Caches, warnings: &mut Vec<Warning>) {
    let roles = caches.caches.iter().flat_map(|cache| &cache.roles);
    if roles.clone().any(|role| *role == CacheRole::FrontendSearch) {
        warnings.push(Warning {
            kind: WarningKind::NotYetServed,
            place: raw.place("cache.caches"),
            text:
                "`cache.caches`: role frontend-search is not served yet; answers of searches are \
                   not cached"
                    .to_owned(),
        });
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
