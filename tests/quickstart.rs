//! The first steps of every user: send a span as OTLP/JSON, read it back at once.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{JSON, Options, PROTOBUF, Server};
use prost::Message;
use serde_json::json;
use stringendo_proto::otlp::TracesData;
use stringendo_proto::tempopb::TraceByIdResponse;

const ID: &str = "5b8efff798038103d269b633813fc60c";

/// The span of OpenTelemetry's own example, at this time.
fn example(start_unix_nanos: u64) -> String {
    json!({"resourceSpans": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "my.service"}}]},
        "scopeSpans": [{
            "scope": {"name": "my.instrumentation", "version": "1.0.0"},
            "spans": [{
                "traceId": ID.to_uppercase(),
                "spanId": "EEE19B7EC3C1B174",
                "name": "I'm a server span",
                "kind": 2,
                "startTimeUnixNano": start_unix_nanos.to_string(),
                "endTimeUnixNano": (start_unix_nanos + 1_000_000_000).to_string(),
                "attributes": [{"key": "my.span.attr", "value": {"stringValue": "some value"}}],
            }],
        }],
    }]})
    .to_string()
}

fn sent() -> (Server, u64) {
    let server = Server::start(Options::default());
    let start = common::wait::unix_nanos() - 2_000_000_000;
    let answer = server.export(JSON, example(start).as_bytes()).ok();
    assert_eq!(answer.text(), r#"{"partialSuccess":{}}"#);
    assert_eq!(answer.header("content-type"), "application/json");
    (server, start)
}

#[test]
fn a_span_posted_as_json_is_read_back_at_once() {
    let (server, start) = sent();
    let batches = json!([{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "my.service"}}]},
        "scopeSpans": [{
            "scope": {"name": "my.instrumentation", "version": "1.0.0"},
            "spans": [{
                "traceId": "W47/95gDgQPSabYzgT/GDA==",
                "spanId": "7uGbfsPBsXQ=",
                "name": "I'm a server span",
                "kind": "SPAN_KIND_SERVER",
                "startTimeUnixNano": start.to_string(),
                "endTimeUnixNano": (start + 1_000_000_000).to_string(),
                "attributes": [{"key": "my.span.attr", "value": {"stringValue": "some value"}}],
                "status": {},
            }],
        }],
    }]);
    for accept in [JSON, "*/*", "text/html"] {
        let answer = server.get_as(&format!("/api/traces/{ID}"), &[("Accept", accept)]).ok();
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json()["batches"], batches);
    }
    let answer = server.get(&format!("/api/v2/traces/{ID}")).ok();
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json()["trace"]["resourceSpans"], batches);
}

#[test]
fn the_same_trace_comes_as_protobuf_when_that_is_asked_for() {
    let (server, start) = sent();
    let accept = [("Accept", PROTOBUF)];
    let v1 = server.get_as(&format!("/api/traces/{ID}"), &accept).ok();
    let v2 = server.get_as(&format!("/api/v2/traces/{ID}"), &accept).ok();
    assert_eq!(v1.header("content-type"), PROTOBUF);
    assert_eq!(v2.header("content-type"), PROTOBUF);
    let trace = TracesData::decode(&v1.body[..]).unwrap();
    assert_eq!(TraceByIdResponse::decode(&v2.body[..]).unwrap().trace.as_ref(), Some(&trace));
    let span = &trace.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span.start_time_unix_nano, start);
    assert_eq!(&span.span_id[..], b"\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74");
}

#[test]
fn the_same_trace_is_found_by_searches() {
    let (server, start) = sent();
    let queries = [
        ("q", r#"{ resource.service.name = "my.service" }"#),
        ("q", r#"{ span.my.span.attr =~ "some.*" && kind = server }"#),
        ("tags", "service.name=my.service"),
        ("minDuration", "900ms"),
    ];
    for query in queries {
        let traces = server.search(&[query]);
        assert_eq!(traces.len(), 1, "{query:?}");
        assert_eq!(traces[0]["traceID"], ID);
        assert_eq!(traces[0]["rootServiceName"], "my.service");
        assert_eq!(traces[0]["rootTraceName"], "I'm a server span");
        assert_eq!(traces[0]["startTimeUnixNano"], start.to_string());
        assert_eq!(traces[0]["durationMs"], 1000);
    }
    assert_eq!(server.search(&[("q", r#"{ name = "another" }"#)]).len(), 0);
}

#[test]
fn nothing_changes_when_the_span_moves_into_a_block_and_the_server_restarts() {
    let (mut server, _) = sent();
    let path = format!("/api/traces/{ID}");
    let live = server.get(&path).ok().body;
    server.flush();
    assert_eq!(server.get(&format!("{path}?mode=ingesters")).status, 404);
    assert_eq!(server.get(&path).ok().body, live);
    server.restart();
    assert_eq!(server.get(&path).ok().body, live);
    assert_eq!(server.search(&[("q", r#"{ kind = server }"#)]).len(), 1);
}
