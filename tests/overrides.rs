//! The overrides file: limits of single tenants, read at the start and again when it changes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::Path;

use common::http::X_PROTOBUF;
use common::{Options, Server, spans, wait};

const OVERRIDES: &str = "\
overrides:
  per_tenant_override_config: overrides.yaml
  per_tenant_override_period: 50ms
";

/// In one step: a file that is read while it is being written would be empty, which is valid.
fn write(dir: &Path, overrides: &str) {
    let new = dir.join("overrides.yaml.new");
    std::fs::write(&new, overrides).unwrap();
    std::fs::rename(new, dir.join("overrides.yaml")).unwrap();
}

fn options() -> Options {
    let more_yaml = "multitenancy_enabled: true\n";
    Options { overrides: OVERRIDES, more_yaml, ..Options::default() }
}

fn start(overrides: &str) -> Server {
    let options = Options { cores: 2, ..options() };
    Server::start_on(options, |dir| write(dir, overrides))
}

fn tenant(name: &str) -> (&str, &str) {
    ("X-Scope-OrgID", name)
}

/// Status of a search over three hours, whose limit tells which entry counts.
fn searched(server: &Server, name: &str) -> u16 {
    let path = "/api/search?q=%7B%7D&start=1700000000&end=1700010800";
    server.get_as(path, &[tenant(name)]).status
}

/// Waits until a search over three hours is answered so.
fn until_searched(server: &Server, name: &str, status: u16) {
    let what = format!("a search of {name} is answered {status}");
    wait::until(&what, || (searched(server, name) == status).then_some(()));
}

fn reload_successful(server: &Server) -> f64 {
    server.metric("tempo_runtime_config_last_reload_successful", &[])
}

#[test]
fn entries_count_at_once_and_a_changed_file_soon_without_a_restart() {
    let server = start("overrides: {a: {read: {max_search_duration: 1h}}}\n");
    assert_eq!((searched(&server, "a"), searched(&server, "b")), (400, 200));
    write(server.dir(), "overrides: {'*': {max_search_duration: 2h}, a: {}}\n");
    until_searched(&server, "b", 400);
    assert_eq!(searched(&server, "a"), 200);
    write(server.dir(), "");
    until_searched(&server, "b", 200);
    assert_eq!(reload_successful(&server), 1.0);
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let of_nothing = [("sha256", hash)];
    assert_eq!(server.metric("tempo_runtime_config_hash", &of_nothing), 1.0);
    assert_eq!(server.metric("tempo_runtime_config_hash", &[]), 1.0, "of one file");
}

#[test]
fn a_file_that_cannot_be_taken_changes_nothing_and_is_told() {
    let server = start("overrides: {a: {read: {max_search_duration: 1h}}}\n");
    for bad in ["overrides: {a: {read: {no_such: 1h}}}", "{", "- 1"] {
        write(server.dir(), bad);
        wait::until("it is told", || (reload_successful(&server) == 0.0).then_some(()));
        assert_eq!(searched(&server, "a"), 400);
        write(server.dir(), "overrides: {a: {read: {max_search_duration: 1h}}}\n");
        wait::until("it is told", || (reload_successful(&server) == 1.0).then_some(()));
    }
    assert!(server.log().contains("no such key"));
    std::fs::remove_file(server.dir().join("overrides.yaml")).unwrap();
    wait::until("it is told", || (reload_successful(&server) == 0.0).then_some(()));
    assert_eq!(searched(&server, "a"), 400);
}

#[test]
fn a_bad_file_at_the_start_ends_the_process_with_the_reason() {
    for bad in [None, Some("overrides: {a: {no_such: 1}}")] {
        let mut server = Server::prepare(options());
        if let Some(bad) = bad {
            write(server.dir(), bad);
        }
        server.spawn();
        assert_eq!(server.wait_for_exit().code(), Some(1));
        assert!(server.log().contains("overrides.yaml: "), "{}", server.log());
    }
}

#[test]
fn gauges_show_the_defaults_and_each_entry() {
    const FILE: &str = "\
overrides:
  a:
    ingestion: {rate_limit_bytes: 6, burst_size_bytes: 7, max_traces_per_user: 8,
                max_global_traces_per_user: 9}
    read: {max_bytes_per_tag_values_query: 10, max_blocks_per_tag_values_query: 11}
    compaction: {block_retention: 1h}
    global: {max_bytes_per_trace: 12}
    metrics_generator: {max_active_series: 13}
";
    let server = start(FILE);
    for (name, default, own) in [
        ("ingestion_rate_limit_bytes", 30_000_000.0, 6.0),
        ("ingestion_burst_size_bytes", 30_000_000.0, 7.0),
        ("max_local_traces_per_user", 10_000.0, 8.0),
        ("max_global_traces_per_user", 0.0, 9.0),
        ("max_bytes_per_tag_values_query", 1_000_000.0, 10.0),
        ("max_blocks_per_tag_values_query", 0.0, 11.0),
        ("max_bytes_per_trace", 5_000_000.0, 12.0),
        ("metrics_generator_max_active_series", 0.0, 13.0),
        ("block_retention", 0.0, 3600.0),
    ] {
        let limit = ("limit_name", name);
        assert_eq!(server.metric("tempo_limits_defaults", &[limit]), default, "{name}");
        let found = server.metric("tempo_limits_overrides", &[limit, ("user", "a")]);
        assert_eq!(found, own, "{name}");
    }
}

#[test]
fn blocks_have_the_dedicated_columns_of_their_tenant() {
    let server = start(
        "overrides: {a: {ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000}, \
         storage: {parquet_dedicated_columns: [{scope: span, name: my.key, type: int}]}}}",
    );
    for name in ["a", "b"] {
        let headers = [("Content-Type", X_PROTOBUF), tenant(name)];
        server.export_with(&headers, &spans::numbered(1)).ok();
    }
    server.flush();
    assert_eq!(dedicated(&server, "a"), [r#"{"n":"my.key","t":"int"}"#]);
    assert_eq!(dedicated(&server, "b").len(), 14);
    let found = server.get_as(&format!("/api/traces/{}", spans::hex(1)), &[tenant("a")]);
    assert_eq!(found.status, 200);
}

/// Dedicated columns of a tenant's one block.
fn dedicated(server: &Server, tenant: &str) -> Vec<String> {
    let blocks = std::fs::read_dir(server.dir().join("blocks").join(tenant)).unwrap();
    let metas = blocks.map(|block| block.unwrap().path().join("meta.json"));
    let metas: Vec<_> = metas.filter_map(|path| std::fs::read(path).ok()).collect();
    assert_eq!(metas.len(), 1);
    let meta: serde_json::Value = serde_json::from_slice(&metas[0]).unwrap();
    meta["dedicatedColumns"].as_array().unwrap().iter().map(ToString::to_string).collect()
}
