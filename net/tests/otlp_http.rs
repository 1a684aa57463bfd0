//! OTLP over HTTP, from the wire to the answer of the API.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::Write;

use common::{Settings, http, spans, with_server};
use prost::Message;
use stringendo_proto::rpc;

const TRACE: [u8; 16] = [0xcd; 16];
const READ: &str = "/api/traces/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";
const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");
const JSON: (&str, &str) = ("Content-Type", "application/json; charset=utf-8");
const JSON_BODY: &[u8] = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{
    "traceId":"CDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCD","spanId":"0000000000000001","name":"x",
    "startTimeUnixNano":"1","endTimeUnixNano":2}]}]}]}"#;

fn batch() -> Vec<u8> {
    spans::batch(TRACE, 1, 1_000_000_000)
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn encoded() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("identity", batch()),
        ("gzip", gzip(&batch())),
        ("zlib", zlib(&batch())),
        ("deflate", zlib(&batch())),
        ("zstd", zstd::bulk::compress(&batch(), 3).unwrap()),
        ("snappy", snap::raw::Encoder::new().compress_vec(&batch()).unwrap()),
    ]
}

#[test]
fn spans_are_taken_in_both_encodings_and_every_compression() {
    with_server(
        1,
        |_| {},
        |server| async move {
            assert_eq!(http::get(server.api, READ).await.status, 404);
            for (name, body) in encoded() {
                let headers = [PROTOBUF, ("Content-Encoding", name)];
                let answer = http::send(server.http, "POST", "/v1/traces", &headers, &body).await;
                assert_eq!(answer.status, 200, "{name}: {answer:?}");
                assert_eq!(answer.header("content-type"), Some("application/x-protobuf"));
                assert_eq!(answer.body, [0x0a, 0x00]);
            }
            let answer = http::send(server.http, "POST", "/v1/traces", &[JSON], JSON_BODY).await;
            assert_eq!((answer.status, answer.text()), (200, r#"{"partialSuccess":{}}"#));
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(http::get(server.api, READ).await.status, 200);
        },
    );
}

#[test]
fn the_corpus_as_json_is_accepted() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let lines = common::data("corpus-small.otlp.json");
            for line in std::str::from_utf8(&lines).unwrap().lines() {
                let body = line.as_bytes();
                let answer = http::send(server.http, "POST", "/v1/traces", &[JSON], body).await;
                assert_eq!(answer.status, 200, "{line}");
            }
        },
    );
}

#[test]
fn bad_requests_get_the_contracts_status_and_text() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let post = async |path: &'static str, headers: &[(&str, &str)], body: &[u8]| {
                http::send(server.http, "POST", path, headers, body).await
            };
            let answer = http::get(server.http, "/v1/traces").await;
            let text = "405 method not allowed, supported: [POST]";
            assert_eq!((answer.status, answer.text()), (405, text));
            assert_eq!(post("/v1/metrics", &[PROTOBUF], b"").await.status, 404);
            let answer = post("/v1/traces", &[("Content-Type", "text/plain")], b"").await;
            assert_eq!(answer.status, 415);
            assert!(answer.text().contains("application/json"));
            assert_eq!(post("/v1/traces", &[], b"").await.status, 415);
            let answer = post("/v1/traces", &[PROTOBUF, ("Content-Encoding", "br")], b"x").await;
            assert_eq!(answer.status, 400);
            let answer = post("/v1/traces", &[PROTOBUF], b"\x0a\xff").await;
            assert_eq!(answer.status, 400);
            let status = rpc::Status::decode(&answer.body[..]).unwrap();
            assert_eq!(status.code, 3);
            assert!(status.message.starts_with("error unmarshalling request"));
            let answer = post("/v1/traces", &[JSON], b"{\"resourceSpans\":7}").await;
            assert_eq!((answer.status, &answer.json()["code"]), (400, &serde_json::json!(3)));
            let answer = post("/v1/traces", &[PROTOBUF], &spans::batch([0; 16], 1, 1)).await;
            let status = rpc::Status::decode(&answer.body[..]).unwrap();
            assert_eq!(status.message, "trace ids must be 128 bit, received 0 bits");
            assert_eq!(http::get(server.api, READ).await.status, 404);
        },
    );
}

