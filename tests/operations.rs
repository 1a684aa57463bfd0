//! Starting, asking how it is, and ending, as operators and their tools do it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::command::{stderr, stringendo};
use common::{Options, Server, http, load, metrics, spans, wait};

#[test]
fn health_and_build_endpoints_answer_what_grafana_expects() {
    let server = Server::start(Options::with_cores(2));
    let ready = server.get("/ready").ok();
    assert_eq!(ready.text(), "ready\n");
    assert_eq!(ready.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(server.get("/api/echo").ok().text(), "echo\n");
    let build = server.get("/api/status/buildinfo").ok();
    assert_eq!(build.header("content-type"), "application/json");
    let build = build.json();
    for key in ["version", "revision", "branch", "buildUser", "buildDate", "goVersion"] {
        assert!(build[key].is_string(), "{key} in {build}");
    }
    let parts = build["version"].as_str().unwrap().split('.').map(str::parse::<u32>);
    assert_eq!(parts.filter(Result::is_ok).count(), 3, "{build}");
}

#[test]
fn status_pages_tell_version_services_endpoints_and_configuration() {
    let server = Server::start(Options::with_cores(2));
    let all = server.get("/status").ok();
    for name in ["version", "services", "endpoints", "config"] {
        assert!(all.text().contains(&format!("GET /status/{name}\n")), "{}", all.text());
        let page = server.get(&format!("/status/{name}")).ok();
        assert!(all.text().contains(page.text().trim()), "{name}: {}", page.text());
    }
    let services = server.get("/status/services").ok();
    assert_eq!(services.text().matches("Running").count(), 2, "{}", services.text());
    let config = server.get("/status/config").ok();
    assert!(config.text().starts_with("---\n"));
    let port = format!("http_listen_port: {}\n", server.ports.api);
    assert!(config.text().contains(&port), "{}", config.text());
    assert!(!server.get("/status/config?mode=defaults").ok().text().contains(&port));
    assert!(server.get("/status/config?mode=diff").ok().text().contains(&port));
    assert_eq!(server.get("/status/config?mode=other").status, 500);
    assert_eq!(server.get("/status/usage-stats").ok().text().trim(), "usage-stats is not enabled");
}

#[test]
fn metrics_have_the_contracts_names_and_count_what_happened() {
    let server = Server::start(Options::with_cores(2));
    for number in 0..10 {
        server.export(http::X_PROTOBUF, &spans::numbered(number)).ok();
    }
    server.get(&format!("/api/traces/{}", spans::hex(3))).ok();
    server.flush();
    let text = server.get("/metrics").ok().text().to_owned();
    let families = metrics::families(&text);
    let expected = [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "tempo_build_info",
        "tempo_distributor_bytes_received_total",
        "tempo_distributor_ingress_bytes_total",
        "tempo_distributor_push_duration_seconds",
        "tempo_distributor_spans_received_total",
        "tempo_distributor_traces_per_batch",
        "tempo_ingester_blocks_flushed_total",
        "tempo_ingester_flush_duration_seconds",
        "tempo_ingester_live_traces",
        "tempo_ingester_traces_created_total",
        "tempo_query_frontend_queries_total",
        "tempo_receiver_accepted_spans",
        "tempo_request_duration_seconds",
        "tempodb_blocklist_length",
    ];
    let missing: Vec<_> = expected.iter().filter(|name| !families.contains(name)).collect();
    assert!(missing.is_empty(), "missing: {missing:?}\n{text}");
    let tenant = ("tenant", "single-tenant");
    let sum = |name, labels: &[_]| metrics::sum(&text, name, labels);
    assert_eq!(sum("tempo_distributor_spans_received_total", &[tenant]), Some(10.0));
    assert_eq!(sum("tempo_distributor_traces_per_batch_sum", &[]), Some(10.0));
    assert_eq!(sum("tempo_distributor_traces_per_batch_count", &[]), Some(10.0));
    assert_eq!(sum("tempo_receiver_accepted_spans", &[("transport", "http")]), Some(10.0));
    assert_eq!(sum("tempo_ingester_traces_created_total", &[tenant]), Some(10.0));
    assert_eq!(sum("tempo_ingester_live_traces", &[tenant]), Some(0.0));
    assert_eq!(sum("tempo_query_frontend_queries_total", &[("op", "traces")]), Some(1.0));
    let route = [("route", "api_traces_traceid"), ("status_code", "200")];
    assert_eq!(sum("tempo_request_duration_seconds_count", &route), Some(1.0));
    // A core that holds traces writes a block of them.
    assert!(sum("tempodb_blocklist_length", &[tenant]).unwrap() >= 1.0);
    assert!(text.lines().all(|line| line.starts_with('#') || line.rsplit_once(' ').is_some()));
}

#[test]
fn a_flush_of_a_tenant_that_nobody_knows_is_404() {
    let server = Server::start(Options::default());
    assert_eq!(server.get("/flush?tenant=nobody").status, 404);
    server.export(http::X_PROTOBUF, &spans::numbered(1)).ok();
    assert_eq!(server.get("/flush?tenant=single-tenant").status, 204);
    assert_eq!(server.get("/flush").status, 204);
}

#[test]
fn shutdown_over_http_flushes_and_ends_with_success() {
    for (method, path) in [("POST", "/shutdown"), ("GET", "/ingester/shutdown")] {
        let mut server = Server::start(Options::default());
        server.export(http::X_PROTOBUF, &spans::numbered(1)).ok();
        let answer = http::send(method, &server.api_url(path), &[], b"").ok();
        assert_eq!(answer.text(), "shutdown job acknowledged");
        assert!(server.wait_for_exit().success());
        let blocks = std::fs::read_dir(server.tenant_dir()).unwrap().count();
        assert_eq!(blocks, 1);
        server.start_again();
        let path = format!("/api/traces/{}?mode=blocks", spans::hex(1));
        assert_eq!(server.get(&path).status, 200);
    }
}

#[test]
fn sigterm_during_load_ends_with_success_and_keeps_what_was_acknowledged() {
    let mut server = Server::start(Options::with_cores(2));
    let ledger = load::ledger(&server, "load");
    let mut options = load::options(&server, &ledger, Duration::from_secs(60));
    options.stop_on_disconnect = true;
    let running = wait::aside(move || load::send(options));
    wait::pause(Duration::from_millis(1500));
    let status = server.terminate();
    let report = running.join().unwrap();
    assert!(status.success(), "{status}");
    assert!(report.acknowledged.spans > 0, "{report}");
    server.start_again();
    load::assert_all_there(&server, &ledger, Some(load::SAMPLE));
}

#[test]
fn a_restart_takes_the_same_ports_at_once_and_leaves_no_segments_behind() {
    let mut server = Server::start(Options::default());
    for number in 0..3 {
        server.export(http::X_PROTOBUF, &spans::numbered(number)).ok();
        server.restart();
        server.get(&format!("/api/traces/{}", spans::hex(number))).ok();
    }
    assert_eq!(server.metric("tempo_ingester_live_traces", &[]), 0.0);
}

#[test]
fn a_taken_port_is_named_and_the_advice_mends_it() {
    let mut server = Server::prepare(Options::default());
    for port in [server.ports.api, server.ports.otlp_grpc, server.ports.otlp_http] {
        let taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        server.spawn();
        let status = server.wait_for_exit();
        assert_eq!(status.code(), Some(1), "{}", server.log());
        let wanted = format!("cannot listen on 127.0.0.1:{port}");
        let log = server.log();
        assert!(log.contains(&wanted) && log.contains("another process listens there"), "{log}");
        drop(taken);
    }
    server.start_again();
}

#[test]
fn a_second_server_on_the_same_ports_or_data_does_not_start() {
    let first = Server::start(Options::default());
    let config = first.dir().join("config.yaml");
    let second = stringendo(&[&format!("-config.file={}", config.display())]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("cannot listen on"), "{}", stderr(&second));
    let other = Server::prepare(Options::default());
    let yaml = first.options.yaml(first.dir(), &other.ports);
    let config = other.dir().join("same-data.yaml");
    std::fs::write(&config, yaml).unwrap();
    let third = stringendo(&[&format!("-config.file={}", config.display())]);
    assert_eq!(third.status.code(), Some(1));
    let wal = first.dir().join("wal").display().to_string();
    assert!(stderr(&third).contains(&wal), "{}", stderr(&third));
    assert!(stderr(&third).contains("another process uses"), "{}", stderr(&third));
    first.get("/ready").ok();
}

#[test]
fn wrong_configurations_are_refused_with_line_and_key() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = dir.path().join("config.yaml");
    let cases = [
        ("server: {http_listen_port: many}\n", "http_listen_port"),
        ("server:\n  - a\n   b: c\n", "line"),
        ("storage: {trace: {backend: tape}}\n", "backend"),
        (
            "storage: {trace: {backend: local, local: {path: /x}}}\n\
             stringendo: {memory_budget_per_core_bytes: 1}\n",
            "memory_budget_per_core_bytes",
        ),
    ];
    for (yaml, expected) in cases {
        std::fs::write(&file, yaml).unwrap();
        for flags in [&[][..], &["-config.verify"]] {
            let config = format!("-config.file={}", file.display());
            let output = stringendo(&[&[config.as_str()], flags].concat());
            assert_eq!(output.status.code(), Some(1), "{yaml}: {}", stderr(&output));
            assert!(stderr(&output).contains(expected), "{yaml}: {}", stderr(&output));
        }
    }
    let output = stringendo(&["-config.file=/nowhere/at/all.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/nowhere/at/all.yaml"), "{}", stderr(&output));
}

