//! The HTTP API on a real server.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::Read;

use common::grpc::Client;
use common::{Server, Settings, http, limits, spans, with_server};
use prost::Message;
use stringendo_proto::otlp::TracesData;
use stringendo_proto::tempopb::{SearchResponse, TraceByIdResponse};

const ID: &str = "efefefefefefefefefefefefefefefef";
const PROTOBUF: (&str, &str) = ("Accept", "application/protobuf");

async fn sent(server: &Server) {
    let client = Client::connect(server.grpc).await;
    let outcome = client.export(&spans::batch([0xef; 16], 1, 1_700_000_000_000_000_000)).await;
    assert_eq!(outcome.code, 0);
}

async fn status_and_text(server: &Server, path: &str) -> (u16, String) {
    let answer = http::get(server.api, path).await;
    (answer.status, answer.text().to_owned())
}

#[test]
fn a_trace_is_answered_in_both_versions_and_formats() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server).await;
            let (v1, v2) = (format!("/api/traces/{ID}"), format!("/api/v2/traces/{ID}"));
            let answer = http::get(server.api, &v2).await;
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert!(
                answer.text().starts_with(r#"{"trace":{"resourceSpans":["#),
                "{}",
                answer.text()
            );
            let answer = http::send(server.api, "GET", &v1, &[PROTOBUF], b"").await;
            assert_eq!(answer.header("content-type"), Some("application/protobuf"));
            assert_eq!(TracesData::decode(&answer.body[..]).unwrap().resource_spans.len(), 1);
            let answer = http::send(server.api, "GET", &v2, &[PROTOBUF], b"").await;
            let whole = TraceByIdResponse::decode(&answer.body[..]).unwrap();
            assert_eq!((whole.trace.unwrap().resource_spans.len(), whole.status), (1, 0));
        },
    );
}

#[test]
fn a_trace_that_is_nowhere_is_404_in_v1_and_empty_in_v2() {
    with_server(
        1,
        |_| {},
        |server| async move {
            assert_eq!(status_and_text(&server, "/api/traces/1").await, (404, String::new()));
            let (status, body) = status_and_text(&server, "/api/v2/traces/1").await;
            assert_eq!((status, body.as_str()), (200, r#"{"trace":{},"metrics":{}}"#));
        },
    );
}

#[test]
fn bad_parameters_of_a_trace_are_refused_with_a_text() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let cases = [
                ("/api/traces/xyz", "invalid character 'x' at position 1"),
                ("/api/traces/000000000000000000000000000000001", "larger than 128 bits"),
                ("/api/traces/1?start=x", "invalid start: "),
                ("/api/traces/1?start=5&end=5", "must be before end. received start=5 end=5"),
                ("/api/traces/1?mode=some", "mode: some"),
                ("/api/traces/1?blockStart=1", "invalid blockStart: "),
                ("/api/v2/traces/1?q=%7B", "parse error at line 1, col 2"),
            ];
            for (path, expected) in cases {
                let (status, text) = status_and_text(&server, path).await;
                assert_eq!(status, 400, "{path}");
                assert!(text.contains(expected), "{path}: {text}");
            }
        },
    );
}

#[test]
fn a_trace_beyond_its_limit_is_422_in_v1_and_partial_in_v2() {
    with_server(
        1,
        |settings| {
            // Enough for what comes in, not for the message that it is put together to.
            let bytes = spans::batch([0xef; 16], 1, 1_700_000_000_000_000_000).len() as u64;
            settings.engine.limits = limits(|all| all.trace_bytes_max = bytes - 1);
        },
        |server| async move {
            sent(&server).await;
            let (status, text) = status_and_text(&server, &format!("/api/traces/{ID}")).await;
            assert_eq!(status, 422);
            assert!(text.contains("trace exceeds max size"), "{text}");
            let answer = http::get(server.api, &format!("/api/v2/traces/{ID}")).await;
            assert_eq!((answer.status, &answer.json()["status"]), (200, &"PARTIAL".into()));
        },
    );
}

#[test]
fn searches_find_what_was_sent() {
    with_server(
        2,
        |_| {},
        |server| async move {
            sent(&server).await;
            let range = "start=1699999990&end=1700000010";
            let queries = [
                "q=%7B%20resource.service.name%20%3D%20%22shop%22%20%7D",
                "tags=service.name%3Dshop",
                "minDuration=1ms&maxDuration=1s",
            ];
            for query in queries {
                let answer = http::get(server.api, &format!("/api/search?{query}&{range}")).await;
                assert_eq!(answer.status, 200, "{query}: {}", answer.text());
                assert_eq!(answer.json()["traces"][0]["traceID"], ID, "{query}");
            }
            let path = format!("/api/search?{}&{range}", queries[0]);
            let answer = http::send(server.api, "POST", &path, &[PROTOBUF], b"ignored=1").await;
            assert_eq!(SearchResponse::decode(&answer.body[..]).unwrap().traces.len(), 1);
            let answer = http::get(server.api, "/api/search?q=%7B%7D").await;
            assert_eq!(answer.json()["traces"], serde_json::json!([]));
        },
    );
}

