use std::path::PathBuf;
use std::time::Duration;

use crate::cli::{Command, parse};
use crate::load::load;
use crate::settings::{CacheRole, Settings};

const LOCAL: &str = "backend: local, local: {path: /t}";

fn load_text(source: &str) -> Result<(Settings, Vec<String>), String> {
    let Ok(Command::Serve(mut options)) = parse(std::iter::empty()) else { panic!("no flags") };
    options.config_file = Some(PathBuf::from("x.yaml"));
    let source =
        format!("{source}distributor: {{receivers: {{otlp: {{protocols: {{grpc: }}}}}}}}\n");
    let loaded = load(&options, &|_| None, &|_| Ok(source.clone()));
    let loaded = loaded.map_err(|error| error.to_string())?;
    Ok((loaded.settings, loaded.warnings.iter().map(|one| one.text.clone()).collect()))
}

fn with_caches(caches: &str) -> Result<(Settings, Vec<String>), String> {
    load_text(&format!("storage: {{trace: {{{LOCAL}}}}}\ncache:\n  caches: [{caches}]\n"))
}

#[test]
fn caches_of_both_kinds_are_read_with_their_roles() {
    let (settings, warnings) = with_caches(
        "{roles: [bloom, parquet-footer], memcached: {addresses: 'a:1,b:2', timeout: 1s, \
         max_item_size: 5}}, {roles: [parquet-page], redis: {endpoint: 'r:6379', db: 3, \
         password: p, expiration: 1h}}",
    )
    .unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    let [first, second] = &settings.cache.caches[..] else { panic!("two caches") };
    assert_eq!(first.roles, [CacheRole::Bloom, CacheRole::ParquetFooter]);
    let memcached = first.memcached.as_ref().unwrap();
    assert_eq!((memcached.addresses.as_str(), memcached.max_item_size), ("a:1,b:2", 5));
    assert_eq!(memcached.timeout, Duration::from_secs(1));
    let redis = second.redis.as_ref().unwrap();
    assert_eq!((redis.endpoint.as_str(), redis.db), ("r:6379", 3));
    assert_eq!(redis.ttl, Duration::from_secs(3600));
    let printed = settings.to_yaml();
    assert!(printed.contains("parquet-footer") && !printed.contains("password: p"), "{printed}");
}

#[test]
fn the_old_form_is_a_cache_of_filters_and_of_what_cache_control_says() {
    let (settings, warnings) = load_text(&format!(
        "storage: {{trace: {{{LOCAL}, cache: memcached, memcached: {{host: m, timeout: 500ms}}, \
         search: {{cache_control: {{footer: true}}}}, cache_min_compaction_level: 1, \
         background_cache: {{writeback_goroutines: 3}}}}}}\n"
    ))
    .unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let [cache] = &settings.cache.caches[..] else { panic!("one cache") };
    assert_eq!(cache.roles, [CacheRole::Bloom, CacheRole::ParquetFooter]);
    assert_eq!(cache.cache_min_compaction_level, 1);
    assert_eq!(cache.memcached.as_ref().unwrap().host, "m");
    assert_eq!(settings.cache.background.writeback_goroutines, 3);
}

#[test]
fn memcached_takes_the_keys_of_tls() {
    let cache = "{roles: [bloom], memcached: {host: m, tls_enabled: true, tls_ca_path: /ca, \
                 tls_server_name: n, tls_cert_path: /c, tls_key_path: /k}}";
    let (settings, warnings) = with_caches(cache).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let memcached = settings.cache.caches[0].memcached.as_ref().unwrap();
    assert!(memcached.tls_enabled && !memcached.tls.tls_insecure_skip_verify);
    assert_eq!(memcached.tls.tls_ca_path, PathBuf::from("/ca"));
    assert_eq!(memcached.tls.tls_server_name, "n");
}

#[test]
fn what_is_not_served_is_refused_and_what_is_not_cached_is_told() {
    for (cache, wanted) in [
        ("{roles: [bloom], memcached: {}}", "needs `host` or `addresses`"),
        ("{roles: [bloom], memcached: {addresses: 'dnssrv+x'}}", "SRV"),
        ("{roles: [bloom], memcached: {host: m, tls_cert_path: c}}", "tls_key_path"),
        ("{roles: [bloom], memcached: {host: m, tls_min_version: x}}", "tls_min_version"),
        ("{roles: [bloom], memcached: {host: m, timeout: 0s}}", "must not be 0"),
        ("{roles: [bloom], redis: {}}", "needs `endpoint`"),
        ("{roles: [bloom], redis: {endpoint: e, sentinel_password: p}}", "need master_name"),
        ("{roles: [bloom], redis: {endpoint: e, tls_cert_path: c}}", "tls_key_path"),
    ] {
        let error = with_caches(cache).unwrap_err();
        assert!(error.contains(wanted), "{cache}: {error}");
    }
    let (_, warnings) = with_caches("{roles: [frontend-search], memcached: {host: m}}").unwrap();
    assert!(warnings.iter().any(|text| text.contains("frontend-search")), "{warnings:?}");
}
