//! Queries over gRPC, on their own port and on the HTTP port.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use common::grpc::{Client, Outcome, framed};
use common::{Server, Settings, http, spans, with_server};
use prost::Message;
use stringendo_engine::budget::{Charge, Use};
use stringendo_engine::settings::BackendSettings;
use stringendo_engine::user_limits::UserLimitsSettings;
use stringendo_proto::rpc::HealthCheckResponse;
use stringendo_proto::tempopb::request::{SearchRequest, SearchTagsRequest, TraceByIdRequest};
use stringendo_proto::tempopb::{SearchResponse, TraceByIdResponse, TraceSearchMetadata};
use stringendo_ring::net::TcpStream;
use stringendo_ring::{sleep, timeout};
use tokio::io::AsyncWriteExt;

const SEARCH: &str = "/tempopb.StreamingQuerier/Search";
const START: u64 = 1_700_000_000;

fn all_traces() -> SearchRequest {
    SearchRequest {
        query: "{ }".to_owned(),
        start: (START - 10) as u32,
        end: (START + 1000) as u32,
        limit: 1000,
        ..SearchRequest::default()
    }
}

async fn sent(server: &Server, traces: u8) {
    let client = Client::connect(server.grpc).await;
    for number in 1..=traces {
        let start = (START + u64::from(number)) * 1_000_000_000;
        let batch = spans::batch([number; 16], number, start);
        assert_eq!(client.export(&batch).await.code, 0);
    }
}

async fn call(client: &Client, path: &str, message: &impl Message) -> Outcome {
    client.call(path, &[], &[framed(0, &message.encode_to_vec()).into()]).await
}

async fn over_http(server: &Server) -> SearchResponse {
    let path = format!("/api/search?q=%7B%7D&start={}&end={}&limit=1000", START - 10, START + 1000);
    let accept = [("Accept", "application/protobuf")];
    let answer = http::send(server.api, "GET", &path, &accept, b"").await;
    SearchResponse::decode(&answer.body[..]).unwrap()
}

/// What a client makes of a stream: the last that was said of each trace.
fn added_up(messages: &[SearchResponse]) -> BTreeMap<String, TraceSearchMetadata> {
    let traces = messages.iter().flat_map(|message| message.traces.clone());
    traces.map(|trace| (trace.trace_id.clone(), trace)).collect()
}

async fn metric(server: &Server, series: &str) -> f64 {
    let metrics = http::get(server.api, "/metrics").await;
    let line = metrics.text().lines().find_map(|line| line.strip_prefix(series));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

/// Keeps all memory that searches read with.
fn hold_up_searches(server: &Server) -> Charge {
    let budget = &server.node.shard().budget;
    budget.charge(Use::Query, budget.limit_for(Use::Query))
}

#[test]
fn a_streamed_search_adds_up_to_the_answer_over_http_on_both_ports() {
    with_server(
        2,
        |_| {},
        |server| async move {
            sent(&server, 30).await;
            let expected = over_http(&server).await;
            assert_eq!(expected.traces.len(), 30);
            for address in [server.queries, server.api] {
                let client = Client::connect(address).await;
                let outcome = call(&client, SEARCH, &all_traces()).await;
                assert_eq!((outcome.http, outcome.code), (200, 0), "{outcome:?}");
                assert_eq!(outcome.headers["content-type"], "application/grpc");
                let messages: Vec<SearchResponse> = outcome.messages();
                assert_eq!(messages.last(), Some(&expected));
                assert_eq!(added_up(&messages), added_up(std::slice::from_ref(&expected)));
            }
        },
    );
}

#[test]
fn answers_above_the_packet_size_come_in_several_messages() {
    with_server(
        1,
        |settings: &mut Settings| settings.api.grpc.packet_bytes_max = 1000,
        |server| async move {
            sent(&server, 200).await;
            let client = Client::connect(server.queries).await;
            let messages: Vec<SearchResponse> =
                call(&client, SEARCH, &all_traces()).await.messages();
            let expected = over_http(&server).await;
            assert!(messages.len() > 10, "{}", messages.len());
            assert!(messages.iter().all(|message| message.encoded_len() < 1200));
            assert!(messages.iter().all(|message| message.metrics == expected.metrics));
            let traces: Vec<_> = messages.into_iter().flat_map(|message| message.traces).collect();
            assert_eq!(traces, expected.traces);
        },
    );
}

#[test]
fn an_answer_larger_than_every_window_arrives_whole() {
    with_server(
        1,
        |settings: &mut Settings| settings.api.grpc.streams_max = 0,
        |server| async move {
            sent(&server, 250).await;
            let client = Client::connect(server.queries).await;
            let (mut bytes, expected) = (0, over_http(&server).await);
            for _ in 0..10 {
                let outcome = call(&client, SEARCH, &all_traces()).await;
                bytes += outcome.body.len();
                assert_eq!(outcome.messages::<SearchResponse>().last(), Some(&expected));
            }
            assert!(bytes > 3 * 65_535, "{bytes}");
        },
    );
}

#[test]
fn a_search_that_takes_long_shows_how_far_it_is() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server, 3).await;
            let client = Client::connect(server.queries).await;
            let hog = hold_up_searches(&server);
            let mut body = client.begin(SEARCH, &all_traces().encode_to_vec()).await;
            let mut body = (&mut body).await.unwrap().into_body();
            let first = body.data().await.unwrap().unwrap();
            let first = SearchResponse::decode(&first[5..]).unwrap();
            let metrics = first.metrics.unwrap();
            assert_eq!((first.traces.len(), metrics.completed_jobs, metrics.total_jobs), (0, 0, 1));
            drop(hog);
            let mut rest = Vec::new();
            while let Some(chunk) = body.data().await {
                rest.extend_from_slice(&chunk.unwrap());
            }
            let status = body.trailers().await.unwrap().unwrap();
            assert_eq!(status["grpc-status"], "0");
            let outcome =
                Outcome { http: 200, code: 0, message: String::new(), headers: status, body: rest };
            let last = outcome.messages::<SearchResponse>().pop().unwrap();
            assert_eq!(last, over_http(&server).await);
        },
    );
}