#[test]
fn wrong_flags_print_the_usage_and_end_with_2() {
    let output = stringendo(&["-no.such.flag=1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no.such.flag"), "{}", stderr(&output));
    assert!(stderr(&output).contains("Usage"), "{}", stderr(&output));
}

#[test]
fn version_and_help_print_to_stdout_and_end_with_success() {
    let version = stringendo(&["-version"]);
    assert!(version.status.success());
    let text = String::from_utf8(version.stdout).unwrap();
    assert!(text.starts_with("stringendo, version 0."), "{text}");
    let help = stringendo(&["-help"]);
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(text.contains("config.file") && text.contains("stringendo.cores"), "{text}");
}

#[test]
fn config_verify_is_content_with_a_good_file_and_names_what_is_not_served() {
    let server = Server::prepare(Options::default());
    let file = server.dir().join("config.yaml");
    let good = server.options.yaml(server.dir(), &server.ports);
    let config = format!("-config.file={}", file.display());
    std::fs::write(&file, &good).unwrap();
    let output = stringendo(&[&config, "-config.verify"]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
    std::fs::write(&file, format!("{good}no_such_block: {{a: 1}}\n")).unwrap();
    let output = stringendo(&[&config, "-config.verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no_such_block"), "{}", stderr(&output));
}

#[test]
fn health_asks_a_server_and_ends_accordingly() {
    let mut server = Server::start(Options::default());
    let flag = format!("-health.url={}", server.api_url("/ready"));
    let output = stringendo(&["-health", &flag]);
    assert!(output.status.success(), "{}", stderr(&output));
    server.kill9();
    let output = stringendo(&["-health", &flag]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("not healthy"), "{}", stderr(&output));
}

#[test]
fn live_traces_become_blocks_by_themselves_when_they_are_old_enough() {
    let options = Options { block_age: "1s", ..Options::default() };
    let server = Server::start(options);
    server.export(http::X_PROTOBUF, &spans::numbered(1)).ok();
    let path = format!("/api/traces/{}?mode=blocks", spans::hex(1));
    wait::until("the trace is in a block", || (server.get(&path).status == 200).then_some(()));
}
