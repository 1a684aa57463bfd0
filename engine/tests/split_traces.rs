//! Traces whose pieces are in several blocks and in live data are found, counted, named and timed
//! as if they were in one place.

mod common;

use std::sync::Arc;

use bytes::Bytes;
use common::{search_all, search_request, settings, with_engine};
use prost::Message;
use stringendo_engine::query::metrics::{MetricsProgress, MetricsRequest};
use stringendo_engine::{Node, TenantId};
use stringendo_proto::otlp::{
    AnyValue, KeyValue, Resource, ResourceSpans, ScopeSpans, Span, TracesData, Value,
};
use stringendo_proto::tempopb::TraceSearchMetadata;
use stringendo_traceql::metrics::{RangeLimits, TimeAxis, compile_metrics};

const TRACES: u8 = 12;
const BASE_NANOS: u64 = 1_700_000_000_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// Each trace: root (service `front`) → a → b → c, one second apart; b is an error.
fn span(trace: u8, number: u8) -> Bytes {
    let names = ["root", "a", "b", "c"];
    let id = |number: u8| Bytes::copy_from_slice(&[1, 2, 3, 4, 5, 6, trace, number + 1]);
    let start = BASE_NANOS + u64::from(trace) * 10 * SECOND + u64::from(number) * SECOND;
    let text = |text: &'static str| Some(AnyValue { value: Some(Value::String(text.into())) });
    let attribute = |key: &'static str, value| KeyValue { key: key.into(), value };
    let int = |number: u8| Some(AnyValue { value: Some(Value::Int(i64::from(number))) });
    let span = Span {
        trace_id: Bytes::copy_from_slice(&[trace + 1; 16]),
        span_id: id(number),
        parent_span_id: if number == 0 { Bytes::new() } else { id(number - 1) },
        name: names[usize::from(number)].into(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + SECOND,
        attributes: vec![attribute("number", int(number)), attribute("trace", int(trace))],
        status: (number == 2)
            .then(|| stringendo_proto::otlp::Status { code: 2, ..Default::default() }),
        ..Span::default()
    };
    let service = if number == 0 { "front" } else { "back" };
    let resource = Resource {
        attributes: vec![attribute("service.name", text(service))],
        ..Resource::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..Default::default() }];
    let resource_spans =
        vec![ResourceSpans { resource: Some(resource), scope_spans, ..Default::default() }];
    TracesData { resource_spans }.encode_to_vec().into()
}