#[test]
fn a_cancelled_search_ends_and_is_counted() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server, 3).await;
            let client = Client::connect(server.queries).await;
            let hog = hold_up_searches(&server);
            let mut response = client.begin(SEARCH, &all_traces().encode_to_vec()).await;
            (&mut response).await.unwrap();
            drop(response);
            let calls = concat!(
                r#"tempo_request_duration_seconds_count{method="gRPC","#,
                r#"route="/tempopb.StreamingQuerier/Search",status_code="cancel",ws="false"}"#
            );
            let queries = concat!(
                r#"tempo_query_frontend_queries_total"#,
                r#"{tenant="single-tenant",op="search",result="canceled"}"#
            );
            let counted = async {
                while metric(&server, calls).await != 1.0 {
                    sleep(Duration::from_millis(10)).await;
                }
            };
            timeout(Duration::from_secs(20), counted).await.expect("cancelled");
            assert_eq!(metric(&server, queries).await, 1.0);
            let in_flight = r#"tempo_inflight_requests{method="gRPC",route="#;
            let in_flight = format!("{in_flight}\"{SEARCH}\"}}");
            assert_eq!(metric(&server, &in_flight).await, 0.0);
            drop(hog);
            assert_eq!(call(&client, SEARCH, &all_traces()).await.code, 0);
        },
    );
}

#[test]
fn a_search_over_http_whose_client_goes_away_ends_and_is_counted() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server, 3).await;
            let _hog = hold_up_searches(&server);
            let mut stream = TcpStream::connect(server.api).await.unwrap();
            let request = "GET /api/search?q=%7B%7D HTTP/1.1\r\nHost: test\r\n\r\n";
            stream.write_all(request.as_bytes()).await.unwrap();
            let searches = r#"tempo_inflight_requests{method="GET",route="api_search"}"#;
            while metric(&server, searches).await != 1.0 {
                sleep(Duration::from_millis(5)).await;
            }
            drop(stream);
            let queries = concat!(
                r#"tempo_query_frontend_queries_total"#,
                r#"{tenant="single-tenant",op="search",result="canceled"}"#
            );
            let counted = async {
                while metric(&server, queries).await != 1.0 {
                    sleep(Duration::from_millis(10)).await;
                }
            };
            // Sooner than it would be refused for want of memory.
            timeout(Duration::from_secs(5), counted).await.expect("cancelled");
            assert_eq!(metric(&server, searches).await, 0.0);
        },
    );
}

