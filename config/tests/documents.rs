//! The documents that users start from load unchanged, and mean what they say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use stringendo_config::settings::{
    Backend, BlockVersion, CacheRole, ColumnScope, Durability, RateStrategy, Settings,
};
use stringendo_config::{CliOptions, Command, Endpoint, Loaded, WarningKind, cli, load};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn try_load(name: &str, args: &[&str]) -> Result<Loaded, String> {
    let file = format!("-config.file={}", data(name).display());
    let args = std::iter::once(file.as_str()).chain(args.iter().copied());
    let Ok(Command::Serve(options)) = cli::parse(args.map(Into::into)) else {
        panic!("{name}: not a command that serves")
    };
    let env = |name: &str| name.starts_with("AWS_").then(|| "from-env".to_owned());
    load(&options, &env, &|path| std::fs::read_to_string(path)).map_err(|e| e.to_string())
}

fn named(loaded: &Loaded, kind: WarningKind) -> Vec<String> {
    let of_kind = loaded.warnings.iter().filter(|warning| warning.kind == kind);
    of_kind.map(|w| w.text.split('`').nth(1).unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_monolithic_document_loads_and_its_served_keys_count() {
    let loaded = try_load("monolithic-local.yaml", &[]).unwrap();
    let s = &loaded.settings;
    assert_eq!(s.live_store.max_trace_idle, Duration::from_secs(10));
    assert_eq!(s.live_store.max_block_bytes, 1_048_576);
    assert_eq!(s.live_store.max_block_duration, Duration::from_secs(300));
    assert_eq!(s.distributor.receivers.otlp_grpc[0].endpoint, Endpoint::new("0.0.0.0", 4317));
    assert_eq!(s.distributor.receivers.otlp_http[0].endpoint, Endpoint::new("0.0.0.0", 4318));
    assert!((s.distributor.log_received_spans.log_sampling_fraction - 0.1).abs() < 1e-9);
    assert_eq!(s.storage.trace.local.path, Path::new("/var/tempo/blocks"));
    assert_eq!(s.storage.trace.block.bloom_filter_shard_size_bytes, 100_000);
    assert_eq!(s.storage.trace.block.version, BlockVersion::VParquet4);
    assert_eq!(s.stringendo.wal.path, Path::new("/var/tempo/wal"));
}

#[test]
fn the_monolithic_document_warns_of_what_is_not_served_and_of_nothing_unknown() {
    let loaded = try_load("monolithic-local.yaml", &[]).unwrap();
    assert_eq!(named(&loaded, WarningKind::UnknownKey), Vec::<String>::new());
    let later = named(&loaded, WarningKind::NotYetServed);
    for key in ["distributor.receivers.jaeger", "distributor.receivers.zipkin", "metrics_generator"]
    {
        assert!(later.iter().any(|named| named == key), "{key} not in {later:?}");
    }
    assert_eq!(loaded.settings.storage.trace.block.version, BlockVersion::VParquet4);
    let misplaced = named(&loaded, WarningKind::Deprecated);
    assert_eq!(
        misplaced,
        [
            "storage.trace.bloom_filter_false_positive",
            "storage.trace.bloom_filter_shard_size_bytes"
        ]
    );
    assert_eq!(named(&loaded, WarningKind::Risky), ["distributor.log_received_spans.enabled"]);
}

#[test]
fn the_multitenant_document_keeps_blocks_in_s3_and_caches_filters_in_memcached() {
    let loaded = try_load("multitenant-s3.yaml", &["-config.expand-env"]).unwrap();
    let trace = &loaded.settings.storage.trace;
    assert_eq!(trace.backend, Backend::S3);
    assert_eq!((trace.s3.bucket.as_str(), trace.s3.region.as_str()), ("tempo-traces", "us-east-1"));
    assert_eq!(
        (trace.s3.access_key.as_str(), trace.s3.secret_key.as_str()),
        ("from-env", "from-env")
    );
    let [cache] = &loaded.settings.cache.caches[..] else { panic!("one cache") };
    assert_eq!(cache.roles, [CacheRole::Bloom]);
    assert_eq!(cache.memcached.as_ref().map(|one| one.host.as_str()), Some("memcached"));
    assert_eq!(named(&loaded, WarningKind::UnknownKey), Vec::<String>::new());
}

#[test]
fn the_multitenant_document_loads_with_a_local_backend_from_flags() {
    for flags in [&["-config.expand-env"][..], &["-config.expand-env=true"], &[]] {
        let mut args = vec!["-storage.trace.backend=local", "-storage.trace.local.path", "/b"];
        args.extend(flags);
        let loaded = try_load("multitenant-s3.yaml", &args).unwrap();
        let s = &loaded.settings;
        assert!(s.multitenancy_enabled);
        assert_eq!(s.storage.trace.local.path, Path::new("/b"));
        assert_eq!(s.overrides.defaults.ingestion.rate_limit_bytes, 20_000_000);
        assert_eq!(s.overrides.defaults.ingestion.burst_size_bytes, 25_000_000);
        assert_eq!(s.overrides.defaults.ingestion.max_traces_per_user, 50_000);
        assert_eq!(s.overrides.per_tenant_override_config, Path::new("/etc/tempo/overrides.yaml"));
        assert_eq!(named(&loaded, WarningKind::UnknownKey), Vec::<String>::new());
    }
}

#[test]
fn the_minimal_document_listens_on_localhost() {
    let loaded = try_load("minimal.yaml", &[]).unwrap();
    let receivers = &loaded.settings.distributor.receivers;
    assert_eq!(receivers.otlp_grpc[0].endpoint, Endpoint::new("localhost", 4317));
    assert_eq!(receivers.otlp_http[0].endpoint, Endpoint::new("localhost", 4318));
}

#[test]
fn the_document_in_the_words_of_3_x_loads_without_a_warning() {
    let loaded = try_load("live-store.yaml", &[]).unwrap();
    assert_eq!(loaded.warnings, Vec::new());
    let s = &loaded.settings;
    assert_eq!(s.live_store.max_trace_live, Duration::from_secs(20));
    assert_eq!(s.live_store.max_block_bytes, 104_857_600);
    let grpc = &s.distributor.receivers.otlp_grpc;
    assert_eq!(grpc[0].max_recv_msg_size_bytes, 16 << 20);
    assert_eq!(grpc[0].endpoint, Endpoint::new("::", 4317));
    assert_eq!((grpc[1].name.as_str(), grpc[1].endpoint.port), ("otlp/internal", 14317));
    let http = &s.distributor.receivers.otlp_http[0];
    assert_eq!(http.max_request_body_size, 10 << 20);
    assert_eq!((http.cors.allowed_origins.len(), http.cors.max_age), (1, 7200));
    let block = &s.storage.trace.block;
    assert_eq!(block.parquet_row_group_size_bytes, 50_000_000);
    assert_eq!(block.parquet_dedicated_columns.len(), 4);
    assert!(block.parquet_dedicated_columns[2].blob);
    assert_eq!(block.parquet_dedicated_columns[3].scope, ColumnScope::Event);
    assert_eq!(s.query_frontend.search.max_duration, Duration::from_secs(7 * 86_400));
    assert_eq!(s.overrides.defaults.ingestion.rate_strategy, RateStrategy::Global);
    assert!(!s.overrides.defaults.ingestion.retry_info_enabled);
    assert_eq!(s.overrides.defaults.global.max_bytes_per_trace, 0);
    assert_eq!(s.stringendo.wal.durability, Durability::Interval);
    assert_eq!(s.stringendo.wal.path, Path::new("/data/wal"));
}

#[test]
fn every_document_is_good_in_strict_mode_too() {
    for name in ["monolithic-local.yaml", "minimal.yaml", "live-store.yaml"] {
        assert!(try_load(name, &["-config.strict"]).is_ok(), "{name}");
    }
}

#[test]
fn settings_of_a_document_load_again_from_their_own_yaml() {
    for name in ["monolithic-local.yaml", "minimal.yaml", "live-store.yaml"] {
        let settings: Settings = try_load(name, &[]).unwrap().settings;
        let options =
            CliOptions { config_file: Some(PathBuf::from("again.yaml")), ..CliOptions::default() };
        let again = load(&options, &|_| None, &|_| Ok(settings.to_yaml())).unwrap();
        assert_eq!(again.settings, settings, "{name}");
    }
}
