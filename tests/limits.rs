//! Limits of tenants as real clients see them: code, hint and metric of each.

mod common;

use common::{Options, Server, python};

const OVERRIDES: &str = "\
overrides:
  per_tenant_override_config: overrides.yaml
";

const FILE: &str = "\
overrides:
  slow: {ingestion: {rate_limit_bytes: 1, burst_size_bytes: 1000}}
  silent: {ingestion: {retry_info_enabled: false}}
  few: {ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000, max_traces_per_user: 2}}
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
