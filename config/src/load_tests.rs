use super::{Loaded, load};
use crate::cli::{CliOptions, Command, parse};
use crate::settings::{Settings, Target};
use crate::warning::{ConfigError, WarningKind};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LOCAL: &str = "storage: {trace: {backend: local, local: {path: /t}}}\n";

fn with(source: &str, flags: &[&str]) -> Result<Loaded, ConfigError> {
    let Ok(Command::Serve(mut options)) = parse(flags.iter().map(Into::into)) else {
        panic!("{flags:?}")
    };
    options.config_file = Some(PathBuf::from("x.yaml"));
    let env = |name: &str| (name == "PORT").then(|| "81".to_owned());
    load(&options, &env, &|_| Ok(source.to_owned()))
}

fn settings(source: &str) -> Settings {
    with(&format!("{LOCAL}{source}"), &[]).unwrap().settings
}

fn error(source: &str) -> String {
    with(&format!("{LOCAL}{source}"), &[]).unwrap_err().to_string()
}

#[test]
fn defaults_are_those_of_the_contract() {
    let loaded = with(LOCAL, &[]).unwrap().settings;
    let mut expected = Settings::default();
    expected.storage.trace.local.path = PathBuf::from("/t");
    assert_eq!(loaded, expected);

    let s = expected;
    assert_eq!((s.server.http_listen_port, s.server.grpc_listen_port), (3200, 9095));
    assert_eq!(s.server.graceful_shutdown_timeout, Duration::from_secs(30));
    assert_eq!(s.server.http_server_idle_timeout, Duration::from_secs(120));
    assert_eq!(s.server.grpc_server_max_recv_msg_size, 16_777_216);
    assert_eq!(s.distributor.max_attribute_bytes, 2048);
    assert_eq!(s.distributor.retry_after_on_resource_exhausted, Duration::from_secs(5));
    assert_eq!(s.live_store.max_block_duration, Duration::from_secs(30));
    assert_eq!(s.live_store.max_block_bytes, 52_428_800);
    assert_eq!(s.live_store.complete_block_timeout, Duration::from_secs(1200));
    assert_eq!(s.query_frontend.max_query_expression_size_bytes, 131_072);
    assert_eq!(s.query_frontend.search.default_result_limit, 20);
    assert_eq!(s.query_frontend.search.max_result_limit, 262_144);
    assert_eq!(s.storage.trace.block.bloom_filter_shard_size_bytes, 102_400);
    assert_eq!(s.storage.trace.block.parquet_dedicated_columns.len(), 14);
    assert_eq!(s.overrides.defaults.ingestion.rate_limit_bytes, 30_000_000);
    assert_eq!(s.overrides.defaults.global.max_bytes_per_trace, 5_000_000);
    assert_eq!(s.stringendo.memory_budget_per_core_bytes, 512 << 20);
    assert_eq!(s.stringendo.wal.segment_size_bytes, 64 << 20);
}

#[test]
fn the_deny_list_holds_regular_expressions() {
    let listed = settings("query_frontend: {url_deny_list: ['/tag/.*/values', q=x]}\n");
    assert_eq!(listed.query_frontend.url_deny_list, ["/tag/.*/values", "q=x"]);
    let text = error("query_frontend:\n  url_deny_list: ['(']\n");
    assert!(text.contains("query_frontend.url_deny_list"), "{text}");
}

#[test]
fn an_empty_receivers_map_listens_on_otlp_grpc_and_says_what_is_missing() {
    let loaded = with(LOCAL, &[]).unwrap();
    assert_eq!(loaded.settings.distributor.receivers.otlp_grpc.len(), 1);
    assert!(loaded.settings.distributor.receivers.otlp_http.is_empty());
    assert_eq!(loaded.warnings.len(), 1);
    assert_eq!(loaded.warnings[0].kind, WarningKind::NotYetServed);
    assert!(loaded.warnings[0].text.contains("jaeger"));
}

#[test]
fn otlp_needs_a_protocol() {
    for receivers in ["{otlp: }", "{otlp: {protocols: }}", "{otlp: {protocols: {}}}"] {
        let error = error(&format!("distributor: {{receivers: {receivers}}}\n"));
        assert!(error.contains("must specify at least one protocol"), "{error}");
        assert!(error.contains("distributor.receivers.otlp.protocols"), "{error}");
    }
}

