//! Limits of tenants as real clients see them: code, hint and metric of each.

mod common;

use common::http::X_PROTOBUF;
use common::{Options, Server, command, python, spans, wait};

const OVERRIDES: &str = "\
overrides:
  per_tenant_override_config: overrides.yaml
";

const FILE: &str = "\
overrides:
  slow: {ingestion: {rate_limit_bytes: 1, burst_size_bytes: 1000}}
  silent: {ingestion: {retry_info_enabled: false}}
  few: {ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000, max_traces_per_user: 2}}
  all:
    ingestion:
      rate_limit_bytes: 1000000
      burst_size_bytes: 1000000
      max_traces_per_user: 100
      max_global_traces_per_user: 2
  narrow: {read: {max_condition_groups_per_tag_query: 1}}
  newest:
    ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000}
    read: {max_blocks_per_tag_values_query: 1}
  small:
    ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000}
    global: {max_bytes_per_trace: 2000}
  cut: {ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000, max_attribute_bytes: 12}}
  late: {ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000, artificial_delay: 2s}}
  reader:
    ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000}
    read:
      max_search_duration: 1h
      max_metrics_duration: 1h
      max_bytes_per_tag_values_query: 200
      left_pad_trace_ids: true
";

#[test]
#[ignore = "needs Python packages: cargo xtask test"]
fn every_limit_has_its_code_hint_and_metric_for_real_clients() {
    let more_yaml = "multitenancy_enabled: true\ningester: {trace_idle_period: 1h}\n";
    let options = Options { overrides: OVERRIDES, more_yaml, ..Options::default() };
    let server = Server::start_on(options, |dir| {
        std::fs::write(dir.join("overrides.yaml"), FILE).expect("written");
    });
    let ports = &server.ports;
    let arguments = [
        server.api_url(""),
        format!("127.0.0.1:{}", ports.otlp_grpc),
        server.otlp_url(""),
        format!("127.0.0.1:{}", ports.grpc_api),
    ];
    let printed = python::run("limits.py", &arguments);
    println!("{printed}");
    assert!(printed.contains("all limits hold"));
}

#[test]
fn the_hint_is_as_long_as_configured_and_may_be_none() {
    for (wait, expected) in [("7s", "7"), ("0s", "")] {
        let distributor = format!("  retry_after_on_resource_exhausted: {wait}\n");
        let overrides = "overrides: {defaults: {ingestion: {rate_limit_bytes: 0}}}\n";
        let options = Options { distributor, overrides, ..Options::default() };
        let server = Server::start(options);
        let answer = server.export(X_PROTOBUF, &spans::numbered(1));
        assert_eq!((answer.status, answer.header("retry-after")), (429, expected));
    }
}

/// Blocks that are on a tenant's list.
fn blocks(server: &Server, tenant: &str) -> f64 {
    server.metric("tempodb_blocklist_length", &[("tenant", tenant)])
}

#[test]
fn blocks_are_kept_and_merged_as_their_tenant_says() {
    const KEEPING: &str = "\
multitenancy_enabled: true
compactor: {compaction: {compaction_cycle: 200ms, compacted_block_retention: 1s}}
backend_scheduler: {provider: {retention: {interval: 1s}}}
";
    const FILE: &str = "\
overrides:
  short:
    ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000}
    compaction: {block_retention: 1s}
  still:
    ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000}
    compaction: {compaction_disabled: true}
  apart:
    ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000}
    compaction: {compaction_window: 1s}
";
    const TENANTS: [&str; 4] = ["short", "still", "apart", "other"];
    let options = Options { overrides: OVERRIDES, more_yaml: KEEPING, ..Options::default() };
    let server = Server::start_on(options, |dir| {
        std::fs::write(dir.join("overrides.yaml"), FILE).expect("written");
    });
    for number in [1, 2] {
        for tenant in TENANTS {
            let headers = [("Content-Type", X_PROTOBUF), ("X-Scope-OrgID", tenant)];
            server.export_with(&headers, &spans::numbered(number)).ok();
        }
        server.flush();
        // Into another window of a second.
        wait::pause(std::time::Duration::from_millis(1100));
    }
    wait::until("blocks are merged", || (blocks(&server, "other") == 1.0).then_some(()));
    let expired = server.dir().join("blocks/short");
    wait::until("blocks have expired, and are deleted", || {
        let left = std::fs::read_dir(&expired).map_or(0, |blocks| {
            blocks.flatten().filter(|entry| entry.path().join("data.parquet").exists()).count()
        });
        (blocks(&server, "short") == 0.0 && left == 0).then_some(())
    });
    assert_eq!((blocks(&server, "still"), blocks(&server, "apart")), (2.0, 2.0));
}

#[test]
fn of_a_trace_too_large_for_merging_pieces_are_left_out_and_counted() {
    const MERGING: &str = "\
multitenancy_enabled: true
compactor: {compaction: {compaction_cycle: 200ms}}
";
    const RATES: &str = "ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000}";
    let file = |limits: &str| format!("overrides: {{grown: {{{RATES}, {limits}}}}}\n");
    let overrides = "\
overrides: {per_tenant_override_config: overrides.yaml, per_tenant_override_period: 50ms}
";
    let options = Options { overrides, more_yaml: MERGING, ..Options::default() };
    let server = Server::start_on(options, |dir| {
        let apart = file("compaction: {compaction_disabled: true}");
        std::fs::write(dir.join("overrides.yaml"), apart).expect("written");
    });
    let trace = spans::trace_id(1);
    for span in [1_u64, 2, 3] {
        let headers = [("Content-Type", X_PROTOBUF), ("X-Scope-OrgID", "grown")];
        let service = "s".repeat(600);
        let request = spans::of_service(&service, &trace, &span.to_be_bytes());
        server.export_with(&headers, &request).ok();
        server.flush();
    }
    assert_eq!(blocks(&server, "grown"), 3.0);
    let narrow = file("global: {max_bytes_per_trace: 1000}");
    std::fs::write(server.dir().join("overrides.yaml"), narrow).expect("written");
    let labels = [("tenant", "grown"), ("reason", "trace_too_large_to_compact")];
    wait::until("spans are left out", || {
        (server.metric("tempo_discarded_spans_total", &labels) == 2.0).then_some(())
    });
    wait::until("one block is left", || (blocks(&server, "grown") == 1.0).then_some(()));
}

#[test]
fn limits_without_effect_load_and_say_so() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let path = dir.path().join("tempo.yaml");
    let yaml = "\
storage: {trace: {backend: local, local: {path: /tmp/blocks}}}
overrides:
  defaults:
    ingestion: {tenant_shard_size: 3, rate_strategy: global}
    read: {unsafe_query_hints: true, span_pruning_enabled: true}
    forwarders: [a]
    cost_attribution: {dimensions: {team: team}}
    metrics_generator: {processors: [span-metrics], max_active_series: 10}
";
    std::fs::write(&path, yaml).expect("written");
    let file = format!("-config.file={}", path.display());
    let output = command::stringendo(&["-config.verify", &file]);
    assert_eq!(output.status.code(), Some(1), "a warning is one too many");
    let said = command::stderr(&output) + &String::from_utf8_lossy(&output.stdout);
    for key in ["forwarders", "cost_attribution", "metrics_generator", "span_pruning_enabled"] {
        assert!(
            said.contains(&format!("overrides.defaults.{key}")) || said.contains(key),
            "{said}"
        );
    }
    assert!(!said.contains("tenant_shard_size") && !said.contains("unsafe_query_hints"), "{said}");
}