/// Queries that see less in a piece than in the whole.
const QUERIES: &[(&str, usize)] = &[
    ("{ }", 12),
    ("{ } | count() = 4", 12),
    ("{ } | count() < 4", 0),
    (r#"{ name = "root" } && { name = "c" }"#, 12),
    (r#"{ name = "root" } >> { name = "c" }"#, 12),
    (r#"{ name = "b" } > { name = "c" }"#, 12),
    (r#"{ name = "a" } !> { name = "b" }"#, 0),
    (r#"{ rootName = "root" && name = "c" }"#, 12),
    (r#"{ rootServiceName = "front" && status = error }"#, 12),
    ("{ traceDuration = 4s }", 12),
    ("{ traceDuration < 4s }", 0),
    ("{ span:childCount = 1 && name = `b` }", 12),
    ("{ nestedSetLeft = 4 }", 12),
    ("{ .number = 3 }", 12),
    ("{ .trace = 5 } | max(.number) = 3", 1),
    ("{ .number = 7 }", 0),
    (r#"{ name = "nothing" } || { .number = 1 && .trace = 3 }"#, 1),
];

async fn send(node: &Node, numbers: impl IntoIterator<Item = u8> + Clone) {
    for trace in 0..TRACES {
        for number in numbers.clone() {
            node.ingest(&TenantId::single(), span(trace, number)).await.expect("accepted");
        }
    }
}

async fn flush(node: &Node) {
    assert!(node.flush(None).await, "flushed");
}

/// Metrics queries that judge whole traces, and how many spans of each trace count.
const COUNTS: &[(&str, u64)] = &[
    (r#"{ name = "root" } >> { } | count_over_time()"#, 3),
    ("{ } | count() = 4 | count_over_time()", 4),
    ("{ } | count() < 4 | count_over_time()", 0),
    (r#"{ name = "c" } && { name = "a" } | count_over_time()"#, 2),
    (r#"{ rootName = "root" && status = error } | count_over_time()"#, 1),
    ("{ traceDuration < 4s } | count_over_time()", 0),
    ("{ traceDuration = 4s } | count_over_time() by(rootServiceName)", 4),
    ("({ } >> { } | count_over_time()) * ({ } | count() > 3 | count_over_time() > 0)", 3),
];

/// Spans that count are the same wherever they are, and count once.
async fn ensure_counts(node: &Node) {
    let end = BASE_NANOS + u64::from(TRACES) * 10 * SECOND;
    let limits =
        RangeLimits { range_nanos_max: 0, intervals_max: 0, end_unix_nanos_max: u64::MAX / 4 };
    for (query, spans) in COUNTS {
        let plan = compile_metrics(query).expect("a query");
        // Traces are 10 s apart, their spans 1 s.
        let axis = TimeAxis::range(BASE_NANOS - SECOND, end, Some(SECOND), &limits);
        let request = MetricsRequest {
            plan: Arc::new(plan),
            axis: axis.expect("a range"),
            exemplars: 0,
            series_max: 0,
        };
        let progress = MetricsProgress::default();
        let answer = node.metrics_range(&[TenantId::single()], &request, &progress).await;
        let series = answer.expect("an answer").value.series;
        let points = series.iter().flat_map(|series| &series.samples);
        let counted: f64 = points.map(|sample| sample.value).sum();
        assert_eq!(counted, f64::from(TRACES) * *spans as f64, "{query}");
    }
}

/// Answers to all queries that are served, in a form that does not depend on the order of spans.
async fn answers(node: &Node) -> Vec<(String, Vec<TraceSearchMetadata>)> {
    ensure_counts(node).await;
    let mut answers = Vec::new();
    for (query, count) in QUERIES {
        if stringendo_traceql::compile_search(query).is_err() {
            continue;
        }
        let mut found = search_all(node, query).await;
        assert_eq!(found.len(), *count, "{query}");
        for trace in &mut found {
            let sets = trace.span_sets.iter_mut().chain(&mut trace.span_set);
            sets.for_each(|set| set.spans.sort_by(|a, b| a.span_id.cmp(&b.span_id)));
        }
        answers.push(((*query).to_owned(), found));
    }
    answers
}

fn same(
    whole: &[(String, Vec<TraceSearchMetadata>)],
    split: &[(String, Vec<TraceSearchMetadata>)],
) {
    assert_eq!(whole.len(), split.len());
    for (whole, split) in whole.iter().zip(split) {
        assert_eq!(whole, split);
    }
}

fn whole_answers() -> Vec<(String, Vec<TraceSearchMetadata>)> {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let (tell, told) = std::sync::mpsc::channel();
    with_engine(1, settings(dir.path()), move |node| {
        let tell = tell.clone();
        async move {
            send(&node, 0..4).await;
            tell.send(answers(&node).await).expect("somebody waits");
        }
    });
    told.recv().expect("answers")
}

fn split_on(cores_first: u16, cores_then: u16) {
    let whole = Arc::new(whole_answers());
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let expected = Arc::clone(&whole);
    with_engine(cores_first, settings(dir.path()), move |node| {
        let expected = Arc::clone(&expected);
        async move {
            send(&node, [2]).await;
            flush(&node).await;
            send(&node, [0]).await;
            // A span that was sent twice counts once.
            send(&node, [2]).await;
            // A block and live data.
            send(&node, [1, 3]).await;
            same(&expected, &answers(&node).await);
            flush(&node).await;
            // Two blocks.
            same(&expected, &answers(&node).await);
            send(&node, [0, 3]).await;
            // Two blocks and live data.
            same(&expected, &answers(&node).await);
        }
    });
    let expected = Arc::clone(&whole);
    with_engine(cores_then, settings(dir.path()), move |node| {
        let expected = Arc::clone(&expected);
        async move {
            // Filters are gone, and live data may be on cores that do not own it.
            same(&expected, &answers(&node).await);
            flush(&node).await;
            same(&expected, &answers(&node).await);
        }
    });
}

#[test]
fn a_trace_in_blocks_and_live_data_is_judged_as_a_whole() {
    split_on(1, 1);
}

#[test]
fn a_trace_in_several_places_is_judged_as_a_whole_on_any_number_of_cores() {
    split_on(2, 2);
    split_on(3, 1);
    split_on(1, 3);
}

#[test]
fn the_newest_split_traces_come_first_and_are_the_same_on_every_run() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(2, settings(dir.path()), |node| async move {
        for number in [1, 0, 3] {
            send(&node, [number]).await;
            flush(&node).await;
        }
        send(&node, [2]).await;
        let mut request = search_request("{ .number >= 2 }");
        request.limit = 5;
        for _ in 0..10 {
            let answer =
                node.search(&TenantId::single(), request.clone()).await.expect("an answer");
            let starts: Vec<u64> =
                answer.value.traces.iter().map(|trace| trace.start_time_unix_nano).collect();
            let expected: Vec<u64> = (0..5)
                .map(|back| BASE_NANOS + u64::from(TRACES - 1 - back) * 10 * SECOND)
                .collect();
            assert_eq!(starts, expected);
        }
    });
}
