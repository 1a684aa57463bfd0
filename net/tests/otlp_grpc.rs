//! OTLP over gRPC, from the wire to the answer of the API.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::Write;

use base64::Engine;
use bytes::Bytes;
use common::grpc::{Client, EXPORT, framed};
use common::{Server, http, spans, with_server};
use prost::Message;
use stringendo_proto::rpc;

const TRACE: [u8; 16] = [0xab; 16];
const PATH: &str = "/api/traces/abababababababababababababababab";

async fn is_stored(server: &Server) -> bool {
    http::get(server.api, PATH).await.status == 200
}

async fn metric(server: &Server, series: &str) -> f64 {
    let metrics = http::get(server.api, "/metrics").await;
    let line = metrics.text().lines().find_map(|line| line.strip_prefix(series));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

fn batch() -> Vec<u8> {
    spans::batch(TRACE, 7, 1_000_000_000)
}

#[test]
fn spans_sent_over_grpc_are_read_back_over_http() {
    for cores in [1, 2] {
        with_server(
            cores,
            |_| {},
            |server| async move {
                let client = Client::connect(server.grpc).await;
                let outcome = client.export(&batch()).await;
                assert_eq!((outcome.http, outcome.code), (200, 0), "{outcome:?}");
                assert_eq!(outcome.body, [0; 5]);
                let trace = http::get(server.api, PATH).await;
                assert_eq!(trace.status, 200);
                assert_eq!(trace.header("content-type"), Some("application/json"));
                let span = &trace.json()["batches"][0]["scopeSpans"][0]["spans"][0];
                assert_eq!(span["name"], "GET /");
                assert_eq!(span["spanId"], "AAAAAAAAAAc=");
                let accepted = concat!(
                    r#"tempo_receiver_accepted_spans"#,
                    r#"{receiver="otlp/otlp_receiver",transport="grpc"}"#
                );
                assert_eq!(metric(&server, accepted).await, 1.0);
            },
        );
    }
}

#[test]
fn every_request_of_the_corpus_is_accepted_whatever_its_compression() {
    with_server(
        2,
        |_| {},
        |server| async move {
            let client = Client::connect(server.grpc).await;
            let all = common::data("corpus-small.otlp.pb");
            for (number, request) in stringendo_proto::wire::delimited(&all).enumerate() {
                let request = request.unwrap();
                let (name, packed) = match number % 4 {
                    0 => ("identity", request.to_vec()),
                    1 => ("gzip", gzip(request)),
                    2 => ("zstd", zstd::bulk::compress(request, 1).unwrap()),
                    _ => ("snappy", snappy(request)),
                };
                let data = framed(u8::from(name != "identity"), &packed).into();
                let outcome = client.call(EXPORT, &[("grpc-encoding", name)], &[data]).await;
                assert_eq!(outcome.code, 0, "{name}: {outcome:?}");
            }
            let index: serde_json::Value =
                serde_json::from_slice(&common::data("corpus-small.index.json")).unwrap();
            for id in index["traces"].as_object().unwrap().keys() {
                let trace = http::get(server.api, &format!("/api/traces/{id}")).await;
                assert_eq!(trace.status, 200, "{id}");
            }
        },
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.into_inner().unwrap()
}

#[test]
fn an_empty_request_succeeds() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let outcome = Client::connect(server.grpc).await.export(b"").await;
            assert_eq!(outcome.code, 0);
        },
    );
}

/// One bad request: what is sent, and the code and text that come back.
struct Bad {
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    data: Vec<u8>,
    code: i32,
    message: &'static str,
}

fn bad(data: Vec<u8>, code: i32, message: &'static str) -> Bad {
    Bad { path: EXPORT, headers: &[], data, code, message }
}

fn bad_requests() -> Vec<Bad> {
    let whole = framed(0, &batch());
    let announced_too_large = vec![0, 0x7f, 0xff, 0xff, 0xff];
    let longer_than_sent = [&[0, 0, 0, 0xff, 0xff][..], &batch()].concat();
    let gzip_headers = &[("grpc-encoding", "gzip")];
    let bomb = framed(1, &gzip(&vec![0; 64 << 20]));
    vec![
        bad(framed(0, b"\x0a\xff\xff"), 13, "error unmarshalling request"),
        bad(framed(0, &spans::batch([0; 16], 7, 1)), 3, "trace ids must be 128 bit, received 0"),
        bad(framed(0, &spans::batch(TRACE, 0, 1)), 3, "span ids must be 64 bit and not all zero"),
        bad(announced_too_large, 8, "received message larger than max (2147483647 vs. 4194304)"),
        bad(longer_than_sent, 13, "ended within its message"),
        bad(whole[..3].to_vec(), 13, "ended within its message"),
        bad(Vec::new(), 13, "ended within its message"),
        bad([whole.clone(), whole.clone()].concat(), 13, "more than one message"),
        bad(framed(7, &batch()), 13, "unexpected payload format 7"),
        bad(framed(1, &batch()), 13, "compressed flag set"),
        Bad { headers: gzip_headers, ..bad(framed(1, &batch()), 13, "could not be decompressed") },
        Bad { headers: gzip_headers, ..bad(bomb, 8, "received message larger than max") },
        Bad {
            headers: &[("grpc-encoding", "lz4")],
            ..bad(framed(1, &batch()), 12, "unsupported encoding: \"lz4\"")
        },
        Bad { path: "/no.such.Service/Export", ..bad(whole.clone(), 12, "unknown service") },
        Bad { path: "/", ..bad(whole.clone(), 12, "unknown service") },
        Bad {
            path: "/opentelemetry.proto.collector.trace.v1.TraceService/Nothing",
            ..bad(whole, 12, "unknown method Nothing")
        },
    ]
}

