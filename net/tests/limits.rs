//! Limits of a tenant on the way in: what clients see of them, and what is counted.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use common::grpc::{Client, Outcome};
use common::{Server, Settings, http, limits, spans, with_server};
use prost::Message;
use stringendo_engine::metrics::Family;
use stringendo_engine::metrics::{Sample, families as family};
use stringendo_proto::rpc;

const START: u64 = 1_700_000_000_000_000_000;

/// A batch of one span, of some 70 bytes.
fn batch(trace: u8) -> Vec<u8> {
    spans::batch([trace; 16], trace, START)
}

async fn export(server: &Server, trace: u8) -> Outcome {
    Client::connect(server.grpc).await.export(&batch(trace)).await
}

/// The sum over all series of a family with this label.
async fn counted(server: &Server, family: &'static Family, label: &str) -> f64 {
    let all = server.node.metrics().await.into_iter();
    let some = all.filter(|series| series.family == family);
    let some = some.filter(|series| series.labels.iter().any(|found| found == label));
    some.map(|series| if let Sample::Number(number) = series.sample { number } else { 0.0 }).sum()
}

async fn is_stored(server: &Server, trace: u8) -> bool {
    let id = const_hex::encode([trace; 16]);
    http::get(server.api, &format!("/api/traces/{id}")).await.status == 200
}

/// Room for one request, and for the next one after minutes.
fn one_request(settings: &mut Settings) {
    settings.engine.limits = limits(|all| {
        all.burst_bytes = batch(1).len() as u64;
        all.rate_bytes = 1;
    });
}

/// The hint of a refusal over gRPC.
fn hint(outcome: &Outcome) -> Option<u64> {
    let details = outcome.headers.get("grpc-status-details-bin")?;
    let details = STANDARD_NO_PAD.decode(details.as_bytes()).unwrap();
    let status = rpc::Status::decode(&details[..]).unwrap();
    assert_eq!(status.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    let info = rpc::RetryInfo::decode(&status.details[0].value[..]).unwrap();
    Some(info.retry_delay.unwrap().seconds.cast_unsigned())
}

#[test]
fn more_than_the_rate_is_refused_over_grpc_with_a_hint() {
    for cores in [1, 3] {
        with_server(cores, one_request, |server| async move {
            let client = Client::connect(server.grpc).await;
            assert_eq!(client.export(&batch(1)).await.code, 0);
            let refused = client.export(&batch(2)).await;
            assert_eq!((refused.http, refused.code), (200, 8));
            assert!(refused.message.starts_with("RATE_LIMITED: "), "{}", refused.message);
            assert_eq!(hint(&refused), Some(5));
            // Whatever core a connection comes to.
            for _ in 0..6 {
                assert_eq!(export(&server, 2).await.code, 8);
            }
            assert_eq!(counted(&server, &family::DISCARDED_SPANS, "rate_limited").await, 7.0);
            assert_eq!(counted(&server, &family::REFUSED_SPANS, "grpc").await, 7.0);
            assert_eq!(counted(&server, &family::SPANS_RECEIVED, "single-tenant").await, 1.0);
            let bytes = counted(&server, &family::INGRESS_BYTES, "single-tenant").await;
            assert_eq!(bytes, 8.0 * batch(1).len() as f64);
            assert!(is_stored(&server, 1).await && !is_stored(&server, 2).await);
        });
    }
}

#[test]
fn more_than_the_rate_is_429_over_http_with_a_hint() {
    with_server(2, one_request, |server| async move {
        for (number, mime) in
            ["application/x-protobuf", "application/x-protobuf"].iter().enumerate()
        {
            let headers = [("Content-Type", *mime)];
            let answer = http::send(server.http, "POST", "/v1/traces", &headers, &batch(1)).await;
            let expected = if number == 0 { 200 } else { 429 };
            assert_eq!(answer.status, expected);
            if number > 0 {
                assert_eq!(answer.header("retry-after"), Some("5"));
                let status = rpc::Status::decode(&answer.body[..]).unwrap();
                assert_eq!(status.code, 8);
                assert!(status.message.starts_with("RATE_LIMITED: "), "{}", status.message);
            }
        }
        assert_eq!(counted(&server, &family::DISCARDED_SPANS, "rate_limited").await, 1.0);
    });
}

#[test]
fn a_tenant_that_wants_no_hint_gets_none() {
    let change = |settings: &mut Settings| {
        settings.engine.limits = limits(|all| (all.rate_bytes, all.retry_info) = (0, false));
    };
    with_server(1, change, |server| async move {
        let refused = export(&server, 1).await;
        assert_eq!((refused.code, hint(&refused)), (8, None));
        let headers = [("Content-Type", "application/x-protobuf")];
        let answer = http::send(server.http, "POST", "/v1/traces", &headers, &batch(1)).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, None));
    });
}

