//! OTLP over gRPC, from the wire to the answer of the API.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use common::grpc::{Client, EXPORT, framed};
use common::{http, spans, with_server};

const TRACE: [u8; 16] = [0xab; 16];
const PATH: &str = "/api/traces/abababababababababababababababab";

#[test]
fn spans_sent_over_grpc_are_read_back_over_http() {
    for cores in [1, 2] {
        with_server(cores, |_| {}, |server| async move {
            let client = Client::connect(server.grpc).await;
            let outcome = client.export(&spans::batch(TRACE, 7, 1_000_000_000)).await;
            assert_eq!((outcome.http, outcome.code), (200, 0), "{outcome:?}");
            assert_eq!(outcome.body, [0; 5]);
            let trace = http::get(server.api, PATH).await;
            assert_eq!(trace.status, 200);
            assert_eq!(trace.header("content-type"), Some("application/json"));
            let span = &trace.json()["batches"][0]["scopeSpans"][0]["spans"][0];
            assert_eq!(span["name"], "GET /");
            assert_eq!(span["spanId"], "AAAAAAAAAAc=");
        });
    }
}