#[test]
fn a_deadline_ends_a_search() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let client = Client::connect(server.queries).await;
            let _hog = hold_up_searches(&server);
            let message = framed(0, &all_traces().encode_to_vec());
            let outcome = client.call(SEARCH, &[("grpc-timeout", "50m")], &[message.into()]).await;
            assert_eq!((outcome.code, outcome.body.len()), (4, 0), "{outcome:?}");
        },
    );
}

#[test]
fn requests_may_be_compressed() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let client = Client::connect(server.queries).await;
            let message = all_traces().encode_to_vec();
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(&message).unwrap();
            let packed = [
                ("gzip", gzip.finish().unwrap()),
                ("zstd", zstd::bulk::compress(&message, 1).unwrap()),
                ("snappy", snap::raw::Encoder::new().compress_vec(&message).unwrap()),
            ];
            for (name, packed) in packed {
                let data = framed(1, &packed).into();
                let outcome = client.call(SEARCH, &[("grpc-encoding", name)], &[data]).await;
                assert_eq!(outcome.code, 0, "{name}: {outcome:?}");
            }
        },
    );
}

#[test]
fn what_is_wrong_has_the_code_of_its_kind() {
    with_server(
        1,
        |settings: &mut Settings| {
            settings.api.grpc.message_bytes_max = 1000;
            settings.api.tenant.multitenancy = true;
        },
        |server| async move {
            let client = Client::connect(server.queries).await;
            let tenant = ("x-scope-orgid", "one");
            let search = |query: &str| SearchRequest { query: query.to_owned(), ..all_traces() };
            let message = |query: &str| framed(0, &search(query).encode_to_vec()).into();
            let outcome = client.call(SEARCH, &[], &[message("{ }")]).await;
            assert_eq!((outcome.code, outcome.message.as_str()), (16, "no org id"));
            let outcome = client.call(SEARCH, &[tenant], &[message("{ .a = }")]).await;
            assert_eq!(outcome.code, 3);
            assert!(outcome.message.starts_with("invalid TraceQL query: parse error at line 1"));
            let outcome = client.call(SEARCH, &[tenant], &[message(&"x".repeat(2000))]).await;
            assert_eq!(outcome.code, 8, "{outcome:?}");
            let outcome = client.call(SEARCH, &[tenant], &[framed(0, b"\xff\xff").into()]).await;
            assert_eq!(outcome.code, 13, "{outcome:?}");
            let nothing = "/tempopb.StreamingQuerier/Nothing";
            let outcome = client.call(nothing, &[tenant], &[message("{ }")]).await;
            assert_eq!(outcome.code, 12);
            assert!(outcome.message.contains("unknown method Nothing"), "{outcome:?}");
            let tags = "/tempopb.StreamingQuerier/SearchTags";
            let outcome = client.call(tags, &[], &[framed(0, b"").into()]).await;
            assert_eq!((outcome.code, outcome.message.as_str()), (16, "no org id"));
            let wrong = SearchTagsRequest { scope: "x".to_owned(), ..SearchTagsRequest::default() };
            let wrong = framed(0, &wrong.encode_to_vec()).into();
            let outcome = client.call(tags, &[tenant], &[wrong]).await;
            assert_eq!((outcome.code, outcome.message.as_str()), (3, "invalid scope: x"));
            let outcome = client.call(SEARCH, &[("content-type", "text/plain")], &[]).await;
            assert_eq!(outcome.http, 415);
        },
    );
}

#[test]
fn a_trace_is_found_by_its_id() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server, 3).await;
            let client = Client::connect(server.queries).await;
            for (id, resources) in [(vec![2; 16], 1), (vec![9; 16], 0)] {
                let request = TraceByIdRequest { trace_id: id, ..TraceByIdRequest::default() };
                let outcome = call(&client, "/tempopb.Querier/FindTraceByID", &request).await;
                let [found] = &outcome.messages::<TraceByIdResponse>()[..] else {
                    panic!("{outcome:?}")
                };
                assert_eq!(found.trace.as_ref().unwrap().resource_spans.len(), resources);
            }
        },
    );
}

#[test]
fn health_is_checked_and_watched() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let client = Client::connect(server.queries).await;
            let outcome =
                client.call("/grpc.health.v1.Health/Check", &[], &[framed(0, b"").into()]).await;
            assert_eq!(outcome.messages::<HealthCheckResponse>()[0].status, 1);
            // Goes on until the server stops, which it must do without waiting for it.
            let mut watch = client.begin("/grpc.health.v1.Health/Watch", b"").await;
            let mut body = (&mut watch).await.unwrap().into_body();
            assert_eq!(&body.data().await.unwrap().unwrap()[..], [0, 0, 0, 0, 2, 8, 1]);
            std::mem::forget((client, body));
        },
    );
}