#[test]
fn a_request_without_spans_is_accepted_at_any_rate() {
    let change = |settings: &mut Settings| {
        settings.engine.limits = limits(|all| all.rate_bytes = 0);
    };
    with_server(1, change, |server| async move {
        assert_eq!(Client::connect(server.grpc).await.export(b"").await.code, 0);
    });
}

#[test]
fn the_rate_goes_before_bad_ids_and_both_are_counted() {
    with_server(1, one_request, |server| async move {
        let client = Client::connect(server.grpc).await;
        let bad = spans::batch([0; 16], 1, START);
        let refused = client.export(&bad).await;
        assert_eq!(refused.code, 3, "{}", refused.message);
        assert_eq!(counted(&server, &family::SPANS_RECEIVED, "single-tenant").await, 1.0);
        assert_eq!(counted(&server, &family::DISCARDED_SPANS, "invalid_trace_id").await, 1.0);
        assert_eq!(client.export(&bad).await.code, 8);
        assert_eq!(counted(&server, &family::DISCARDED_SPANS, "invalid_trace_id").await, 1.0);
        assert_eq!(counted(&server, &family::DISCARDED_SPANS, "rate_limited").await, 1.0);
    });
}

#[test]
fn traces_beyond_their_number_are_dropped_and_counted_and_the_client_sees_success() {
    let change = |settings: &mut Settings| {
        settings.engine.limits = limits(|all| all.live_traces_max = 2);
        settings.engine.trace_idle = Duration::from_secs(3600);
    };
    with_server(1, change, |server| async move {
        for trace in 1..=5 {
            assert_eq!(export(&server, trace).await.code, 0);
        }
        assert_eq!(export(&server, 1).await.code, 0);
        for trace in 1..=5 {
            assert_eq!(is_stored(&server, trace).await, trace <= 2);
        }
        assert_eq!(counted(&server, &family::DISCARDED_SPANS, "live_traces_exceeded").await, 3.0);
        assert_eq!(counted(&server, &family::ACCEPTED_SPANS, "grpc").await, 6.0);
    });
}

#[test]
fn the_number_of_traces_holds_for_all_cores_together() {
    let change = |settings: &mut Settings| {
        settings.engine.limits = limits(|all| all.live_traces_max = 8);
        settings.engine.trace_idle = Duration::from_secs(3600);
    };
    with_server(4, change, |server| async move {
        for trace in 1..=8 {
            assert_eq!(export(&server, trace).await.code, 0);
        }
        assert_eq!(counted(&server, &family::DISCARDED_SPANS, "live_traces_exceeded").await, 0.0);
        // Until every core has heard of the others.
        let mut trace = 8;
        while counted(&server, &family::DISCARDED_SPANS, "live_traces_exceeded").await < 20.0 {
            trace = if trace == 250 { 9 } else { trace + 1 };
            assert_eq!(export(&server, trace).await.code, 0);
            stringendo_ring::sleep(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn what_makes_a_trace_too_large_is_dropped_and_what_came_before_stays() {
    let change = |settings: &mut Settings| {
        settings.engine.limits = limits(|all| all.trace_bytes_max = 3 * batch(1).len() as u64);
    };
    with_server(2, change, |server| async move {
        let client = Client::connect(server.grpc).await;
        for span in 1..=9 {
            let batch = spans::batch([7; 16], span, START);
            assert_eq!(client.export(&batch).await.code, 0);
        }
        assert_eq!(export(&server, 1).await.code, 0);
        let dropped = counted(&server, &family::DISCARDED_SPANS, "trace_too_large").await;
        assert_eq!(dropped, 6.0);
        assert!(is_stored(&server, 1).await && is_stored(&server, 7).await);
        assert!(server.node.flush(None).await);
        assert_eq!(client.export(&spans::batch([7; 16], 99, START)).await.code, 0);
        let dropped = counted(&server, &family::DISCARDED_SPANS, "trace_too_large").await;
        assert_eq!(dropped, 7.0, "its size is remembered");
    });
}

#[test]
fn requests_take_as_long_as_they_are_to_take() {
    let change = |settings: &mut Settings| {
        let delay = Duration::from_millis(30);
        settings.engine.limits = limits(|all| all.artificial_delay = delay);
    };
    with_server(1, change, |server| async move {
        // A busy machine may need that long by itself, but not every time.
        loop {
            let begun = server.node.clock().monotonic();
            assert_eq!(export(&server, 1).await.code, 0);
            let took = server.node.clock().monotonic() - begun;
            assert!(took >= Duration::from_millis(30), "{took:?}");
            let series = server.node.metrics().await;
            let added = series.iter().find(|series| series.family == &family::ADDED_LATENCY);
            if let Some(added) = added {
                return assert_eq!(added.labels, ["single-tenant"]);
            }
        }
    });
}
