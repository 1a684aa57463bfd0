use crate::cli::CliOptions;
use crate::warning::WarningKind;
use std::path::PathBuf;

const BASE: &str = "distributor: {receivers: {otlp: {protocols: {grpc: }}}}\n";
const LOCAL: &str = "storage: {trace: {backend: local, local: {path: /t}}}\n";

fn load(source: &str) -> Result<Vec<String>, String> {
    let options =
        CliOptions { config_file: Some(PathBuf::from("x.yaml")), ..CliOptions::default() };
    let loaded = crate::load(&options, &|_| None, &|_| Ok(source.to_owned()));
    let risky = |warning: &crate::Warning| warning.kind == WarningKind::Risky;
    loaded
        .map(|l| l.warnings.iter().filter(|w| risky(w)).map(ToString::to_string).collect())
        .map_err(|e| e.to_string())
}

#[test]
fn values_that_are_rarely_meant_are_warnings() {
    for (source, key) in [
        ("live_store: {complete_block_timeout: 1m}\n", "live_store.complete_block_timeout"),
        ("ingester: {complete_block_timeout: 1m}\n", "ingester.complete_block_timeout"),
        ("target: scalable-single-binary\n", "target"),
        (
            "compactor: {compaction: {block_retention: 1m}}\n",
            "compactor.compaction.block_retention",
        ),
        ("backend_worker: {compaction: {retention_concurrency: 0}}\n", "retention_concurrency"),
        ("backend_scheduler: {work: {prune_age: 10m}}\n", "backend_scheduler.work.prune_age"),
        ("query_frontend: {mcp_server: {enabled: true}}\n", "query_frontend.mcp_server.enabled"),
        ("query_frontend: {rf1_after: 2024-01-01T00:00:00Z}\n", "query_frontend.rf1_after"),
        ("query_frontend: {trace_by_id: {concurrent_shards: 60}}\n", "concurrent_shards"),
    ] {
        let warnings = load(&format!("{BASE}{LOCAL}{source}")).unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains(key), "{source}: {warnings:?}");
    }
}

#[test]
fn logging_of_spans_is_a_warning_for_each_log() {
    let source = format!(
        "distributor: {{receivers: {{otlp: {{protocols: {{grpc: }}}}}}, \
         log_received_spans: {{enabled: true}}, log_discarded_spans: {{enabled: true}}}}\n{LOCAL}"
    );
    assert_eq!(load(&source).unwrap().len(), 2);
}

#[test]
fn the_old_cache_block_and_s3_switch_are_warnings() {
    let source = "storage: {trace: {backend: local, local: {path: /t}, cache: memcached, \
                  memcached: {host: m}, blocklist_poll_concurrency: 0, \
                  s3: {native_aws_auth_enabled: true}}}\n";
    assert_eq!(load(&format!("{BASE}{source}")).unwrap().len(), 3);
}

#[test]
fn contradictions_are_fatal() {
    for (source, key) in [
        ("query_frontend: {trace_by_id: {query_shards: 1}}\n", "query_shards"),
        ("query_frontend: {search: {concurrent_jobs: 0}}\n", "search.concurrent_jobs"),
        ("query_frontend: {search: {target_bytes_per_job: 0}}\n", "target_bytes_per_job"),
        ("query_frontend: {search: {most_recent_shards: 0}}\n", "most_recent_shards"),
        ("query_frontend: {metrics: {interval: 0s}}\n", "metrics.interval"),
        ("query_frontend: {query_end_cutoff: 20m}\n", "query_end_cutoff"),
        ("cache: {caches: [{roles: [none], redis: {}}]}\n", "role `none`"),
        ("cache: {caches: [{roles: [], redis: {}}]}\n", "no roles"),
        ("cache: {caches: [{roles: [bloom], redis: {}}, {roles: [bloom], redis: {}}]}\n", "twice"),
        ("cache: {caches: [{roles: [bloom]}]}\n", "exactly one of"),
    ] {
        let error = load(&format!("{BASE}{LOCAL}{source}")).unwrap_err();
        assert!(error.contains(key), "{source}: {error}");
    }
}

#[test]
fn a_plain_configuration_has_no_warning() {
    assert_eq!(load(&format!("{BASE}{LOCAL}")), Ok(Vec::new()));
}

#[test]
fn what_tenants_set_for_themselves_among_the_blocks_is_a_warning() {
    let own = |client: &str| {
        format!("overrides: {{user_configurable_overrides: {{enabled: true, client: {client}}}}}\n")
    };
    let s3 = "storage: {trace: {backend: s3, s3: {bucket: b}}}\n";
    for (trace, client, key) in [
        (LOCAL, "{backend: local, local: {path: /t}}", Some("client.local.path")),
        (s3, "{backend: s3, s3: {bucket: b}}", Some("client.s3.bucket")),
        (LOCAL, "{backend: local, local: {path: /u}}", None),
        (s3, "{backend: s3, s3: {bucket: c}}", None),
        (s3, "{backend: gcs, gcs: {bucket_name: b}}", None),
    ] {
        let warnings = load(&format!("{BASE}{trace}{}", own(client))).unwrap();
        let told: Vec<bool> =
            warnings.iter().map(|it| key.is_some_and(|k| it.contains(k))).collect();
        assert_eq!(told, vec![true; usize::from(key.is_some())], "{client}: {warnings:?}");
    }
}