#[test]
fn bodies_beyond_the_limit_are_refused_whether_compressed_announced_or_neither() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let large = vec![0; (1 << 20) + 1];
            let packed = gzip(&large);
            let cases = [(&large, "identity"), (&packed, "gzip")];
            for (body, name) in cases {
                let headers = [JSON, ("Content-Encoding", name)];
                let answer = http::send(server.http, "POST", "/v1/traces", &headers, body).await;
                assert_eq!(answer.status, 400, "{name}");
                assert_eq!(answer.json()["message"], "http: request body too large");
            }
            let mut request = b"POST /v1/traces HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\
            Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                .to_vec();
            for chunk in large.chunks(100_000) {
                request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                request.extend_from_slice(chunk);
                request.extend_from_slice(b"\r\n");
            }
            request.extend_from_slice(b"0\r\n\r\n");
            assert_eq!(http::raw(server.http, &request).await.status, 400);
            assert_eq!(
                server.node.shard().budget.used_for(stringendo_engine::budget::Use::Requests),
                0
            );
        },
    );
}

#[test]
fn a_connection_goes_on_after_a_body_that_was_refused_unread() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let mut requests = Vec::new();
            for (path, coding, last) in [
                ("/v1/traces", "identity", ""),
                ("/v1/traces", "br", ""),
                ("/elsewhere", "identity", "Connection: close\r\n"),
            ] {
                let body = vec![0; 3 << 20];
                let head = format!(
                    "POST {path} HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n\
                     Content-Encoding: {coding}\r\n{last}Content-Length: {}\r\n\r\n",
                    body.len()
                );
                requests.extend_from_slice(head.as_bytes());
                requests.extend_from_slice(&body);
            }
            let first = http::raw(server.http, &requests).await;
            assert_eq!(first.status, 400);
            let (text, not_found) = (first.text(), "HTTP/1.1 404 Not Found");
            assert!(
                text.contains("HTTP/1.1 400 Bad Request") && text.contains(not_found),
                "{text}"
            );
        },
    );
}

#[test]
fn a_server_without_memory_answers_429_with_a_hint() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let budget = &server.node.shard().budget;
            let _hog = server.node.try_charge_request(budget.limit() - budget.used()).unwrap();
            let answer = http::send(server.http, "POST", "/v1/traces", &[JSON], JSON_BODY).await;
            assert_eq!((answer.status, answer.header("retry-after")), (429, Some("5")));
            let body = answer.json();
            assert_eq!(body["code"], 8);
            assert_eq!(body["details"][0]["retryDelay"], "5s");
        },
    );
}

#[test]
fn web_pages_may_post_if_their_origin_is_allowed() {
    let change = |settings: &mut Settings| {
        settings.receivers.otlp_http[0].cors = Some(stringendo_net::Cors {
            allowed_origins: vec!["https://*.example.com".to_owned()],
            ..Default::default()
        });
    };
    with_server(1, change, |server| async move {
        let preflight = async |origin| {
            let headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
            http::send(server.http, "OPTIONS", "/v1/traces", &headers, b"").await
        };
        let answer = preflight("https://shop.example.com").await;
        assert_eq!(answer.status, 204);
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, Some("https://shop.example.com"));
        let answer = preflight("https://example.org").await;
        assert_eq!(answer.header("access-control-allow-origin"), None);
    });
}

#[test]
fn a_request_that_breaks_off_leaves_nothing_behind() {
    with_server(
        1,
        |_| {},
        |server| async move {
            use stringendo_ring::net::TcpStream;
            use tokio::io::AsyncWriteExt;
            let mut stream = TcpStream::connect(server.http).await.unwrap();
            let head = "POST /v1/traces HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\
            Content-Type: application/x-protobuf\r\n\r\nabc";
            stream.write_all(head.as_bytes()).await.unwrap();
            drop(stream);
            let answer = http::send(server.http, "POST", "/v1/traces", &[PROTOBUF], &batch()).await;
            assert_eq!(answer.status, 200);
            while server.node.shard().budget.used_for(stringendo_engine::budget::Use::Requests) > 0
            {
                stringendo_ring::sleep(std::time::Duration::from_millis(1)).await;
            }
        },
    );
}
