//! From the configuration to clients of caches outside the process.
//!
//! Certificates are read here; nothing is connected before it is asked.

use std::path::Path;
use std::sync::Arc;

use stringendo_cache::{
    BreakerOptions, Client, CommonOptions, MemcachedOptions, MemcachedTls, RedisOptions,
    RedisSentinel, RedisTls,
};
use stringendo_config::settings::{self as config, CacheEntry, Caches};
use stringendo_engine::outer_cache::{CacheRole, OuterCache, OuterCacheSettings};

use crate::stores;
use crate::wiring::usize_of;

/// memcached's own port.
const MEMCACHED_PORT: u16 = 11211;

/// For the engine.
///
/// # Errors
/// An address that is none, or certificates that cannot be read.
pub fn settings(caches: &Caches) -> Result<OuterCacheSettings, String> {
    let numbered = caches.caches.iter().enumerate();
    Ok(OuterCacheSettings {
        caches: numbered.map(|(number, entry)| cache(number, entry)).collect::<Result<_, _>>()?,
        writes_max: usize_of(caches.background.writeback_goroutines),
        waiting_max: usize_of(caches.background.writeback_buffer),
    })
}

fn cache(number: usize, entry: &CacheEntry) -> Result<OuterCache, String> {
    let client = match (&entry.memcached, &entry.redis) {
        (Some(options), _) => memcached(options)?,
        (None, Some(options)) => redis(options)?,
        (None, None) => return Err(format!("cache {number} is of no kind")),
    };
    let roles: Vec<CacheRole> = entry.roles.iter().filter_map(|role| used(*role)).collect();
    let names: Vec<&str> = entry.roles.iter().map(|role| role.name()).collect();
    Ok(OuterCache {
        client: Arc::new(client),
        name: names.join("|"),
        roles,
        compaction_level_min: entry.cache_min_compaction_level,
        block_age_max: entry.cache_max_block_age,
    })
}

/// Of some roles nothing is ever read here, so there is nothing to cache.
fn used(role: config::CacheRole) -> Option<CacheRole> {
    match role {
        config::CacheRole::Bloom => Some(CacheRole::Bloom),
        config::CacheRole::ParquetFooter => Some(CacheRole::ParquetFooter),
        config::CacheRole::ParquetOffsetIdx => Some(CacheRole::ParquetOffsetIdx),
        config::CacheRole::ParquetPage => Some(CacheRole::ParquetPage),
        config::CacheRole::TraceIdIndex
        | config::CacheRole::ParquetColumnIdx
        | config::CacheRole::FrontendSearch => None,
    }
}

fn memcached(options: &config::Memcached) -> Result<Client, String> {
    let connect = options.connect_timeout;
    let memcached = MemcachedOptions {
        addresses: addresses(options),
        connect_timeout: if connect.is_zero() { options.timeout } else { connect },
        idle_connections_max: usize_of(options.max_idle_conns),
        update_interval: options.update_interval,
        breaker: BreakerOptions {
            failures: options.circuit_breaker_consecutive_failures,
            pause: options.circuit_breaker_timeout,
            interval: options.circuit_breaker_interval,
        },
        tls: options.tls_enabled.then(|| memcached_tls(&options.tls)).transpose()?,
    };
    let common = CommonOptions {
        timeout: options.timeout,
        item_bytes_max: options.max_item_size,
        ttl: options.ttl,
    };
    Ok(Client::memcached(memcached, common))
}

fn memcached_tls(tls: &config::ClientTls) -> Result<MemcachedTls, String> {
    let tls = stores::tls(tls);
    let config = stringendo_store::client_config(&tls).map_err(|error| error.to_string())?;
    Ok(MemcachedTls { config: Arc::new(config), server_name: tls.server_name })
}

/// Either the addresses, or all those that the host's name has.
fn addresses(options: &config::Memcached) -> String {
    if !options.addresses.is_empty() {
        return options.addresses.clone();
    }
    let port = options.service.parse().unwrap_or(MEMCACHED_PORT);
    format!("dns+{}:{port}", options.host)
}

fn redis(options: &config::Redis) -> Result<Client, String> {
    let redis = RedisOptions {
        endpoint: options.endpoint.clone(),
        is_cluster: !options.single_node,
        db: options.db,
        username: options.username.clone(),
        password: options.password.clone(),
        read_from_replicas: options.read_only,
        tls: options.tls_enabled.then(|| tls(options)).transpose()?,
        sentinel: (!options.master_name.is_empty()).then(|| RedisSentinel {
            master_name: options.master_name.clone(),
            username: options.sentinel_username.clone(),
            password: options.sentinel_password.clone(),
        }),
    };
    let common = CommonOptions {
        timeout: options.timeout,
        item_bytes_max: options.max_item_size,
        ttl: options.ttl,
    };
    Client::redis(redis, common).map_err(|error| error.to_string())
}

fn tls(options: &config::Redis) -> Result<RedisTls, String> {
    let own = match (file(&options.tls_cert_path)?, file(&options.tls_key_path)?) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ => None,
    };
    let ca = file(&options.tls_ca_path)?;
    Ok(RedisTls { is_insecure: options.tls_insecure_skip_verify, ca, own })
}

fn file(path: &str) -> Result<Option<Vec<u8>>, String> {
    if path.is_empty() {
        return Ok(None);
    }
    std::fs::read(Path::new(path)).map(Some).map_err(|error| format!("{path}: {error}"))
}