#[test]
fn errors_within_a_receiver_name_its_whole_path() {
    let source = "distributor: {receivers: {otlp/a: {protocols: {grpc: \
                  {max_recv_msg_size_mib: 9e15}}}}}\n";
    let error = error(source);
    assert!(error.contains("`distributor.receivers.otlp/a.protocols.grpc.max_recv_msg_size_mib`"));
}

#[test]
fn receivers_that_are_not_served_are_named_one_by_one() {
    let source = "distributor: {receivers: {jaeger/x: {protocols: {grpc: {endpoint: ':1'}}}, \
                  zipkin: {endpoint: 'localhost:9411'}, kafka: {brokers: [a]}}}\n";
    let loaded = with(&format!("{LOCAL}{source}"), &[]).unwrap();
    let texts: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    for name in ["jaeger/x", "zipkin", "kafka"] {
        assert!(texts.iter().any(|text| text.contains(name)), "{name} not in {texts:?}");
    }
    assert!(loaded.settings.distributor.receivers.otlp_grpc.is_empty());
}

#[test]
fn flags_win_over_the_file() {
    let source = format!("{LOCAL}server: {{http_listen_port: 80, log_level: warn}}\n");
    let flags = ["-server.http-listen-port=81", "-auth.enabled", "-storage.trace.wal.path=/w"];
    let s = with(&source, &flags).unwrap().settings;
    assert_eq!(s.server.http_listen_port, 81);
    assert_eq!(s.server.log_level.as_str(), "warn");
    assert!(s.multitenancy_enabled);
    assert_eq!(s.stringendo.wal.path, Path::new("/w"));
}

#[test]
fn environment_references_are_expanded_only_when_asked_for() {
    let source = format!("{LOCAL}server: {{http_listen_port: ${{PORT:-80}}}}\n");
    let s = with(&source, &["-config.expand-env"]).unwrap().settings;
    assert_eq!(s.server.http_listen_port, 81);
    assert!(with(&source, &[]).is_err());
}

#[test]
fn targets_are_run_refused_for_now_or_unknown() {
    for target in ["all", "scalable-single-binary", "all-3.0"] {
        assert_eq!(settings(&format!("target: {target}\n")).target, Target::All);
    }
    for target in ["distributor", "ingester", "querier", "live-store", "block-builder"] {
        assert!(error(&format!("target: {target}\n")).contains("not supported yet"));
    }
    assert!(error("target: everything\n").contains("unknown target `everything`"));
}

#[test]
fn a_process_that_keeps_the_blocks_of_others_has_them_in_an_object_store() {
    let bucket = "storage: {trace: {backend: s3, s3: {bucket: b, endpoint: e}}}\n";
    for target in ["backend-worker", "backend-scheduler", "compactor"] {
        let flag = format!("-target={target}");
        assert_eq!(with(bucket, &[&flag]).unwrap().settings.target, Target::BackendWorker);
        let error = with(LOCAL, &[&flag]).unwrap_err().to_string();
        assert!(error.contains("flag -target: `target`: ") && error.contains("object store"));
    }
    let (worker, disabled) = ("-target=compactor", "compactor: {disabled: true}\n");
    let idle = |flags: &[&str]| {
        let loaded = with(&format!("{bucket}{disabled}"), flags).unwrap();
        let warned = loaded.warnings.iter().any(|warning| warning.text.contains("nothing to do"));
        assert_eq!(warned, loaded.settings.compactor.disabled);
        warned
    };
    assert!(idle(&[worker]) && !idle(&[worker, "-compactor.disabled=false"]));
}