#[test]
fn searches_of_blocks_tell_what_they_read_and_what_they_skipped() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server).await;
            assert!(server.node.flush(None).await);
            let figures = async |query: &str| {
                let path = format!("/api/search?start=1699999990&end=1700000010&q={query}");
                let metrics = &http::get(server.api, &path).await.json()["metrics"];
                let figure = |name: &str| {
                    let text = metrics["additionalMetrics"][name].as_str().unwrap_or("0");
                    text.parse::<u64>().unwrap()
                };
                let names = ["cacheHits", "cacheMisses", "rowGroupsInspected", "rowGroupsSkipped"];
                names.map(figure)
            };
            let (shop, other) = ("%7B.service.name=%22shop%22%7D", "%7B.service.name=%22x%22%7D");
            let long = "%7Bduration%3E10h%7D";
            // Finding its trace needs the block's footer once, whether other blocks have more of
            // the trace may need it again.
            let [_, misses, inspected, skipped] = figures(shop).await;
            assert_eq!((misses, inspected, skipped), (1, 1, 0));
            assert_eq!(figures(long).await, [1, 0, 0, 1]);
            // The block's own filters deny it, so nothing of it is looked at.
            assert_eq!(figures(other).await, [0, 0, 0, 0]);
            let live = http::get(server.api, "/api/search").await.json();
            assert_eq!(live["metrics"].get("additionalMetrics"), None);
        },
    );
}

#[test]
fn trace_ids_of_searches_are_padded_where_that_is_switched_on() {
    with_server(
        1,
        |settings: &mut Settings| settings.engine.limits = limits(|all| all.pads_trace_ids = true),
        |server| async move {
            let client = Client::connect(server.grpc).await;
            let mut id = [0; 16];
            id[15] = 7;
            let outcome = client.export(&spans::batch(id, 1, 1_700_000_000_000_000_000)).await;
            assert_eq!(outcome.code, 0);
            let path = "/api/search?start=1699999990&end=1700000010";
            let found = http::get(server.api, path).await.json();
            assert_eq!(found["traces"][0]["traceID"], format!("{:032}", 7));
        },
    );
}

#[test]
fn queries_of_urls_on_the_deny_list_are_refused() {
    with_server(
        1,
        |settings: &mut Settings| {
            let denied = regex::RegexSet::new(["/tag/secret/", r"q=.*forbidden"]);
            settings.api.denied_urls = denied.unwrap();
        },
        |server| async move {
            let refused = (400, "the URL is on the deny list".to_owned());
            for path in ["/api/search/tag/secret/values", "/api/search?q={name=%22forbidden%22}"] {
                assert_eq!(status_and_text(&server, path).await, refused);
            }
            for path in ["/api/search/tag/other/values", "/api/echo?q=forbidden", "/ready"] {
                assert_eq!(status_and_text(&server, path).await.0, 200, "{path}");
            }
        },
    );
}

#[test]
fn searches_that_make_no_sense_are_refused_with_a_text() {
    with_server(
        1,
        |settings: &mut Settings| settings.api.search.query_bytes_max = 1000,
        |server| async move {
            let long = format!("/api/search?q={}", "%7B%7D".repeat(501));
            let cases = [
                ("/api/search?q=%7B", "invalid TraceQL query: parse error at line 1"),
                (long.as_str(), "exceeds the configured maximum size of 1000 bytes"),
                ("/api/search?limit=0", "invalid limit: must be a positive number"),
            ];
            for (path, expected) in cases {
                let (status, text) = status_and_text(&server, path).await;
                assert_eq!(status, 400, "{expected}");
                assert!(text.contains(expected), "{text}");
            }
        },
    );
}

#[test]
fn operations_answer_as_documented() {
    with_server(
        2,
        |_| {},
        |server| async move {
            assert_eq!(status_and_text(&server, "/ready").await, (200, "ready\n".to_owned()));
            assert_eq!(status_and_text(&server, "/api/echo").await, (200, "echo\n".to_owned()));
            let build = http::get(server.api, "/api/status/buildinfo").await;
            assert_eq!(build.json()["version"], "9.8.7");
            let not_found = (404, "404 page not found\n".to_owned());
            assert_eq!(status_and_text(&server, "/nothing").await, not_found);
            assert_eq!(status_and_text(&server, "/api/overrides").await.0, 404);
            let not_served = (501, "/memberlist is not supported yet\n".to_owned());
            assert_eq!(status_and_text(&server, "/memberlist").await, not_served);
            let (status, text) = status_and_text(&server, "/status/config?mode=diff").await;
            assert_eq!((status, text.as_str()), (200, "---\ntarget: diff\n"));
            assert_eq!(status_and_text(&server, "/status/config?mode=x").await.0, 500);
            let (_, text) = status_and_text(&server, "/status").await;
            assert!(text.contains("GET /status/services\n"), "{text}");
            assert!(text.contains("core-1 | Running"), "{text}");
            let head = http::send(server.api, "HEAD", "/api/echo", &[], b"").await;
            assert_eq!((head.status, head.body.len()), (200, 0));
            assert_eq!(http::send(server.api, "POST", "/shutdown", &[], b"").await.status, 200);
            assert!(server.shutdown_requested.load(std::sync::atomic::Ordering::SeqCst));
        },
    );
}

