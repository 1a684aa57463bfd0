//! A real gRPC client as Grafana is one: what is streamed adds up to what HTTP answers, on the gRPC
//! port and on the HTTP port, and what is cancelled ends.

mod common;

use std::time::Duration;

use common::{Options, Server, load, python};

#[test]
#[ignore = "needs Python packages: cargo xtask test"]
fn streams_of_the_python_client_add_up_and_end_when_they_are_cancelled() {
    // Metrics of what was sent a moment ago.
    let more_yaml = "query_frontend: {query_end_cutoff: 0s}\n";
    let server = Server::start(Options { cores: 2, more_yaml, ..Options::default() });
    let ledger = load::ledger(&server, "streams");
    load::send(load::options(&server, &ledger, Duration::from_secs(1)));
    server.flush();
    load::send(load::options(&server, &ledger, Duration::from_secs(1)));
    let addresses = [server.ports.grpc_api, server.ports.api];
    let mut arguments = vec![server.api_url("")];
    arguments.extend(addresses.map(|port| format!("127.0.0.1:{port}")));
    let printed = python::run("stream_queries.py", &arguments);
    println!("{printed}");
    // Four of the streams, on each address.
    assert_eq!(printed.matches("\ncancelled ").count(), 4 * addresses.len(), "{printed}");
}