#[test]
fn backends_are_served_or_unknown() {
    for (backend, word) in
        [("s3", "s3.bucket`: required"), ("disk", "unknown backend"), ("", "required")]
    {
        let source = format!("storage: {{trace: {{backend: '{backend}'}}}}\n");
        let error = with(&source, &[]).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let error = with("storage: {trace: {backend: local}}\n", &[]).unwrap_err().to_string();
    assert!(error.contains("`storage.trace.local.path`: required"), "{error}");
}

#[test]
fn values_that_cannot_be_are_fatal_with_their_key() {
    for (source, key) in [
        ("http_api_prefix: tempo\n", "http_api_prefix"),
        ("auth: {header: 'X Y'}\n", "auth.header"),
        (
            "distributor: {log_received_spans: {log_sampling_fraction: 2}}\n",
            "log_sampling_fraction",
        ),
        ("live_store: {max_block_bytes: 0}\n", "live_store.max_block_bytes"),
        ("stringendo: {wal: {segment_size_bytes: 1000}}\n", "stringendo.wal.segment_size_bytes"),
        ("stringendo: {wal: {segment_size_bytes: 10000000}}\n", "a multiple of 4096 from 1048576"),
        ("stringendo: {memory_budget_per_core_bytes: 1e6}\n", "memory_budget_per_core_bytes"),
        ("stringendo: {wal: {durability: interval, interval: 0}}\n", "stringendo.wal.interval"),
    ] {
        assert!(error(source).contains(key), "{source}: {}", error(source));
    }
}

#[test]
fn blocks_settings_that_cannot_be_are_fatal_with_their_key() {
    for (block, word) in [
        ("{bloom_filter_false_positive: 1}", "between 0 and 1"),
        ("{bloom_filter_shard_size_bytes: 0}", "must not be 0"),
        ("{version: v2}", "unknown version"),
        ("{parquet_dedicated_columns: [{scope: link, name: a}]}", "scope `link`"),
        ("{parquet_dedicated_columns: [{scope: span, type: int}]}", "name is empty"),
        ("{parquet_dedicated_columns: [{scope: span, name: a}, {scope: span, name: a}]}", "twice"),
        ("{parquet_dedicated_columns: [{scope: span, name: a, options: [x]}]}", "option `x`"),
    ] {
        let source = format!(
            "storage: {{trace: {{backend: local, local: {{path: /t}}, block: {block}}}}}\n"
        );
        let error = with(&source, &[]).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("storage.trace.block."), "{error}");
    }
}

#[test]
fn dedicated_columns_beyond_the_spare_ones_are_dropped_with_a_warning() {
    let column = |i| format!("{{scope: span, name: a{i}, type: int}}");
    let columns: Vec<_> = (0..7).map(column).collect();
    let source = format!(
        "storage: {{trace: {{backend: local, local: {{path: /t}}, block: \
         {{parquet_dedicated_columns: [{}]}}}}}}\n",
        columns.join(", ")
    );
    let loaded = with(&source, &[]).unwrap();
    assert_eq!(loaded.settings.storage.trace.block.parquet_dedicated_columns.len(), 5);
    let dropped = |w: &&crate::Warning| w.text.contains("is ignored, more than 5");
    assert_eq!(loaded.warnings.iter().filter(dropped).count(), 2);
}

#[test]
fn flat_overrides_mean_the_scoped_ones_wherever_they_stand() {
    for source in [
        "overrides: {ingestion_rate_limit_bytes: 7, max_bytes_per_trace: 8}\n",
        "overrides: {defaults: {ingestion_rate_limit_bytes: 7, max_bytes_per_trace: 8}}\n",
        "overrides: {defaults: {ingestion: {rate_limit_bytes: 7}, \
         global: {max_bytes_per_trace: 8}}}\n",
    ] {
        let s = settings(source);
        assert_eq!(s.overrides.defaults.ingestion.rate_limit_bytes, 7, "{source}");
        assert_eq!(s.overrides.defaults.global.max_bytes_per_trace, 8, "{source}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let options =
        CliOptions { config_file: Some(PathBuf::from("/no/such.yaml")), ..CliOptions::default() };
    let missing = |_: &Path| Err(io::Error::from(io::ErrorKind::NotFound));
    let error = load(&options, &|_| None, &missing).unwrap_err().to_string();
    assert!(error.contains("/no/such.yaml"), "{error}");
}

#[test]
fn duplicate_keys_and_broken_yaml_are_fatal_with_their_line() {
    assert_eq!(
        error("target: all\ntarget: all\n"),
        "failed parsing config: line 3: key `target` is already set in map (first on line 2)"
    );
    assert!(error("server: [\n").starts_with("failed parsing config: line "));
}

#[test]
fn the_demo_keeps_everything_below_one_directory() {
    let s = Settings::for_demo(Path::new("./data"), 2);
    assert_eq!(s.storage.trace.local.path, Path::new("./data/blocks"));
    assert_eq!(s.stringendo.wal.path, Path::new("./data/wal"));
    assert_eq!(s.distributor.receivers.otlp_http[0].endpoint.port, 4318);
    let again = with(&s.to_yaml(), &[]).unwrap();
    assert_eq!(again.settings, s);
    assert!(again.warnings.iter().all(|one| one.kind == WarningKind::NotYetServed));
}