#[test]
fn a_flush_moves_live_traces_into_blocks() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server).await;
            assert_eq!(status_and_text(&server, "/flush?tenant=nobody").await.0, 404);
            assert_eq!(status_and_text(&server, "/flush").await, (204, String::new()));
            let path = format!("/api/traces/{ID}");
            assert_eq!(status_and_text(&server, &format!("{path}?mode=ingesters")).await.0, 404);
            assert_eq!(status_and_text(&server, &format!("{path}?mode=blocks")).await.0, 200);
            assert_eq!(status_and_text(&server, "/flush?tenant=single-tenant").await.0, 204);
        },
    );
}

#[test]
fn metrics_name_what_happened() {
    with_server(
        2,
        |_| {},
        |server| async move {
            sent(&server).await;
            http::get(server.api, "/api/echo").await;
            let (status, text) = status_and_text(&server, "/metrics").await;
            assert_eq!(status, 200);
            for expected in [
                "tempo_distributor_spans_received_total{tenant=\"single-tenant\"} 1\n",
                "route=\"api_echo\",status_code=\"200\",ws=\"false\"",
                "tempo_build_info{",
                "process_resident_memory_bytes ",
                "tempo_ingester_failed_flushes_total 0\n",
                "# TYPE tempo_request_duration_seconds histogram\n",
            ] {
                assert!(text.contains(expected), "{expected}\n{text}");
            }
        },
    );
}

#[test]
fn long_answers_are_compressed_for_those_who_take_it() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let headers = [("Accept-Encoding", "gzip")];
            let answer = http::send(server.api, "GET", "/metrics", &headers, b"").await;
            assert_eq!(answer.header("content-encoding"), Some("gzip"));
            let mut text = String::new();
            flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut text).unwrap();
            assert!(text.contains("tempo_build_info"));
            let answer = http::send(server.api, "GET", "/ready", &headers, b"").await;
            assert_eq!(answer.header("content-encoding"), None);
        },
    );
}

#[test]
fn prefixes_stand_before_paths() {
    let change = |settings: &mut Settings| {
        settings.api.path_prefix = "/all".to_owned();
        settings.api.api_prefix = "/tempo".to_owned();
    };
    with_server(1, change, |server| async move {
        assert_eq!(status_and_text(&server, "/all/tempo/api/echo").await.0, 200);
        assert_eq!(status_and_text(&server, "/all/ready").await.0, 200);
        assert_eq!(status_and_text(&server, "/all/api/echo").await.0, 404);
        assert_eq!(status_and_text(&server, "/ready").await.0, 404);
    });
}

#[test]
fn a_stopping_server_is_not_ready() {
    with_server(
        1,
        |_| {},
        |server| async move {
            server.node.stop().await;
            let answer = status_and_text(&server, "/ready").await;
            assert_eq!(answer, (503, "Application is stopping\n".to_owned()));
        },
    );
}

#[test]
fn nonsense_instead_of_http_gets_400() {
    with_server(
        1,
        |_| {},
        |server| async move {
            assert_eq!(http::raw(server.api, b"\x16\x03\x01 nonsense\r\n\r\n").await.status, 400);
            assert_eq!(status_and_text(&server, "/api/echo").await.0, 200);
        },
    );
}

#[test]
fn a_server_that_reads_back_its_log_says_so_and_answers_no_queries() {
    with_server(
        1,
        |_| {},
        |server| async move {
            server.node.shard().ready.set(false);
            for path in ["/ready", "/api/traces/1", "/api/search?q=%7B%7D"] {
                let (status, text) = status_and_text(&server, path).await;
                assert_eq!(status, 503, "{path}");
                assert!(
                    text.starts_with("Some services are not Running:\nStarting: 1\n"),
                    "{text}"
                );
            }
            assert_eq!(status_and_text(&server, "/metrics").await.0, 200);
            server.node.shard().ready.set(true);
            assert_eq!(status_and_text(&server, "/api/search?q=%7B%7D").await.0, 200);
        },
    );
}