#[test]
fn bad_requests_get_the_contracts_code_and_harm_nothing_else() {
    with_server(
        2,
        |_| {},
        |server| async move {
            let client = Client::connect(server.grpc).await;
            for (number, bad) in bad_requests().into_iter().enumerate() {
                let outcome = client.call(bad.path, bad.headers, &[Bytes::from(bad.data)]).await;
                assert_eq!(outcome.code, bad.code, "{number}: {outcome:?}");
                assert!(outcome.message.contains(bad.message), "{number}: {outcome:?}");
            }
            assert!(!is_stored(&server).await);
            let refused = "stringendo_receiver_refused_requests_total{\
            reason=\"malformed\",receiver=\"otlp/otlp_receiver\",transport=\"grpc\"}";
            let refused_by_name = "stringendo_receiver_refused_requests_total{\
            receiver=\"otlp/otlp_receiver\",transport=\"grpc\",reason=\"malformed\"}";
            let count = metric(&server, refused).await + metric(&server, refused_by_name).await;
            assert!(count >= 8.0, "{count}");
            // The same connection goes on.
            assert_eq!(client.export(&batch()).await.code, 0);
            assert!(is_stored(&server).await);
        },
    );
}

#[test]
fn a_message_in_many_small_frames_is_put_together() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let client = Client::connect(server.grpc).await;
            let whole = framed(0, &batch());
            let pieces: Vec<_> = whole.chunks(3).map(Bytes::copy_from_slice).collect();
            assert_eq!(client.call(EXPORT, &[], &pieces).await.code, 0);
            assert!(is_stored(&server).await);
        },
    );
}

#[test]
fn a_message_larger_than_the_first_window_arrives() {
    with_server(
        1,
        |settings| settings.receivers.otlp_grpc[0].message_bytes_max = 16 << 20,
        |server| async move {
            let client = Client::connect(server.grpc).await;
            let all: Vec<u8> = (0..60_000_u32)
                .flat_map(|number| {
                    let mut id = [1; 16];
                    id[..4].copy_from_slice(&number.to_be_bytes());
                    spans::batch(id, 1, 1_000_000_000)
                })
                .collect();
            assert!(all.len() > 4 << 20);
            let outcome = client.export(&all).await;
            assert_eq!(outcome.code, 0, "{outcome:?}");
        },
    );
}

#[test]
fn what_is_not_grpc_is_told_so_in_http() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let client = Client::connect(server.grpc).await;
            for mime in ["application/json", "application/grpc-web", ""] {
                let headers = [("content-type", mime)];
                let outcome = client.call(EXPORT, &headers, &[Bytes::from_static(b"{}")]).await;
                assert_eq!(outcome.http, 415, "{mime}");
            }
        },
    );
}

#[test]
fn many_tenants_are_kept_apart_and_must_be_named() {
    let change = |settings: &mut common::Settings| {
        settings.receivers.tenant.multitenancy = true;
        settings.api.tenant.multitenancy = true;
    };
    with_server(1, change, |server| async move {
        let client = Client::connect(server.grpc).await;
        let data = [Bytes::from(framed(0, &batch()))];
        let outcome = client.call(EXPORT, &[], &data).await;
        assert_eq!((outcome.code, outcome.message.as_str()), (14, "no org id"));
        let outcome = client.call(EXPORT, &[("x-scope-orgid", "a/b")], &data).await;
        assert_eq!(outcome.code, 3);
        let outcome = client.call(EXPORT, &[("x-scope-orgid", "one")], &data).await;
        assert_eq!(outcome.code, 0);
        let statuses = [("one", 200), ("two", 404), ("a b", 400)];
        for (tenant, status) in statuses {
            let headers = [("X-Scope-OrgID", tenant)];
            let answer = http::send(server.api, "GET", PATH, &headers, b"").await;
            assert_eq!(answer.status, status, "{tenant}");
        }
        let answer = http::get(server.api, PATH).await;
        assert_eq!((answer.status, answer.text()), (401, "no org id\n"));
    });
}

#[test]
fn a_server_without_memory_refuses_with_a_hint_and_recovers() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let client = Client::connect(server.grpc).await;
            let budget = &server.node.shard().budget;
            let rest = budget.limit() - budget.used();
            let hog = server.node.try_charge_request(rest).unwrap();
            let outcome = client.export(&batch()).await;
            assert_eq!(outcome.code, 8, "{outcome:?}");
            assert!(outcome.message.starts_with("RATE_LIMITED: "), "{outcome:?}");
            let details = outcome.headers["grpc-status-details-bin"].to_str().unwrap();
            let details = base64::engine::general_purpose::STANDARD_NO_PAD.decode(details).unwrap();
            let status = rpc::Status::decode(&details[..]).unwrap();
            let retry = rpc::RetryInfo::decode(&status.details[0].value[..]).unwrap();
            assert_eq!(retry.retry_delay.unwrap().seconds, 5);
            drop(hog);
            assert_eq!(client.export(&batch()).await.code, 0);
        },
    );
}

#[test]
fn a_stop_ends_idle_connections_and_answers_what_is_in_flight() {
    with_server(
        1,
        |_| {},
        |server| async move {
            // Stays connected until the server ends, which it must do without waiting for it.
            let client = Client::connect(server.grpc).await;
            assert_eq!(client.export(&batch()).await.code, 0);
            std::mem::forget(client);
        },
    );
}
