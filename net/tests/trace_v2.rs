//! What v2 of a trace by id has beyond v1: filters and the form for language models.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use bytes::Bytes;
use common::grpc::Client;
use common::{Server, http, with_server};
use prost::Message;
use serde_json::{Value, json};
use stringendo_proto::otlp::{
    AnyValue, Event, KeyValue, Resource, ResourceSpans, ScopeSpans, Span, Status, TracesData,
    Value as Otlp,
};

const PATH: &str = "/api/v2/traces/efefefefefefefefefefefefefefefef";

fn text(key: &'static str, value: &'static str) -> KeyValue {
    let value = AnyValue { value: Some(Otlp::String(Bytes::from_static(value.as_bytes()))) };
    KeyValue { key: Bytes::from_static(key.as_bytes()), value: Some(value) }
}

fn span(id: u8, parent: u8, name: &'static str) -> Span {
    let id_of = |id: u8| Bytes::copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, id]);
    Span {
        trace_id: Bytes::from_static(&[0xef; 16]),
        span_id: id_of(id),
        parent_span_id: if parent == 0 { Bytes::new() } else { id_of(parent) },
        name: Bytes::from_static(name.as_bytes()),
        kind: 2,
        start_time_unix_nano: 1_700_000_000_000_000_000 + u64::from(id),
        end_time_unix_nano: 1_700_000_000_002_500_000 + u64::from(id),
        ..Span::default()
    }
}

/// `root` ← `a` ← `b` ← `c`, all of service `shop`.
async fn sent(server: &Server) {
    let mut spans = vec![span(1, 0, "root"), span(2, 1, "a"), span(3, 2, "b"), span(4, 3, "c")];
    let number = AnyValue { value: Some(Otlp::Int(7)) };
    spans[0].attributes = vec![
        text("http.method", "GET"),
        KeyValue { key: Bytes::from_static(b"n"), value: Some(number) },
    ];
    spans[0].events =
        vec![Event { time_unix_nano: 5, name: Bytes::from_static(b"e"), ..Event::default() }];
    spans[0].status = Some(Status { code: 2, message: Bytes::from_static(b"bad") });
    let resource =
        Resource { attributes: vec![text("service.name", "shop")], ..Resource::default() };
    let batch = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    };
    let batch = TracesData { resource_spans: vec![batch] }.encode_to_vec();
    assert_eq!(Client::connect(server.grpc).await.export(&batch).await.code, 0);
}

async fn answer(server: &Server, parameters: &str) -> Value {
    let answer = http::get(server.api, &format!("{PATH}?{parameters}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn names(answer: &Value) -> Vec<&str> {
    let scopes =
        list(&answer["trace"]["resourceSpans"]).flat_map(|resource| list(&resource["scopeSpans"]));
    let spans = scopes.flat_map(|scope| list(&scope["spans"]));
    spans.map(|span| span["name"].as_str().unwrap()).collect()
}

#[test]
fn a_query_leaves_the_spans_that_match_and_what_is_asked_around_them() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server).await;
            let b = "q=%7B%20name%20%3D%20%22b%22%20%7D";
            let cases: [(&str, &[&str]); 7] = [
                ("", &["b"]),
                ("&keep_hierarchy=true", &["root", "a", "b"]),
                ("&keep_hierarchy=true&ancestor_depth=1", &["a", "b"]),
                ("&ancestor_depth=1", &["b"]),
                ("&match_depth=1", &["b", "c"]),
                ("&match_depth=-1&keep_hierarchy=true", &["root", "a", "b", "c"]),
                ("&match_depth=0", &["b"]),
            ];
            for stored in [false, true] {
                if stored {
                    assert!(server.node.flush(None).await);
                }
                for (parameters, expected) in cases {
                    let found = answer(&server, &format!("{b}{parameters}")).await;
                    assert_eq!(names(&found), expected, "{parameters}");
                    let status = if expected.len() == 4 { Value::Null } else { json!("PARTIAL") };
                    assert_eq!(found["status"], status, "{parameters}");
                }
                let none = "q=%7B%20name%20%3D%20%22x%22%20%7D&match_depth=-1";
                let nothing = answer(&server, none).await;
                assert_eq!(
                    (&nothing["trace"], &nothing["status"]),
                    (&json!({}), &json!("PARTIAL"))
                );
            }
        },
    );
}

#[test]
fn a_trace_for_language_models_is_grouped_by_service_with_plain_values() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server).await;
            let llm = [("Accept", "application/vnd.grafana.llm")];
            let found = http::send(server.api, "GET", PATH, &llm, b"").await;
            assert_eq!(found.header("content-type"), Some("application/vnd.grafana.llm+json"));
            let found = found.json();
            assert_eq!(found["status"], "COMPLETE");
            let trace = &found["trace"];
            assert_eq!(trace["traceId"], "efefefefefefefefefefefefefefefef");
            let service = &trace["services"][0];
            assert_eq!(service["serviceName"], "shop");
            assert_eq!(service["resource"], json!({"service.name": "shop"}));
            let spans = service["scopes"][0]["spans"].as_array().unwrap();
            assert_eq!(spans.len(), 4);
            let root = json!({
                "spanId": "0000000000000001",
                "name": "root",
                "kind": "SPAN_KIND_SERVER",
                "startTimeUnixNano": "1700000000000000001",
                "endTimeUnixNano": "1700000000002500001",
                "durationMs": 2.5,
                "attributes": {"http.method": "GET", "n": 7},
                "events": [{"timeUnixNano": "5", "name": "e"}],
                "status": {"code": "STATUS_CODE_ERROR", "message": "bad"},
            });
            assert_eq!(spans[0], root);
            assert_eq!(spans[1]["parentSpanId"], "0000000000000001");
            let none = http::send(server.api, "GET", "/api/v2/traces/1", &llm, b"").await.json();
            assert_eq!(none["trace"], json!({}));
        },
    );
}
