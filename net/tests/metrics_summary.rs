//! `/api/metrics/summary` about the contract's fixture (traceql.md §0), from live data and from
//! blocks.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Server, http, with_server};
use serde_json::{Value as Json, json};
use stringendo_engine::TenantId;
use stringendo_oracle::{fixture, otlp};

const BASE: u64 = 1_700_000_040;

async fn sent(server: &Server) {
    for trace in &fixture::traces(BASE * 1_000_000_000) {
        let request = otlp::request([trace]);
        server.node.ingest(&TenantId::single(), request).await.expect("accepted");
    }
}

async fn asked(server: &Server, query: &str, fields: &str, rest: &str) -> (u16, String) {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let (query, fields) = (encoded(query), encoded(fields));
    let path = format!("/api/metrics/summary?q={query}&groupBy={fields}&{rest}");
    let answer = http::get(server.api, &path).await;
    (answer.status, answer.text().to_owned())
}

async fn summaries(server: &Server, query: &str, fields: &str, rest: &str) -> Json {
    let range = format!("start={}&end={}&{rest}", BASE - 1, BASE + 9);
    let (status, text) = asked(server, query, fields, &range).await;
    assert_eq!(status, 200, "{text}");
    serde_json::from_str::<Json>(&text).unwrap()["summaries"].take()
}

#[test]
fn spans_errors_and_durations_of_servers_are_summed_up_by_values() {
    with_server(
        2,
        |_| {},
        |server| async move {
            sent(&server).await;
            for _ in ["live", "stored"] {
                let services = summaries(&server, "{ }", "resource.service.name", "").await;
                // Both durations of the first are in the bucket that ends at 2^26 ns.
                let back =
                    json!([{"key": "resource.service.name", "value": {"type": 5, "s": "back"}}]);
                let front =
                    json!([{"key": "resource.service.name", "value": {"type": 5, "s": "front"}}]);
                let (half, second) = ("47453133", "1073741824");
                let expected = json!([
                    {"spanCount": "2", "errorSpanCount": "1", "series": back, "p99": "67108864",
                        "p95": "67108864", "p90": "67108864", "p50": half},
                    {"spanCount": "1", "series": front, "p99": second, "p95": second,
                        "p90": second, "p50": second},
                ]);
                assert_eq!(services, expected);
                let most = summaries(&server, "{ }", "resource.service.name", "limit=1").await;
                assert_eq!(most, json!([expected[0]]));
                server.node.flush(None).await;
            }
        },
    );
}

#[test]
fn several_fields_have_typed_values_and_may_be_missing() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server).await;
            let query = "{ } // every span";
            let all = summaries(&server, query, "span.x, kind, status, .flag", "").await;
            let series = |one: &Json| one["series"].as_array().unwrap().clone();
            let mut all: Vec<_> = all.as_array().unwrap().iter().map(series).collect();
            all.sort_by_key(|series| series[0]["value"]["n"].to_string());
            let kind = json!({"key": "kind", "value": {"type": 9, "kind": 2}});
            let pair = |key: &str, value: Json| json!({"key": key, "value": value});
            let x = |number: &str| pair("span.x", json!({"type": 3, "n": number}));
            let status = |value: Json| pair("status", value);
            let none = pair(".flag", json!({}));
            let expected = [
                vec![x("5"), kind.clone(), status(json!({"type": 8, "status": 2})), none.clone()],
                vec![x("7"), kind.clone(), status(json!({"type": 8})), none],
                vec![
                    pair("span.x", json!({})),
                    kind,
                    status(json!({"type": 8, "status": 1})),
                    pair(".flag", json!({"type": 6, "b": true})),
                ],
            ];
            assert_eq!(all, expected);
            let errors = summaries(&server, "{ status = error }", ".nosuch, duration", "").await;
            assert_eq!(errors[0]["errorSpanCount"], "1");
            let duration = json!([{"key": ".nosuch", "value": {}},
                {"key": "duration", "value": {"type": 7, "d": "60000000"}}]);
            assert_eq!(errors[0]["series"], duration);
            assert_eq!(summaries(&server, "{ .nosuch = 1 }", "name", "").await, json!([]));
        },
    );
}

#[test]
fn what_makes_no_sense_is_refused_with_a_text() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let cases = [
                ("", "name", "", "q is required"),
                ("{ }", "", "", "groupBy is required"),
                ("{ ", "name", "", "parse error at line 1"),
                ("{ } | rate()", "name", "", "parse error"),
                ("{ }", "nosuch", "", "parse error"),
                ("{ }", "name", "start=5", "values for both start and end"),
                ("{ }", "name", "start=5&end=5", "end must be greater than start"),
                ("{ }", "name", "limit=x", "invalid limit"),
            ];
            for (query, fields, rest, expected) in cases {
                let (status, text) = asked(&server, query, fields, rest).await;
                assert_eq!(status, 400, "{query} {fields} {rest}");
                assert!(text.contains(expected), "{text}");
            }
        },
    );
}