#[test]
fn the_http_port_speaks_plain_http_in_both_versions() {
    with_server(
        1,
        |_| {},
        |server| async move {
            assert_eq!(http::get(server.api, "/api/echo").await.text(), "echo\n");
            let client = Client::connect(server.api).await;
            let plain = [("content-type", "text/plain")];
            let outcome = client.call("/api/echo", &plain, &[]).await;
            assert_eq!((outcome.http, &outcome.body[..]), (200, &b"echo\n"[..]));
            assert_eq!(http::send(server.api, "PUT", "/api/echo", &[], b"x").await.status, 200);
        },
    );
}

#[test]
fn bodies_of_plain_http_2_arrive_in_bounded_memory() {
    let own_limits = |settings: &mut Settings| {
        let path = settings.engine.wal_path.with_file_name("own");
        settings.engine.user_limits = Some(UserLimitsSettings {
            backend: BackendSettings::Local(path),
            poll_interval: Duration::from_secs(60),
            refuses_conflicts: false,
        });
    };
    with_server(1, own_limits, |server| async move {
        let client = Client::connect(server.api).await;
        let create = [("content-type", "application/json"), ("if-match", "0")];
        let body = "{\"forwarders\":[\"a\"]}";
        let parts = [Bytes::from(&body[..5]), Bytes::from(&body[5..])];
        let outcome = client.call("/api/overrides", &create, &parts).await;
        assert_eq!(outcome.http, 200, "{:?}", outcome.body);
        assert_eq!(http::get(server.api, "/api/overrides").await.text(), body);
        let large = vec![Bytes::from(vec![b' '; 16 << 10]); 17];
        assert_eq!(client.call("/api/overrides", &create, &large).await.http, 413);
    });
}

#[test]
fn several_tenants_are_read_as_one() {
    let multitenant = |settings: &mut Settings| {
        settings.api.tenant.multitenancy = true;
        settings.receivers.tenant.multitenancy = true;
    };
    with_server(2, multitenant, |server| async move {
        let receiver = Client::connect(server.grpc).await;
        for (tenant, span) in [("one", 1), ("two", 2), ("three", 3)] {
            let batch = spans::batch([7; 16], span, START * 1_000_000_000);
            let headers = [("x-scope-orgid", tenant)];
            let data = framed(0, &batch).into();
            assert_eq!(receiver.call(common::grpc::EXPORT, &headers, &[data]).await.code, 0);
        }
        let both = [("X-Scope-OrgID", "two|one|two")];
        let trace = "/api/traces/07070707070707070707070707070707";
        let trace = http::send(server.api, "GET", trace, &both, b"").await.json();
        let spans = |batch: &serde_json::Value| {
            let scopes = batch["scopeSpans"].as_array().unwrap().clone();
            scopes.iter().map(|scope| scope["spans"].as_array().unwrap().len()).sum::<usize>()
        };
        assert_eq!(trace["batches"].as_array().unwrap().iter().map(spans).sum::<usize>(), 2);
        let client = Client::connect(server.queries).await;
        let message = framed(0, &all_traces().encode_to_vec()).into();
        let outcome = client.call(SEARCH, &[("x-scope-orgid", "one|two")], &[message]).await;
        let found = outcome.messages::<SearchResponse>().pop().unwrap();
        assert_eq!(found.traces.len(), 1);
        assert_eq!(found.metrics.unwrap().inspected_spans, 2);
        let bad = [("X-Scope-OrgID", "one|t w o")];
        assert_eq!(http::send(server.api, "GET", "/api/search", &bad, b"").await.status, 400);
    });
}

#[test]
fn several_tenants_are_refused_where_that_is_switched_off() {
    let change = |settings: &mut Settings| {
        settings.api.tenant.multitenancy = true;
        settings.api.multi_tenant_queries = false;
    };
    with_server(1, change, |server| async move {
        let both = [("X-Scope-OrgID", "one|two")];
        assert_eq!(http::send(server.api, "GET", "/api/search", &both, b"").await.status, 400);
    });
}
