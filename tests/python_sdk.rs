//! A real OpenTelemetry SDK as client: everything that it sends comes back, live and from a block.

mod common;

use common::{Options, Server, python};

fn roundtrip(protocol: &str, endpoint: impl Fn(&Server) -> String) {
    let server = Server::start(Options::with_cores(2));
    let arguments = [protocol.to_owned(), endpoint(&server), server.api_url("")];
    let printed = python::run("sdk_roundtrip.py", &arguments);
    println!("{printed}");
    assert!(printed.contains("in a block: {'spans': 24"), "{printed}");
}

#[test]
#[ignore = "needs Python packages: cargo xtask test"]
fn every_span_that_the_python_sdk_sends_over_grpc_comes_back_whole() {
    roundtrip("grpc", |server| format!("127.0.0.1:{}", server.ports.otlp_grpc));
}

#[test]
#[ignore = "needs Python packages: cargo xtask test"]
fn every_span_that_the_python_sdk_sends_over_http_comes_back_whole() {
    roundtrip("http", |server| server.otlp_url(""));
}

#[test]
#[ignore = "needs Python packages: cargo xtask test"]
fn every_span_that_the_python_sdk_sends_gzipped_over_http_comes_back_whole() {
    roundtrip("http-gzip", |server| server.otlp_url(""));
}
