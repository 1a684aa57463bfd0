//! Clients that go away in the middle of a query: the query ends, and is counted as cancelled.

mod common;

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use common::wait::until;
use common::{Options, Server, http, load};

/// Queries by what they are counted as. They read every span and match none.
const QUERIES: &[(&str, &str, &str)] = &[
    ("search", "/api/search", r#"{ name =~ ".*[xyz].*[0-9].*[xyz]" || .nothing =~ ".*a.*b" }"#),
    ("metadata", "/api/v2/search/tags", r#"{ name =~ ".*[xyz].*[0-9].*[xyz]" }"#),
    ("metrics", "/api/metrics/query", r#"{ name =~ ".*[xyz].*[0-9].*[xyz]" } | rate()"#),
];

fn cancelled(server: &Server, op: &str) -> f64 {
    let labels = [("op", op), ("result", "canceled")];
    server.metric("tempo_query_frontend_queries_total", &labels)
}

/// Asks, and goes away without waiting for the answer.
fn ask_and_leave(server: &Server, path: &str, query: &str) {
    let path = format!("{path}?{}", http::query(&[("q", query)]));
    let mut stream = TcpStream::connect(("127.0.0.1", server.ports.api)).expect("connected");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").expect("sent");
    // Time for the query to begin, and far too little for it to end.
    common::wait::pause(Duration::from_millis(5));
}

#[test]
fn queries_end_with_the_connections_of_their_clients() {
    let server = Server::start(Options { cores: 2, ..Options::default() });
    let ledger = load::ledger(&server, "disconnect");
    load::send(load::options(&server, &ledger, Duration::from_secs(1)));
    server.flush();
    load::send(load::options(&server, &ledger, Duration::from_secs(1)));
    for (op, path, query) in QUERIES {
        // A query that has ended before does not count.
        until(&format!("a query of {path} is cancelled"), || {
            ask_and_leave(&server, path, query);
            (cancelled(&server, op) > 0.0).then_some(())
        });
    }
    until("nothing is at work but the question for metrics", || {
        (server.metric("tempo_inflight_requests", &[("method", "GET")]) <= 1.0).then_some(())
    });
    until("nothing is read or kept any more", || {
        let used = |usage| server.metric("stringendo_memory_used_bytes", &[("use", usage)]);
        (used("query") + used("answer") == 0.0).then_some(())
    });
    // What comes next is answered.
    for (_, path, query) in QUERIES {
        server.get(&format!("{path}?{}", http::query(&[("q", query)]))).ok();
    }
}
